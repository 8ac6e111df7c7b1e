/**
 * The right edge of a growing log: takes entries, gives the tiles and bundles that have to be written for them, and the root. Holds one
 * tile a level; never reads what it wrote.
 */
import { encodeBundle } from './entry-bundle.ts';
import { EMPTY_ROOT, HASH_BYTES, rootOver } from './merkle-tree.ts';
import { partialsPath, TILE_WIDTH, tilePath, tileWidth } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

/** What must be written before a checkpoint of the present size may be. */
export interface TreeParts {
  readonly parts: ReadonlyMap<string, Buffer>;
  /** Directories of partial tiles whose full tile is among the parts. */
  readonly outdated: readonly string[];
}

export class LogTree {
  #size: number;
  /** By level: the hashes of its last, partial tile. */
  readonly #edge: Buffer[][];
  #bundle: Buffer[];
  /** The partial parts of the edge that are written already: what is published is never written again. */
  #written: ReadonlySet<string>;
  #full = new Map<string, Buffer>();
  /** Directories of the partial tiles that are written, of tiles not full yet; what a crash left there shows only after the first parts. */
  readonly #partials: Set<string>;
  #allPartialsKnown = false;
  #outdated: string[] = [];

  private constructor(size: number, edge: Buffer[][], bundle: Buffer[]) {
    this.#size = size;
    this.#edge = edge;
    this.#bundle = bundle;
    this.#written = new Set(this.#edgeParts().keys());
    this.#partials = new Set(this.#edgeDirectories());
  }

  /** Goes on at the end of a log. @throws {SluiceError} ledger_corrupt if a part of its edge is missing */
  static async load(source: TileSource, size: number): Promise<LogTree> {
    const reader = new TileReader(source, size);
    const edge: Buffer[][] = [];
    for (let level = 0; Math.floor(size / TILE_WIDTH ** level) > 0; level++) {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      const hashes =
        tileWidth(level, index, size) === 0 ? Buffer.alloc(0) : await reader.hashes(level, index);
      edge.push(split(hashes));
    }
    const last = Math.floor(size / TILE_WIDTH);
    const bundle = size % TILE_WIDTH === 0 ? [] : await reader.bundle(last);
    return new LogTree(
      size,
      edge,
      (bundle ?? [undefined]).map((entry) => {
        if (entry === undefined) throw new RangeError('the last bundle is missing');
        return Buffer.from(entry);
      }),
    );
  }

  get size(): number {
    return this.#size;
  }

  /** Takes an entry with its leaf hash; both stay the tree's. */
  append(entry: Buffer, leaf: Buffer): void {
    this.#bundle.push(entry);
    if (this.#bundle.length === TILE_WIDTH) {
      const index = Math.floor(this.#size / TILE_WIDTH);
      this.#full.set(tilePath({ level: 'entries', index, width: TILE_WIDTH }), encodeBundle(this.#bundle));
      this.#outdate(partialsPath('entries', index));
      this.#bundle = [];
    }
    this.#size++;
    this.#push(0, leaf);
  }

  /** The root over all entries. */
  root(): Buffer {
    let root: Buffer | undefined;
    for (const hashes of this.#edge) {
      const row = root === undefined ? hashes : [...hashes, root];
      if (row.length > 0) root = rootOver(Buffer.concat(row));
    }
    return root ?? EMPTY_ROOT;
  }

  /** All parts that changed since the last call, those of the edge included. They must be written, or the tree loaded anew. */
  takeParts(): TreeParts {
    const parts = this.#full;
    const outdated = this.#outdated;
    this.#full = new Map();
    this.#outdated = [];
    const edge = this.#edgeParts();
    for (const [path, bytes] of edge) if (!this.#written.has(path)) parts.set(path, bytes);
    this.#written = new Set(edge.keys());
    for (const directory of this.#edgeDirectories()) this.#partials.add(directory);
    this.#allPartialsKnown = true;
    return { parts, outdated };
  }

  /** A tile is full. Under load most become so within a round, and none of their partial tiles was ever written. */
  #outdate(directory: string): void {
    if (this.#partials.delete(directory) || !this.#allPartialsKnown) this.#outdated.push(directory);
  }

  #edgeDirectories(): string[] {
    const last = (level: number): number => Math.floor(this.#size / TILE_WIDTH ** (level + 1));
    const tiles = this.#edge.flatMap((hashes, level) =>
      hashes.length === 0 ? [] : [partialsPath(level, last(level))],
    );
    return this.#bundle.length === 0 ? tiles : [...tiles, partialsPath('entries', last(0))];
  }

  #edgeParts(): Map<string, Buffer> {
    const parts = new Map<string, Buffer>();
    if (this.#bundle.length > 0) {
      const index = Math.floor(this.#size / TILE_WIDTH);
      parts.set(
        tilePath({ level: 'entries', index, width: this.#bundle.length }),
        encodeBundle(this.#bundle),
      );
    }
    for (const [level, hashes] of this.#edge.entries()) {
      if (hashes.length === 0) continue;
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1));
      parts.set(tilePath({ level, index, width: hashes.length }), Buffer.concat(hashes));
    }
    return parts;
  }

  #push(level: number, hash: Buffer): void {
    this.#edge[level] ??= [];
    const hashes = this.#edge[level];
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1)) - 1;
    const tile = Buffer.concat(hashes);
    this.#full.set(tilePath({ level, index, width: TILE_WIDTH }), tile);
    this.#outdate(partialsPath(level, index));
    this.#edge[level] = [];
    this.#push(level + 1, rootOver(tile));
  }
}

function split(hashes: Buffer): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += HASH_BYTES)
    list.push(Buffer.from(hashes.subarray(at, at + HASH_BYTES)));
  return list;
}
