/**
 * The way to the client: gathers what one turn of the event loop has for it, sends it when the ledger entries it rests on are
 * written, and pauses the database while the client does not read. Holds some 256 KiB at most beyond one chunk.
 */
import type { Socket } from 'node:net';
import type { SluiceError } from '../../errors/sluice-error.ts';
import type { Sender, SendQueue } from './send-queue.ts';
import { endSocket } from './socket-end.ts';

/** Above this, the database is not read until the client has caught up. */
const MAX_UNSENT_BYTES = 256 * 1_024;
/** Up to this, several parts are copied into one write; beyond, they are written side by side. */
const MAX_COPIED_BYTES = 16 * 1_024;

export interface ClientSenderOptions {
  readonly queue: SendQueue;
  readonly client: Socket;
  readonly upstream: Socket;
  /** The ledger cannot be written: the session ends with this error. */
  readonly onFailure: (error: SluiceError) => void;
}

export class ClientSender implements Sender {
  restsOnSeq = -1;
  readonly #o: ClientSenderOptions;
  #out: Buffer[] = [];
  #outBytes = 0;
  #queued = false;
  #detached = false;
  /** End the connection when what is pending has left. */
  #finishing = false;
  /** What was pushed, and what was sent, ends where a message ends. */
  #whole = true;
  #sentWhole = true;
  /** Others have yet to learn what the pending bytes rest on. */
  #held = 0;
  #reading = true;
  #withheld = false;
  /** Messages of the gate's own that wait for the end of the database's. */
  #own: Buffer[] = [];

  constructor(options: ClientSenderOptions) {
    this.#o = options;
    options.client.on('drain', () => {
      if (!this.#detached) this.#resume();
    });
  }

  /** What is pending, or comes now, rests on this entry. */
  restOn(seq: number): void {
    if (seq > this.restsOnSeq) this.restsOnSeq = seq;
  }

  /** Sends nothing until this is settled: what the client then knows, others are to know as well. Must not reject. */
  holdUntil(settled: Promise<unknown>): void {
    this.#held += 1;
    settled.then(() => {
      this.#held -= 1;
      if (this.#held > 0 || !this.#withheld) return;
      this.#withheld = false;
      this.#o.queue.enqueue(this);
    });
  }

  /**
   * Adds bytes of the database's; they leave after this turn of the event loop. The buffer must not be changed afterwards.
   * @param whole their end is a message's end
   */
  push(bytes: Buffer, whole: boolean): void {
    if (this.#finishing) return;
    this.#add(bytes);
    this.#whole = whole;
    if (!whole || this.#own.length === 0) return;
    for (const message of this.#own.splice(0)) this.#add(message);
  }

  /** Adds a message of the gate's own, as soon as that of the database which is passing has ended. */
  insert(message: Buffer): void {
    if (this.#whole) this.push(message, true);
    else this.#own.push(message);
  }

  /** Whether the database is read, if the client reads. */
  setReading(reading: boolean): void {
    this.#reading = reading;
    if (!reading) this.#o.upstream.pause();
    else if (this.#detached || this.#o.client.writableLength <= MAX_UNSENT_BYTES) this.#resume();
  }

  #resume(): void {
    if (this.#reading) this.#o.upstream.resume();
  }

  #add(bytes: Buffer): void {
    if (this.#detached) return;
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    // The event loop may read a socket many times in one turn.
    if (this.#outBytes > MAX_UNSENT_BYTES) this.#o.upstream.pause();
    if (this.#queued) return;
    this.#queued = true;
    this.#o.queue.enqueue(this);
  }

  sendPending(): void {
    if (this.#held > 0 && !this.#detached) {
      this.#withheld = true;
      return;
    }
    const out = this.#out;
    const bytes = this.#outBytes;
    this.#reset();
    if (this.#detached) return;
    this.#sentWhole = this.#whole;
    const { client, upstream } = this.#o;
    if (out.length === 1) client.write(out[0]!);
    else if (bytes <= MAX_COPIED_BYTES) client.write(Buffer.concat(out, bytes));
    else {
      client.cork();
      for (const part of out) client.write(part);
      client.uncork();
    }
    if (this.#finishing) this.#end();
    else if (client.writableLength > MAX_UNSENT_BYTES) upstream.pause();
    else if (bytes > MAX_UNSENT_BYTES) this.#resume();
  }

  failPending(error: SluiceError): void {
    this.#reset();
    // What was pending is gone, and last words rest on nothing.
    this.restsOnSeq = -1;
    this.#whole = this.#sentWhole;
    if (this.#finishing) this.#end();
    else this.#o.onFailure(error);
  }

  /**
   * Ends the connection behind what is pending, with last words if there are any. In the middle of a message there can be none:
   * the client would take them for a part of it.
   */
  finish(lastWords?: Buffer): void {
    if (this.#detached || this.#finishing) return;
    if (lastWords !== undefined && this.#whole) this.#add(lastWords);
    this.#finishing = true;
    if (!this.#queued) this.#end();
  }

  /** Ends sending: the client is gone. The database is read on, so that outcomes are recorded. */
  detach(): void {
    this.#detached = true;
    this.#resume();
  }

  #end(): void {
    endSocket(this.#o.client);
    this.detach();
  }

  #reset(): void {
    this.#out = [];
    this.#outBytes = 0;
    this.#queued = false;
    this.#withheld = false;
  }
}
