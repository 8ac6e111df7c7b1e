/** A database that is down, a disk that is full, policies that are broken. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;

beforeAll(async () => {
  gate = await startGate({
    environment: 'dev',
    yaml: `
  down: { engine: postgres, environment: dev, host: 127.0.0.1, port: 1, database: x, user: x }
policies: { files: ['./extra.cedar'] }
`,
    files: { 'extra.cedar': '' },
  });
});
afterAll(() => gate.stop());

const extra = (text: string): void => writeFileSync(join(dirname(gate.dataDir), 'extra.cedar'), text);
const reload = () => gate.admin('POST', '/admin/policies/reload');

test('a database that is down is told as such', async () => {
  const client = new pg.Client({ ...(await gate.connection('alice')), database: 'down' });
  await expect(client.connect()).rejects.toMatchObject({ code: '08001' });
  const ready = await fetch(`${gate.httpUrl}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('down');
  expect((await fetch(`${gate.httpUrl}/healthz`)).status).toBe(200);
});

test('policies are reloaded under open sessions', async () => {
  const client = await gate.client('alice');
  await client.query('SELECT count(*) FROM orders');
  extra(
    `@id("no-orders") @reason("Closed.") forbid (principal, action == Action::"Read", resource is Table) when { resource.name == "orders" };`,
  );
  expect((await reload()).status).toBe(200);
  await expect(client.query('SELECT count(*) FROM orders')).rejects.toMatchObject({
    code: 'SL001',
    detail: expect.stringContaining('no-orders'),
  });
});

test('a prepared statement is decided anew after a reload', async () => {
  extra('');
  await reload();
  const client = await gate.client('alice');
  const prepared = { name: 'orders', text: 'SELECT count(*) FROM orders' };
  await client.query(prepared);
  extra(
    `@id("no-orders") forbid (principal, action == Action::"Read", resource is Table) when { resource.name == "orders" };`,
  );
  await reload();
  await expect(client.query(prepared)).rejects.toMatchObject({ code: 'SL001' });
  extra('');
  await reload();
  expect((await client.query(prepared)).rowCount).toBe(1);
});

test('a policy file with an error leaves the old policies in force, loudly', async () => {
  const client = await gate.client('alice');
  extra('permit (principal, action, resource) when {');
  const answer = await reload();
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain('extra.cedar');
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  const events = (await gate.entries()).map((entry) => entry.event);
  expect(events.some((event) => event.kind === 'policy-rejected')).toBe(true);
  extra('');
  await reload();
});

test('who may not connect any more is sent away', async () => {
  const client = await gate.client('bob');
  const ended = new Promise<Error>((resolve) => client.on('error', resolve));
  extra(
    `@id("no-bob") @reason("Bob has left.") forbid (principal == Human::"bob", action == Action::"Connect", resource);`,
  );
  await reload();
  expect(await ended).toMatchObject({ code: '28000' });
  await expect(gate.client('bob')).rejects.toMatchObject({
    code: '28000',
    message: expect.stringContaining('Bob has left'),
  });
  extra('');
  await reload();
});

test('metrics count statements by decision', async () => {
  const client = await gate.client('alice');
  await client.query('SELECT 1');
  const text = await (await fetch(`${gate.httpUrl}/metrics`)).text();
  expect(Number(/sluice_statements_total\{decision="allow"\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
  expect(text).toMatch(/sluice_sessions \d/);
  expect(text).toMatch(/sluice_step_seconds_bucket\{le="0.0001",step="analyze"\}/);
  expect(text).not.toContain('alice');
});
