/**
 * Reads a log of a given size from its tiles: hashes of subtrees for proofs and roots, bundles of entries. Trusts nothing it reads but
 * its length: who asks checks hashes against a root.
 */
import { LRUCache } from 'lru-cache';
import { SluiceError } from '../errors/sluice-error.ts';
import { decodeBundle } from './entry-bundle.ts';
import { HASH_BYTES, rootOver, type SubtreeHash } from './merkle-tree.ts';
import { keptPath, TILE_WIDTH, type Tile, tilePath, tileWidth } from './tile.ts';
import type { TileSource } from './tile-store.ts';

/** Tiles kept at hand: 8 KiB each. */
const KEPT_TILES = 256;
const LEVELS_OF_A_TILE = 8;

export class TileReader {
  /** Entries in the log, as far as this reader goes. */
  readonly size: number;
  readonly #source: TileSource;
  readonly #tiles = new LRUCache<string, Buffer>({ max: KEPT_TILES });

  constructor(source: TileSource, size: number) {
    this.#source = source;
    this.size = size;
  }

  /**
   * The hash of the perfect subtree of 2^`level` leaves that begins with leaf `index` × 2^`level`.
   * @throws {SluiceError} ledger_corrupt if a tile is missing or too short; RangeError if the subtree is not in the log.
   */
  readonly subtree: SubtreeHash = async (level, index) => {
    const tileLevel = Math.floor(level / LEVELS_OF_A_TILE);
    const count = 2 ** (level % LEVELS_OF_A_TILE);
    const first = index * count;
    const tile = await this.hashes(tileLevel, Math.floor(first / TILE_WIDTH));
    const from = (first % TILE_WIDTH) * HASH_BYTES;
    const to = from + count * HASH_BYTES;
    if (to > tile.length) throw new RangeError('the subtree is not in the log');
    return rootOver(tile.subarray(from, to));
  };

  /** The hashes of a tile, end to end. @throws {SluiceError} ledger_corrupt */
  async hashes(level: number, index: number): Promise<Buffer> {
    const tile = this.#tile(level, index);
    const path = tilePath(tile);
    const known = this.#tiles.get(path);
    if (known !== undefined) return known;
    const wanted = tile.width * HASH_BYTES;
    const bytes = await this.#read(tile);
    if (bytes === undefined || bytes.length < wanted)
      throw damaged(`${path} is ${bytes === undefined ? 'missing' : 'too short'}`);
    // What is kept at hand is as large as it may be, whatever else a server sends.
    if (bytes.length > TILE_WIDTH * HASH_BYTES) throw damaged(`${path} is too long`);
    const hashes = bytes.subarray(0, wanted);
    this.#tiles.set(path, hashes);
    return hashes;
  }

  /** The bytes of a bundle, at least of the entries that this log has; undefined if it is missing. */
  bundleBytes(index: number): Promise<Buffer | undefined> {
    return this.#read(this.#tile('entries', index));
  }

  /** The same of one of which a part was pruned: with a length of 0 for each entry that is gone. */
  keptBytes(index: number): Promise<Buffer | undefined> {
    return this.#source.read(keptPath(index));
  }

  /**
   * The entries of a bundle, undefined for each that was pruned; undefined if nothing of it is there.
   * @throws {SluiceError} ledger_corrupt if there are too few
   */
  async bundle(index: number): Promise<readonly (Buffer | undefined)[] | undefined> {
    const tile = this.#tile('entries', index);
    const whole = await this.#read(tile);
    const bytes = whole ?? (await this.keptBytes(index));
    if (bytes === undefined) return undefined;
    const { entries } = decodeBundle(bytes);
    if (entries.length < tile.width) throw damaged(`${tilePath(tile)} is too short`);
    const isGone = (entry: Buffer) => whole === undefined && entry.length === 0;
    return entries.slice(0, tile.width).map((entry) => (isGone(entry) ? undefined : entry));
  }

  #tile(level: Tile['level'], index: number): Tile {
    const width = tileWidth(level, index, this.size);
    if (width === 0) throw new RangeError('the tile is not in the log');
    return { level, index, width };
  }

  /** A partial tile may be gone once the full one is there. */
  async #read(tile: Tile): Promise<Buffer | undefined> {
    const bytes = await this.#source.read(tilePath(tile));
    if (bytes !== undefined || tile.width === TILE_WIDTH) return bytes;
    return this.#source.read(tilePath({ ...tile, width: TILE_WIDTH }));
  }
}

function damaged(reason: string): SluiceError {
  return new SluiceError('ledger_corrupt', `the log does not verify: ${reason}`);
}
