/**
 * The tiles of a log, each checked against the one above it up to a root that is known to be right. Whatever it gives is proven; what is not
 * is named by its file.
 */
import { LRUCache } from 'lru-cache';
import { rootAt, rootOver } from './merkle-tree.ts';
import { TILE_WIDTH, tilePath, tileWidth } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

/** A part of the log that is not what the root commits to. */
export class TileFault extends Error {
  readonly file: string;
  readonly reason: string;

  constructor(file: string, reason: string) {
    super(`${file}: ${reason}`);
    this.file = file;
    this.reason = reason;
  }
}

export class VerifiedTiles {
  readonly reader: TileReader;
  readonly #proven = new LRUCache<string, Buffer>({ max: 256 });

  private constructor(reader: TileReader) {
    this.reader = reader;
  }

  /** @throws {TileFault} if the right edge of the tiles does not give the root */
  static async of(source: TileSource, size: number, root: Buffer): Promise<VerifiedTiles> {
    const tiles = new VerifiedTiles(new TileReader(source, size));
    const actual = await tiles.#orFault(() => rootAt(size, tiles.reader.subtree));
    if (!actual.equals(root)) throw new TileFault('tile', 'the tiles do not give the root of the checkpoint');
    return tiles;
  }

  /** The hashes of a tile, proven. @throws {TileFault} */
  async hashes(level: number, index: number): Promise<Buffer> {
    const key = `${level}/${index}`;
    const known = this.#proven.get(key);
    if (known !== undefined) return known;
    const hashes = await this.#orFault(() => this.reader.hashes(level, index));
    // Partial tiles, and full ones on the edge, made the root; every other one has its hash in the tile above.
    if (tileWidth(level, index, this.reader.size) === TILE_WIDTH) {
      const above = await this.hashes(level + 1, Math.floor(index / TILE_WIDTH));
      const at = (index % TILE_WIDTH) * 32;
      if (!rootOver(hashes).equals(above.subarray(at, at + 32))) {
        throw new TileFault(
          tilePath({ level, index, width: TILE_WIDTH }),
          'the hashes are not those the tile above commits to',
        );
      }
    }
    this.#proven.set(key, hashes);
    return hashes;
  }

  async #orFault<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if ((cause as { code?: unknown }).code !== 'ledger_corrupt') throw cause;
      throw new TileFault('tile', (cause as Error).message);
    }
  }
}
