/**
 * The way to the client: gathers what one turn of the event loop has for it, sends it when the ledger entries it rests on are
 * written, and pauses the database while the client does not read. Holds some 256 KiB at most beyond one chunk.
 */
import type { Socket } from 'node:net';
import type { SluiceError } from '../../errors/sluice-error.ts';
import type { Sender, SendQueue } from './send-queue.ts';

/** Above this, the database is not read until the client has caught up. */
const MAX_UNSENT_BYTES = 256 * 1_024;
/** How long a client may take to read its last words. */
const LAST_WORDS_MS = 5_000;
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

  constructor(options: ClientSenderOptions) {
    this.#o = options;
    options.client.on('drain', () => {
      if (!this.#detached) options.upstream.resume();
    });
  }

  /** What is pending, or comes now, rests on this entry. */
  restOn(seq: number): void {
    if (seq > this.restsOnSeq) this.restsOnSeq = seq;
  }

  /** Adds bytes; they leave after this turn of the event loop. The buffer must not be changed afterwards. */
  push(bytes: Buffer): void {
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
    const out = this.#out;
    const bytes = this.#outBytes;
    this.#reset();
    if (this.#detached || out.length === 0) return;
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
    else if (bytes > MAX_UNSENT_BYTES) upstream.resume();
  }

  failPending(error: SluiceError): void {
    this.#reset();
    // What was pending is gone, and last words rest on nothing.
    this.restsOnSeq = -1;
    this.#o.onFailure(error);
  }

  /** Ends the connection behind what is pending, with last words if there are any. */
  finish(lastWords?: Buffer): void {
    if (this.#detached || this.#finishing) return;
    this.#finishing = true;
    if (lastWords !== undefined) this.push(lastWords);
    else if (!this.#queued) this.#end();
  }

  /** Ends sending: the client is gone. The database is read on, so that outcomes are recorded. */
  detach(): void {
    this.#detached = true;
    this.#o.upstream.resume();
  }

  #end(): void {
    const { client } = this.#o;
    client.end();
    // One that does not read its last words is not waited for.
    client.setTimeout(LAST_WORDS_MS, () => client.destroy());
    this.detach();
  }

  #reset(): void {
    this.#out = [];
    this.#outBytes = 0;
    this.#queued = false;
  }
}
