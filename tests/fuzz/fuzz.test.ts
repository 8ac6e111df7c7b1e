/**
 * A few hundred hostile peers, and every case that has ever failed (`seeds/`). `npm run fuzz -- --minutes N` plays as many as fit; what it
 * finds belongs into `seeds/`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { NAMES } from './conversations.ts';
import { cutAnswers, cutRequests, splitAllAnswers, splitRequests } from './splitting.ts';
import { openStage, type Stage } from './stage.ts';
import { TARGETS } from './targets.ts';

const SEED = Number(process.env.SLUICE_SEED ?? 20_261);
const RUNS: Readonly<Record<string, number>> = {
  decoding: 800,
  scram: 300,
  startup: 15,
  client: 60,
  database: 30,
};
/** The gate reads the catalog of each. */
const HOSTILE_DATABASES = 4;
const SEEDS = join(import.meta.dirname, 'seeds');

let database: TestDatabase;
let stage: Stage;
beforeAll(async () => {
  database = await createDatabase('fuzz');
  stage = await openStage(database.connection, HOSTILE_DATABASES);
});
afterAll(async () => {
  await stage.close();
  await database.drop();
});

describe.each(TARGETS)('$name', (target) => {
  test('random cases', { timeout: 180_000 }, async () => {
    const failure = await target.check(stage, { seed: SEED, runs: RUNS[target.name]!, lane: 0 });
    expect(failure && `${JSON.stringify(failure.case)}\n${failure.error}`).toBeUndefined();
  });
});

interface Seed {
  readonly target: string;
  /** What went wrong then. */
  readonly why: string;
  readonly case: unknown;
}
const seeds = readdirSync(SEEDS).filter((file) => file.endsWith('.json'));
test.each(seeds)('%s', async (file) => {
  const seed = JSON.parse(readFileSync(join(SEEDS, file), 'utf8')) as Seed;
  const target = TARGETS.find(({ name }) => name === seed.target);
  expect(target, seed.target).toBeDefined();
  await target!.replay(stage, seed.case);
});

describe('a conversation that arrives in two parts is answered as one that does not', () => {
  test('wherever the client’s messages are parted', { timeout: 180_000 }, async () => {
    const counts = await Promise.all(NAMES.map((name) => splitRequests(stage.target, name)));
    expect(Math.min(...counts)).toBeGreaterThan(10);
    stage.requireHealth();
  });

  test('wherever the database’s answers are parted', { timeout: 180_000 }, async () => {
    const counts = await splitAllAnswers(stage, NAMES);
    expect(Math.min(...counts)).toBeGreaterThan(10);
    stage.requireHealth();
  });
});

describe('a conversation that ends anywhere leaves nothing open', () => {
  test.each(['a simple query', 'COPY in'])('its client goes away: %s', { timeout: 180_000 }, async (name) => {
    expect(await cutRequests(stage, name)).toBeGreaterThan(10);
  });

  test('its database goes away', { timeout: 180_000 }, async () => {
    expect(await cutAnswers(stage, 'a simple query')).toBeGreaterThan(10);
  });
});
