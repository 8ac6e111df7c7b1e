import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalConnectionSlots, type SlotRefusal, slotRefused } from './connection-slots.ts';

const slots = () =>
  new LocalConnectionSlots({
    total: 4,
    ofPrincipal: (principal) => (principal === 'app' ? undefined : 2),
    ofDatabase: (database) => (database === 'small' ? 1 : undefined),
  });

test.each<[string, [string, string][], SlotRefusal]>([
  ['of all', Array.from({ length: 5 }, () => ['app', 'shop']), 'gateway'],
  [
    'of one principal',
    [
      ['bob', 'shop'],
      ['bob', 'other'],
      ['bob', 'shop'],
    ],
    'principal',
  ],
  [
    'of one database',
    [
      ['app', 'small'],
      ['bob', 'small'],
    ],
    'database',
  ],
])('bounds the sessions %s', (_, asked, refusal) => {
  const counted = slots();
  const answers = asked.map(([principal, database]) => counted.acquire(principal, database));
  expect(answers.pop()).toBe(refusal);
  for (const answer of answers) expect(answer).toBeTypeOf('function');
  const [principal, database] = asked.at(-1)!;
  expect(slotRefused(refusal, principal, database).sqlstate).toBe('53300');
});

test('whatever is taken and given back, the counts are those of what is held', () => {
  const step = fc.record({
    principal: fc.constantFrom('app', 'bob', 'anna'),
    database: fc.constantFrom('shop', 'small'),
    releases: fc.option(fc.nat(20), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const counted = slots();
      const held: { principal: string; database: string; release: () => void }[] = [];
      for (const { principal, database, releases } of steps) {
        if (releases !== undefined) {
          const [one] = held.splice(releases % Math.max(1, held.length), 1);
          one?.release();
          // Once more has no effect.
          one?.release();
          continue;
        }
        const count = (test: (one: (typeof held)[number]) => boolean) => held.filter(test).length;
        const fits =
          held.length < 4 &&
          (principal === 'app' || count((one) => one.principal === principal) < 2) &&
          (database !== 'small' || count((one) => one.database === 'small') < 1);
        const answer = counted.acquire(principal, database);
        expect(typeof answer === 'function').toBe(fits);
        if (typeof answer === 'function') held.push({ principal, database, release: answer });
      }
    }),
  );
});
