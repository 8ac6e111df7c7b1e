/**
 * Puts the lanes' entries in one order and publishes them as a log: tiles, entry bundles and a signed checkpoint. One a ledger.
 *
 * An entry is *sequenced* when the state that counts it is on stable storage: then its place in the log is fixed for good. It is
 * *published* when a checkpoint covers it. In this order, each step on stable storage before the next one begins:
 *
 * 1. parts too large for the log, tiles, bundles   2. the state   3. the checkpoint   4. segments of lanes that are no longer needed go
 *
 * A crash anywhere leaves a state, and everything it counts; the next round writes the same again or goes on. Never signs a checkpoint
 * that does not continue the one before. Within a lane the order is the lane's; between lanes that of time, as far as entries were
 * there when their turn came.
 *
 * @see https://c2sp.org/tlog-tiles
 */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { checkpointText, parseCheckpoint } from './checkpoint.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { readLaneHead } from './head.ts';
import { laneDirectory, lanesOf } from './lane.ts';
import { LaneCursor, type LaneLine, mergeByTime } from './lane-cursor.ts';
import { ledgerError } from './ledger-error.ts';
import { type LogKey, openLogKey } from './ledger-key.ts';
import { LogTree } from './log-tree.ts';
import { rootAt } from './merkle-tree.ts';
import { refuseOldFormat } from './opening.ts';
import { firstSeqOf, ORIGIN, segmentsOf } from './segment-format.ts';
import {
  EMPTY_STATE,
  readSequencerState,
  type SequencedLane,
  type SequencerState,
  writeSequencerState,
} from './sequencer-state.ts';
import { formatVkey, isSignedBy, parseNote, signNote } from './signed-note.ts';
import { CHECKPOINT, COSIGNED, partPath } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import { DirectoryStore, type TileStore } from './tile-store.ts';

export interface SequencerOptions {
  /** The ledger's. One sequencer at a time may hold it. */
  readonly directory: string;
  /** The log's name, as checkpoints have it; default: made of its key. */
  readonly origin?: string | undefined;
  readonly fileSystem?: LedgerFileSystem;
  /** Where the log is kept; default: in the directory. Lanes, key and state always are. */
  readonly store?: TileStore;
  readonly lock?: (directory: string) => DirectoryLock;
}

/** What a round did. */
export interface Round {
  /** Entries in the log now, all of them published. */
  readonly size: number;
  /** True if entries were left for the next round. */
  readonly more: boolean;
  /** The new checkpoint; undefined if there was nothing to publish. */
  readonly checkpoint: string | undefined;
}

/** What one round takes from each lane at most. */
const ROUND_BYTES = 4 * 1024 * 1024;

/** What a round works with; thrown away when one fails, because then nobody knows what was written. */
interface Standing {
  readonly tree: LogTree;
  readonly cursors: Map<number, LaneCursor>;
  state: SequencerState;
  /** Entries that the last checkpoint covers; -1 if there is none. */
  published: number;
}

export class Sequencer {
  readonly key: LogKey;
  readonly store: TileStore;
  readonly #directory: string;
  readonly #fileSystem: LedgerFileSystem;
  readonly #lock: DirectoryLock;
  /** Undefined after a failure: then it is read anew. */
  #standing: Standing | undefined;

  private constructor(
    options: SequencerOptions,
    lock: DirectoryLock,
    key: LogKey,
    store: TileStore,
    standing: Standing,
  ) {
    this.#directory = options.directory;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
    this.#lock = lock;
    this.key = key;
    this.store = store;
    this.#standing = standing;
  }

