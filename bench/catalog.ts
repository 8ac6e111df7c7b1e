/**
 * What a catalog snapshot of many tables costs in time, memory and pauses of the event loop: when it is first loaded, when nothing has
 * changed, when one table has, and when one is gone. Each table has a primary key, a unique and a foreign key, and ten columns; every tenth
 * a view and a function.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { createCatalogLoader, createParser } from '../src/sql/postgres/index.ts';
import type { LedgerFigure } from './ledger-figures.ts';

/** Objects a transaction: each holds locks until its end. */
const BATCH = 500;

/** Makes a server of its own with so many tables. */
export async function measureCatalog(
  tables: number,
  onProgress: (line: string) => void,
): Promise<LedgerFigure[]> {
  onProgress(`making ${tables} tables`);
  const server = await startEmbeddedPostgres({ settings: { max_locks_per_transaction: '1024' } });
  try {
    const { host, port, user, password } = server;
    const client = new pg.Client({ host, port, user, password, database: 'postgres' });
    await client.connect();
    for (let from = 0; from < tables; from += BATCH)
      await client.query(schemaOf(from, Math.min(from + BATCH, tables)));
    await client.query('ANALYZE');
    onProgress('loading the catalog');
    const figures = await measureLoads(client, tables);
    await client.end();
    return figures;
  } finally {
    await server.stop();
  }
}

async function measureLoads(client: pg.Client, tables: number): Promise<LedgerFigure[]> {
  const { host, port, user, password } = client;
  const reader = new pg.Client({ host, port, user, password: password ?? '', database: 'postgres' });
  await reader.connect();
  const parser = await createParser();
  const loader = createCatalogLoader(async (sql) => (await reader.query(sql)).rows, parser);
  const before = heapMb();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const timed = async (name: string, aim: string): Promise<LedgerFigure> => {
    delay.reset();
    delay.enable();
    const startedAt = performance.now();
    await loader.load();
    const ms = performance.now() - startedAt;
    delay.disable();
    return { name, value: `${ms.toFixed(0)} ms, longest pause ${(delay.max / 1e6).toFixed(0)} ms`, aim };
  };
  try {
    const first = await timed(`first load of ${tables} tables`, '2000 ms');
    const memory = { name: '… in memory', value: `${(heapMb() - before).toFixed(0)} MB`, aim: '100 MB' };
    const same = await timed('nothing has changed', '');
    await client.query('ALTER TABLE t_1 ADD COLUMN added int');
    const changed = await timed('one table has changed', '');
    await client.query(`DROP TABLE t_${tables - 1} CASCADE`);
    return [first, memory, same, changed, await timed('one table is gone', '')];
  } finally {
    await parser.close();
    await reader.end();
  }
}

function schemaOf(from: number, to: number): string {
  const statements: string[] = [];
  for (let i = from; i < to; i += 1) {
    const parent = i === 0 ? '' : `, t_${i - 1}_id int REFERENCES t_${i - 1} (id)`;
    const columns = ['email', 'name', 'city', 'note', 'plan', 'phone']
      .map((name) => `${name} text`)
      .join(', ');
    statements.push(
      `CREATE TABLE t_${i} (id int PRIMARY KEY, code text UNIQUE, ${columns}, made timestamptz DEFAULT now()${parent});`,
    );
    if (i % 10 !== 0) continue;
    statements.push(
      `CREATE VIEW v_${i} AS SELECT id, upper(email) AS email FROM t_${i} WHERE plan = 'pro';`,
      `CREATE FUNCTION f_${i}(int) RETURNS text LANGUAGE sql AS 'SELECT name FROM t_${i} WHERE id = $1';`,
    );
  }
  return statements.join('\n');
}

/** What is left after the garbage was collected, which takes a flag. */
function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
