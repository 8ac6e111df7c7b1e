/**
 * One backend that has logged in and waits for its session. Whatever it says of its own accord (that it ends, that a setting has
 * changed) makes it useless, because the session would not have heard it.
 */
import { encodeFrontendMessage } from '../../wire/postgres/index.ts';
import type { UpstreamConnection } from './upstream.ts';

const SYNC = encodeFrontendMessage({ type: 'Sync' });
const TERMINATE = encodeFrontendMessage({ type: 'Terminate' });
/** ReadyForQuery, outside of a transaction. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
/** An answer that is no older than this is believed. */
const FRESH_MS = 1_000;
/** An answer that is older is asked for again while nobody waits. */
const STALE_MS = 10_000;
/** How long a session waits for the answer, before it gets another backend. */
const ANSWER_MS = 1_000;

export class WarmBackend {
  readonly #connection: UpstreamConnection;
  readonly #onUseless: () => void;
  readonly #madeAt = performance.now();
  #answeredAt = this.#madeAt;
  #over = false;
  /** What has come of the answer that is awaited. */
  #answer: Buffer | undefined;
  #settle: ((answered: boolean) => void) | undefined;
  #asking: Promise<boolean> | undefined;

  /** @param onUseless told once when it will be of no use any more, unless it was taken */
  constructor(connection: UpstreamConnection, onUseless: () => void) {
    this.#connection = connection;
    this.#onUseless = onUseless;
    const { socket } = connection;
    socket.on('data', this.#onData).on('close', this.#onClose).on('end', this.#onClose);
    // It keeps no process alive.
    socket.unref();
    socket.resume();
  }

  get ageMs(): number {
    return performance.now() - this.#madeAt;
  }

  /** For a session, which owns it from now on: paused, and as it was after its start-up. Undefined if it is of no use any more. */
  async take(): Promise<UpstreamConnection | undefined> {
    if (!this.#isFresh && !(await this.#ask())) this.discard();
    if (this.#over) return undefined;
    this.#over = true;
    const { socket } = this.#connection;
    socket.off('data', this.#onData).off('close', this.#onClose).off('end', this.#onClose);
    socket.pause();
    socket.ref();
    return this.#connection;
  }

  /** Asks whether it is still there, if it has not said so for a while. */
  checkSoon(): void {
    if (this.#over || this.#settle !== undefined || performance.now() - this.#answeredAt < STALE_MS) return;
    void this.#ask().then((answered) => {
      if (!answered) this.discard();
    });
  }

  /** Ends it. */
  discard(): void {
    if (this.#over) return;
    this.#over = true;
    this.#settle?.(false);
    const { socket } = this.#connection;
    socket.end(TERMINATE);
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    this.#onUseless();
  }

  get #isFresh(): boolean {
    return performance.now() - this.#answeredAt < FRESH_MS;
  }

  /** One question at a time; whoever comes while it is open waits for the same answer. */
  #ask(): Promise<boolean> {
    this.#asking ??= new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ANSWER_MS);
      this.#settle = (answered) => {
        clearTimeout(timer);
        resolve(answered);
      };
      this.#answer = Buffer.alloc(0);
      if (this.#over) this.#settle(false);
      else this.#connection.socket.write(SYNC);
    }).finally(() => {
      this.#answer = undefined;
      this.#settle = undefined;
      this.#asking = undefined;
    });
    return this.#asking;
  }

  readonly #onData = (chunk: Buffer): void => {
    const answer = this.#answer === undefined ? undefined : Buffer.concat([this.#answer, chunk]);
    if (answer === undefined || !READY.subarray(0, answer.length).equals(answer)) {
      this.discard();
      return;
    }
    this.#answer = answer;
    if (answer.length < READY.length) return;
    this.#answeredAt = performance.now();
    this.#settle?.(true);
  };

  readonly #onClose = (): void => this.discard();
}
