/** Budgets and taints over the end of the gateway, orderly or not, as an operator sees them. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SHOP } from '../support/gate.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let gate: GatewayProcess;
let password: string;

beforeAll(async () => {
  database = await createDatabase('restart');
  await database.query(SHOP);
  const { host, port, user, password: secret, database: upstream } = database.connection;
  gate = await startGatewayProcess({
    workers: 2,
    principals: { bob: { kind: 'human' }, bot: { kind: 'agent', mayActFor: ['bob'] } },
    databases: {
      shop: {
        ...{ engine: 'postgres', environment: 'staging', host, port, user, database: upstream },
        ...{
          password: secret,
          tls: { mode: 'disable' },
          labels: { 'public.customers': { name: 'untrusted' } },
        },
      },
    },
    budgets: {
      rows: { for: { kinds: ['agent'] }, count: 'rows', limit: 1000, window: '1d' },
      bytes: { for: { kinds: ['human'] }, count: 'bytes', limit: '4MiB', per: [] },
    },
    approvals: { groups: ['dba'], holdMode: 'fail' },
  });
  password = await gate.token('bot', { onBehalfOf: 'bob' });
}, 120_000);
afterAll(async () => {
  await gate?.remove();
  await database?.drop();
});

async function withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: gate.port,
    user: 'bot',
    database: 'shop',
    password,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
const read = (rows: number) => withClient((client) => client.query(`SELECT id FROM orders LIMIT ${rows}`));
const shares = async () => {
  const { stdout } = await gate.cli(['budgets', 'bot', '--json']);
  return (JSON.parse(stdout) as { budgets: { used: number; left: number; principal: string }[] }).budgets;
};
/** Reads until there is nothing left; how many rows that were. */
async function readAll(): Promise<number> {
  let sum = 0;
  await withClient(async (client) => {
    for (let ended = false; !ended; ) {
      const query = client.query('SELECT id FROM orders LIMIT 37');
      await query.then(
        ({ rowCount }) => {
          sum += rowCount ?? 0;
        },
        (error: pg.DatabaseError) => {
          expect(error.code).toBe('SL030');
          ended = true;
        },
      );
    }
  });
  return sum;
}

test('an orderly restart forgets nothing and loses nothing', async () => {
  expect(await shares()).toMatchObject([{ budget: 'rows', principal: 'bot', used: 0, left: 1000 }]);
  await read(100);
  expect(await shares()).toMatchObject([{ used: 100, left: 900 }]);
  await gate.restart();
  expect(await shares()).toMatchObject([{ used: 100, left: 900 }]);
  const { stdout } = await gate.cli(['budgets']);
  expect(stdout).toMatch(
    /^BUDGET +WHOSE +COUNTS +USED +LEFT +LIMIT +MORE\nrows +bot +rows +100 +900 +1000 in 1d +in 1d\n$/,
  );
}, 120_000);

test('a killed gateway may have spent what it had drawn, and never gives more than the budget', async () => {
  await withClient((client) => client.query('SELECT name FROM customers LIMIT 1'));
  await read(200);
  await gate.end('SIGKILL');
  await gate.restart();
  const [{ used, left } = { used: 0, left: 0 }] = await shares();
  expect(used).toBeGreaterThanOrEqual(301);
  expect(left).toBeLessThanOrEqual(699);
  // Who has read what outsiders wrote has not forgotten it either.
  const update = withClient((client) => client.query("UPDATE orders SET status = 'x' WHERE id = 1"));
  await expect(update).rejects.toMatchObject({
    code: 'SL002',
    message: expect.stringContaining('outsiders wrote'),
  });
  const rows = await readAll();
  expect(rows).toBeLessThanOrEqual(699);
  expect(await shares()).toMatchObject([{ used: 1000, left: 0 }]);
}, 120_000);
