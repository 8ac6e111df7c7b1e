import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessGrant } from '../../src/model/grant.ts';
import { type Gate, startGate } from '../support/gate.ts';

const YAML = `
policies: { files: [./connect.cedar] }
access:
  groups:
    dba: { approval: "groups=agents,dba", maxDuration: 1h, requesters: [support, agents] }
  unmask:
    email: { approval: "groups=dba; quorum=1", maxDuration: 30m, databases: [shop] }
`;
/** Whoever is called dora connects as a dba only. */
const CONNECT = `
@id("dora-as-dba")
forbid (principal == Human::"dora", action == Action::"Connect", resource) unless { principal in Group::"dba" };
`;

const START = { environment: 'prod', yaml: YAML, files: { 'connect.cedar': CONNECT } };
const dora = { kind: 'human', groups: ['support'] };

describe.each([0, 2])('access for a time, with %i workers', (workers) => {
  let gate: Gate;
  let bob: pg.Client;

  beforeAll(async () => {
    gate = await startGate({ ...START, workers, principals: { dora } });
    bob = await gate.client('bob');
  });
  afterAll(() => gate.stop());

  const ask = (who: string, body: object) =>
    gate.api(who, 'POST', '/v1/access', { forMs: 600_000, reason: 'INC-7', ...body });
  const approve = (id: unknown, who = 'alice') => gate.api(who, 'POST', `/v1/approvals/${id}/approve`, {});
  const lend = async (who: string, body: object): Promise<string> => {
    const asked = await ask(who, body);
    expect(asked.status).toBe(201);
    const { body: request } = await approve(asked.body.id);
    expect(request).toMatchObject({ state: 'used', grant: expect.stringMatching(/^grt_/) });
    return request.grant as string;
  };
  const revoke = (id: string) => gate.api('alice', 'POST', `/v1/grants/${id}/revoke`, { reason: 'done' });
  const emailOf = async (client = bob) =>
    (await client.query('SELECT email FROM customers WHERE id = 1')).rows[0].email as string;
  const CLEAR = 'person1@secret.example';

  test('the sight of a label begins and ends in mid-session, prepared statements included', async () => {
    const prepared = { name: 'p', text: 'SELECT email FROM customers WHERE id = $1', values: [1] };
    const masked = await emailOf();
    expect(masked).not.toBe(CLEAR);
    expect((await bob.query(prepared)).rows[0].email).toBe(masked);
    const id = await lend('bob', { unmask: 'email', database: 'shop' });
    expect(await emailOf()).toBe(CLEAR);
    // What was prepared on masked values is not what would run now.
    await expect(bob.query(prepared)).rejects.toMatchObject({ code: 'SL008' });
    const clear = { ...prepared, name: 'q' };
    expect((await bob.query(clear)).rows[0].email).toBe(CLEAR);
    await bob.query('BEGIN');
    await bob.query('DECLARE c CURSOR FOR SELECT email FROM customers ORDER BY id');
    expect((await bob.query('FETCH 1 FROM c')).rows[0].email).toBe(CLEAR);
    expect((await revoke(id)).body.state).toBe('revoked');
    await expect(bob.query('FETCH 1 FROM c')).rejects.toMatchObject({ code: 'SL008' });
    await bob.query('ROLLBACK');
    expect(await emailOf()).toBe(masked);
    await expect(bob.query(clear)).rejects.toMatchObject({ code: 'SL008' });
    expect((await bob.query('SELECT phone FROM customers WHERE id = 1')).rows[0].phone).toContain('*');
  });

  test('it is for whoever asked, and not for agents that act for them', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const masked = await emailOf(bot);
    const id = await lend('bob', { unmask: 'email', database: 'shop' });
    expect(await emailOf()).toBe(CLEAR);
    expect(await emailOf(bot)).toBe(masked);
    await revoke(id);
  });

  test('a membership counts for statements and connections, and ends on its own', async () => {
    await expect(gate.client('dora')).rejects.toMatchObject({ code: '28000' });
    const { body: asked } = await ask('dora', { group: 'dba', forMs: 60_000 });
    expect((await approve(asked.id)).body.state).toBe('used');
    const client = await gate.client('dora');
    expect((await client.query('SELECT salary FROM employees WHERE id = 1')).rows[0].salary).toBe(40_137);
    // It does not make her one who answers.
    const { body: other } = await ask('bob', { unmask: 'email', database: 'shop' });
    expect((await approve(other.id, 'dora')).status).toBe(404);
    const ended = new Promise<Error>((resolve) => client.once('error', resolve));
    const { body } = await gate.api('dora', 'GET', '/v1/access');
    const [grant] = body.access as AccessGrant[];
    expect(grant).toMatchObject({ state: 'active', right: { group: 'dba' }, principal: 'dora' });
    await gate.api('dora', 'POST', `/v1/grants/${grant!.id}/revoke`, {});
    expect(await ended).toMatchObject({ code: '28000' });
    await expect(gate.client('dora')).rejects.toMatchObject({ code: '28000' });
  });

  test('every step is on record', async () => {
    const id = await lend('bob', { group: 'dba' });
    await revoke(id);
    const steps = (await gate.entries()).flatMap(({ event }) =>
      event.kind === 'grant' && event.grant === id ? [event] : [],
    );
    expect(steps).toMatchObject([
      { step: 'given', principal: 'bob', right: 'group:dba', until: expect.any(Number) },
      { step: 'revoked', by: 'alice', reason: 'done' },
    ]);
  });

  test('what cannot be lent is refused', async () => {
    expect((await ask('bob', { group: 'support' })).status).toBe(404);
    expect((await ask('bob', { unmask: 'phone', database: 'shop' })).status).toBe(404);
    expect((await ask('bob', { unmask: 'email', database: 'hr' })).status).toBe(404);
    expect((await ask('bob', { unmask: 'email' })).status).toBe(400);
    expect((await ask('app', { group: 'dba' })).status).toBe(403);
    expect((await ask('bob', { group: 'dba', forMs: 3_600_001 })).status).toBe(400);
    expect((await ask('bob', { group: 'dba', forMs: 1000 })).status).toBe(400);
    expect((await ask('bob', { group: 'dba', reason: 'two\nlines' })).status).toBe(400);
    const { body } = await ask('bob', { group: 'dba' });
    expect((await approve(body.id, 'bob')).status).toBe(403);
    const again = await ask('bob', { group: 'dba' });
    expect(again.body.id).toBe(body.id);
  });
});

test('what was lent before a restart ends on time, whether the gate runs then or not', async () => {
  // The store and the ledger say so in src/approvals/grants.test.ts; here, that a gate that starts knows what is lent.
  const gate = await startGate({ ...START, workers: 2 });
  try {
    const { body } = await gate.api('bob', 'POST', '/v1/access', {
      ...{ group: 'dba', forMs: 600_000, reason: 'INC-8' },
    });
    await gate.api('alice', 'POST', `/v1/approvals/${body.id}/approve`, {});
    const clients = await Promise.all([1, 2, 3, 4].map(() => gate.client('bob')));
    for (const client of clients)
      expect((await client.query('SELECT salary FROM employees WHERE id = 2')).rows[0].salary).toBe(40_274);
  } finally {
    await gate.stop();
  }
});
