/**
 * Reads a log from a place on, again and again, as it grows: for whoever hands entries on (exports, the index). Only what is sequenced:
 * the number of such an entry is fixed for good, so the position is all that a reader has to remember. Never writes, never verifies,
 * needs no lock, and keeps no file open between two calls.
 *
 * Entries come at least once: whoever keeps `position` only after it has passed the entries on meets some of them again after a crash,
 * and loses none.
 */
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { EntryDecoder, type Opener, type RawEntry } from './entry-decoder.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { ledgerError } from './ledger-error.ts';
import { readSequencerState } from './sequencer-state.ts';
import { TILE_WIDTH } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import { DirectoryStore, type TileSource } from './tile-store.ts';

export interface FollowerOptions {
  /** The ledger's: there `sequencer.json` says how long the log is. */
  readonly directory: string;
  /** The first entry wanted: what `position` was when the reader last kept it. Default 0. */
  readonly from?: number;
  /** Where the log's tiles are; default: in the directory. */
  readonly source?: TileSource;
  /** Decrypts values; without it they stay sealed. */
  readonly opener?: Opener;
  readonly fileSystem?: LedgerFileSystem;
}

/** A piece of the log, in order. */
export interface LogPiece<Entry> {
  readonly entries: readonly Entry[];
  /** The place behind them: keep it once they are where they belong, and begin there after a restart. */
  readonly next: number;
  /** Entries of this piece that are gone, because they were pruned. */
  readonly pruned: number;
}

/** What a piece holds at most, but for one bundle. */
const PIECE_BYTES = 16 * 1024 * 1024;

export class LogFollower {
  readonly #directory: string;
  readonly #fileSystem: LedgerFileSystem;
  readonly #source: TileSource;
  readonly #decoder: EntryDecoder;
  #position: number;

  constructor({ directory, from = 0, source, opener, fileSystem = nodeFileSystem }: FollowerOptions) {
    this.#directory = directory;
    this.#fileSystem = fileSystem;
    this.#source = source ?? new DirectoryStore(fileSystem, directory);
    this.#position = from;
    this.#decoder = new EntryDecoder(this.#source, (seq) => this.#before(seq), opener);
  }

  /** The number of the next entry that will be read. */
  get position(): number {
    return this.#position;
  }

  /**
   * Entries that the log has now.
   * @throws {SluiceError} ledger_corrupt, ledger_unavailable
   */
  size(): number {
    try {
      return readSequencerState(this.#fileSystem, this.#directory)?.size ?? 0;
    } catch (cause) {
      throw ledgerError(cause, `cannot read the ledger in ${this.#directory}`);
    }
  }

  /** Goes to a place: back to one that was read, because what was done with it since did not last. */
  seek(position: number): void {
    this.#position = position;
  }

  /**
   * The next entries, at most some `limit` (whole bundles of up to 256 are read), and no more when they hold some `maxBytes`. Entries that
   * only keep a form are left out. Nothing is there to be read if `next` is what `position` was.
   * @throws {SluiceError} ledger_corrupt for what is no entry, ledger_unavailable: then `position` is where it was
   */
  async read(limit: number, maxBytes = Number.POSITIVE_INFINITY): Promise<LogPiece<LedgerEntry>> {
    const from = this.#position;
    const { entries: raws, ...piece } = await this.readRaw(limit);
    try {
      const entries: LedgerEntry[] = [];
      let bytes = 0;
      for (const raw of raws) {
        if (bytes > maxBytes) {
          this.#position = raw.seq;
          return { ...piece, entries, next: raw.seq };
        }
        const entry = await this.#decoder.decode(raw);
        if (entry === undefined) continue;
        entries.push(entry);
        bytes += raw.bytes.length + (entry.event.kind === 'statement' ? entry.event.text.length : 0);
      }
      return { ...piece, entries };
    } catch (cause) {
      this.#position = from;
      throw ledgerError(cause, `cannot read the ledger in ${this.#directory}`);
    }
  }

  /** The same as they are written, those that keep forms included. Throws as `read` does. */
  async readRaw(limit: number): Promise<LogPiece<RawEntry>> {
    const from = this.#position;
    const size = this.size();
    const entries: RawEntry[] = [];
    let next = from;
    let pruned = 0;
    let bytes = 0;
    try {
      const tiles = new TileReader(this.#source, size);
      while (next < size && entries.length < limit && bytes < PIECE_BYTES) {
        const index = Math.floor(next / TILE_WIDTH);
        const first = index * TILE_WIDTH;
        const end = Math.min(first + TILE_WIDTH, size);
        const bundle = await tiles.bundle(index);
        for (let seq = next; seq < end; seq++) {
          const entry = bundle?.[seq - first];
          if (entry === undefined) {
            pruned++;
            continue;
          }
          entries.push({ seq, bytes: entry, sequenced: true });
          bytes += entry.length;
        }
        next = end;
      }
    } catch (cause) {
      throw ledgerError(cause, `cannot read the ledger in ${this.#directory}`);
    }
    this.#position = next;
    return { entries, next, pruned };
  }

  /** Entries before one that was read, newest first: there stand the forms it may refer to. */
  async *#before(seq: number): AsyncGenerator<RawEntry, void, void> {
    const tiles = new TileReader(this.#source, this.size());
    for (let index = Math.floor((seq - 1) / TILE_WIDTH); index >= 0; index--) {
      const first = index * TILE_WIDTH;
      const entries = (await tiles.bundle(index)) ?? [];
      for (let at = Math.min(entries.length, seq - first) - 1; at >= 0; at--) {
        const bytes = entries[at];
        if (bytes !== undefined) yield { seq: first + at, bytes, sequenced: true };
      }
    }
  }
}
