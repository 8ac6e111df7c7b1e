/**
 * Random statements of every kind, through the gate: every message, error field, row, order and row description must be the same on
 * two databases that differ only in what masks hide. `npm run noninterference -- --minutes 30 --seed 7` goes on for longer.
 *
 * Without ORDER BY the planner decides about the order of rows, by statistics of the real values (docs/threat-model.md). Here the
 * databases have none, so that orders can be required to be the same; what EXPLAIN says is compared with statistics as well.
 *
 * Seeds that failed once are in `noninterference-seeds.json` and are played first.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { query } from '../support/frames.ts';
import type { WireClient } from '../support/wire-client.ts';
import { type Choices, choicesOf, statementOf } from './random-statement.ts';
import { errorOf, isRefusal, linesOf, type Part, play, startTwins, type TwinGates } from './twin-gates.ts';

const STATEMENTS = Number(process.env.SLUICE_STATEMENTS ?? 10_000);
const MINUTES = Number(process.env.SLUICE_MINUTES ?? 0);
const FIRST_SEED = Number(process.env.SLUICE_SEED ?? 1);
const BATCH = 50;
/** One statement of so many is played on the databases themselves, too: are they worth anything? */
const RAW_SHARE = 20;

const KNOWN = JSON.parse(
  readFileSync(new URL('noninterference-seeds.json', import.meta.url), 'utf8'),
) as readonly { readonly seed: number; readonly why: string }[];

const FORGET = `
  DELETE FROM pg_statistic WHERE starelid >= 16384;
  DELETE FROM pg_statistic_ext_data;`;

type Side = 'maskedA' | 'maskedB' | 'rawA' | 'rawB';
let twins: TwinGates;
let clients: Record<Side, WireClient>;
const counts = { statements: 0, answered: 0, failed: 0, refused: 0, slow: 0, raw: 0, telling: 0 };
const byKind = new Map<string, number>();

async function connect(): Promise<void> {
  for (const client of Object.values(clients ?? {})) client.close();
  clients = {
    maskedA: await twins.a.masked(),
    maskedB: await twins.b.masked(),
    rawA: await twins.a.raw(),
    rawB: await twins.b.raw(),
  };
  for (const client of Object.values(clients)) await play(client, `SET statement_timeout = '2s'`);
}

beforeAll(async () => {
  twins = await startTwins();
  for (const { database } of [twins.a, twins.b]) await database.query(FORGET);
  await connect();
});

afterAll(async () => {
  for (const client of Object.values(clients ?? {})) client.close();
  await twins?.stop();
  const { statements, answered, failed, refused, slow, raw, telling } = counts;
  console.log(
    `${statements} random statements told the same on both: ${answered} answered, ${failed} failed in the database, ` +
      `${refused} refused, ${slow} too slow; of ${raw} played on the databases themselves ${telling} tell them apart`,
  );
  console.log([...byKind].map(([kind, n]) => `${kind} ${n}`).join(', '));
});

const framesOf = (part: Part): readonly Buffer[] => (typeof part === 'string' ? [query(part)] : part);

/** What each statement is told, each in a transaction that is rolled back; all are sent at once. */
async function conversation(
  client: WireClient,
  all: readonly (readonly Part[])[],
): Promise<BackendMessage[][]> {
  const frames = all.flatMap((parts) => [
    query('BEGIN'),
    ...parts.flatMap(framesOf),
    query('ROLLBACK'),
    query('DEALLOCATE ALL'),
  ]);
  const messages = await play(client, frames);
  const told: BackendMessage[][] = [];
  let current: BackendMessage[] = [];
  for (const message of messages) {
    current.push(message);
    if (message.type !== 'CommandComplete' || !message.tag.startsWith('DEALLOCATE ALL')) continue;
    told.push(current);
    current = [];
  }
  return told;
}

const isSlow = (messages: readonly BackendMessage[]): boolean =>
  messages.some((message) => message.type === 'ErrorResponse' && message.fields.get('C') === '57014');

async function requireSame(seeds: readonly number[]): Promise<void> {
  const different = await firstDifference(seeds.map(choicesOf));
  if (different !== undefined) await shrink(seeds[different]!);
}

/** Whether a statement leaves versions of rows behind, of other lengths on either side. */
function makesRoom(seed: number): boolean {
  return /\b(UPDATE \w+ SET|INSERT INTO|MERGE INTO)\b/.test(textOf(statementOf(choicesOf(seed)).parts));
}

/** What was rolled back takes room, and the planner looks how much there is. */
async function sweep(): Promise<void> {
  for (const { database } of [twins.a, twins.b])
    await database.query('VACUUM customers, orders, plans, people, invites');
}

