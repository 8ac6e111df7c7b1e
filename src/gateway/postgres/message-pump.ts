/**
 * Takes a client's messages one at a time, in order. While one waits (for the disk, for an approval, for the catalog), those behind it
 * wait too, up to a bound; beyond it the client is not read.
 */
import type { Socket } from 'node:net';
import { asSluiceError, type SluiceError } from '../../errors/sluice-error.ts';
import { type Frame, FrameReader, frontendFrameLimit } from '../../wire/postgres/index.ts';
import type { Pending } from './admission.ts';

/** Input that may wait behind a message that waits, before the client is no longer read. */
const MAX_WAITING_BYTES = 512 * 1_024;

export interface MessagePumpOptions {
  readonly client: Socket;
  readonly maxMessageBytes: number;
  /** Handles one message; undefined if it is done at once. */
  readonly handle: (frame: Frame) => Pending;
  /** Called at the end of each run, and before each wait is over. */
  readonly flush: () => void;
  /** True once nothing more is to be handled. */
  readonly ended: () => boolean;
  /** All messages are handled and none will come. */
  readonly onEnd: () => void;
  /** The stream cannot be understood, or a handler threw: the session ends. */
  readonly onFailure: (error: SluiceError) => void;
}

export class MessagePump {
  readonly #o: MessagePumpOptions;
  readonly #frames: FrameReader;
  /** A message is waiting for something. */
  #waiting = false;
  /** The database takes no more bytes for now. */
  #full = false;
  #inputEnded = false;

  constructor(options: MessagePumpOptions) {
    this.#o = options;
    this.#frames = new FrameReader({ maxFrameBytes: frontendFrameLimit(options.maxMessageBytes) });
  }

  /** No more input will come. */
  onEnd(): void {
    this.#inputEnded = true;
    if (!this.#waiting) this.#pump();
  }

  get waiting(): boolean {
    return this.#waiting;
  }

  onChunk(chunk: Buffer): void {
    if (this.#o.ended()) return;
    this.#frames.push(chunk);
    if (!this.#waiting) this.#pump();
    else if (this.#frames.bufferedBytes > MAX_WAITING_BYTES) this.#o.client.pause();
  }

  /** The database takes no more (true), or does again (false). */
  onPressure(full: boolean): void {
    this.#full = full;
    if (full) this.#o.client.pause();
    else if (!this.#waiting) this.#o.client.resume();
  }

  #pump(): void {
    try {
      while (!this.#o.ended()) {
        const frame = this.#frames.next();
        if (frame === undefined) break;
        const pending = this.#o.handle(frame);
        if (pending === undefined) continue;
        this.#waitFor(pending);
        break;
      }
      this.#o.flush();
      if (this.#inputEnded && !this.#waiting && !this.#o.ended()) this.#o.onEnd();
    } catch (thrown) {
      this.#o.onFailure(asSluiceError(thrown));
    }
  }

  #waitFor(pending: Promise<void>): void {
    this.#waiting = true;
    pending.then(
      () => {
        this.#waiting = false;
        this.#o.flush();
        if (this.#o.ended()) return;
        if (!this.#full) this.#o.client.resume();
        this.#pump();
      },
      (thrown) => this.#o.onFailure(asSluiceError(thrown)),
    );
  }
}
