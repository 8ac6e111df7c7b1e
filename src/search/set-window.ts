/** Sets of chunks that are looked at one after the other: where a question costs a journey, one brings those of several chunks. Holds bounded room. */
import { LRUCache } from 'lru-cache';
import type { ChunkRange, FoundSet, IndexReader } from './index-storage.ts';

/** Sets that one question may bring, of some 4 KiB at most. */
const MAX_SETS = 2048;
/** Held at once for all terms together. */
const KEPT_BYTES = 32 * 1024 * 1024;
const NONE: readonly FoundSet[] = [];

/** What was brought for some terms. */
interface Brought {
  readonly chunks: number;
  readonly byChunk: ReadonlyMap<number, readonly FoundSet[]>;
}

export class SetWindow {
  readonly #reader: IndexReader;
  readonly #ranges: readonly ChunkRange[];
  readonly #step: 1 | -1;
  readonly #brought = new LRUCache<string, Brought>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ byChunk }, key) => key.length + sizeOf(byChunk),
  });

  /** @param order of the chunks that will be asked for: the window lies before them */
  constructor(reader: IndexReader, ranges: readonly ChunkRange[], order: 'newest' | 'oldest') {
    this.#reader = reader;
    this.#ranges = ranges;
    this.#step = order === 'newest' ? -1 : 1;
  }

  /** The sets that these terms have in a sealed chunk. */
  async of(terms: readonly number[], chunk: number): Promise<readonly FoundSet[]> {
    if (terms.length === 0) return NONE;
    if (this.#reader.chunksAtOnce === 1) return this.#reader.sets([chunk], terms);
    const key = terms.join();
    const brought = this.#brought.get(key);
    const found = brought?.byChunk.get(chunk);
    if (found !== undefined) return found;
    // Twice as many each time: whoever wants one page does not wait for all.
    const most = Math.min(this.#reader.chunksAtOnce, Math.ceil(MAX_SETS / terms.length));
    const chunks = this.#from(chunk, Math.min(most, 2 * (brought?.chunks ?? 1)));
    const byChunk = new Map<number, FoundSet[]>(chunks.map((one) => [one, []]));
    for (const set of await this.#reader.sets(chunks, terms)) byChunk.get(set.chunk)?.push(set);
    this.#brought.set(key, { chunks: chunks.length, byChunk });
    return byChunk.get(chunk) ?? NONE;
  }

  #from(chunk: number, count: number): number[] {
    const chunks: number[] = [];
    for (let at = chunk; chunks.length < count && at >= 0 && at < this.#ranges.length; at += this.#step)
      chunks.push(at);
    return chunks;
  }
}

function sizeOf(byChunk: Brought['byChunk']): number {
  let size = 100;
  for (const sets of byChunk.values())
    for (const { bits, numbers } of sets) size += 100 + bits.length + (numbers?.length ?? 0);
  return size;
}
