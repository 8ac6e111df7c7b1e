/**
 * `node --expose-gc bench/catalog.ts [--tables 10000]`: what a catalog snapshot of many tables costs in time, memory and pauses of the
 * event loop: when it is first loaded, when nothing has changed, and when one table has. Each table has a primary key, a
 * unique and a foreign key, and ten columns; every tenth a view and a function.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { createCatalogLoader, createParser } from '../src/sql/postgres/index.ts';

const { values } = parseArgs({ options: { tables: { type: 'string', default: '10000' } } });
const tables = Number(values.tables);
/** Objects a transaction: each holds locks until its end. */
const BATCH = 500;

const server = await startEmbeddedPostgres({ settings: { max_locks_per_transaction: '1024' } });
try {
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  for (let from = 0; from < tables; from += BATCH)
    await client.query(schemaOf(from, Math.min(from + BATCH, tables)));
  const parser = await createParser();
  const loader = createCatalogLoader(async (sql) => (await client.query(sql)).rows, parser);
  const before = heapMb();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const timed = async (name: string): Promise<void> => {
    delay.reset();
    delay.enable();
    const startedAt = performance.now();
    const { version } = await loader.load();
    const ms = performance.now() - startedAt;
    delay.disable();
    const pause = (delay.max / 1e6).toFixed(0);
    console.log(
      `${name}: ${ms.toFixed(0)} ms, longest pause ${pause} ms, ${(heapMb() - before).toFixed(0)} MB (version ${version})`,
    );
  };
  await timed(`first load of ${tables} tables`);
  await timed('nothing changed');
  const other = new pg.Client({ host, port, user, password, database: 'postgres' });
  await other.connect();
  await other.query('ALTER TABLE t_1 ADD COLUMN added int');
  await other.end();
  await timed('one table changed');
  await parser.close();
  await client.end();
} finally {
  await server.stop();
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

function heapMb(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
