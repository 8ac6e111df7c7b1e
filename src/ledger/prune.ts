/**
 * Prunes a log: takes out of its bundles what was kept long enough. Tiles and checkpoints stay, so all that remains still verifies, and the
 * hash of what is gone stays proven. Beside a running gateway or without one; one at a time.
 *
 * In this order, each step on stable storage before the next one:
 *
 * 1. parts that may go are set aside   2. what goes is recorded, and published   3. what is kept of each bundle is written beside it
 * 4. the bundles go   5. the parts go
 *
 * A crash anywhere loses nothing that is to stay: the next run puts back what was set aside, and finishes. Whoever keeps an index of the log
 * finds a mark that it knows too much (`pruning-mark.ts`).
 */
import { hash as digest, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SluiceError } from '../errors/sluice-error.ts';
import { recordCommand } from './command-lane.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { encodeBundle } from './entry-bundle.ts';
import { asidePath } from './entry-part.ts';
import { nodeFileSystem } from './file-system.ts';
import { ledgerError } from './ledger-error.ts';
import { LogFollower } from './log-follower.ts';
import { type PrunePlan, type PruneRules, planPruning } from './prune-plan.ts';
import { formatRecordsHint, PRUNED_RECORDS, type PrunedEntries, prunedEventIn } from './pruned-entries.ts';
import { markPruned } from './pruning-mark.ts';
import { keptPath, partPath, TILE_WIDTH, tilePath } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import { DirectoryStore, type TileStore } from './tile-store.ts';
import { replaceWholeFile } from './whole-file.ts';

export interface PruneOptions extends PruneRules {
  /** The ledger's. */
  readonly directory: string;
  /** Where the log's tiles are; default: in the directory. */
  readonly store?: TileStore;
  /** Who has it done, for the record. */
  readonly by: string;
  readonly version: string;
  /** Only says what would go. */
  readonly dryRun?: boolean;
  /** How long the record may take to be published. */
  readonly publishMs?: number;
}

const PUBLISH_MS = 60_000;
const POLL_MS = 50;
const PIECE_ENTRIES = 1024;
const JOURNAL = 'pruning/parts.json';
const MAX_JOURNAL_BYTES = 2 ** 30;

/**
 * @throws {SluiceError} ledger_locked if somebody else prunes; conflict if a hold was placed meanwhile; not_found, ledger_*
 */
export async function pruneLedger(options: PruneOptions): Promise<PrunePlan> {
  const { directory } = options;
  const store = options.store ?? new DirectoryStore(nodeFileSystem, directory);
  const size = new LogFollower({ directory, source: store }).size();
  if (size === 0) throw new SluiceError('not_found', `there is no published ledger in ${directory}`);
  if (options.dryRun) return planPruning(store, size, options);
  const lock: DirectoryLock = lockDirectory(join(directory, 'pruning'));
  try {
    return await new Pruning(options, store).run(size);
  } catch (cause) {
    throw ledgerError(cause, 'cannot prune the ledger');
  } finally {
    lock.release();
  }
}

class Pruning {
  readonly #options: PruneOptions;
  readonly #store: TileStore;
  readonly #journal: string;

  constructor(options: PruneOptions, store: TileStore) {
    this.#options = options;
    this.#store = store;
    this.#journal = join(options.directory, JOURNAL);
  }

