/** A peer of the gate that sends any bytes and keeps all it gets. */
import { connect, type Socket } from 'node:net';
import {
  decodeBackendMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  FrameReader,
  ScramClient,
} from '../../src/wire/postgres/index.ts';
import type { WireTarget } from '../support/wire-client.ts';

const LOGIN_TIMEOUT_MS = 30_000;

export class RawPeer {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  #closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#received.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
    });
  }

  static dial({ host, port }: Pick<WireTarget, 'host' | 'port'>): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true }, () => resolve(new RawPeer(socket)));
      socket.once('error', reject);
    });
  }

  /** Authenticates. Whether the gate then greets it or refuses it shows in what it receives. */
  static async open(target: WireTarget): Promise<RawPeer> {
    const peer = await RawPeer.dial(target);
    await peer.#authenticate(target);
    return peer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  async send(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      if (this.#closed || this.socket.destroyed) return;
      this.socket.write(piece);
      await sleep(1);
    }
  }

  /** Says that nothing more comes. */
  end(): void {
    if (!this.socket.destroyed) this.socket.end();
  }

  /** Resolves with all that came. @throws Error if the gate does not end the connection in time */
  async untilClosed(timeoutMs: number): Promise<Buffer> {
    await this.until(() => this.#closed, timeoutMs, 'the gate did not end the connection');
    return this.received;
  }

  /** @throws Error saying `problem` if it takes too long */
  async until(condition: () => boolean, timeoutMs: number, problem: string): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      if (Date.now() > deadline) {
        this.socket.destroy();
        throw new Error(
          `${problem} within ${timeoutMs} ms; it had sent ${JSON.stringify(this.received.toString('latin1'))}`,
        );
      }
      await sleep(2);
    }
  }

  async #authenticate(target: WireTarget): Promise<void> {
    const parameters = new Map([
      ['user', target.user],
      ['database', target.database],
    ]);
    const scram = new ScramClient({ password: target.password });
    await this.send([encodeStartupMessage({ parameters })]);
    await this.#answer('AuthenticationSASL');
    await this.send([encodeSaslInitialResponse('SCRAM-SHA-256', Buffer.from(scram.first()))]);
    const challenge = await this.#answer('AuthenticationSASLContinue');
    await this.send([encodeSaslResponse(Buffer.from(await scram.next(challenge.toString())))]);
    scram.finish((await this.#answer('AuthenticationSASLFinal')).toString());
  }

  /** The data of the next message, which the gate alone writes. */
  async #answer(type: string): Promise<Buffer> {
    const reader = new FrameReader({ maxFrameBytes: () => 1 << 20 });
    let taken = 0;
    for (const deadline = Date.now() + LOGIN_TIMEOUT_MS; Date.now() < deadline; await sleep(1)) {
      for (; taken < this.#received.length; taken += 1) reader.push(this.#received[taken]!);
      const frame = reader.next();
      if (frame === undefined && !this.#closed) continue;
      const message = frame === undefined ? undefined : decodeBackendMessage(frame.bytes);
      if (message?.type !== type) throw new Error(`${type} was expected, not ${JSON.stringify(message)}`);
      const rest = reader.takeRest();
      this.#received.splice(0, this.#received.length, ...(rest.length > 0 ? [rest] : []));
      return 'data' in message && Buffer.isBuffer(message.data) ? message.data : Buffer.alloc(0);
    }
    throw new Error(`${type} did not come`);
  }
}

/** @throws if bytes are not a stream of frames, the last of which may be cut off */
export function requireFrames(bytes: Buffer): void {
  const reader = new FrameReader({ maxFrameBytes: () => 1 << 30 });
  reader.push(bytes);
  while (reader.next() !== undefined);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
