/**
 * Random queries over masked relations: whatever comes back, rows or error, must be the same on two databases that differ in
 * masked values only. Rows are compared as sets, since plans may order them differently.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MaskedDatabase, type Observation, seedOf } from './masked-database.ts';
import { randomQuery } from './random-query.ts';

const RUNS = Number(process.env.SLUICE_FUZZ_RUNS ?? 1_000);

let a: MaskedDatabase;
let b: MaskedDatabase;

beforeAll(async () => {
  a = await MaskedDatabase.create(seedOf('a'));
  b = await MaskedDatabase.create(seedOf('b'));
  for (const database of [a, b]) {
    await database.raw(`SET statement_timeout = '500ms'`);
    await database.freeze();
  }
});

afterAll(async () => {
  await a?.drop();
  await b?.drop();
});

/** With each result's rows in an order of their own. */
function unordered(seen: Observation): string {
  const sortRows = (key: string, value: unknown): unknown =>
    key === '2' && Array.isArray(value) ? value.map((row) => JSON.stringify(row)).sort() : value;
  return JSON.stringify(seen, sortRows);
}

it('shows the same on both', async () => {
  const counts = { answered: 0, failed: 0, refused: 0, telling: 0 };
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const query = randomQuery(seed);
      const [seenA, seenB] = [await a.masked(query), await b.masked(query)];
      // What takes too long may take a little longer on one of them.
      if (seenA.error?.startsWith('57014') || seenB.error?.startsWith('57014')) return;
      expect(unordered(seenA), query).toBe(unordered(seenB));
      counts[seenA.refused ? 'refused' : seenA.error ? 'failed' : 'answered'] += 1;
      if (seenA.refused === undefined && unordered(await a.raw(query)) !== unordered(await b.raw(query)))
        counts.telling += 1;
    }),
    { numRuns: RUNS },
  );
  if (process.env.SLUICE_FUZZ_RUNS) console.log(JSON.stringify(counts));
  // The queries are worth something: most run, and many of those tell the twins apart when they run as they are.
  expect(counts.answered).toBeGreaterThan(RUNS / 4);
  expect(counts.telling).toBeGreaterThan(RUNS / 10);
}, 3_600_000);
