import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Change, NameSpace, UNANSWERED } from './name-space.ts';

const space = () => new NameSpace<string>((meaning) => meaning.length);

test('a meaning counts for what follows it up to the next Sync, and beyond once it is answered', () => {
  const names = space();
  const change = names.change('a', 'one', 0);
  expect(names.get('a', 0)).toBe('one');
  expect(names.get('a', 1)).toBe(UNANSWERED);
  change.settle(true);
  expect(names.get('a', 1)).toBe('one');
});

test('what failed leaves what was there', () => {
  const names = space();
  names.set('a', 'one');
  names.change('a', 'two', 0).settle(false);
  names.change('a', undefined, 0).settle(false);
  expect(names.get('a', 1)).toBe('one');
});

test('weighs what it holds and what it may come to hold', () => {
  const names = space();
  names.set('a', 'four');
  const change = names.change('a', 'sevenfold', 0);
  expect(names.weight).toBe(13);
  change.settle(true);
  expect(names.weight).toBe(9);
  names.forget((meaning) => meaning === 'sevenfold');
  expect([names.weight, names.size]).toEqual([0, 0]);
});

/** What a client does; `answers` says how many answers have come by then. */
type Step =
  | { readonly do: 'make' | 'close' | 'use'; readonly name: string; readonly answers: number }
  | { readonly do: 'fail' | 'sync'; readonly answers: number };

interface Sent {
  readonly step: Step;
  readonly meaning: string;
  readonly believed: string | undefined;
  readonly change: Change<string> | undefined;
}

/** A database: it refuses to make a name that exists, and after an error skips up to the next Sync. */
class Database {
  readonly names = new Map<string, string>();
  skipping = false;

  answer({ step, meaning, believed, change }: Sent): void {
    if (step.do === 'sync') this.skipping = false;
    if (this.skipping || step.do === 'fail' || (step.do === 'make' && this.names.has(step.name))) {
      change?.settle(false);
      this.skipping = step.do !== 'sync' && (this.skipping || step.do !== 'use');
      return;
    }
    if (step.do === 'make') this.names.set(step.name, meaning);
    else if (step.do === 'close') this.names.delete(step.name);
    else if (step.do === 'use' && this.names.has(step.name)) expect(believed).toBe(this.names.get(step.name));
    change?.settle(true);
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('make' as const, 'close' as const, 'use' as const),
    name: fc.constantFrom('a', 'b'),
    answers: fc.nat(2),
  }),
  fc.record({ do: fc.constantFrom('fail' as const, 'sync' as const), answers: fc.nat(2) }),
);

test('whatever fails and whenever answers come, what is used is what the database uses', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const names = space();
      const database = new Database();
      const owed: Sent[] = [];
      let segment = 0;
      const answer = (count: number): void => {
        for (const sent of owed.splice(0, count)) database.answer(sent);
      };
      steps.forEach((one, i) => {
        answer(one.answers);
        if (one.do === 'sync') segment += 1;
        let believed: string | undefined;
        if (one.do === 'use') {
          if (names.get(one.name, segment) === UNANSWERED) answer(owed.length);
          believed = names.get(one.name, segment) as string | undefined;
        }
        const meaning = `m${i}`;
        const change =
          one.do === 'make' || one.do === 'close'
            ? names.change(one.name, one.do === 'make' ? meaning : undefined, segment)
            : undefined;
        owed.push({ step: one, meaning, believed, change });
      });
      answer(owed.length);
      expect(names.size).toBe(database.names.size);
      for (const [name, meaning] of database.names) expect(names.get(name, segment)).toBe(meaning);
    }),
    { numRuns: 2_000 },
  );
});
