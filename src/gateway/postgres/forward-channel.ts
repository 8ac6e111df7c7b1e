/**
 * The way to the database: gathers what one run of messages forwards into one write, knows whether a pipeline is open, and asks
 * the gate's own questions on the session's backend.
 */
import type { Socket } from 'node:net';
import { SluiceError } from '../../errors/sluice-error.ts';
import { encodeFrontendMessage } from '../../wire/postgres/index.ts';
import type { Expectation } from './expectations.ts';
import { CLOSE_OWN, CLOSES, type OwnQuestion, PROBE, questionFrames } from './own-questions.ts';
import type { ResponseRelay } from './response-relay.ts';

const FLUSH = encodeFrontendMessage({ type: 'Flush' });
const SYNC = encodeFrontendMessage({ type: 'Sync' });
export class ForwardChannel {
  readonly #upstream: Socket;
  readonly #responses: ResponseRelay;
  /** Told when the database takes no more (true), and when it does again (false). */
  readonly #onPressure: (full: boolean) => void;
  #out: Buffer[] = [];
  /** Bytes to forward that lie side by side in one buffer: [start, end) of it. */
  #runBuffer: ArrayBufferLike | undefined;
  #runStart = 0;
  #runEnd = -1;
  /** The client is gone: nothing more is forwarded. */
  ended = false;
  /** Messages of the extended protocol were forwarded since the last Sync. */
  inPipeline = false;
  /** Among them, since the last Query and before it, some whose portals or effects a Sync would end. */
  #begun = false;
  #begunBeforeQuery = false;
  /** A question of the gate's own has failed, and its statement may be left. */
  #ownLeft = false;

  constructor(upstream: Socket, responses: ResponseRelay, onPressure: (full: boolean) => void) {
    this.#upstream = upstream;
    this.#responses = responses;
    this.#onPressure = onPressure;
    upstream.on('drain', () => this.#onPressure(false));
  }

  /** True if the database owes nothing and no pipeline is open. */
  get idle(): boolean {
    return !this.inPipeline && this.#responses.expectations.size === 0;
  }

  /** Forwards bytes that are answered by nothing of their own. They leave with the next `flush`. */
  forward(frame: Buffer): void {
    // Messages that arrived side by side leave side by side, without being copied.
    if (frame.byteOffset === this.#runEnd && frame.buffer === this.#runBuffer) {
      this.#runEnd += frame.length;
      return;
    }
    this.#endRun();
    this.#runBuffer = frame.buffer;
    this.#runStart = frame.byteOffset;
    this.#runEnd = frame.byteOffset + frame.length;
  }

  /** Forwards a message and what is expected of it. */
  forwardExpecting(frame: Buffer, expectation: Expectation): void {
    this.forward(frame);
    this.#responses.expectations.push(expectation);
    // A Query within a pipeline does not end the transaction that the messages before it have begun: only a Sync does.
    switch (expectation.kind) {
      case 'sync':
        this.inPipeline = false;
        this.#begun = false;
        this.#begunBeforeQuery = false;
        break;
      case 'query':
        this.#begunBeforeQuery ||= this.#begun;
        this.#begun = false;
        break;
      case 'bind':
      case 'execute':
        this.#begun = true;
        this.inPipeline = true;
        break;
      default:
        this.inPipeline = true;
    }
  }

  /** Writes out what was gathered. */
  flush(): void {
    this.#endRun();
    const out = this.#out;
    if (out.length === 0) return;
    this.#out = [];
    if (this.ended) return;
    if (!this.#upstream.write(out.length === 1 ? out[0]! : Buffer.concat(out))) this.#onPressure(true);
  }

  #endRun(): void {
    if (this.#runBuffer === undefined) return;
    this.#out.push(Buffer.from(this.#runBuffer, this.#runStart, this.#runEnd - this.#runStart));
    this.#runBuffer = undefined;
    this.#runEnd = -1;
  }

  /**
   * Resolves when the database has left a COPY that a message of another kind ends: because it has failed already, or because the
   * message ends it, and the connection with it.
   */
  async leaveCopy(): Promise<void> {
    this.forward(PROBE);
    this.#responses.expectations.push({ kind: 'probe' });
    this.flush();
    await this.#responses.expectations.whenEmpty();
  }

  /** Resolves when the database owes nothing, or takes COPY data and answers nothing until it has them. */
  async quiet(): Promise<void> {
    if (this.inPipeline && this.#responses.expectations.size > 0) this.forward(FLUSH);
    this.flush();
    await this.#responses.expectations.whenEmpty();
  }

  /**
   * Asks the database a question of the gate's own, in the client's transaction and unseen by the client.
   * @returns rows of texts in client_encoding; undefined if the transaction has failed, so that nothing can be asked (and nothing can run)
   * @throws {SluiceError} cancelled, not_understood or upstream_lost if it is not answered
   */
  async ask(sql: string): Promise<(Buffer | null)[][] | undefined> {
    return (await this.askAll([{ text: Buffer.from(sql) }]))?.[0];
  }

  /** Asks within the transaction in which what comes next will run. @throws as `ask` */
  async askWithin(sql: string): Promise<(Buffer | null)[][] | undefined> {
    return (await this.askAll([{ text: Buffer.from(sql) }], false, false))?.[0];
  }

  /**
   * Asks several, one behind the other; what the first of them set for the transaction holds for the others.
   * @param synced whether a Sync ends them; by default where it ends nothing of the client's
   * @param inFailed ask even if the transaction has failed: for what gets it out of there
   * @returns as `ask`, question by question
   * @throws {SluiceError} as `ask`, if one of them is not answered; none behind it was asked then
   */
  async askAll(
    questions: readonly OwnQuestion[],
    inFailed = false,
    synced?: boolean,
  ): Promise<(Buffer | null)[][][] | undefined> {
    await this.quiet();
    const responses = this.#responses;
    if (responses.skipping || (responses.transactionStatus === 'E' && !inFailed)) return undefined;
    if (this.ended) throw new SluiceError('upstream_lost', 'the session has ended');
    const isSynced = synced ?? !this.effectsOpen;
    const rows: (Buffer | null)[][] = [];
    const ends: number[] = [];
    const closes = questions.length * CLOSES + (this.#ownLeft ? 1 : 0);
    const answered = new Promise<void>((resolve, reject) => {
      responses.expectations.push({
        kind: 'own',
        answers: { rows, ends, closes, resolve, reject },
        synced: isSynced,
      });
    });
    responses.showRows(true);
    if (this.#ownLeft) this.forward(CLOSE_OWN);
    this.#ownLeft = true;
    for (const question of questions) for (const frame of questionFrames(question)) this.forward(frame);
    this.forward(isSynced ? SYNC : FLUSH);
    // What comes next belongs to the same transaction.
    if (!isSynced) this.#begun = this.inPipeline = true;
    this.flush();
    await answered;
    this.#ownLeft = false;
    return ends.map((end, i) => rows.slice(ends[i - 1] ?? 0, end));
  }

  /** True if messages since the last Sync have made portals, or effects, that a Sync would end. */
  get effectsOpen(): boolean {
    return this.#begun || (this.#begunBeforeQuery && this.#responses.transactionStatus !== 'I');
  }
}
