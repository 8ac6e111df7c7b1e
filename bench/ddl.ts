/**
 * What DDL costs through the gate: a migration of tables, columns, indexes, functions, views and drops, statement by statement, direct and
 * through a gateway process of its own, in turns. Aim: a migration of 500 statements is not felt.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { startGatewayProcess } from '../tests/support/gateway-process.ts';
import type { LedgerFigure } from './ledger-figures.ts';
import { median } from './statistics.ts';

const PERMIT_ALL = 'permit (principal, action, resource);';

/** One table's life; `$N` is its number. */
const LIFE: readonly (readonly [kind: string, text: string])[] = [
  [
    'CREATE TABLE',
    'CREATE TABLE m$N (id int PRIMARY KEY, email text NOT NULL, total numeric(10,2), made timestamptz DEFAULT now())',
  ],
  ['CREATE INDEX', 'CREATE INDEX m$N_email ON m$N (email)'],
  ['ALTER TABLE', 'ALTER TABLE m$N ADD COLUMN note text, ADD CHECK (total > 0)'],
  ['CREATE VIEW', 'CREATE VIEW v$N AS SELECT id, upper(email) AS email FROM m$N'],
  [
    'CREATE FUNCTION',
    "CREATE FUNCTION f$N(int) RETURNS text LANGUAGE sql AS 'SELECT email FROM m$N WHERE id = $1'",
  ],
  ['DROP', 'DROP FUNCTION f$N'],
  ['DROP', 'DROP VIEW v$N'],
];

/** @param tables how many lives, each of seven statements; the tables stay */
export async function measureDdl(tables: number): Promise<LedgerFigure[]> {
  const postgres = await startEmbeddedPostgres();
  const { port, user, password } = postgres;
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const policy = join(directory, 'permit-all.cedar');
  writeFileSync(policy, PERMIT_ALL);
  const gateway = await startGatewayProcess(
    {
      principals: { bench: { kind: 'human', groups: ['analysts'] } },
      databases: {
        postgres: {
          ...{ engine: 'postgres', environment: 'prod', host: '127.0.0.1', port, user, password },
          labels: { 'public.m0': { email: 'email' } },
        },
      },
      policies: { defaults: false, files: [policy] },
    },
    { entry: 'dist' },
  );
  try {
    const target = { host: '127.0.0.1', database: 'postgres' };
    const direct = new pg.Client({ ...target, port, user, password });
    const gate = new pg.Client({
      ...target,
      port: gateway.port,
      user: 'bench',
      password: await gateway.token('bench'),
    });
    await direct.connect();
    await gate.connect();
    const times = new Map(LIFE.map(([kind]) => [kind, { direct: [] as number[], gate: [] as number[] }]));
    for (let n = 0; n < tables; n += 1) {
      for (const [kind, text] of LIFE) {
        const kept = times.get(kind);
        kept?.direct.push(await timed(direct, text.replaceAll('$N', `d${n}`)));
        kept?.gate.push(await timed(gate, text.replaceAll('$N', String(n))));
      }
    }
    await direct.end();
    await gate.end();
    return [...times].map(([name, { direct, gate }]) => ({
      name,
      value: `${median(gate).toFixed(1)} ms, direct ${median(direct).toFixed(1)} ms`,
      aim: '',
    }));
  } finally {
    await gateway.remove();
    await postgres.stop();
    rmSync(directory, { recursive: true });
  }
}

async function timed(client: pg.Client, text: string): Promise<number> {
  const startedAt = performance.now();
  await client.query(text);
  return performance.now() - startedAt;
}
