/**
 * `npm run fuzz -- [--minutes N] [--seed S] [--target name…]`: hostile clients and databases, without end, until the time is up or
 * something fails; then every split and every cut of every conversation. Prints each case that fails, with its seed, and writes it
 * to `tests/fuzz/seeds`, where `npm test` plays it from then on. Exits with 1 if anything failed.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { NAMES } from './conversations.ts';
import { cutAnswers, cutRequests, splitAllAnswers, splitRequests } from './splitting.ts';
import { openStage, type Stage } from './stage.ts';
import { type Failure, TARGETS, type Target } from './targets.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    target: { type: 'string', multiple: true, default: TARGETS.map(({ name }) => name) },
  },
});
const endAt = Date.now() + Number(values.minutes) * 60_000;
const firstSeed = Number(values.seed);
if (!Number.isFinite(endAt) || !Number.isInteger(firstSeed)) {
  console.error('usage: npm run fuzz -- [--minutes N] [--seed S] [--target name]');
  process.exit(2);
}

/** Cases of one call of fast-check: enough to matter, few enough that time is looked at often. */
const RUNS = 100;
/** Each has a hostile database of its own. */
const LANES = 3;

const played = new Map<string, number>();
let failures = 0;

function report(name: string, failure: Failure): void {
  failures += 1;
  const why = String(failure.error);
  const seed = { target: name, why: why.slice(0, 300), case: failure.case };
  const id = createHash('sha256').update(JSON.stringify(seed.case)).digest('hex').slice(0, 8);
  const file = join(import.meta.dirname, 'seeds', `${name}-${id}.json`);
  writeFileSync(file, `${JSON.stringify(seed, undefined, 2)}\n`);
  console.error(`${name} failed (seed ${failure.seed}): ${why}\nwritten to ${file}`);
}

async function runLane(stage: Stage, targets: readonly Target[], lane: number): Promise<void> {
  for (let turn = 0; Date.now() < endAt && failures === 0; turn += 1) {
    const target = targets[turn % targets.length]!;
    const seed = firstSeed + lane * 1_000_003 + turn;
    const failure = await target.check(stage, { seed, runs: RUNS, lane });
    played.set(target.name, (played.get(target.name) ?? 0) + RUNS);
    if (failure !== undefined) report(target.name, failure);
  }
}

async function splitAndCut(stage: Stage): Promise<void> {
  let places = (await splitAllAnswers(stage, NAMES)).reduce((sum, count) => sum + count, 0);
  for (const name of NAMES) {
    places += await splitRequests(stage.target, name);
    places += await cutRequests(stage, name);
    places += await cutAnswers(stage, name);
  }
  console.log(`${places} splits and cuts`);
}

const postgres = await startEmbeddedPostgres();
const { host, port, user, password } = postgres;
const stage = await openStage({ host, port, user, password, database: 'postgres' }, LANES);
console.log(`seed ${firstSeed}, ${values.minutes} minutes`);
try {
  const targets = TARGETS.filter(({ name }) => values.target.includes(name));
  await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(stage, targets, lane)));
  for (const [name, cases] of played) console.log(`${name}: ${cases} cases`);
  if (failures === 0) await splitAndCut(stage);
  stage.requireHealth();
} catch (thrown) {
  failures += 1;
  console.error(thrown);
} finally {
  await stage.close();
  await postgres.stop();
}
console.log(failures === 0 ? 'nothing failed' : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
