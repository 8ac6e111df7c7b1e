/**
 * Ranges that numbers fall into, so that comparing takes sets only: 0 to 9 each, then for each digit of a decade the round number itself
 * and all up to the next. `>1000` and `<=50000` are exact unions; other limits split one range, whose items have to be looked at.
 */

/** Ranges in a decade from 10 on: nine round numbers, nine gaps. */
const PER_DECADE = 18;
const SINGLE = 10;

export interface Bucket {
  /** Both ends included. */
  readonly from: number;
  readonly to: number;
}

/** The number of a range. `value` is a non-negative integer. */
export function bucketOf(value: number): number {
  if (value < SINGLE) return value;
  let decade = 10;
  let power = 0;
  while (value >= decade * 10) {
    decade *= 10;
    power++;
  }
  const digit = Math.floor(value / decade);
  return SINGLE + power * PER_DECADE + (digit - 1) * 2 + (value === digit * decade ? 0 : 1);
}

/** The range of a number that `bucketOf` gave. */
export function bucketAt(number: number): Bucket {
  if (number < SINGLE) return { from: number, to: number };
  const [power, rest] = [Math.floor((number - SINGLE) / PER_DECADE), (number - SINGLE) % PER_DECADE];
  const decade = 10 ** (power + 1);
  const digit = Math.floor(rest / 2) + 1;
  const round = digit * decade;
  return rest % 2 === 0 ? { from: round, to: round } : { from: round + 1, to: round + decade - 1 };
}