  /**
   * Takes the ledger of a directory, or makes it.
   * @throws {SluiceError} ledger_locked, ledger_corrupt, ledger_full, ledger_unavailable, config_invalid
   */
  static async open(options: SequencerOptions): Promise<Sequencer> {
    const { directory } = options;
    const fileSystem = options.fileSystem ?? nodeFileSystem;
    const lock = (options.lock ?? lockDirectory)(directory);
    try {
      fileSystem.makeDirectory(directory);
      refuseOldFormat(fileSystem, directory);
      const store = options.store ?? new DirectoryStore(fileSystem, directory);
      const isNew = readSequencerState(fileSystem, directory) === undefined;
      const key = await openLogKey(fileSystem, directory, { isNew, origin: options.origin });
      const standing = await load(fileSystem, directory, store, key);
      if (options.store !== undefined) await store.replace('vkey', Buffer.from(`${formatVkey(key.note)}\n`));
      return new Sequencer(options, lock, key, store, standing);
    } catch (cause) {
      lock.release();
      throw ledgerError(cause, 'cannot open the log');
    }
  }

  /**
   * Publishes what the lanes have.
   * @throws {SluiceError} ledger_full, ledger_unavailable: the next round tries again; ledger_corrupt: none will succeed.
   */
  async round(): Promise<Round> {
    try {
      this.#standing ??= await load(this.#fileSystem, this.#directory, this.store, this.key);
      return await this.#round(this.#standing);
    } catch (cause) {
      this.#forget();
      throw ledgerError(cause, 'cannot publish the ledger');
    }
  }

  /**
   * Gives cosignatures to readers: with the checkpoint, if it is still the newest, and in any case as `checkpoint.cosigned`.
   * @param lines signature lines that were verified
   */
  async addCosignatures(checkpoint: string, lines: string, size: number): Promise<void> {
    const present = (await this.store.read(CHECKPOINT))?.toString('utf8') ?? '';
    const same = this.#standing?.published === size && present.startsWith(checkpoint);
    const cosigned = same ? withLines(present, lines) : `${checkpoint}${lines}`;
    if (same) await this.store.replace(CHECKPOINT, Buffer.from(cosigned));
    await this.store.replace(COSIGNED, Buffer.from(cosigned));
  }

  /** Lets go of the directory. No round may run. */
  close(): void {
    this.#forget();
    this.#lock.release();
  }