  async run(size: number): Promise<PrunePlan> {
    const candidates = await this.#putBack();
    const plan = await planPruning(this.#store, size, { ...this.#options, candidates });
    if (plan.records.length > 0) await this.#store.replace(PRUNED_RECORDS, formatRecordsHint(plan.records));
    if (plan.count === 0 && plan.parts.size === 0) return plan;
    try {
      await this.#setAside(plan.parts);
      await this.#record(plan);
    } catch (cause) {
      await this.#putBack();
      throw cause;
    }
    await markPruned(this.#options.directory);
    await this.#rewrite(plan.entries);
    for (const hash of plan.parts) await this.#store.destroy(asidePath(hash));
    nodeFileSystem.remove(this.#journal);
    // Again: an index may have been made meanwhile, of what was half gone.
    await markPruned(this.#options.directory);
    return plan;
  }

  async #setAside(parts: ReadonlySet<string>): Promise<void> {
    if (parts.size === 0) return;
    await replaceWholeFile(nodeFileSystem, this.#journal, JSON.stringify([...parts]), 0o600);
    for (const hash of parts) {
      const bytes = await this.#store.read(partPath(hash));
      // What is being written again at this moment stays where it is.
      if (bytes === undefined || sha256(bytes) !== hash) continue;
      await this.#store.write(new Map([[asidePath(hash), bytes]]));
      await this.#store.destroy(partPath(hash));
    }
  }

  /** Undoes what a run left that did not come to its end. @returns hashes of the parts that it had set aside */
  async #putBack(): Promise<string[]> {
    const journal = await new DirectoryStore(nodeFileSystem, this.#options.directory).read(
      JOURNAL,
      MAX_JOURNAL_BYTES,
    );
    if (journal === undefined) return [];
    const parts = JSON.parse(journal.toString('utf8')) as string[];
    for (const hash of parts) await this.#restore(hash);
    nodeFileSystem.remove(this.#journal);
    return parts;
  }

  async #restore(hash: string): Promise<void> {
    if ((await this.#store.read(partPath(hash))) === undefined)
      await this.#move(asidePath(hash), partPath(hash));
    await this.#store.destroy(asidePath(hash));
  }

  async #move(from: string, to: string): Promise<void> {
    const bytes = await this.#store.read(from);
    if (bytes === undefined) return;
    await this.#store.write(new Map([[to, bytes]]));
    await this.#store.destroy(from);
  }

  /**
   * Says in the log what goes, and waits until that is published. What came into the log meanwhile may need a part that was set aside, or be
   * a hold: every entry that could is in the log before the record is, because a part that was still there was written before.
   */
  async #record(plan: PrunePlan): Promise<void> {
    const { directory, by, version, publishMs = PUBLISH_MS } = this.#options;
    const run = randomUUID();
    const fresh = plan.recorded.missing(plan.entries);
    const events = fresh.records().map((record) => ({ kind: 'entries-pruned' as const, by, run, ...record }));
    const follower = new LogFollower({ directory, source: this.#store, from: plan.size });
    const mark = { kind: 'entries-pruned' as const, by, run, entries: 0, bundles: [], parts: [] };
    await recordCommand(directory, version, events.length === 0 ? [mark] : events);
    const records: number[] = [];
    const deadline = performance.now() + publishMs;
    while (records.length < Math.max(1, events.length)) {
      const { entries } = await follower.readRaw(PIECE_ENTRIES);
      for (const { seq, bytes } of entries) {
        if (prunedEventIn(bytes)?.run === run) records.push(seq);
        await this.#meanwhile(bytes, plan.parts);
      }
      if (entries.length > 0) continue;
      if (performance.now() > deadline)
        throw new SluiceError('ledger_unavailable', 'the record of what is pruned was not published in time');
      await wait(POLL_MS);
    }
    await this.#store.replace(PRUNED_RECORDS, formatRecordsHint([...plan.records, ...records]));
  }

  async #meanwhile(bytes: Buffer, parts: ReadonlySet<string>): Promise<void> {
    if (bytes.includes('"kind":"hold-placed"'))
      throw new SluiceError('conflict', 'a hold was placed meanwhile: nothing was pruned');
    if (parts.size === 0 || !bytes.includes('"part":"')) return;
    const { part } = JSON.parse(bytes.toString('utf8')) as { part?: string };
    if (part !== undefined && parts.has(part)) await this.#restore(part);
  }

  async #rewrite(entries: PrunedEntries): Promise<void> {
    const bundles = entries.markedBundles();
    const reader = new TileReader(this.#store, ((bundles.at(-1) ?? -1) + 1) * TILE_WIDTH);
    for (const index of bundles) {
      const present = (await reader.bundle(index)) ?? [];
      const kept = present.map((bytes, at) => (entries.has(index * TILE_WIDTH + at) ? undefined : bytes));
      const isAnyKept = kept.some((bytes) => bytes !== undefined);
      const wasKept = (await reader.keptBytes(index)) !== undefined;
      const text = encodeBundle(kept.map((bytes) => bytes ?? Buffer.alloc(0)));
      if (isAnyKept && wasKept) await this.#store.replace(keptPath(index), text);
      else if (isAnyKept) await this.#store.write(new Map([[keptPath(index), text]]));
      await this.#store.destroy(tilePath({ level: 'entries', index, width: TILE_WIDTH }));
      if (!isAnyKept) await this.#store.destroy(keptPath(index));
    }
  }
}

const sha256 = (bytes: Buffer): string => digest('sha256', bytes, 'hex');
