/**
 * Reads and writes of one client's start-up, first packets and then frames; the socket is paused between reads. Decides nothing.
 */
import type { Socket } from 'node:net';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  beginsTls,
  decodeFrontendMessage,
  ENCRYPTION_REPLY,
  FRONTEND_TYPE,
  FrameReader,
  frontendFrameLimit,
  type StartupPacket,
  StartupReader,
} from '../../wire/postgres/index.ts';
import type { ClientTls, SecuredClient } from './client-tls.ts';

/** Nothing a client says before it is authenticated is longer. */
const MAX_AUTHENTICATION_FRAME_BYTES = 4_096;

export class StartupDialogue {
  socket: Socket;
  /** What the TLS handshake has shown; undefined without TLS. */
  secured: SecuredClient | undefined;
  closed = false;
  readonly #packets = new StartupReader();
  #frames: FrameReader | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#attach();
  }

  get encrypted(): boolean {
    return this.secured !== undefined;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.socket.pause();
    if (this.#frames === undefined) this.#packets.push(chunk);
    else this.#frames.push(chunk);
    this.#wake?.();
  };
  readonly #onClose = (): void => {
    this.closed = true;
    this.#wake?.();
  };

  #attach(): void {
    this.socket
      .on('data', this.#onData)
      .on('error', this.#onClose)
      .on('close', this.#onClose)
      .on('end', this.#onClose);
    this.socket.pause();
  }

  #detach(): void {
    this.socket
      .off('data', this.#onData)
      .off('error', this.#onClose)
      .off('close', this.#onClose)
      .off('end', this.#onClose);
    this.socket.pause();
  }

  write(bytes: Buffer): void {
    if (!this.closed) this.socket.write(bytes);
  }

  async #more(): Promise<void> {
    if (this.closed) throw goneAway();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.socket.resume();
    });
    if (this.closed) throw goneAway();
  }

  /** Begins TLS at once for clients that do (sslnegotiation=direct). Waits for the first byte either way. */
  async firstByte(tls: ClientTls | undefined): Promise<void> {
    const first = await this.#peek();
    if (first === undefined || !beginsTls(first) || tls === undefined) return;
    const { agreed } = await this.#secure(tls);
    // Whoever does not ask for PostgreSQL may mean something else, and be made to say it here (as PostgreSQL 17).
    if (!agreed) {
      throw new SluiceError(
        'protocol_violation',
        'received direct SSL connection request without ALPN protocol negotiation extension',
      );
    }
  }

  /** Waits for the first byte and leaves it where it is; undefined if there is none. */
  #peek(): Promise<number | undefined> {
    this.#detach();
    return new Promise((resolve, reject) => {
      const peek = (): void => {
        this.socket.off('readable', peek).off('close', lose).off('error', lose);
        const byte = this.socket.read(1) as Buffer | null;
        if (byte !== null) this.socket.unshift(byte);
        // A stream that somebody no longer waits for begins to flow in the next tick if somebody listens to its data by then.
        process.nextTick(() => {
          this.#attach();
          resolve(byte?.[0]);
        });
      };
      const lose = (): void => {
        this.closed = true;
        reject(goneAway());
      };
      this.socket.on('readable', peek).on('close', lose).on('error', lose);
    });
  }

  async packet(): Promise<StartupPacket | undefined> {
    for (;;) {
      const packet = this.#packets.next();
      if (packet !== undefined) return packet;
      await this.#more();
    }
  }

  /** Answers an SSLRequest with yes. */
  async encrypt(tls: ClientTls): Promise<void> {
    if (this.#packets.bufferedBytes > 0) {
      throw new SluiceError('protocol_violation', 'received unencrypted data after SSL request', {
        detail:
          'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
      });
    }
    this.write(ENCRYPTION_REPLY.ssl);
    await this.#secure(tls);
  }

  async #secure(tls: ClientTls): Promise<SecuredClient> {
    this.#detach();
    try {
      this.secured = await tls.secure(this.socket);
    } catch (thrown) {
      this.closed = true;
      throw thrown;
    }
    this.socket = this.secured.socket;
    this.#attach();
    return this.secured;
  }

  async message(expected: 'SASLInitialResponse' | 'SASLResponse') {
    if (this.#frames === undefined) {
      const limit = frontendFrameLimit(MAX_AUTHENTICATION_FRAME_BYTES);
      this.#frames = new FrameReader({
        maxFrameBytes: (type) => (type === FRONTEND_TYPE.PasswordMessage ? limit(type) : 0),
      });
      this.#frames.push(this.#packets.takeRest());
    }
    for (;;) {
      const frame = this.#frames.next();
      if (frame !== undefined) return decodeFrontendMessage(frame.bytes, expected);
      await this.#more();
    }
  }

  /** Ends the dialogue; the caller owns the socket, paused, and what was sent ahead. */
  detach(): Buffer {
    this.#detach();
    return this.#frames?.takeRest() ?? this.#packets.takeRest();
  }
}

function goneAway(): SluiceError {
  return new SluiceError('startup_timeout', 'the client went away during start-up');
}
