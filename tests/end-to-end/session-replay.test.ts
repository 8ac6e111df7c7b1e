/** Replaying sessions of a real gateway: decisions, outcomes and approvals in their places, live, and for nobody who may not see them. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Hit } from '../../src/search/hits.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { runInProcess } from '../support/sluice-cli.ts';

let gate: Gate;
let session: string;

beforeAll(async () => {
  gate = await startGate();
  const bob = await gate.client('bob');
  bob.on('error', () => {});
  await bob.query('SELECT name, email FROM customers WHERE id = $1', [7]);
  await bob.query('SELECT \'\u001b[31mred\' AS "\u202eevil"');
  await expect(bob.query('DROP ROLE nobody')).rejects.toThrow();
  const held = bob.query('DELETE FROM orders');
  const request = await vi.waitFor(
    async () => {
      const { body } = await gate.api('alice', 'GET', '/v1/approvals?state=pending');
      const [one] = body.approvals as { id: string }[];
      expect(one).toBeDefined();
      return one!.id;
    },
    { timeout: 60_000, interval: 100 },
  );
  await gate.api('alice', 'POST', `/v1/approvals/${request}/approve`, { reason: 'clean-up OPS-9' });
  await held;
  const { body } = await gate.admin('GET', '/admin/sessions');
  session = (body as { sessions: { id: string }[] }).sessions[0]!.id;
  await bob.end();
}, 120_000);
afterAll(() => gate?.stop());

const eventually = <T>(check: () => Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 60_000, interval: 200 });

async function statusOf(principal: string, id: string): Promise<number> {
  const authorization = `Bearer ${await gate.token(principal)}`;
  const path = `/v1/sessions/${encodeURIComponent(id)}/events`;
  return (await fetch(`${gate.httpUrl}${path}`, { headers: { authorization } })).status;
}

const cli = (...args: string[]) =>
  runInProcess([...args, '--config', join(gate.dataDir, '..', 'sluice.yaml')]);

it('shows who said what when, with decisions, outcomes and approvals in their places', {
  timeout: 120_000,
}, async () => {
  const { stdout: out } = await eventually(async () => {
    const run = await cli('sessions', 'show', session);
    expect(run.stdout).toContain('closed:');
    return run;
  });
  const lines = out.split('\n').map((line) =>
    line
      .replace(/^\d\d:\d\d:\d\d\.\d{3} +(\+\S+ \S+)? */, '')
      .replace(/\d+\.?\d* m?s/, 'N ms')
      .trim(),
  );
  const at = (text: string) => {
    const index = lines.findIndex((line) => line.includes(text));
    expect([text, index]).not.toEqual([text, -1]);
    return index;
  };
  const places = [
    at('bob on shop (prod) from 127.0.0.1'),
    at('#1    SELECT name, email FROM customers WHERE id = $1'),
    at('→ SELECT 1, N ms · read · masked public.customers.email:email'),
    at('#2    SELECT \'\\x1b[31mred\' AS "\\u{202e}evil"'),
    at('✗ denied'),
    at('◇ requested'),
    at('DELETE FROM orders'),
    at('‖ held'),
    at('◇ approve by alice: clean-up OPS-9'),
    at('◇ approved'),
    at('→ DELETE 1000'),
    at('closed:'),
  ];
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(out).not.toContain('\u001b');
});

it('gives the same to programs', { timeout: 60_000 }, async () => {
  const run = await cli('sessions', 'show', session, '--json');
  const hits = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Hit);
  expect(hits.map(({ event }) => event.kind)).toEqual(
    expect.arrayContaining(['session-opened', 'statement', 'approval', 'session-closed']),
  );
  expect(hits.map(({ seq }) => seq)).toEqual(hits.map(({ seq }) => seq).toSorted((a, b) => a - b));
});

it('is for those who may see the session', { timeout: 60_000 }, async () => {
  expect(await statusOf('bob', session)).toBe(200);
  for (const id of [session, 'nothing', '../../v1/search'])
    expect([id, await statusOf('app', id)]).toEqual([id, 404]);
  expect((await cli('sessions', 'show', 'nothing')).exitCode).not.toBe(0);
  const reads = (await gate.entries()).flatMap(({ event }) => (event.kind === 'audit-read' ? [event] : []));
  expect(reads).toContainEqual({ kind: 'audit-read', by: 'bob', query: `sessions show ${session}` });
});

it('follows a session while it lives, and says how a statement ended', { timeout: 120_000 }, async () => {
  const bob = await gate.client('bob');
  await bob.query('SELECT 1');
  const { body } = await gate.admin('GET', '/admin/sessions');
  const live = (body as { sessions: { id: string }[] }).sessions[0]!.id;
  await eventually(async () => expect((await cli('sessions', 'show', live)).stdout).toContain('SELECT 1'));
  const following = cli('sessions', 'show', live, '--follow');
  await bob.query('SELECT pg_sleep(3)');
  await bob.end();
  const { stdout: out, exitCode } = await following;
  expect(exitCode).toBe(0);
  const lines = out.split('\n');
  const asked = lines.findIndex((line) => line.includes('SELECT pg_sleep(3)'));
  expect(lines.slice(asked).join('\n')).toMatch(/→ SELECT 1/);
  expect(out.match(/pg_sleep/g)).toHaveLength(1);
  expect(out).toContain('closed:');
});
