/**
 * One backend that has logged in and waits for its session. It has been asked how it reads names, the same as each session asks first, so
 * that its own need not; else nothing. Whatever it says of its own accord (that it ends, that a setting has changed) makes it useless,
 * because the session would not have heard it.
 */
import {
  BACKEND_TYPE as B,
  backendFrameLimit,
  decodeBackendMessage,
  encodeFrontendMessage,
  FrameReader,
} from '../../wire/postgres/index.ts';
import { questionFrames } from './own-questions.ts';
import { type BackendReading, type FirstReading, READING_QUERY, readingOf } from './session-reading.ts';
import type { UpstreamConnection } from './upstream.ts';

const TERMINATE = encodeFrontendMessage({ type: 'Terminate' });
const QUESTION = Buffer.concat([
  ...questionFrames({ text: Buffer.from(READING_QUERY) }),
  encodeFrontendMessage({ type: 'Sync' }),
]);
/** What the answer consists of, in this order; CloseComplete comes twice. */
const ANSWER = [
  ...[B.ParseComplete, B.BindComplete, B.DataRow, B.CommandComplete],
  ...[B.CloseComplete, B.CloseComplete, B.ReadyForQuery],
];
const MAX_ANSWER_FRAME_BYTES = 65_536;
const IDLE = 0x49;
/** An answer that is no older than this is believed. */
const FRESH_MS = 1_000;
/** An answer that is older is asked for again while nobody waits. */
const STALE_MS = 10_000;
/** How long a session waits for the answer, before it gets another backend. */
const ANSWER_MS = 1_000;

export class WarmBackend {
  readonly #connection: UpstreamConnection;
  readonly #schemas: () => ReadonlySet<string>;
  readonly #onUseless: () => void;
  readonly #frames = new FrameReader({ maxFrameBytes: backendFrameLimit(MAX_ANSWER_FRAME_BYTES) });
  readonly #madeAt = performance.now();
  #answeredAt = Number.NEGATIVE_INFINITY;
  #reading: FirstReading | undefined;
  #over = false;
  /** The answer that is awaited. */
  #question: { answered: number; reading?: BackendReading; settle(answered: boolean): void } | undefined;
  #asking: Promise<boolean> | undefined;

  /**
   * @param schemas those of the catalog in force
   * @param onUseless told once when it will be of no use any more, unless it was taken
   */
  constructor(connection: UpstreamConnection, schemas: () => ReadonlySet<string>, onUseless: () => void) {
    this.#connection = connection;
    this.#schemas = schemas;
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

  /** For a session, which owns it from now on: paused. Undefined if it is of no use any more. */
  async take(): Promise<UpstreamConnection | undefined> {
    await this.#answersSince(FRESH_MS);
    // The session would not have the beginning of what it has begun to say.
    if (this.#frames.bufferedBytes > 0) this.discard();
    if (this.#over || this.#reading === undefined) return undefined;
    this.#over = true;
    const { socket } = this.#connection;
    socket.off('data', this.#onData).off('close', this.#onClose).off('end', this.#onClose);
    socket.pause();
    socket.ref();
    return { ...this.#connection, reading: this.#reading };
  }

  /** Asks how it reads, if it has not said so for a while. False if it is of no use any more. */
  check(): Promise<boolean> {
    return this.#answersSince(STALE_MS);
  }

  /** Ends it. */
  discard(): void {
    if (this.#over) return;
    this.#over = true;
    this.#question?.settle(false);
    const { socket } = this.#connection;
    socket.end(TERMINATE);
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    this.#onUseless();
  }

  async #answersSince(ms: number): Promise<boolean> {
    if (this.#over) return false;
    if (performance.now() - this.#answeredAt < ms) return true;
    if (await this.#ask()) return true;
    this.discard();
    return false;
  }

  /** One question at a time; whoever comes while it is open waits for the same answer. */
  #ask(): Promise<boolean> {
    this.#asking ??= new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ANSWER_MS);
      const schemas = this.#schemas();
      const settle = (answered: boolean): void => {
        clearTimeout(timer);
        const reading = this.#question?.reading;
        if (answered && reading !== undefined) this.#reading = { ...reading, schemas };
        resolve(answered);
      };
      this.#question = { answered: 0, settle };
      this.#connection.socket.write(QUESTION);
    }).finally(() => {
      this.#question = undefined;
      this.#asking = undefined;
    });
    return this.#asking;
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next())
        if (!this.#understands(frame.type, frame.bytes)) this.discard();
    } catch {
      this.discard();
    }
  };

  /** True if the message is what was to come next. */
  #understands(type: number, bytes: Buffer): boolean {
    const question = this.#question;
    if (question === undefined || type !== ANSWER[question.answered]) return false;
    question.answered += 1;
    if (type === B.DataRow) {
      const message = decodeBackendMessage(bytes);
      if (message.type === 'DataRow') question.reading = readingOf(message.columns);
    }
    if (type !== B.ReadyForQuery) return true;
    this.#answeredAt = performance.now();
    question.settle(bytes[5] === IDLE);
    return bytes[5] === IDLE;
  }

  readonly #onClose = (): void => this.discard();
}