  async #round(standing: Standing): Promise<Round> {
    const { lines, more } = this.#collect(standing);
    if (lines.length > 0) await this.#sequence(standing, lines);
    const { size } = standing.state;
    const checkpoint = standing.published < size ? await this.#publish(standing) : undefined;
    if (checkpoint !== undefined) this.#prune(standing.state);
    return { size, more, checkpoint };
  }

  /** The next entries of all lanes, oldest first, and whether a lane had more than a round takes. */
  #collect({ cursors, state }: Standing): { readonly lines: LaneLine[]; readonly more: boolean } {
    const perLane: LaneLine[][] = [];
    let more = false;
    for (const lane of lanesOf(this.#fileSystem, this.#directory)) {
      let cursor = cursors.get(lane);
      if (cursor === undefined) {
        const from = state.lanes[String(lane)] ?? ORIGIN;
        cursor = new LaneCursor(this.#fileSystem, laneDirectory(this.#directory, lane), lane, from);
        cursors.set(lane, cursor);
      }
      const lines = cursor.read(ROUND_BYTES);
      if (lines.length > 0) perLane.push(lines);
      more ||= cursor.bounded;
    }
    return { lines: mergeByTime(perLane), more };
  }

  async #sequence(standing: Standing, lines: readonly LaneLine[]): Promise<void> {
    const { tree } = standing;
    const lanes: Record<string, SequencedLane> = { ...standing.state.lanes };
    const large = new Map<string, Buffer>();
    for (const { lane, seq, at, entry, hash, part } of lines) {
      const before = lanes[String(lane)]?.seq ?? 0;
      if (seq !== before)
        throw new SluiceError('ledger_corrupt', `lane ${lane} goes on with entry ${seq}, not ${before}`);
      if (part !== undefined) large.set(partPath(part.hash), part.bytes);
      tree.append(entry, hash);
      lanes[String(lane)] = { seq: seq + 1, hash: hash.toString('hex'), at };
    }
    const { parts, outdated } = tree.takeParts();
    await this.store.write(new Map([...large, ...parts]));
    const { place } = standing.state;
    const state = {
      ...{ size: tree.size, root: tree.root().toString('hex'), lanes },
      ...(place === undefined ? {} : { place }),
    };
    await writeSequencerState(this.#fileSystem, this.#directory, state);
    standing.state = state;
    for (const path of outdated) await this.store.remove(path);
  }

  async #publish(standing: Standing): Promise<string> {
    const { size, root } = standing.state;
    const text = checkpointText({ origin: this.key.note.name, size, root: Buffer.from(root, 'hex') });
    const checkpoint = signNote(text, this.key.note, this.key.privateKey);
    await this.store.replace(CHECKPOINT, Buffer.from(checkpoint));
    standing.published = size;
    return checkpoint;
  }

  /**
   * Removes segments whose entries are all published, once their lane has them on stable storage too: until then it may have to
   * repair them.
   */
  #prune({ lanes }: SequencerState): void {
    for (const [lane, { seq }] of Object.entries(lanes)) {
      const directory = laneDirectory(this.#directory, Number(lane));
      const names = segmentsOf(this.#fileSystem.list(directory));
      if (names.length < 2) continue;
      const needed = Math.min(seq, readLaneHead(this.#fileSystem, directory)?.seq ?? 0);
      for (const [index, name] of names.entries()) {
        const next = names[index + 1];
        if (next === undefined || (firstSeqOf(next) as number) > needed) break;
        this.#fileSystem.remove(join(directory, name));
      }
    }
  }

  #forget(): void {
    for (const cursor of this.#standing?.cursors.values() ?? []) cursor.close();
    this.#standing = undefined;
  }
}

/**
 * Reads where the log stands and makes sure of it: the state is written again, because a rename that was seen may not be on stable
 * storage, and the checkpoint must be of the same tree.
 */
async function load(
  fileSystem: LedgerFileSystem,
  directory: string,
  store: TileStore,
  key: LogKey,
): Promise<Standing> {
  const found = readSequencerState(fileSystem, directory);
  const place = store instanceof DirectoryStore ? undefined : store.name;
  const state = found ?? { ...EMPTY_STATE, ...(place === undefined ? {} : { place }) };
  if (state.place !== place) {
    const where = state.place ?? 'the data directory';
    throw new SluiceError(
      'config_invalid',
      `the tiles of the ledger lie in ${where}: they stay where they began`,
    );
  }
  const published = await checkPublished(store, key, state);
  const tree = await LogTree.load(store, state.size);
  if (tree.root().toString('hex') !== state.root) {
    throw new SluiceError('ledger_corrupt', `the tiles in ${store.name} are not those that were sequenced`);
  }
  if (found !== undefined) await writeSequencerState(fileSystem, directory, state);
  return { tree, cursors: new Map(), state, published };
}

/** @returns how many entries the checkpoint covers, -1 without one. */
async function checkPublished(store: TileStore, key: LogKey, state: SequencerState): Promise<number> {
  const bytes = await store.read(CHECKPOINT);
  if (bytes === undefined) return -1;
  const note = parseNote(bytes.toString('utf8'));
  const checkpoint =
    note === undefined || !isSignedBy(note, key.note) ? undefined : parseCheckpoint(note.text);
  if (checkpoint?.origin !== key.note.name) {
    throw new SluiceError(
      'ledger_corrupt',
      `the checkpoint in ${store.name} is not signed by the key of ${key.note.name}`,
    );
  }
  const { size, root } = checkpoint;
  if (size > state.size)
    throw new SluiceError(
      'ledger_corrupt',
      `${size} entries were published, but only ${state.size} sequenced`,
    );
  if (!(await rootAt(size, new TileReader(store, state.size).subtree)).equals(root)) {
    throw new SluiceError(
      'ledger_corrupt',
      `the log in ${store.name} does not continue the one that was published`,
    );
  }
  return size;
}

/** The note with further signatures; those of the same keys are replaced. */
function withLines(note: string, lines: string): string {
  const keys = lines.split('\n').map((line) => line.split(' ', 2).join(' '));
  const kept = note
    .split('\n')
    .filter((line) => !line.startsWith('\u2014') || !keys.includes(line.split(' ', 2).join(' ')));
  return `${kept.join('\n')}${lines}`;
}
