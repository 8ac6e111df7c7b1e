/**
 * The append lane of one process into the ledger: append-only, group-committed. Lanes never wait for each other;
 * `seq` counts within the lane.
 *
 * An entry is *appended* (in memory, its place in the lane fixed), then *written* (in the page cache: the death of the
 * process loses nothing of it), then *durable* (on stable storage: a power cut loses nothing of it).
 *
 * - A statement that changes anything MUST NOT be forwarded before `durable(seq)` of its entry resolved.
 * - No byte of a result MUST leave before `writeOut()` returned with the statement's entry in it.
 * - What is appended becomes durable within `maxSyncDelayMs` and one sync, whether or not anyone waits.
 * - Nothing appended is ever dropped: while the disk fails, entries stay in memory and `append` refuses new statements.
 *
 * Never logs, never retries silently without saying so in `failure`. The format: docs/ledger.md.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { AskedEvent, LedgerEvent } from '../model/ledger-entry.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { EntryEncoder } from './entry-encoder.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { type CommitTarget, GroupCommit } from './group-commit.ts';
import { HeadKeeper } from './head.ts';
import { laneDirectory } from './lane.ts';
import { ledgerError } from './ledger-error.ts';
import { LogWindow } from './log-window.ts';
import { type Opening, prepareOpening } from './opening.ts';
import type { Sealer } from './sealer.ts';
import { entryHash, entryLine, partLine } from './segment-format.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface LedgerOptions {
  /** The ledger's own directory; made if missing. */
  readonly directory: string;
  /** Which append lane to hold; one process at a time. Default 0. */
  readonly lane?: number;
  /** Written to the first entry of a new lane. */
  readonly version?: string;
  readonly fileSystem?: LedgerFileSystem;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How long an entry nobody waits for may stay unsynced before a sync begins. Default 5. */
  readonly maxSyncDelayMs?: number;
  /** How often the lane's head is renewed while there is traffic. Default 1000. */
  readonly headIntervalMs?: number;
  /** A segment that reached this size is followed by a new one. Default 8 MiB. */
  readonly segmentBytes?: number;
  /** How many bytes may wait for the disk before statements are refused. Default 64 MiB. */
  readonly maxBacklogBytes?: number;
  /** How long after a failure to try again at first; it doubles up to 5 s. Default 100. */
  readonly retryMs?: number;
  /** Told when the ledger fails (with the reason) and when it is whole again (undefined). Must not throw. */
  readonly onHealth?: (failure: SluiceError | undefined) => void;
  /** Encrypts values of statements that touch labelled columns; without one, those are refused. Closed with the lane. */
  readonly sealer?: Sealer;
  readonly lock?: (directory: string) => DirectoryLock;
}

const MAX_RETRY_MS = 5000;
const DONE = Promise.resolve();

/** What must be made good before the ledger is whole again. */
interface Damage {
  /** A sync failed: what the kernel holds is unknown. */
  sync: boolean;
  /** The head could not be replaced. */
  head: boolean;
}

export class Ledger {
  readonly lane: number;
  readonly #lock: DirectoryLock;
  readonly #encoder: EntryEncoder;
  readonly #sealer: Sealer | undefined;
  readonly #window = new LogWindow();
  readonly #writer: SegmentWriter;
  readonly #keeper: HeadKeeper;
  readonly #now: () => number;
  readonly #commit: GroupCommit;
  readonly #maxBacklogBytes: number;
  readonly #segmentBytes: number;
  readonly #onHealth: (failure: SluiceError | undefined) => void;
  /** The lane behind the last appended entry. */
  #seq: number;
  #hash: string;
  #at: number;
  #retryTimer: NodeJS.Timeout | undefined;
  #retrying: Promise<void> | undefined;
  #failure: SluiceError | undefined;
  #damage: Damage = { sync: false, head: false };
  readonly #firstRetryMs: number;
  #retryMs: number;
  #closing: Promise<void> | undefined;

