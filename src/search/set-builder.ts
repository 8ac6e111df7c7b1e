/** Gathers the sets of one chunk, term by term. */
import { type Bits, CHUNK_ITEMS, encodeNumbers, noBits, numbersIn, setBit } from './bitmap.ts';

/** From so many on, bits take less room than numbers. */
const DENSE = CHUNK_ITEMS / 16;

export class SetBuilder {
  readonly #sets = new Map<number, number[] | Bits>();

  /** The numbers, within the chunk, have the term. */
  add(term: number, numbers: readonly number[]): void {
    const set = this.#sets.get(term);
    if (set === undefined) this.#sets.set(term, [...numbers]);
    else if (set instanceof Uint32Array) for (const number of numbers) setBit(set, number);
    else if (set.length + numbers.length < DENSE) set.push(...numbers);
    else this.#sets.set(term, bitsOf([...set, ...numbers]));
  }

  encoded(): ReadonlyMap<number, Uint8Array> {
    return new Map(
      [...this.#sets].map(([term, set]) => [
        term,
        // The same number may have come twice.
        encodeNumbers(numbersIn(set instanceof Uint32Array ? set : bitsOf(set))),
      ]),
    );
  }
}

function bitsOf(numbers: readonly number[]): Bits {
  const bits = noBits();
  for (const number of numbers) setBit(bits, number);
  return bits;
}
