/** Holds the parts of a log, too large for their entries, against what the entries commit to. */
import { hash as digest } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { asidePath } from './entry-part.ts';
import { partPath } from './tile.ts';
import type { TileSource } from './tile-store.ts';

/** What is wrong with a part; without a file, with the entry that names it. */
export interface PartFault {
  readonly file?: string;
  readonly reason: string;
}

const NAMED = '"part":"';
/** Parts that were seen to be right: the same statement is often asked again. */
const MAX_KNOWN = 10_000;

/** True if an entry among these bytes may have a part: texts of others cannot hold this, for their quotes are escaped. */
export function mayHaveParts(bytes: Buffer): boolean {
  return bytes.includes(NAMED);
}

export class PartCheck {
  readonly #source: TileSource;
  readonly #known = new LRUCache<string, true>({ max: MAX_KNOWN });

  constructor(source: TileSource) {
    this.#source = source;
  }

  /**
   * What is wrong with the part of an entry, if it has one.
   * @param mayBeGone the log records that the entry goes, and its part with it
   */
  async check(entry: Buffer, mayBeGone: boolean): Promise<PartFault | undefined> {
    const named = mayHaveParts(entry) ? partOf(entry) : undefined;
    if (named === undefined) return undefined;
    if (typeof named !== 'string' || !/^[0-9a-f]{64}$/.test(named))
      return { reason: 'the entry names a part that is none' };
    if (this.#known.has(named)) return undefined;
    const bytes = await this.#read(named);
    if (bytes === undefined)
      return mayBeGone ? undefined : { file: partPath(named), reason: 'the part of the entry is missing' };
    if (digest('sha256', bytes, 'hex') !== named)
      return { file: partPath(named), reason: 'the part is not the one that was signed' };
    this.#known.set(named, true);
    return undefined;
  }

  /** While entries are pruned, parts are set aside, and may be put back. */
  async #read(hash: string): Promise<Buffer | undefined> {
    for (const path of [partPath(hash), asidePath(hash), partPath(hash)]) {
      const bytes = await this.#source.read(path);
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }
}

function partOf(entry: Buffer): unknown {
  try {
    return (JSON.parse(entry.toString('utf8')) as { part?: unknown } | null)?.part;
  } catch {
    // No entry that anybody can read: it is what was signed, and names nothing.
    return undefined;
  }
}