/** Lets the planner know all about the values, while `work` goes on. */
async function withStatistics(work: () => Promise<void>): Promise<void> {
  for (const { database } of [twins.a, twins.b]) await database.query('ANALYZE');
  await work();
  for (const { database } of [twins.a, twins.b]) await database.query(FORGET);
}

/** The first of the statements that is told something else on the other side. */
async function firstDifference(all: readonly Choices[]): Promise<number | undefined> {
  const made = all.map(statementOf);
  const parts = made.map((one) => one.parts);
  const [a, b] = await Promise.all([
    conversation(clients.maskedA, parts),
    conversation(clients.maskedB, parts),
  ]);
  expect([a.length, b.length]).toEqual([all.length, all.length]);
  for (const [i, told] of a.entries()) {
    const error = errorOf(told);
    counts.statements += 1;
    byKind.set(made[i]!.kind, (byKind.get(made[i]!.kind) ?? 0) + 1);
    if (isSlow(told) || isSlow(b[i]!)) {
      counts.slow += 1;
      continue;
    }
    if (linesOf(told).join('\n') !== linesOf(b[i]!).join('\n')) return i;
    counts[error === undefined ? 'answered' : isRefusal(error) ? 'refused' : 'failed'] += 1;
  }
  return undefined;
}

/** How many of the statements tell the databases apart when nothing is masked. */
async function countTelling(all: readonly Choices[]): Promise<void> {
  const parts = all.map((choices) => statementOf(choices).parts);
  const [a, b] = [await conversation(clients.rawA, parts), await conversation(clients.rawB, parts)];
  counts.raw += all.length;
  counts.telling += a.filter((told, i) => linesOf(told).join('\n') !== linesOf(b[i]!).join('\n')).length;
}

/** Makes the statement as small as it gets, and fails with it. */
async function shrink(seed: number): Promise<never> {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(65_535), { maxLength: 400 }), async (choices) => {
      await connect();
      const { parts } = statementOf(choices);
      const [a] = await conversation(clients.maskedA, [parts]);
      const [b] = await conversation(clients.maskedB, [parts]);
      if (isSlow(a!) || isSlow(b!)) return;
      expect(linesOf(b!), `seed ${seed}: ${textOf(parts)}`).toEqual(linesOf(a!));
    }),
    { numRuns: 1, examples: [[[...choicesOf(seed)]]], interruptAfterTimeLimit: 120_000 },
  );
  throw new Error(
    `seed ${seed}: told differently once, but not again: ${textOf(statementOf(choicesOf(seed)).parts)}`,
  );
}

function textOf(parts: readonly Part[]): string {
  return parts
    .map((part) =>
      typeof part === 'string'
        ? part
        : Buffer.concat([...part])
            .toString('latin1')
            .replace(/[^ -~]+/g, ' '),
    )
    .join(' ⏵ ');
}

it('tells the same on both, where it once did not', async () => {
  const seeds = KNOWN.map(({ seed }) => seed);
  for (const seed of seeds) {
    await requireSame([seed]);
    await sweep();
  }
});

it('tells the same in plans, with statistics', async () => {
  const plans = Array.from({ length: STATEMENTS }, (_, i) => 10_000_000 + i)
    .filter((seed) => statementOf(choicesOf(seed)).kind === 'explain')
    .slice(0, STATEMENTS / 40);
  await withStatistics(async () => {
    for (let at = 0; at < plans.length; at += BATCH) {
      const seeds = plans.slice(at, at + BATCH);
      await requireSame(seeds);
    }
  });
}, 600_000);

it(
  'tells the same on both',
  async () => {
    const end = Date.now() + MINUTES * 60_000;
    for (
      let seed = FIRST_SEED;
      MINUTES > 0 ? Date.now() < end : seed < FIRST_SEED + STATEMENTS;
      seed += BATCH
    ) {
      const seeds = Array.from({ length: BATCH }, (_, i) => seed + i);
      await requireSame(seeds.filter((each) => !makesRoom(each)));
      for (const each of seeds.filter(makesRoom)) {
        await requireSame([each]);
        await sweep();
      }
      await countTelling(seeds.filter((each) => each % RAW_SHARE === 0).map(choicesOf));
      await sweep();
    }
    // The statements are worth something: most run, and many of those would tell the twins apart.
    expect(counts.answered).toBeGreaterThan(counts.statements / 4);
    expect(counts.telling).toBeGreaterThan(counts.raw / 10);
  },
  Math.max(1_800_000, MINUTES * 90_000),
);
