/** Single entries of a log, by their place. Keeps bundles at hand, in bounded room: what is found together often lies together. */
import { LRUCache } from 'lru-cache';
import type { RawEntry } from '../ledger/entry-decoder.ts';
import type { LogFollower } from '../ledger/log-follower.ts';
import { TILE_WIDTH } from '../ledger/tile.ts';
import { TileReader } from '../ledger/tile-reader.ts';
import type { TileSource } from '../ledger/tile-store.ts';

const KEPT_BYTES = 32 * 1024 * 1024;

export class LogEntries {
  readonly source: TileSource;
  readonly #sizeOf: Pick<LogFollower, 'size'>;
  readonly #bundles = new LRUCache<number, readonly (Buffer | undefined)[]>({
    maxSize: KEPT_BYTES,
    sizeCalculation: (entries) => 100 + entries.reduce((sum, entry) => sum + (entry?.length ?? 0) + 100, 0),
  });

  constructor(source: TileSource, sizeOf: Pick<LogFollower, 'size'>) {
    this.source = source;
    this.#sizeOf = sizeOf;
  }

  /** Entries that the log has now. @throws {SluiceError} ledger_corrupt, ledger_unavailable */
  size(): number {
    return this.#sizeOf.size();
  }

  /** Undefined if it is not there: pruned, or never in this log. Throws as reading the log does. */
  async get(seq: number): Promise<RawEntry | undefined> {
    const index = Math.floor(seq / TILE_WIDTH);
    const at = seq - index * TILE_WIDTH;
    let entries = this.#bundles.get(index);
    if (entries === undefined || at >= entries.length) {
      const size = this.size();
      if (seq >= size) return undefined;
      entries = await new TileReader(this.source, size).bundle(index);
      if (entries === undefined) return undefined;
      this.#bundles.set(index, entries);
    }
    const bytes = entries[at];
    return bytes === undefined ? undefined : { seq, bytes, sequenced: true };
  }
}
