/** What one atom (one action on one thing) comes to, and how approval rules are merged. Pure. */
import type { ApprovalRule } from '../model/decision.ts';
import type { Policy } from './load.ts';

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
}

/**
 * The rule that satisfies every rule given: any `quorum` people of `groups` satisfy each of them. Undefined if no group is in
 * all of them, for then nobody could approve.
 */
export function mergeApprovals(rules: readonly ApprovalRule[]): ApprovalRule | undefined {
  const [first, ...rest] = rules;
  if (first === undefined) return undefined;
  const groups = first.groups.filter((group) => rest.every((rule) => rule.groups.includes(group)));
  if (groups.length === 0) return undefined;
  return {
    groups,
    quorum: Math.max(...rules.map((rule) => rule.quorum)),
    expiresMs: Math.min(...rules.map((rule) => rule.expiresMs)),
  };
}

/** All must agree: one denial denies, else one hold holds. Keeps the first of the deciding kind, joins holds and permits. */
export function conjunction(verdicts: readonly Verdict[]): Verdict {
  const denied = verdicts.find((verdict) => verdict.outcome === 'deny');
  if (denied !== undefined) return denied;
  const held = verdicts.filter((verdict) => verdict.outcome === 'hold');
  const deciding = held.length > 0 ? held : verdicts;
  const { lookupsPerHour: _, ...first } = deciding[0]!;
  const limits = deciding.flatMap(({ lookupsPerHour }) => lookupsPerHour ?? []);
  return {
    ...first,
    policies: distinct(deciding.flatMap((verdict) => verdict.policies)),
    // Whom one of the chain grants none has none.
    ...(limits.length < deciding.length ? {} : { lookupsPerHour: limits }),
  };
}

export function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
