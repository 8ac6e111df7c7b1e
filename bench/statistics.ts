/** Medians and quantiles. Pure. */

/** The value below which `share` (0 to 1) of `values` lie; NaN for none. Sorts a copy. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const [below, above] = [sorted[low] as number, sorted[Math.min(low + 1, sorted.length - 1)] as number];
  return below + (above - below) * (place - low);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
