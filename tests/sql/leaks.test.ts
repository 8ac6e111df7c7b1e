/**
 * Nobody observes a value they may not see: every attempt of the corpus first proves that it tells the twin databases apart
 * when it runs as it is; under masks it must be refused, or show the same on both.
 */
import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEAK_ATTEMPTS } from './leak-attempts.ts';
import { MaskedDatabase, type Observation, seedOf } from './masked-database.ts';

let a: MaskedDatabase;
let b: MaskedDatabase;

beforeAll(async () => {
  a = await MaskedDatabase.create(seedOf('a'));
  b = await MaskedDatabase.create(seedOf('b'));
});

afterAll(async () => {
  await a?.drop();
  await b?.drop();
});

type Way = 'raw' | 'masked';

/** Everything one visit shows, step by step; what it did is rolled back. */
async function visit(database: MaskedDatabase, steps: readonly string[], way: Way): Promise<Observation[]> {
  const seen: Observation[] = [];
  await database.raw('BEGIN');
  for (const step of steps) {
    await database.raw('SAVEPOINT step');
    const observation = await database[way](step);
    seen.push(observation);
    if (observation.error !== undefined) await database.raw('ROLLBACK TO step');
  }
  await database.raw('ROLLBACK');
  await database.raw('DISCARD ALL');
  return seen;
}

const outcomes = { answered: 0, refused: 0 };

describe.each(Object.entries(LEAK_ATTEMPTS))('%s', (_, attempts) => {
  it.each(attempts.map((attempt) => [attempt]))('%s', async (attempt) => {
    const steps = typeof attempt === 'string' ? [attempt] : attempt;
    const leaked = [await visit(a, steps, 'raw'), await visit(b, steps, 'raw')];
    expect(leaked[0], 'the attempt does not leak on the raw database').not.toEqual(leaked[1]);
    const [seenA, seenB] = [await visit(a, steps, 'masked'), await visit(b, steps, 'masked')];
    expect(seenA).toEqual(seenB);
    outcomes[seenA.some(({ refused }) => refused !== undefined) ? 'refused' : 'answered'] += 1;
    const file = process.env.SLUICE_LEAK_OUTCOMES;
    const shown = seenA.map(({ refused, error }) => refused ?? error ?? 'answered');
    if (file !== undefined) appendFileSync(file, `${JSON.stringify([steps, shown])}\n`);
  });
});

it('answers most of them', () => {
  expect(outcomes.answered).toBeGreaterThan(outcomes.refused);
});