  private constructor(options: LedgerOptions, lock: DirectoryLock, opening: Opening) {
    const fileSystem = options.fileSystem ?? nodeFileSystem;
    const { recovered } = opening;
    this.lane = options.lane ?? 0;
    this.#sealer = options.sealer;
    this.#encoder = new EntryEncoder(this.lane, options.sealer);
    const directory = laneDirectory(options.directory, this.lane);
    this.#lock = lock;
    this.#now = options.now ?? Date.now;
    this.#maxBacklogBytes = options.maxBacklogBytes ?? 64 * 1024 * 1024;
    this.#segmentBytes = options.segmentBytes ?? 8 * 1024 * 1024;
    this.#firstRetryMs = options.retryMs ?? 100;
    this.#retryMs = this.#firstRetryMs;
    this.#onHealth = options.onHealth ?? (() => {});
    this.#writer = new SegmentWriter(fileSystem, directory, this.lane, this.#window, recovered);
    ({ seq: this.#seq, hash: this.#hash, at: this.#at } = recovered.position);
    this.#keeper = new HeadKeeper({
      fileSystem,
      directory,
      intervalMs: options.headIntervalMs ?? 1000,
      durable: () => this.#writer.durable,
      onFailure: (cause) => {
        this.#damage.head = true;
        this.#fail(cause, 'cannot write the head of a lane');
      },
    });
    this.#commit = new GroupCommit(this.#commitTarget(), options.maxSyncDelayMs ?? 5);
  }

  /**
   * Opens a lane of the ledger of a directory, or makes it. What a crash tore at its end is cut off and recorded.
   * @throws {SluiceError} ledger_locked, ledger_corrupt, ledger_full, ledger_unavailable
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const lane = options.lane ?? 0;
    const lock = (options.lock ?? lockDirectory)(laneDirectory(options.directory, lane));
    try {
      const fileSystem = options.fileSystem ?? nodeFileSystem;
      const opening = await prepareOpening(fileSystem, options.directory, lane, options.version ?? 'dev');
      const ledger = new Ledger(options, lock, opening);
      await ledger.#begin(opening.event);
      return ledger;
    } catch (cause) {
      lock.release();
      throw ledgerError(cause, 'cannot open the ledger');
    }
  }

  /** The last appended entry. */
  get appendedSeq(): number {
    return this.#seq - 1;
  }

  /** The last entry that the death of this process cannot lose. */
  get writtenSeq(): number {
    return this.#writer.written.seq - 1;
  }

  /** The last entry on stable storage. */
  get durableSeq(): number {
    return this.#writer.durable.seq - 1;
  }

  /** The last entry that the lane's head covers. */
  get headSeq(): number {
    return this.#keeper.keptSeq;
  }

  /** Bytes that are not on stable storage yet. */
  get backlogBytes(): number {
    return this.#window.length;
  }

  get healthy(): boolean {
    return this.#failure === undefined;
  }

  /** Why the ledger refuses statements at the moment. */
  get failure(): SluiceError | undefined {
    return this.#failure;
  }

