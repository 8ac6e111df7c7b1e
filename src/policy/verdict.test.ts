import { expect, test } from 'vitest';
import { conjunction, type Verdict } from './verdict.ts';

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
