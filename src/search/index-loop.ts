/**
 * Keeps an index up with its log: reads what is new, puts it in, waits. Whatever is wrong with the index is answered by making it anew;
 * whatever is wrong with the log is said and tried again. Runs in a thread of its own.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { asSluiceError } from '../errors/sluice-error.ts';
import { nodeFileSystem } from '../ledger/file-system.ts';
import { LogFollower } from '../ledger/log-follower.ts';
import { pruningMark, unmarkPruned } from '../ledger/pruning-mark.ts';
import { DirectoryStore, type TileSource } from '../ledger/tile-store.ts';
import { type BehaviourOptions, BehaviourRun } from './behaviour-run.ts';
import type { IndexHead, IndexPlace, IndexWriter } from './index-storage.ts';
import { Indexer, tipOf } from './indexer.ts';
import { LogEntries } from './log-entries.ts';
import { logName } from './log-name.ts';

/** Plain data: it crosses threads. */
export interface IndexStatus {
  /** Entries of the log that are in the index, and that there are. */
  readonly indexed: number;
  readonly entries: number;
  /** What can be found. */
  readonly items: number;
  /** Where the index is: `embedded`, or which database and schema. */
  readonly store: string;
  /** The time of the last entry that is in, in milliseconds since the epoch; 0 if there is none. */
  readonly at: number;
  /** Why the index does not go on at the moment. */
  readonly failure?: string;
  /** Why it was made anew when it last was, since the start. */
  readonly rebuilt?: string;
}

export interface IndexLoopOptions {
  /** The ledger's. */
  readonly directory: string;
  readonly place: IndexPlace;
  /** Where the log's tiles are; default: in the directory. */
  readonly source?: TileSource;
  readonly onStatus: (status: IndexStatus) => void;
  /** What is learned of behaviour on the way; nothing without it. */
  readonly behaviour?: BehaviourOptions;
  readonly pollMs?: number;
  /** Entries put in at once. */
  readonly pieceEntries?: number;
}

const POLL_MS = 250;
const PIECE_ENTRIES = 2048;
const RETRY_MS = 2000;
/** How often it is told how far it is, while it catches up. */
const STATUS_MS = 200;

interface Standing {
  readonly storage: IndexWriter;
  readonly indexer: Indexer;
  readonly follower: LogFollower;
  readonly behaviour: BehaviourRun | undefined;
}

export class IndexLoop {
  readonly #options: IndexLoopOptions;
  readonly #stop = new AbortController();
  #standing: Standing | undefined;
  #rebuild: string | undefined;
  #rebuilt: string | undefined;
  #failure: string | undefined;
  #head: IndexHead | undefined;
  #toldAt = 0;

  constructor(options: IndexLoopOptions) {
    this.#options = options;
  }

  /** Makes the index anew, from the log's first entry on. */
  rebuild(reason: string): void {
    this.#rebuild = reason;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Resolves when it was stopped. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        if (await this.#step()) continue;
        await this.#pause(this.#options.pollMs ?? POLL_MS);
      } catch (cause) {
        await this.#fail(cause);
      }
    }
    await this.#letGo();
  }

  /** @returns true if there may be more to do at once. */
  async #step(): Promise<boolean> {
    if (this.#standing === undefined && pruningMark(this.#options.directory) !== undefined)
      this.#rebuild ??= 'entries were pruned';
    if (this.#rebuild !== undefined) await this.#clear(this.#rebuild);
    this.#standing ??= await this.#open();
    const { behaviour, follower, indexer } = this.#standing;
    const piece = await follower.readRaw(this.#options.pieceEntries ?? PIECE_ENTRIES);
    const isNew = piece.next > indexer.head.next;
    if (isNew) await indexer.add(piece);
    this.#failure = undefined;
    this.#tell(!isNew);
    const isLearning = (await behaviour?.advance(indexer.head.next)) ?? false;
    if (!isNew && !isLearning) behaviour?.settle(Date.now());
    return isNew || isLearning;
  }

  async #open(): Promise<Standing> {
    const { directory, place, source = new DirectoryStore(nodeFileSystem, directory) } = this.#options;
    const log = logName(directory);
    const storage = await place.openToWrite(log);
    try {
      const indexer = await Indexer.open(storage, source);
      const follower = new LogFollower({ directory, source, from: indexer.head.next });
      if (await continues(indexer, new LogEntries(source, follower))) {
        const { behaviour: wanted } = this.#options;
        const ground = { directory, source, index: storage, log };
        const behaviour = wanted && (await BehaviourRun.open(wanted, ground));
        return { storage, indexer, follower, behaviour };
      }
    } catch (cause) {
      await storage.close();
      throw cause;
    }
    await storage.close();
    await this.#clear('it was made of another log');
    return this.#open();
  }

  /** What cannot be cleared now is cleared later: it is not gone on with. */
  async #clear(reason: string): Promise<void> {
    this.#rebuild = reason;
    await this.#letGo();
    const { directory, place } = this.#options;
    const mark = pruningMark(directory);
    await place.clear(logName(directory));
    if (mark !== undefined) unmarkPruned(directory, mark);
    [this.#rebuild, this.#rebuilt, this.#head] = [undefined, reason, undefined];
  }

  async #fail(cause: unknown): Promise<void> {
    await this.#letGo();
    if (this.#rebuild === undefined && this.#options.place.isDamage(cause)) {
      this.#rebuild = 'it was damaged';
      // One that is damaged again and again must not keep the thread busy.
      await this.#pause(this.#options.pollMs ?? POLL_MS);
      return;
    }
    const { message, detail } = asSluiceError(cause);
    this.#failure = detail === undefined ? message : `${message}: ${detail}`;
    this.#tell(true);
    await this.#pause(RETRY_MS);
  }

  async #letGo(): Promise<void> {
    const standing = this.#standing;
    this.#standing = undefined;
    standing?.behaviour?.close();
    await standing?.storage.close().catch(() => {});
  }

  async #pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }

  #entries(): number {
    const { directory } = this.#options;
    try {
      return new LogFollower({ directory }).size();
    } catch {
      // Why the log cannot be read is told already: the step that needs it fails.
      return this.#head?.next ?? 0;
    }
  }

  #tell(atOnce: boolean): void {
    const now = performance.now();
    if (!atOnce && now - this.#toldAt < STATUS_MS) return;
    this.#toldAt = now;
    // While it cannot be reached, the index is what it was.
    this.#head = this.#standing?.indexer.head ?? this.#head;
    this.#options.onStatus({
      indexed: this.#head?.next ?? 0,
      entries: this.#entries(),
      items: this.#head?.items ?? 0,
      store: this.#options.place.name,
      at: this.#head?.at ?? 0,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      ...(this.#rebuilt === undefined ? {} : { rebuilt: this.#rebuilt }),
    });
  }
}

/** Whether the log still holds what was put in last. An entry that was pruned since says nothing. */
async function continues({ head }: Indexer, log: LogEntries): Promise<boolean> {
  if (head.next > log.size()) return false;
  const last = head.next === 0 ? undefined : await log.get(head.next - 1);
  return last === undefined || tipOf(last) === head.tip;
}
