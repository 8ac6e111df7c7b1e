/** Keeps what is known of behaviour up with the index, and tells what is to be recorded and what policies are to see. */
import { LogFollower } from '../ledger/log-follower.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import { Behaviour, type BehaviourConfig, type Deviation } from './behaviour.ts';
import type { Finding } from './finding.ts';
import type { IndexWriter } from './index-storage.ts';
import { tipOf } from './indexer.ts';
import { LogEntries } from './log-entries.ts';
import { ProfileStore } from './profile-store.ts';
import { removeIndex } from './sqlite-files.ts';

export interface BehaviourOptions extends BehaviourConfig {
  /** The file that keeps it. */
  readonly path: string;
  /** Told of findings that are to be recorded, each once. */
  readonly onFindings: (findings: readonly Finding[]) => void;
  /** Told of all deviations whenever there are others. */
  readonly onDeviations: (deviations: readonly Deviation[]) => void;
}

interface Ground {
  /** The ledger's. */
  readonly directory: string;
  readonly source: TileSource;
  readonly index: IndexWriter;
  /** Which log it is. */
  readonly log: string;
}

const PIECE_ENTRIES = 1024;

export class BehaviourRun {
  readonly #options: BehaviourOptions;
  readonly #store: ProfileStore;
  readonly #follower: LogFollower;
  readonly #behaviour: Behaviour;
  readonly #told = new Set<string>();
  #deviations = '';

  private constructor(options: BehaviourOptions, store: ProfileStore, { directory, source, index }: Ground) {
    this.#options = options;
    this.#store = store;
    this.#follower = new LogFollower({ directory, source, from: store.place().next });
    this.#behaviour = new Behaviour(store, index, source, options);
  }

  static async open(options: BehaviourOptions, ground: Ground): Promise<BehaviourRun> {
    const store = ProfileStore.open(options.path, ground.log);
    const run = new BehaviourRun(options, store, ground);
    if (await continues(store, new LogEntries(ground.source, run.#follower))) return run;
    store.close();
    removeIndex(options.path);
    return BehaviourRun.open(options, ground);
  }

  /** Goes on, at most up to that place. @returns true if there is more to read at once */
  async advance(upTo: number): Promise<boolean> {
    const from = this.#follower.position;
    if (from >= upTo) return false;
    const { entries, next, pruned } = await this.#follower.readRaw(PIECE_ENTRIES);
    // The log may have grown beyond the index meanwhile.
    const end = Math.min(next, upTo);
    try {
      await this.#behaviour.add({ entries: entries.filter(({ seq }) => seq < end), next: end, pruned });
    } catch (cause) {
      this.#follower.seek(from);
      throw cause;
    }
    this.#follower.seek(end);
    return end < upTo;
  }

  /** All is read: what was found is news now. */
  settle(now: number): void {
    const news = this.#behaviour.unrecorded(now).filter(({ finding }) => !this.#told.has(finding));
    if (news.length > 0) this.#options.onFindings(news);
    for (const { finding } of news) this.#told.add(finding);
    const deviations = this.#behaviour.deviations(now);
    const key = JSON.stringify(deviations);
    if (key !== this.#deviations) this.#options.onDeviations(deviations);
    this.#deviations = key;
  }

  close(): void {
    this.#store.close();
  }
}

/** Whether the log still holds what was read last. */
async function continues(store: ProfileStore, log: LogEntries): Promise<boolean> {
  const { next, tip } = store.place();
  if (next === 0) return true;
  if (next > log.size()) return false;
  const last = await log.get(next - 1);
  return last === undefined || tipOf(last) === tip;
}
