import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import { mergeApprovals } from '../policy/approval-rules.ts';
import { missingApprovals } from './quorum.ts';

const GROUPS = ['dba', 'ops', 'sec'];
const times = { expiresMs: fc.integer({ min: 1, max: 9 }) };
const plain = fc.record({
  groups: fc.uniqueArray(fc.constantFrom(...GROUPS), { minLength: 1 }),
  quorum: fc.integer({ min: 1, max: 3 }),
  ...times,
});
const seated = fc
  .record({
    seats: fc.uniqueArray(
      fc.record({
        groups: fc.constantFrom(...GROUPS).map((group) => [group]),
        count: fc.integer({ min: 1, max: 2 }),
      }),
      { selector: ({ groups }) => groups[0], minLength: 2 },
    ),
    ...times,
  })
  .map(({ seats, ...rest }) => ({
    ...rest,
    seats,
    groups: seats.flatMap(({ groups }) => groups),
    quorum: seats.reduce((sum, { count }) => sum + count, 0),
  }));
const rules = fc.oneof(plain, seated);
const voters = fc.uniqueArray(
  fc.record({ id: fc.integer({ max: 9, min: 0 }), groups: fc.subarray(GROUPS, { minLength: 1 }) }),
  { selector: (voter) => voter.id },
);

const satisfies = (rule: ApprovalRule, among: readonly { id: number; groups: string[] }[]) => {
  const votes = among.map(({ id, groups }) => ({ principal: `${id}`, verdict: 'approve', groups, at: 0 }));
  return missingApprovals({ rule, votes } as unknown as ApprovalRequest) === 0;
};

describe('merged approval rules', () => {
  test('whoever satisfies the merged rule satisfies each', () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 4 }), voters, (all, among) => {
        const merged = mergeApprovals(all) as ApprovalRule;
        for (const rule of all) {
          expect(merged.expiresMs).toBeLessThanOrEqual(rule.expiresMs);
          if (satisfies(merged, among)) expect(satisfies(rule, among)).toBe(true);
        }
      }),
    );
  });

  test('some crowd satisfies it', () => {
    const crowd = Array.from({ length: 30 }, (_, id) => ({ id, groups: [GROUPS[id % 3]!] }));
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 4 }), (all) =>
        satisfies(mergeApprovals(all) as ApprovalRule, crowd),
      ),
    );
  });

  test('one rule is itself, none is none', () => {
    const rule = { groups: ['dba'], quorum: 2, expiresMs: 5 };
    expect(mergeApprovals([rule])).toEqual(rule);
    expect(mergeApprovals([])).toBeUndefined();
  });

  test('the strictest of everything counts', () => {
    const a: ApprovalRule = {
      ...{ groups: ['dba'], quorum: 1, expiresMs: 100, validMs: 50, behalfMayAnswer: true },
      escalation: { groups: ['boss', 'ops'], afterMs: 10 },
    };
    const window = { days: [1], from: 0, to: 60, zone: 'UTC' };
    const b: ApprovalRule = {
      ...{ groups: ['dba', 'ops'], quorum: 2, expiresMs: 90, runWithin: [window] },
      escalation: { groups: ['boss'], afterMs: 20 },
    };
    expect(mergeApprovals([a, b])).toEqual({
      ...{ groups: ['dba'], quorum: 2, expiresMs: 90, validMs: 50, runWithin: [window] },
      escalation: { groups: ['boss'], afterMs: 20 },
    });
    const { escalation: _, ...alone } = b;
    expect(mergeApprovals([a, alone])?.escalation).toBeUndefined();
  });
});
