/** Finds the name someone probably meant. */

/**
 * The candidate nearest to `name`, if it is near enough to be worth suggesting (a third of the letters may differ, at
 * least one), ignoring case. Undefined otherwise.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    const prefix = candidate.length >= 3 && (name.startsWith(candidate) || candidate.startsWith(name));
    const weighed = prefix ? Math.min(distance, bestDistance - 1) : distance;
    if (weighed < bestDistance) [best, bestDistance] = [candidate, weighed];
  }
  return best;
}

/** `Did you mean "x"?` where a name is near, otherwise `otherwise`. One sentence for a `fix`. */
export function didYouMean(name: string, candidates: Iterable<string>, otherwise: string): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? otherwise : `Did you mean "${nearest}"?`;
}

/** Edits (insert, delete, replace, swap neighbours) from `a` to `b`. Texts past 64 characters count as far apart. */
function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : replaced;
      current[j] = Math.min(above[j]! + 1, current[j - 1]! + 1, replaced, swapped);
    }
    before = above;
    above = current;
  }
  return above[b.length]!;
}
