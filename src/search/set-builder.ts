/** Gathers the sets of one chunk, term by term. */
import { CHUNK_ITEMS, encodeBits, encodeNumbers, noBits, setBit } from './bitmap.ts';

/** From so many on, bits take less room than numbers. */
const DENSE = CHUNK_ITEMS / 16;

/** Numbers of several lists, which may hold the same. */
interface Gathered {
  readonly lists: (readonly number[])[];
  count: number;
}

export class SetBuilder {
  readonly #sets = new Map<number, Gathered>();

  /** The numbers, within the chunk and ascending, have the term. They are kept as they are. */
  add(term: number, numbers: readonly number[]): void {
    const set = this.#sets.get(term);
    if (set === undefined) {
      this.#sets.set(term, { lists: [numbers], count: numbers.length });
      return;
    }
    set.lists.push(numbers);
    set.count += numbers.length;
  }

  encoded(): ReadonlyMap<number, Uint8Array> {
    return new Map([...this.#sets].map(([term, set]) => [term, encodedSet(set)]));
  }
}

function encodedSet({ lists, count }: Gathered): Uint8Array {
  if (lists.length === 1) return encodeNumbers(lists[0] as readonly number[]);
  if (count < DENSE) {
    const all = new Uint16Array(count);
    let at = 0;
    for (const list of lists) for (const number of list) all[at++] = number;
    all.sort();
    return encodeNumbers([...all].filter((number, index) => number !== all[index - 1]));
  }
  const bits = noBits();
  for (const list of lists) for (const number of list) setBit(bits, number);
  return encodeBits(bits);
}
