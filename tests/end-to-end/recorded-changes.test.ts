/** What the ledger says of a gateway's own life: its configuration, its policies, and who came in by which door. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { LedgerEvent } from '../../src/model/ledger-entry.ts';
import { type Gate, startGate } from '../support/gate.ts';

const POLICY = '@id("mine") permit (principal == Human::"alice", action, resource);\n';

let gate: Gate | undefined;
afterEach(() => gate?.stop());

async function eventsOf<Kind extends LedgerEvent['kind']>(
  running: Gate,
  kind: Kind,
): Promise<Extract<LedgerEvent, { kind: Kind }>[]> {
  const entries = await running.entries();
  return entries.flatMap(({ event }) => (event.kind === kind ? [event as never] : []));
}

it('says what changed in policies and configuration, and who had it changed', {
  timeout: 60_000,
}, async () => {
  gate = await startGate({
    yaml: 'policies: { defaults: false, files: [mine.cedar] }\nlimits: { maxConnections: 77 }\n',
    files: { 'mine.cedar': POLICY },
  });
  const directory = join(gate.dataDir, '..');
  const [config] = await eventsOf(gate, 'config-loaded');
  expect(config).toMatchObject({ door: 'start' });
  expect(config?.changes).toContainEqual({ path: 'limits.maxConnections', after: 77 });
  expect(JSON.stringify(config)).toContain('‹secret›');
  expect(JSON.stringify(config)).not.toContain(gate.database.connection.password);
  const [first] = await eventsOf(gate, 'policy-loaded');
  expect(first).toMatchObject({ door: 'start', changes: [{ id: 'mine', after: POLICY.trim() }] });

  const changed = POLICY.replace('alice', 'bob');
  writeFileSync(join(directory, 'mine.cedar'), changed);
  const yaml = join(directory, 'sluice.yaml');
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('maxConnections: 77', 'maxConnections: 78'));
  expect(await gate.admin('POST', '/admin/policies/reload')).toMatchObject({ status: 200 });
  const [, second] = await eventsOf(gate, 'policy-loaded');
  expect(second).toMatchObject({
    door: 'admin-socket',
    changes: [{ id: 'mine', file: 'mine.cedar', before: POLICY.trim(), after: changed.trim() }],
  });
  expect(await eventsOf(gate, 'config-loaded')).toMatchObject([
    {},
    { door: 'admin-socket', changes: [], pending: ['limits.maxConnections'], previous: config?.version },
  ]);
  // The same again changes nothing.
  await gate.admin('POST', '/admin/policies/reload');
  expect(await eventsOf(gate, 'config-loaded')).toHaveLength(2);
  expect((await eventsOf(gate, 'policy-loaded')).at(-1)?.changes).toEqual([]);
});

it('says that a configuration was read again in vain, and goes on with the one before', {
  timeout: 60_000,
}, async () => {
  gate = await startGate({});
  const yaml = join(gate.dataDir, '..', 'sluice.yaml');
  const good = readFileSync(yaml, 'utf8');
  writeFileSync(yaml, `${good}\nhunter2: [`);
  expect(await gate.admin('POST', '/admin/policies/reload')).toMatchObject({ status: 400 });
  const [rejected] = await eventsOf(gate, 'config-rejected');
  expect(rejected).toMatchObject({ door: 'admin-socket', error: expect.stringContaining('sluice.yaml') });
  expect(JSON.stringify(rejected)).not.toContain('hunter2');
  expect((await (await gate.client('alice')).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  writeFileSync(yaml, good);
  expect(await gate.admin('POST', '/admin/policies/reload')).toMatchObject({ status: 200 });
  expect(await eventsOf(gate, 'config-rejected')).toHaveLength(1);
  expect(await eventsOf(gate, 'config-loaded')).toHaveLength(1);
});

it('says who came in by which door, and who did not', { timeout: 60_000 }, async () => {
  gate = await startGate({});
  expect((await gate.api('alice', 'GET', '/v1/sessions')).status).toBe(200);
  for (let guess = 0; guess < 3; guess++) {
    const headers = { authorization: `Bearer slc_${'a'.repeat(62)}` };
    expect((await fetch(`${gate.httpUrl}/v1/sessions`, { headers })).status).toBe(401);
  }
  const authenticated = await eventsOf(gate, 'authenticated');
  expect(authenticated).toContainEqual(expect.objectContaining({ door: 'http', principal: 'alice' }));
  expect(authenticated).toContainEqual(expect.objectContaining({ door: 'admin-socket' }));
  expect(await eventsOf(gate, 'authentication-failed')).toMatchObject([
    { door: 'http', code: 'unauthorized', client: '127.0.0.1' },
  ]);
});
