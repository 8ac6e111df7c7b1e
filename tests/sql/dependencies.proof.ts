/**
 * The columns that our analysis says a query reads, against those PostgreSQL records for a view over the same query: for
 * thousands of random queries and the everyday ones of applications. They must be equal, but for one rule: a row that is used as a
 * whole is all of its columns to us, and the relation alone to PostgreSQL.
 */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from './analysis-session.ts';
import { createRandom, Generator } from './random-query.ts';
import { type Recorded, recordedReads } from './recorded-reads.ts';
import { MORE_SCHEMA, SCHEMA } from './twin-schema.ts';
import { EVERYDAY } from './workload/everyday.ts';

const RANDOM_QUERIES = Number(process.env.SLUICE_STATEMENTS ?? 6_000);

let session: AnalysisSession;
let client: pg.Client;
const counts = { equal: 0, wholeRow: 0, notTaken: 0 };

beforeAll(async () => {
  session = await openAnalysisSession(`${SCHEMA}\n${MORE_SCHEMA}`);
  client = await session.database.client();
});

afterAll(async () => {
  await session?.close();
  const { equal, wholeRow, notTaken } = counts;
  console.log(
    `${equal + wholeRow} queries read the columns that PostgreSQL records: ${equal} exactly, ${wholeRow} with a row as a ` +
      `whole; ${notTaken} are no view to PostgreSQL`,
  );
});

/** Our reads and theirs are the same, or the rule of whole rows explains the rest. */
function compare(query: string, ours: readonly string[], { columns, usesWholeRow }: Recorded): void {
  const missed = columns.filter((column) => !ours.includes(column));
  expect(missed, `${query}: PostgreSQL records more`).toEqual([]);
  const more = ours.filter((column) => !columns.includes(column));
  if (more.length === 0) {
    counts.equal += 1;
    return;
  }
  expect(usesWholeRow, `${query}: only we say it reads ${more}`).toBe(true);
  const relations = new Set(more.map((column) => column.slice(0, column.lastIndexOf('.'))));
  for (const relation of relations) {
    const [schema, name] = relation.split('.') as [string, string];
    const all = session.catalog.relation(schema, name)!.columns.map((column) => `${relation}.${column.name}`);
    const told = ours.filter((column) => column.startsWith(`${relation}.`));
    expect(told, `${query}: the whole row of ${relation}`).toEqual(expect.arrayContaining(all));
  }
  counts.wholeRow += 1;
}

async function check(query: string): Promise<void> {
  // The names of its columns may repeat; those of a view may not.
  const wrapped = `SELECT 1 AS one FROM (${query}) AS q`;
  const recorded = await recordedReads(client, wrapped);
  if (recorded === undefined) {
    counts.notTaken += 1;
    return;
  }
  const [statement] = (await session.analyze(wrapped)).statements;
  const ours = statement!.facts.relations.flatMap(({ relation, reads }) =>
    reads.map((column) => `${relation}.${column}`),
  );
  compare(query, [...new Set(ours)], recorded);
}

it('agrees with PostgreSQL on random queries', async () => {
  for (let seed = 1; seed <= RANDOM_QUERIES; seed += 1) {
    await check(new Generator(createRandom(seed), undefined, true).anyQuery(3));
  }
  expect(counts.equal).toBeGreaterThan(RANDOM_QUERIES / 3);
}, 600_000);

it('agrees with PostgreSQL on everyday queries', async () => {
  const before = counts.equal + counts.wholeRow;
  const queries = EVERYDAY.filter((text) => /^\s*(SELECT|WITH|TABLE|VALUES)\b/i.test(text));
  for (const text of queries) await check(text);
  expect(counts.equal + counts.wholeRow - before).toBeGreaterThan(queries.length * 0.8);
});
