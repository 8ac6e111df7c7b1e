/** `tokens.scramIterations: 1`: what real clients make of a challenge that asks for next to no work. */
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';
import { hasProgram } from './gate.ts';
import { runProgram } from './program.ts';

let gate: Gate;
beforeAll(async () => {
  gate = await startGate({ environment: 'dev', yaml: 'tokens:\n  scramIterations: 1\n' });
});
afterAll(() => gate.stop());

async function connection() {
  const { host, port, user, password, database } = await gate.connection('app');
  return { host: host!, port: port!, user: user!, password: String(password), database: database! };
}

test.skipIf(!hasProgram('psql'))('libpq logs in', async () => {
  const { host, port, user, password, database } = await connection();
  const { stdout } = await runProgram('psql', ['-X', '-At', '-c', 'SELECT 1'], {
    ...{ PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database },
  });
  expect(stdout.trim()).toBe('1');
});

test('postgres.js logs in', async () => {
  const sql = postgres(await connection());
  expect(await sql`SELECT 2 AS n`).toMatchObject([{ n: 2 }]);
  await sql.end();
});

test('node-postgres logs in, and not with a wrong token', async () => {
  const client = await gate.client('app');
  expect((await client.query('SELECT 3 AS n')).rows).toEqual([{ n: 3 }]);
  await client.end();
  const right = await connection();
  const wrong = new pg.Client({ ...right, password: `${right.password}x` });
  wrong.on('error', () => {});
  await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
});