  /**
   * Takes an entry and fixes its place. In memory only: see `writeOut` and `durable`.
   *
   * While the ledger fails, only the ends of what already began (`outcome`, `session-closed`) are still taken, as long as
   * the memory set aside for them lasts.
   * @returns the entry's number in the lane; a statement's form, if it has to be kept, gets the one before.
   * @throws {SluiceError} ledger_full, ledger_unavailable; statement_too_large beyond 16 Mi characters. Nothing was taken.
   */
  append(event: LedgerEvent | AskedEvent): number {
    this.#admit(event.kind);
    const at = Math.max(this.#now(), this.#at);
    for (const { text, part } of this.#encoder.encode(this.#seq, at, event)) {
      if (part !== undefined) this.#window.push(partLine(part.hash, part.json));
      this.#hash = entryHash(text);
      this.#window.push(entryLine(this.#hash, text));
      this.#seq++;
    }
    this.#at = at;
    this.#commit.arm();
    return this.#seq - 1;
  }

  /**
   * Writes all appended entries by one system call. After it returned, the death of this process loses none of them. Costs
   * nothing if there is nothing to write.
   * @throws {SluiceError} ledger_full, ledger_unavailable. The entries are kept and tried again.
   */
  writeOut(): void {
    if (this.#seq === this.#writer.written.seq) return;
    if (this.#damage.sync) throw this.#failure as SluiceError;
    try {
      this.#write();
    } catch (cause) {
      throw this.#fail(cause, 'cannot write the ledger');
    }
    if (this.#failure !== undefined && !this.#damage.head) this.#heal();
  }

  /**
   * Resolves when entry `seq` is on stable storage; everyone who waits shares one sync.
   * @throws {SluiceError} ledger_full, ledger_unavailable: then the statement MUST NOT be forwarded, although its entry may
   * become durable later. RangeError for an entry that was never appended.
   */
  durable(seq: number): Promise<void> {
    if (seq < this.#writer.durable.seq) return DONE;
    if (!(seq < this.#seq)) return Promise.reject(new RangeError(`there is no entry ${seq}`));
    const covering = this.#commit.covering(seq);
    if (covering !== undefined) return covering;
    return this.#failure === undefined ? this.#commit.join() : Promise.reject(this.#failure);
  }

  /**
   * Writes, syncs, signs the head, and lets go of the directory. `append` fails from now on.
   * @throws {SluiceError} if entries could not be made durable; the directory is let go all the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #admit(kind: (LedgerEvent | AskedEvent)['kind']): void {
    if (this.#closing !== undefined) throw new SluiceError('ledger_unavailable', 'the ledger is closed');
    const ends = kind === 'outcome' || kind === 'session-closed';
    if (this.#failure !== undefined && !ends) throw this.#failure;
    const limit = ends ? this.#maxBacklogBytes * 1.25 : this.#maxBacklogBytes;
    if (this.#window.length < limit) return;
    throw this.#failure ?? new SluiceError('ledger_unavailable', 'the ledger waits for its disk');
  }

  #write(): void {
    this.#writer.write({ seq: this.#seq, hash: this.#hash, at: this.#at });
    if (this.#writer.segmentBytes < this.#segmentBytes) return;
    this.#writer.startSegment(this.#writer.written);
    this.#keeper.arm(true);
  }

  #commitTarget(): CommitTarget {
    return {
      write: () => this.writeOut(),
      sync: () => this.#writer.sync(),
      written: () => this.#writer.written.seq,
      lag: () => this.#seq - this.#writer.durable.seq,
      blocked: () => this.#damage.sync,
      onSynced: () => this.#keeper.arm(false),
      onSyncFailure: (cause) => {
        this.#damage.sync = true;
        return this.#fail(cause, 'cannot sync the ledger');
      },
    };
  }

  #fail(cause: unknown, what: string): SluiceError {
    const healthy = this.#failure === undefined;
    const failure = ledgerError(cause, what);
    this.#failure = failure;
    this.#commit.refuse(failure);
    this.#armRetry();
    if (healthy) this.#onHealth(failure);
    return failure;
  }

  #heal(): void {
    this.#failure = undefined;
    this.#damage = { sync: false, head: false };
    this.#retryMs = this.#firstRetryMs;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.durableSeq < this.appendedSeq) this.#commit.arm();
    this.#onHealth(undefined);
  }

  #armRetry(): void {
    if (this.#closing !== undefined || this.#retryTimer !== undefined || this.#retrying !== undefined) return;
    this.#retryTimer = setTimeout(this.#retry, this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  readonly #retry = (): void => {
    this.#retryTimer = undefined;
    this.#retrying = this.#tryAgain().finally(() => {
      this.#retrying = undefined;
      if (this.#failure !== undefined) this.#armRetry();
    });
  };

  async #tryAgain(): Promise<void> {
    try {
      await this.#flush();
      if (this.#failure !== undefined) this.#heal();
    } catch (cause) {
      this.#fail(cause, 'cannot write the ledger');
    }
  }

  /** Makes everything appended so far durable, whatever failed before. */
  async #flush(): Promise<void> {
    await this.#commit.idle();
    if (this.#damage.sync) {
      await this.#writer.repair();
      this.#damage.sync = false;
    }
    if (this.#seq !== this.#writer.written.seq) this.#write();
    await this.#commit.syncNow();
    if (this.#damage.head) await this.#keeper.keep();
  }

  async #close(): Promise<void> {
    const waiting = this.#stop();
    await this.#retrying;
    try {
      await this.#flush();
      await this.#keeper.keep();
      waiting?.resolve();
    } catch (cause) {
      const failure = ledgerError(cause, 'cannot close the ledger');
      waiting?.reject(failure);
      throw failure;
    } finally {
      // Whoever opens the lane next writes heads of their own.
      await this.#keeper.idle();
      this.#writer.close();
      this.#sealer?.close();
      this.#lock.release();
    }
  }

  async #begin(event: LedgerEvent | undefined): Promise<void> {
    try {
      if (event !== undefined) await this.durable(this.append(event));
      await this.#keeper.keep();
    } catch (cause) {
      await this.#abandon();
      throw cause;
    }
  }

  /** Stops everything, keeping what is on disk. */
  async #abandon(): Promise<void> {
    this.#closing = DONE;
    this.#stop();
    await this.#keeper.idle();
    this.#writer.close();
  }

  /** Nothing happens on its own any more. */
  #stop(): PromiseWithResolvers<void> | undefined {
    clearTimeout(this.#retryTimer);
    this.#keeper.stop();
    return this.#commit.stop();
  }
}
