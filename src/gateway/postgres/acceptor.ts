/**
 * The sockets that PostgreSQL clients connect to. Accepts and hands on; never reads a byte, because whoever gets the connection may
 * be another process.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Listener } from '../../config/config.ts';

export interface AcceptorOptions {
  readonly listener: Pick<Listener, 'host' | 'port'>;
  /** Gets each connection, paused, and owns it. */
  readonly onConnection: (socket: Socket) => void;
  /** Told when listening fails later on. */
  readonly onError: (error: Error) => void;
}

export class Acceptor {
  readonly #o: AcceptorOptions;
  readonly #server: Server;

  constructor(options: AcceptorOptions) {
    this.#o = options;
    // A client that sends nothing more may still wait for answers.
    const accepting = { noDelay: true, keepAlive: true, pauseOnConnect: true, allowHalfOpen: true };
    this.#server = createServer(accepting, options.onConnection);
  }

  /** Starts to listen; resolves with the port. Rejects with the system's own error. */
  listen(): Promise<number> {
    const { host, port } = this.#o.listener;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', this.#o.onError);
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Accepts nobody more. Connections that were handed on stay. */
  close(): void {
    this.#server.close();
  }
}
