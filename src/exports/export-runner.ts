/**
 * Hands the log on to one receiver: reads what was sequenced, keeps what is selected, sends it in order, and remembers how far it came. What
 * fails is tried again with growing delays; nothing else waits for it. At least once: the place is kept after the receiver has an entry.
 *
 * Holds one piece of the log and one batch, however far behind the receiver is: what it does not take stays in the ledger.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ExportConfig } from '../config/config.ts';
import type { LogFollower, LogPiece } from '../ledger/log-follower.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { Enrichment } from './enrichment.ts';
import type { ExportState } from './export-state.ts';
import { isSelected } from './selection.ts';
import { type ExportItem, type KnownEntry, RejectedError, type Sink } from './sinks/sink.ts';

/** How an export does. Plain data: it crosses threads. */
export interface ExportStatus {
  readonly name: string;
  /** The next entry: all before have arrived, or were not selected. */
  readonly next: number;
  /** Entries of the log that are not handed on yet. */
  readonly lag: number;
  /** Since the exporter started. */
  readonly sent: number;
  readonly rejected: number;
  readonly failures: number;
  /** Why nothing is handed on at the moment. */
  readonly failure?: string;
}

export interface ExportRunnerOptions {
  readonly config: Pick<ExportConfig, 'name' | 'kinds' | 'decisions' | 'databases'>;
  readonly sink: Sink;
  readonly state: ExportState;
  /** At the place where it is to begin. */
  readonly follower: LogFollower;
  readonly format: (known: KnownEntry) => Pick<ExportItem, 'body' | 'json'>;
  /** Told of every change. Must not throw. */
  readonly onStatus: () => void;
  readonly pollMs?: number;
  readonly firstDelayMs?: number;
}

const POLL_MS = 500;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 60_000;
const PIECE_ENTRIES = 512;
const MAX_WHY_LENGTH = 300;
/** Entries that are passed over are noted so often. */
const KEEP_EVERY = 20_000;

export class ExportRunner {
  readonly #o: ExportRunnerOptions;
  readonly #known: Enrichment;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #batch: ExportItem[] = [];
  #batchBytes = 0;
  #batchSince = 0;
  /** The place behind what is in the batch or was sent. */
  #next: number;
  #kept: number;
  /** Places that count as reached when the connection has held until then. */
  #settling: { readonly next: number; readonly at: number }[] = [];
  #sent = 0;
  #rejected = 0;
  #failures = 0;
  #failuresInARow = 0;
  #failure: string | undefined;

  constructor(options: ExportRunnerOptions) {
    this.#o = options;
    this.#known = new Enrichment(options.state);
    this.#next = options.follower.position;
    this.#kept = this.#next;
  }

