/**
 * Reads entries for people and tools, in either direction, without verifying them. Begins with the log and goes on with what the lanes
 * have that is not sequenced yet; may run beside the processes that write.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { EntryDecoder, type Opener, type RawEntry } from './entry-decoder.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { laneDirectory, lanesOf } from './lane.ts';
import { LaneCursor, type LaneLine, mergeByTime } from './lane-cursor.ts';
import { ledgerError } from './ledger-error.ts';
import { ORIGIN } from './segment-format.ts';
import { EMPTY_STATE, readSequencerState, type SequencerState } from './sequencer-state.ts';
import { TILE_WIDTH } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import { DirectoryStore, type TileSource } from './tile-store.ts';

export interface ReadOptions {
  /** The first entry wanted, inclusive. Default 0. */
  readonly fromSeq?: number;
  /** The last entry wanted, inclusive. Default: to the end. */
  readonly toSeq?: number;
  /** Newest first. */
  readonly reverse?: boolean;
  /** At most so many. */
  readonly limit?: number;
  /** Where the log's tiles are; default: in the directory. */
  readonly source?: TileSource;
  /** Decrypts values; without it they stay sealed. */
  readonly opener?: Opener;
  readonly fileSystem?: LedgerFileSystem;
}

/**
 * The entries of the ledger in `directory`, in the log's order, or newest first if `reverse`. Entries that only keep the form of a statement
 * are left out, so `seq` has gaps.
 * @throws {SluiceError} not_found if there is no ledger, ledger_corrupt for what is no entry, ledger_unavailable.
 */
export async function* readEntries(
  directory: string,
  options: ReadOptions = {},
): AsyncGenerator<LedgerEntry, void, void> {
  const log = new LedgerReader(directory, options);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  try {
    if (left <= 0) return;
    const decoder = log.decoder(options.opener);
    for await (const raw of log.raw(options.fromSeq ?? 0, options.toSeq, options.reverse === true)) {
      const entry = await decoder.decode(raw);
      if (entry === undefined) continue;
      yield entry;
      if (--left <= 0) return;
    }
  } catch (cause) {
    throw ledgerError(cause, `cannot read the ledger in ${directory}`);
  }
}

/** The same as they are written: each entry's bytes, those that keep forms included. Throws as `readEntries` does. */
export async function* readRawEntries(
  directory: string,
  options: Omit<ReadOptions, 'opener' | 'limit'> = {},
): AsyncGenerator<RawEntry, void, void> {
  try {
    yield* new LedgerReader(directory, options).raw(
      options.fromSeq ?? 0,
      options.toSeq,
      options.reverse === true,
    );
  } catch (cause) {
    throw ledgerError(cause, `cannot read the ledger in ${directory}`);
  }
}

/** What the lanes have at most, while the sequencer is behind. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024;

class LedgerReader {
  readonly #directory: string;
  readonly #fileSystem: LedgerFileSystem;
  readonly #source: TileSource;
  #state: SequencerState = EMPTY_STATE;
  #pending: readonly RawEntry[] = [];

  constructor(directory: string, { fileSystem = nodeFileSystem, source }: ReadOptions) {
    this.#directory = directory;
    this.#fileSystem = fileSystem;
    this.#source = source ?? new DirectoryStore(fileSystem, directory);
  }

  decoder(opener: Opener | undefined): EntryDecoder {
    return new EntryDecoder(this.#source, (seq) => this.#entries(0, seq - 1, true), opener);
  }

  async *raw(
    from: number,
    to = Number.POSITIVE_INFINITY,
    reverse = false,
  ): AsyncGenerator<RawEntry, void, void> {
    this.#look();
    yield* this.#entries(from, to, reverse);
  }

  async *#entries(from: number, to: number, reverse: boolean): AsyncGenerator<RawEntry, void, void> {
    if (reverse) {
      yield* this.#pendingBetween(from, to).reverse();
      yield* this.#sequenced(from, to, true);
    } else {
      yield* this.#sequenced(from, to, false);
      yield* this.#pendingBetween(from, to);
    }
  }

  #pendingBetween(from: number, to: number): RawEntry[] {
    return this.#pending.filter(({ seq }) => seq >= from && seq <= to);
  }

  async *#sequenced(from: number, to: number, reverse: boolean): AsyncGenerator<RawEntry, void, void> {
    const { size } = this.#state;
    const last = Math.min(to, size - 1);
    if (last < from) return;
    const tiles = new TileReader(this.#source, size);
    const [low, high] = [Math.floor(from / TILE_WIDTH), Math.floor(last / TILE_WIDTH)];
    for (let step = 0; step <= high - low; step++) {
      const index = reverse ? high - step : low + step;
      const entries = (await tiles.bundle(index)) ?? [];
      const raws = entries.flatMap((bytes, at) =>
        bytes === undefined ? [] : { seq: index * TILE_WIDTH + at, bytes, sequenced: true },
      );
      const wanted = raws.filter(({ seq }) => seq >= from && seq <= last);
      yield* reverse ? wanted.reverse() : wanted;
    }
  }

  /** Reads where the log stands and what the lanes have beyond; again, if it moved on meanwhile and the lanes were pruned. */
  #look(): void {
    for (;;) {
      this.#state = readSequencerState(this.#fileSystem, this.#directory) ?? EMPTY_STATE;
      try {
        this.#pending = this.#readLanes();
        return;
      } catch (cause) {
        const now = readSequencerState(this.#fileSystem, this.#directory) ?? EMPTY_STATE;
        if (now.size === this.#state.size) throw cause;
      }
    }
  }

  #readLanes(): RawEntry[] {
    const lanes = lanesOf(this.#fileSystem, this.#directory);
    if (lanes.length === 0 && this.#state.size === 0) {
      throw new SluiceError('not_found', `there is no ledger in ${this.#directory}`);
    }
    const lines = lanes.map((lane) => this.#readLane(lane));
    return mergeByTime(lines).map(({ entry, part }, index) => ({
      seq: this.#state.size + index,
      bytes: entry,
      sequenced: false,
      ...(part === undefined ? {} : { part: part.bytes }),
    }));
  }

  #readLane(lane: number): LaneLine[] {
    const from = this.#state.lanes[String(lane)] ?? ORIGIN;
    const cursor = new LaneCursor(this.#fileSystem, laneDirectory(this.#directory, lane), lane, from);
    try {
      return cursor.read(MAX_PENDING_BYTES);
    } finally {
      cursor.close();
    }
  }
}
