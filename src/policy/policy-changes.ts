/** What differs between two sets of policies, policy by policy. Pure. */

/** As much of a policy as a comparison takes. */
export interface PolicyTextOf {
  readonly id: string;
  readonly file: string;
  readonly text: string;
}

/** `before` is absent for a new policy, `after` for one that is gone. */
export interface PolicyChange {
  readonly id: string;
  readonly file: string;
  readonly before?: string;
  readonly after?: string;
}

/**
 * New ones and changed ones in the order they stand in, then those that are gone. A policy that only moved did not change: one without a
 * name of its own is called after its place, and what stands before it may come and go.
 */
export function policyChanges(
  before: readonly PolicyTextOf[],
  after: readonly PolicyTextOf[],
): PolicyChange[] {
  const unmatched = new Map<string, number>();
  for (const one of before) unmatched.set(keyOf(one), (unmatched.get(keyOf(one)) ?? 0) + 1);
  const fresh = after.filter((one) => !take(unmatched, keyOf(one)));
  const former = new Map(before.filter((one) => take(unmatched, keyOf(one))).map((one) => [one.id, one]));
  const changes = fresh.map(({ id, file, text }): PolicyChange => {
    const old = former.get(id);
    former.delete(id);
    return { id, file, ...(old === undefined ? {} : { before: old.text }), after: text };
  });
  const gone = [...former.values()].map(({ id, file, text }): PolicyChange => ({ id, file, before: text }));
  return [...changes, ...gone];
}

/** Unnamed policies are the same wherever they stand in their file. */
function keyOf({ id, file, text }: PolicyTextOf): string {
  const name = id.startsWith(`${file}#`) ? '' : id;
  return JSON.stringify([name, file, text]);
}

function take(counts: Map<string, number>, key: string): boolean {
  const count = counts.get(key) ?? 0;
  if (count > 0) counts.set(key, count - 1);
  return count > 0;
}
