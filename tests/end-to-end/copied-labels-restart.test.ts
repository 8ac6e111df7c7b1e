/** What is known of copies outlives the gate, and is known to every worker. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SHOP } from '../support/gate.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let gateway: GatewayProcess;
let tokens: Readonly<Record<'alice' | 'bob', string>>;
const clients: pg.Client[] = [];

beforeAll(async () => {
  database = await createDatabase('labels');
  await database.query(SHOP);
  const { host, port, user, password } = database.connection;
  gateway = await startGatewayProcess({
    workers: 2,
    groups: ['dba', 'support'],
    principals: {
      alice: { kind: 'human', groups: ['dba'] },
      bob: { kind: 'human', groups: ['support'] },
    },
    databases: {
      shop: {
        ...{ engine: 'postgres', environment: 'staging', host, port, user, password: password ?? '' },
        ...{ database: database.connection.database, tls: { mode: 'disable' } },
        labels: { 'public.customers': { email: 'email' } },
      },
    },
  });
  tokens = { alice: await gateway.token('alice'), bob: await gateway.token('bob') };
}, 240_000);
afterAll(async () => {
  await gateway?.remove();
  await database?.drop();
});

/** Runs texts on a new connection each: they come to different workers. */
async function as(user: 'alice' | 'bob', ...texts: readonly string[]): Promise<unknown[][]> {
  const client = new pg.Client({
    ...{ host: '127.0.0.1', port: gateway.port, user, password: tokens[user], database: 'shop' },
  });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  let rows: unknown[] = [];
  for (const text of texts) rows = (await client.query({ text, rowMode: 'array' })).rows;
  // Connections stay open while others come, so that those go to the other worker.
  return rows as unknown[][];
}

it('keeps labels of copies and of renamed columns, in the next process as well', async () => {
  await as('alice', 'CREATE TABLE copies AS SELECT id, email AS e FROM customers');
  await as('alice', 'ALTER TABLE customers RENAME COLUMN email TO mail', 'ALTER TABLE copies RENAME TO kept');
  const ask = 'SELECT c.mail, k.e FROM customers c JOIN kept k USING (id) WHERE id = 7';
  const masked = [['p***@secret.example', 'p***@secret.example']];
  expect(await as('bob', ask)).toEqual(masked);
  expect(await as('bob', ask)).toEqual(masked);
  for (const client of clients) await client.end();
  await gateway.restart();
  expect(await as('bob', ask)).toEqual(masked);
  expect(await as('bob', ask)).toEqual(masked);

  const listed = await gateway.cli(['labels', 'list', 'shop']);
  expect(listed.stdout).toMatch(/public\.kept\.e\s+email\s+\S.*\s+follows from public\.copies\.e/);
  const forgotten = await gateway.cli(['labels', 'forget', 'shop', 'public.kept.e', '--reason', 'invented']);
  expect(forgotten).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Forgot public.kept.e:email.'),
  });
  expect(await as('bob', ask)).toEqual([['p***@secret.example', 'person7@secret.example']]);
  for (const client of clients) await client.end().catch(() => undefined);
}, 240_000);
