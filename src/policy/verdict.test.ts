import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ApprovalRule } from '../model/decision.ts';
import { conjunction, mergeApprovals, type Verdict } from './verdict.ts';

const rules = fc.record({
  groups: fc.uniqueArray(fc.constantFrom('dba', 'ops', 'sec'), { minLength: 1 }),
  quorum: fc.integer({ min: 1, max: 3 }),
  expiresMs: fc.integer({ min: 1, max: 9 }),
});
const voters = fc.uniqueArray(
  fc.record({ id: fc.integer({ max: 9, min: 0 }), groups: fc.subarray(['dba', 'ops', 'sec']) }),
  { selector: (voter) => voter.id },
);

const satisfies = (rule: ApprovalRule, among: readonly { groups: readonly string[] }[]) =>
  among.filter((voter) => voter.groups.some((group) => rule.groups.includes(group))).length >= rule.quorum;

describe('merged approval rules', () => {
  test('whoever satisfies the merged rule satisfies each', () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 4 }), voters, (all, among) => {
        const merged = mergeApprovals(all);
        if (merged === undefined) return;
        expect(merged.groups.length).toBeGreaterThan(0);
        for (const rule of all) {
          expect(merged.expiresMs).toBeLessThanOrEqual(rule.expiresMs);
          if (satisfies(merged, among)) expect(satisfies(rule, among)).toBe(true);
        }
      }),
    );
  });

  test('one rule is itself, none is none', () => {
    const rule = { groups: ['dba'], quorum: 2, expiresMs: 5 };
    expect(mergeApprovals([rule])).toEqual(rule);
    expect(mergeApprovals([])).toBeUndefined();
  });
});

test.each([
  [['allow', 'allow'], 'allow'],
  [['allow', 'hold'], 'hold'],
  [['hold', 'deny', 'allow'], 'deny'],
] as const)('%j together: %s', (outcomes, together) => {
  const verdicts = outcomes.map(
    (outcome, subject): Verdict => ({ outcome, policies: [], failed: false, subject }),
  );
  expect(conjunction(verdicts).outcome).toBe(together);
});