  status(): ExportStatus {
    const failure = this.#failure;
    return {
      name: this.#o.config.name,
      next: this.#kept,
      lag: Math.max(0, this.#size() - this.#kept),
      sent: this.#sent,
      rejected: this.#rejected,
      failures: this.#failures,
      ...(failure === undefined ? {} : { failure }),
    };
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Sends what is gathered, once, and ends. Resolves in any case. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    const arrived = await this.#o.sink.close();
    if (arrived && this.#failure === undefined && this.#batch.length === 0) this.#tryKeep(this.#next);
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        const isMore = await this.#step();
        if (!isMore) await this.#pause(this.#o.pollMs ?? POLL_MS);
      } catch (cause) {
        this.#fail(cause as Error);
        await this.#pause(this.#delayMs());
      }
    }
    try {
      if (this.#failure === undefined) await this.#sendBatch();
    } catch (cause) {
      this.#fail(cause as Error);
    }
  }

  /** @returns whether there may be more to do at once */
  async #step(): Promise<boolean> {
    const { follower, sink } = this.#o;
    const { maxItems, maxBytes, lingerMs } = sink.limits;
    const broken = sink.check?.();
    if (broken !== undefined && this.#settling.length > 0) throw broken;
    const isFull = () => this.#batch.length >= maxItems || this.#batchBytes >= maxBytes;
    let piece: LogPiece<LedgerEntry> | undefined;
    if (!isFull()) {
      piece = await follower.read(PIECE_ENTRIES, maxBytes);
      for (const entry of piece.entries) this.#gather(entry);
    }
    const wasThere = piece === undefined || piece.next > this.#next;
    if (piece !== undefined) this.#next = piece.next;
    const isDue = this.#batch.length > 0 && performance.now() - this.#batchSince >= lingerMs;
    if (isFull() || (isDue && !wasThere) || (isDue && lingerMs > 0)) await this.#sendBatch();
    else if (this.#batch.length === 0) this.#passOver(!wasThere);
    this.#settle();
    return wasThere;
  }

  #gather(entry: LedgerEntry): void {
    const known = this.#known.know(entry);
    if (!isSelected(this.#o.config, known)) return;
    const item = { ...known, ...this.#o.format(known) };
    if (this.#batch.length === 0) this.#batchSince = performance.now();
    this.#batch.push(item);
    this.#batchBytes += item.json.length;
  }

  /** Sends all that is gathered, in pieces that the sink takes. Throws what the sink throws; then the rest is still there. */
  async #sendBatch(): Promise<void> {
    const { sink } = this.#o;
    while (this.#batch.length > 0) {
      const count = this.#countToSend();
      const items = this.#batch.slice(0, count);
      await this.#sendOrReject(items);
      this.#batch.splice(0, count);
      this.#batchBytes -= items.reduce((sum, { json }) => sum + json.length, 0);
      const following = this.#batch[0]?.entry.seq ?? this.#next;
      this.#settling.push({ next: following, at: performance.now() + sink.limits.settleMs });
      this.#settle();
      this.#recover();
    }
  }

  #countToSend(): number {
    const { maxItems, maxBytes } = this.#o.sink.limits;
    let [count, bytes] = [0, 0];
    for (const { json } of this.#batch) {
      bytes += json.length;
      if (count > 0 && (count === maxItems || bytes > maxBytes)) break;
      count++;
    }
    return count;
  }

  /** One item that the receiver refuses must not stand in the way of all others: it is looked for by halves, and passed over. */
  async #sendOrReject(items: readonly ExportItem[]): Promise<void> {
    try {
      await this.#o.sink.send(items);
      this.#sent += items.length;
    } catch (cause) {
      if (!(cause instanceof RejectedError)) throw cause;
      if (items.length === 1) {
        this.#rejected++;
        this.#failures++;
        this.#o.onStatus();
        return;
      }
      const half = Math.ceil(items.length / 2);
      await this.#sendOrReject(items.slice(0, half));
      await this.#sendOrReject(items.slice(half));
    }
  }

  /** Nothing of what was read is to be sent: the place moves on all the same. */
  #passOver(isIdle: boolean): void {
    if (this.#settling.length > 0 || this.#next === this.#kept) return;
    if (isIdle || this.#next - this.#kept >= KEEP_EVERY) this.#keep(this.#next);
  }

  /** Keeps the places that can be relied on by now. */
  #settle(): void {
    const now = performance.now();
    let reached: number | undefined;
    while (this.#settling[0] !== undefined && this.#settling[0].at <= now)
      reached = this.#settling.shift()?.next;
    if (reached !== undefined) this.#keep(reached);
  }

  #keep(next: number): void {
    if (next === this.#kept) return;
    this.#o.state.keep(this.#o.config.name, next);
    this.#kept = next;
    this.#o.onStatus();
  }

  #tryKeep(next: number): void {
    try {
      this.#keep(next);
    } catch (cause) {
      this.#fail(cause as Error);
    }
  }

  /** What was sent and is not settled may be lost with the connection: it is sent again. */
  #fail(cause: Error): void {
    this.#failures++;
    this.#failuresInARow++;
    this.#failure = cause.message.slice(0, MAX_WHY_LENGTH);
    if (this.#settling.length > 0) {
      this.#settling = [];
      this.#batch = [];
      this.#batchBytes = 0;
      this.#next = this.#kept;
      this.#o.follower.seek(this.#kept);
    }
    this.#o.onStatus();
  }

  #recover(): void {
    this.#failuresInARow = 0;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#o.onStatus();
  }

  #delayMs(): number {
    const first = this.#o.firstDelayMs ?? FIRST_DELAY_MS;
    const full = Math.min(MAX_DELAY_MS, first * 2 ** Math.min(20, this.#failuresInARow - 1));
    return full * (0.5 + Math.random() / 2);
  }

  async #pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  #size(): number {
    try {
      return this.#o.follower.size();
    } catch {
      // Reading says so itself.
      return this.#kept;
    }
  }
}
