/** Several worker processes behind one port, in front of a real database: to a client they are one gate. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SessionListing } from '../../src/api/session-routes.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import type { SessionStatus } from '../../src/model/session.ts';
import { type Gate, startGate } from '../support/gate.ts';

const NOBODY_WRITES = `
@id("nobody-writes") @reason("No writing today.")
forbid (principal, action == Action::"Insert", resource);
`;

let gate: Gate;
let policyFile: string;
beforeAll(async () => {
  gate = await startGate({
    workers: 2,
    yaml: `
policies: { files: [./extra.cedar] }
limits: { maxConnectionsPerPrincipal: 6, startupTimeout: 60s }
`,
    files: { 'extra.cedar': '' },
  });
  policyFile = join(gate.dataDir, '..', 'extra.cedar');
}, 60_000);
afterAll(() => gate.stop());
afterEach(() => endAll(...opened.splice(0)));

const opened: pg.Client[] = [];
const enter: Gate['client'] = async (principal, more) => {
  const client = await gate.client(principal, more);
  opened.push(client);
  return client;
};

interface Workers {
  readonly workers: readonly { worker: number; pid?: number; connections: number; problem?: string }[];
}

const workers = async () => ((await gate.admin('GET', '/admin/status')).body as Workers).workers;

/** Two sessions of a principal, one on each worker. */
async function onEach(principal: string): Promise<[pg.Client, pg.Client]> {
  await until(async () => (await workers()).every(({ connections }) => connections === 0));
  return [await enter(principal), await enter(principal)];
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await wait(20)) if (await holds()) return;
  throw new Error('it did not come to that');
}

const endAll = (...clients: pg.Client[]) =>
  Promise.all(clients.map((client) => client.end().catch(() => undefined)));

/** Waits for a request that holds this text, and approves it. */
async function approve(principal: string, text: string): Promise<string> {
  let id: string | undefined;
  await until(async () => {
    const { body } = await gate.api(principal, 'GET', '/v1/approvals?state=pending');
    const { approvals } = body as unknown as { approvals: { id: string; statement: string }[] };
    id = approvals.find(({ statement }) => statement.includes(text))?.id;
    return id !== undefined;
  });
  expect((await gate.api(principal, 'POST', `/v1/approvals/${id}/approve`)).status).toBe(200);
  return id!;
}

async function telephone(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client
    .query('SELECT telephone FROM customers WHERE id = 7')
    .catch(() => ({ rows: [] }));
  return rows[0]?.telephone;
}

