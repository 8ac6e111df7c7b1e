/** What one atom (one action on one thing) comes to. Pure. */
import type { RowLimit } from '../model/decision.ts';
import type { Policy } from './load.ts';
import { least } from './row-limits.ts';

export interface Verdict {
  readonly outcome: 'allow' | 'hold' | 'deny';
  /** The determining policies in order of the files; those that decide the outcome first. */
  readonly policies: readonly Policy[];
  /** True if evaluation failed: whatever the policies say, the answer is no. */
  readonly failed: boolean;
  /** Index into the asker's subjects: whom it was decided for. */
  readonly subject: number;
  /** If it is allowed to all subjects by permits that say how many lookups an hour: so many, subject by subject. */
  readonly lookupsPerHour?: readonly number[];
  /** If it may touch only so many rows. */
  readonly rowLimit?: RowLimit;
}

/** All must agree: one denial denies, else one hold holds. Keeps the first of the deciding kind, joins holds and permits. */
export function conjunction(verdicts: readonly Verdict[]): Verdict {
  const denied = verdicts.find((verdict) => verdict.outcome === 'deny');
  if (denied !== undefined) return denied;
  const held = verdicts.filter((verdict) => verdict.outcome === 'hold');
  const deciding = held.length > 0 ? held : verdicts;
  const { lookupsPerHour: _, rowLimit: __, ...first } = deciding[0]!;
  const rowLimit = least(verdicts.flatMap((verdict) => verdict.rowLimit ?? []));
  const limits = deciding.flatMap(({ lookupsPerHour }) => lookupsPerHour ?? []);
  return {
    ...first,
    policies: distinct(deciding.flatMap((verdict) => verdict.policies)),
    ...(rowLimit === undefined ? {} : { rowLimit }),
    // Whom one of the chain grants none has none.
    ...(limits.length < deciding.length ? {} : { lookupsPerHour: limits }),
  };
}

export function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
