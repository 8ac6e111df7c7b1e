/**
 * Where the parts of a log lie, and how many hashes stand in a tile: the C2SP layout `tlog-tiles`. Pure.
 *
 * @see https://c2sp.org/tlog-tiles
 */

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;

export const CHECKPOINT = 'checkpoint';
/** The last checkpoint that a witness cosigned. */
export const COSIGNED = 'checkpoint.cosigned';

/** A tile of hashes, or with `level` `entries` a bundle of entries. `width` is 1 to 256. */
export interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

/** `tile/<L>/<N>[.p/<W>]`. */
export function tilePath({ level, index, width }: Tile): string {
  return `${fullPath(level, index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** The directory that holds the partial tiles of this place. */
export function partialsPath(level: Tile['level'], index: number): string {
  return `${fullPath(level, index)}.p`;
}

/**
 * Where the bundle lies of which a part was pruned: in the same format, with a length of 0 for each entry that is gone; its hash still
 * stands in the tile. Not of the C2SP layout, so that no other verifier takes it for a bundle.
 */
export function keptPath(index: number): string {
  return `kept${fullPath('entries', index).slice('tile/entries'.length)}`;
}

/** Where a part lies that was too large for its entry; `hash` is its SHA-256 in hex. Not of the C2SP layout, and none of its business. */
export function partPath(hash: string): string {
  return `part/${hash.slice(0, 2)}/${hash.slice(2)}`;
}

/** The width of a tile in a log of `size` entries; 0 if there is none. */
export function tileWidth(level: Tile['level'], index: number, size: number): number {
  const hashes = level === 'entries' ? size : Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

function fullPath(level: Tile['level'], index: number): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) as string[];
  return `tile/${level}/${groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/')}`;
}
