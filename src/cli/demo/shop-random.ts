/**
 * Deterministic randomness for the demo's data: the same seed gives the same shop on every machine.
 *
 * Never for anything secret.
 *
 * @see https://pracrand.sourceforge.net (sfc32)
 */

/** A stream of random choices. Every call moves it on. */
export interface ShopRandom {
  /** Whole number in [low, high]. */
  integer(low: number, high: number): number;
  /** One of `items`; the list must not be empty. */
  pick<Item>(items: readonly Item[]): Item;
  /** One of `items`, which are [item, weight]; weights need not add up to anything. */
  weighted<Item>(items: readonly (readonly [Item, number])[]): Item;
  /** True in `share` (0 to 1) of all calls. */
  chance(share: number): boolean;
  /** `length` decimal digits. */
  digits(length: number): string;
}

/** Starts a stream at `seed`, a 32-bit whole number. */
export function shopRandom(seed: number): ShopRandom {
  const next = sfc32(seed);
  const integer = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  const pick = <Item>(items: readonly Item[]): Item => items[integer(0, items.length - 1)] as Item;
  return {
    integer,
    pick,
    weighted: (items) => {
      let left = next() * items.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [item, weight] of items) {
        left -= weight;
        if (left < 0) return item;
      }
      return pick(items)[0];
    },
    chance: (share) => next() < share,
    digits: (length) => Array.from({ length }, () => integer(0, 9)).join(''),
  };
}

function sfc32(seed: number): () => number {
  let [a, b, c, counter] = [0x9e3779b9, 0x243f6a88, seed | 0, 1];
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 2 ** 32;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) next();
  return next;
}