describe('two workers', { timeout: 120_000 }, () => {
  test('share the connections, mask, and record in lanes of their own', async () => {
    const clients = await onEach('bob');
    for (const [i, client] of clients.entries()) {
      const { rows } = await client.query(`SELECT email, 'marker ${i}' FROM customers WHERE id = 5`);
      expect(rows[0].email).toBe('p***@secret.example');
    }
    await endAll(...clients);
    const entries = await gate.entries();
    const lanes = [0, 1].map(
      (i) =>
        entries.find(({ event }) => event.kind === 'statement' && event.text.includes(`marker ${i}`))?.lane,
    );
    expect(lanes.sort()).toEqual([1, 2]);
    expect((await verifyLedger(join(gate.dataDir, 'ledger'))).ok).toBe(true);
  });

  test('find each other’s sessions to cancel', async () => {
    const [sleeper, other] = await onEach('alice');
    const { processID, secretKey } = sleeper as unknown as { processID: number; secretKey: number };
    await other.end();
    await until(async () => (await workers()).some(({ connections }) => connections === 0));
    const asleep = sleeper.query('SELECT pg_sleep(60)').catch((error: pg.DatabaseError) => error.code);
    await until(
      async () =>
        (await gate.database.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
          .rowCount === 1,
    );
    // It is the other worker's turn: it has no connection at all.
    const request = Buffer.alloc(16);
    for (const [i, word] of [16, 80877102, processID, secretKey].entries()) request.writeInt32BE(word, i * 4);
    const socket = connect(gate.port, '127.0.0.1', () => socket.end(request));
    expect(await asleep).toBe('57014');
    await sleeper.end();
  });

  test('count connections together', async () => {
    const open = await Promise.all(Array.from({ length: 6 }, () => enter('app')));
    await expect(enter('app')).rejects.toMatchObject({ code: '53300' });
    await endAll(...open);
  });

  test('hold a statement until it is approved, once', async () => {
    const bot = await enter('report-bot', { onBehalfOf: ['bob'] });
    const updated = bot.query("UPDATE orders SET status = 'held' WHERE id = 12");
    const id = await approve('alice', '= 12');
    expect((await updated).rowCount).toBe(1);
    expect((await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state).toBe('used');
    await bot.end();
  });

  test('withdraw what a client who left had waited for', async () => {
    const bot = await enter('report-bot', { onBehalfOf: ['bob'] });
    bot.query("UPDATE orders SET status = 'left' WHERE id = 13").catch(() => {});
    const states = async (): Promise<string[]> => {
      const { body } = await gate.api('alice', 'GET', '/v1/approvals');
      const { approvals } = body as unknown as { approvals: { statement: string; state: string }[] };
      return approvals.filter(({ statement }) => statement.includes('= 13')).map(({ state }) => state);
    };
    await until(async () => (await states()).includes('pending'));
    (bot as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await until(async () => (await states()).includes('cancelled'));
  });

  test('decide by new policies, all of them, once a reload is answered', async () => {
    const clients = await onEach('app');
    writeFileSync(policyFile, NOBODY_WRITES);
    expect((await gate.admin('POST', '/admin/policies/reload')).status).toBe(200);
    for (const client of clients) {
      await expect(client.query("INSERT INTO employees VALUES (100, 'x', 1)")).rejects.toMatchObject({
        code: 'SL001',
      });
    }
    writeFileSync(policyFile, 'permit (principal, action, resource) when { no sense };');
    expect((await gate.admin('POST', '/admin/policies/reload')).status).toBe(400);
    writeFileSync(policyFile, '');
    expect((await gate.admin('POST', '/admin/policies/reload')).status).toBe(200);
    for (const client of clients) await client.query('SELECT 1');
    await endAll(...clients);
  });

  test('see what another has changed in the catalog, and keep its labels', async () => {
    const [alice, spare] = await onEach('alice');
    await spare.end();
    await until(async () => (await workers()).some(({ connections }) => connections === 0));
    const bob = await enter('bob');
    await bob.query('SELECT phone FROM customers WHERE id = 7');
    const renamed = alice.query('ALTER TABLE customers RENAME COLUMN phone TO telephone');
    await approve('anna', 'RENAME COLUMN');
    await renamed;
    // What Alice knows is true for Bob as well, at once.
    expect(await telephone(bob)).toMatch(/^\*/);
    await endAll(alice, bob);
  });

  test('never show what a view shows by what it showed', async () => {
    await gate.database.query('CREATE VIEW shown AS SELECT id, plan AS x FROM customers');
    const [alice, spare] = await onEach('alice');
    await spare.end();
    await until(async () => (await workers()).some(({ connections }) => connections === 0));
    const bob = await enter('bob');
    const seen = async (): Promise<string> => (await bob.query('SELECT x FROM shown WHERE id = 3')).rows[0].x;
    for (const [column, expected] of [
      ['email', /^p\*\*\*@/],
      ['plan', /^pro$/],
      ['email', /^p\*\*\*@/],
    ] as const) {
      expect(await seen()).toMatch(/^pro$|^p\*\*\*@/);
      const replaced = alice.query(
        `CREATE OR REPLACE VIEW shown AS SELECT id, ${column} AS x FROM customers`,
      );
      await approve('anna', `SELECT id, ${column} AS x`);
      await replaced;
      expect(await seen()).toMatch(expected);
    }
  });

  test('end the sessions of a token at once when it is revoked', async () => {
    const text = await gate.token('anna');
    const sessions = await Promise.all(
      [1, 2].map(async () => {
        const { password: _, ...connection } = await gate.connection('anna');
        const client = new pg.Client({ ...connection, password: text });
        const ended = new Promise((resolve) => {
          client.on('error', (error) => resolve((error as pg.DatabaseError).code));
        });
        await client.connect();
        return { client, ended };
      }),
    );
    await gate.admin('POST', `/admin/tokens/${text.split('_')[1]}/revoke`);
    expect(await Promise.all(sessions.map(({ ended }) => ended))).toEqual(['57P01', '57P01']);
  });

  test('list their sessions together, and end any of them', async () => {
    const [alice, bob] = [await enter('alice'), await enter('bob')];
    const bot = await enter('report-bot', { onBehalfOf: ['bob'] });
    const asleep = bob
      .query("SELECT pg_sleep(60), 'secret 4711'")
      .catch((error: pg.DatabaseError) => error.code);
    const waits = bot.query("UPDATE orders SET status = 'secret' WHERE id = 14");
    const end = waits.catch((error: pg.DatabaseError) => error.code);
    let sessions: SessionStatus[] = [];
    await until(async () => {
      const { body } = await gate.admin('GET', '/admin/sessions');
      sessions = [...(body as SessionListing).sessions];
      return (
        sessions.some(({ state }) => state === 'held') && sessions.some(({ state }) => state === 'running')
      );
    });
    const of = (id: string) => sessions.find(({ principal }) => principal === id)!;
    expect(sessions.map(({ principal, state }) => `${principal} ${state}`).sort()).toEqual([
      'alice idle',
      'bob running',
      'report-bot held',
    ]);
    expect(of('bob')).toMatchObject({ statement: 'SELECT pg_sleep(?), ?', statements: 1, database: 'shop' });
    expect(of('report-bot')).toMatchObject({
      onBehalfOf: ['bob'],
      statement: 'UPDATE orders SET status = ? WHERE id = ?',
    });
    expect(JSON.stringify(sessions)).not.toContain('secret');

    const visible = async (principal: string) => {
      const { body } = await gate.api(principal, 'GET', '/v1/sessions');
      return (body.sessions as SessionStatus[]).map((one) => one.principal).sort();
    };
    expect(await visible('alice')).toEqual(['alice', 'bob', 'report-bot']);
    expect(await visible('bob')).toEqual(['bob', 'report-bot']);
    expect(await visible('app')).toEqual([]);

    const kill = `/v1/sessions/${of('report-bot').id}/kill`;
    expect((await gate.api('app', 'POST', kill)).status).toBe(404);
    expect((await gate.api('bob', 'POST', kill, { reason: 'gone wild' })).status).toBe(204);
    expect(await end).toBe('57P01');
    expect((await gate.admin('POST', `/admin/sessions/${of('bob').id}/kill`)).status).toBe(204);
    expect(await asleep).toBe('57P01');
    await until(async () => {
      const running = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
      return (await gate.database.query(running)).rowCount === 0;
    });
    expect((await gate.admin('POST', '/admin/sessions/nothing/kill')).status).toBe(404);
    const entries = (await gate.entries()).map(({ event }) => event);
    expect(entries.filter(({ kind }) => kind === 'session-killed')).toEqual([
      {
        kind: 'session-killed',
        session: of('report-bot').id,
        door: 'http',
        by: 'bob',
        reason: 'gone wild',
      },
      { kind: 'session-killed', session: of('bob').id, door: 'admin-socket' },
    ]);
    expect((await alice.query('SELECT 1')).rowCount).toBe(1);
    await endAll(alice);
  });

  test('are measured as one', async () => {
    const clients = await onEach('bob');
    const scrape = async (name: string) => {
      const text = await (await fetch(`${gate.httpUrl}/metrics`)).text();
      return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)`, 'm').exec(text)?.[1]);
    };
    expect(await scrape('sluice_sessions')).toBe(2);
    expect(await scrape('sluice_workers_serving')).toBe(2);
    expect(await scrape('sluice_ledger_healthy')).toBe(1);
    const before = await scrape('sluice_statements_total{decision="allow"}');
    for (const client of clients) await client.query('SELECT 1');
    expect(await scrape('sluice_statements_total{decision="allow"}')).toBe(before + 2);
    await endAll(...clients);
  });
});

describe('a worker that is killed', { timeout: 120_000 }, () => {
  test('takes its own sessions along and no others, and is replaced', async () => {
    const clients = await onEach('bob');
    const before = await workers();
    expect(await telephone(clients[0])).toMatch(/^\*/);
    const lost = new Promise<number>((resolve) => {
      for (const [i, client] of clients.entries()) client.once('end', () => resolve(i));
    });
    process.kill(before[0]!.pid!, 'SIGKILL');
    const survivor = clients[1 - (await lost)]!;
    expect((await survivor.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
    await until(async () => {
      const now = await workers();
      return now[0]?.pid !== before[0]!.pid && now.every(({ problem }) => problem === undefined);
    });
    expect((await workers())[1]!.pid).toBe(before[1]!.pid);
    const next = await enter('bob');
    // What was remembered of columns outlives whoever remembered it.
    expect(await telephone(next)).toMatch(/^\*/);
    expect((await workers()).map(({ connections }) => connections)).toEqual([1, 1]);
    // Nobody but the primary can say that it is over.
    const reason = 'the process that served it ended (SIGKILL)';
    const ended = async () =>
      (await gate.entries()).flatMap(({ event }) =>
        event.kind === 'session-closed' && event.reason === reason ? [event] : [],
      );
    await until(async () => (await ended()).length > 0);
    const [end, ...others] = await ended();
    expect([end?.statements, others]).toEqual([undefined, []]);
    const opened = (await gate.entries()).map(({ event }) => event);
    expect(opened).toContainEqual(
      expect.objectContaining({ kind: 'session-opened', session: end?.session, principal: 'bob' }),
    );
    await endAll(survivor, next);
    expect((await verifyLedger(join(gate.dataDir, 'ledger'))).ok).toBe(true);
  });

  test('again and again is said so, and the others serve on', async () => {
    const first = async () => (await workers())[0]!;
    const killed = new Set<number>();
    while (!/ended \d+ times in a row/.test((await first()).problem ?? '')) {
      const { pid } = await first();
      if (pid === undefined || killed.has(pid)) {
        await wait(10);
        continue;
      }
      killed.add(pid);
      process.kill(pid, 'SIGKILL');
    }
    expect(killed.size).toBeGreaterThanOrEqual(2);
    const client = await enter('bob');
    expect((await client.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
    expect((await fetch(`${gate.httpUrl}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${gate.httpUrl}/metrics`)).text()).toMatch(/^sluice_workers_serving 1$/m);
    await until(async () => (await workers()).every(({ problem }) => problem === undefined));
  });

  test('leaves connections that come while none serves waiting, not refused', async () => {
    await until(async () => (await workers()).every(({ problem }) => problem === undefined));
    for (const { pid } of await workers()) process.kill(pid!, 'SIGKILL');
    const client = await enter('bob');
    expect((await client.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
  });
});

test('a gateway that ends says of each session once that it is over', { timeout: 120_000 }, async () => {
  const other = await startGate({ workers: 2 });
  try {
    const clients = [await other.client('bob'), await other.client('bob'), await other.client('alice')];
    for (const client of clients) await client.query('SELECT 1');
    await other.gateway.close();
    const events = (await other.entries()).map(({ event }) => event);
    const sessions = (kind: string) =>
      events.flatMap((event) => (event.kind === kind && 'session' in event ? [event.session] : [])).sort();
    expect(sessions('session-closed')).toEqual(sessions('session-opened'));
    expect(sessions('session-opened')).toHaveLength(3);
  } finally {
    await other.stop();
  }
});
