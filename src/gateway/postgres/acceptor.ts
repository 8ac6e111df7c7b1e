/**
 * The sockets that PostgreSQL clients connect to: TCP, and a Unix socket beside it if there is to be one. Accepts and hands on; never
 * reads a byte, because whoever gets the connection may be another process.
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { PostgresListener } from '../../config/config.ts';

export interface AcceptorOptions {
  readonly listener: Pick<PostgresListener, 'host' | 'port' | 'keepAliveMs' | 'unixSocket'>;
  /** Gets each connection, paused, and owns it. */
  readonly onConnection: (socket: Socket) => void;
  /** Told when listening fails later on. */
  readonly onError: (error: Error) => void;
}

export class Acceptor {
  readonly #o: AcceptorOptions;
  readonly #servers: Server[] = [];

  constructor(options: AcceptorOptions) {
    this.#o = options;
  }

  /** Starts to listen; resolves with the TCP port. Rejects with the system's own error. */
  async listen(): Promise<number> {
    const { host, port, unixSocket } = this.#o.listener;
    try {
      const server = await this.#listenOn({ host, port });
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : port;
      if (unixSocket !== undefined)
        await this.#listenOnPath(join(unixSocket.directory, `.s.PGSQL.${taken}`), unixSocket.mode);
      return taken;
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /** Accepts nobody more. Connections that were handed on stay. */
  close(): void {
    for (const server of this.#servers) server.close();
  }

  async #listenOnPath(path: string, mode: number): Promise<void> {
    try {
      await this.#listenOn({ path });
    } catch (thrown) {
      // A gateway that was killed has left its socket behind.
      if ((thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await answers(path))) throw thrown;
      unlinkSync(path);
      await this.#listenOn({ path });
    }
    chmodSync(path, mode);
  }

  #listenOn(options: ListenOptions): Promise<Server> {
    const { keepAliveMs } = this.#o.listener;
    const server = createServer(
      {
        noDelay: true,
        keepAlive: keepAliveMs > 0,
        keepAliveInitialDelay: keepAliveMs,
        pauseOnConnect: true,
        // A client that sends nothing more may still wait for answers.
        allowHalfOpen: true,
      },
      this.#o.onConnection,
    );
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(options, () => {
        server.off('error', reject);
        server.on('error', this.#o.onError);
        this.#servers.push(server);
        resolve(server);
      });
    });
  }
}

/** True if somebody listens there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
