/** An approval is good for one thing: whatever else is tried with it, over real connections. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, SHOP, startGate } from '../support/gate.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const POLICY = `
@id("both") @approval("quorum=dba:1+security:1; expires=1h")
forbid (principal, action == Action::"Update", resource == Table::"shop/public.employees");
@id("one") @approval("groups=dba; expires=1h")
forbid (principal, action == Action::"Update", resource == Table::"shop/public.orders");
@id("short") @approval("groups=dba; expires=10s; valid=10s")
forbid (principal, action == Action::"Delete", resource == Table::"shop/public.orders");
`;

describe('an approval', () => {
  let gate: Gate;
  const failing = (who: string, onBehalfOf: string[] = []) =>
    gate.client(who, { onBehalfOf, options: '-c sluice.on_hold=fail' });

  beforeAll(async () => {
    gate = await startGate({
      environment: 'dev',
      groups: ['security'],
      principals: {
        carol: { kind: 'human', groups: ['dba', 'security'] },
        'other-bot': { kind: 'agent', groups: ['agents'], mayActFor: ['bob'] },
      },
      yaml: 'policies: { files: [./misuse.cedar] }\napprovals: { maxPendingPerPrincipal: 5 }',
      files: { 'misuse.cedar': POLICY },
    });
  });
  afterAll(() => gate.stop());

  const codeOf = (client: pg.Client, sql: string, values?: unknown[]) =>
    client.query(sql, values).then(
      () => 'ran',
      ({ code }: pg.DatabaseError) => code,
    );
  async function requestOf(client: pg.Client, sql: string, values?: unknown[]): Promise<string> {
    const error = (await client.query(sql, values).catch((thrown) => thrown)) as pg.DatabaseError;
    expect(error.code).toBe('SL002');
    return JSON.parse(error.detail ?? '').request;
  }
  const answer = (who: string, id: string, verdict = 'approve') =>
    gate.api(who, 'POST', `/v1/approvals/${id}/${verdict}`, verdict === 'deny' ? { reason: 'no' } : {});
  const withdraw = (id: string) => answer('bob', id, 'cancel');

  test('is worth nothing with another parameter, to another principal, or to the person alone', async () => {
    const sql = 'UPDATE orders SET cents = $1 WHERE id = $2';
    const bot = await failing('report-bot', ['bob']);
    await answer('alice', await requestOf(bot, sql, [1, 1]));
    expect(await codeOf(bot, sql, [1, 2])).toBe('SL002');
    expect(await codeOf(await failing('other-bot', ['bob']), sql, [1, 1])).toBe('SL002');
    expect(await codeOf(await failing('bob'), sql, [1, 1])).toBe('SL002');
    expect(await codeOf(bot, sql, [1, 1])).toBe('ran');
    expect(await codeOf(bot, sql, [1, 1])).toBe('SL002');
    for (const { id } of (await gate.api('alice', 'GET', '/v1/approvals?state=pending')).body.approvals as {
      id: string;
    }[])
      await answer('alice', id, 'deny');
  });

  test('is worth nothing where its text or values are read in another way', async () => {
    await gate.database.query(
      'CREATE TABLE visits (id int, at timestamptz); INSERT INTO visits VALUES (1, now())',
    );
    const at = `UPDATE orders SET status = 'old' WHERE id IN (SELECT id FROM visits WHERE at < `;
    const cases: readonly (readonly [sql: string, values: unknown[] | undefined, setting: string])[] = [
      [`${at}'01/02/2026')`, undefined, "SET DateStyle = 'SQL, DMY'"],
      [`${at}$1)`, ['2026-01-01 00:00'], "SET TimeZone = 'Asia/Tokyo'"],
      ['UPDATE orders SET status = $1 WHERE id = 30', ['ä'], 'SET client_encoding = LATIN1'],
      [`${at}'2026-01-01' OR at = NULL)`, undefined, 'SET transform_null_equals = on'],
    ];
    const bot = await failing('report-bot', ['bob']);
    for (const [sql, values, setting] of cases) {
      await bot.query('RESET ALL');
      const id = await requestOf(bot, sql, values);
      await answer('alice', id);
      await bot.query(setting);
      const other = await requestOf(bot, sql, values);
      expect(other).not.toBe(id);
      await withdraw(other);
      // It is still good for what it was given for.
      await bot.query('RESET ALL');
      expect(await codeOf(bot, sql, values)).toBe('ran');
    }
  });

  test('is not asked for what was prepared under other settings than it would be shown with', async () => {
    const raw = new pg.Client(gate.database.connection);
    await raw.connect();
    await raw.query(`SET DateStyle = 'ISO, DMY'; PREPARE d AS SELECT ('01/02/2026'::date)::text AS day`);
    await raw.query(`SET DateStyle = 'ISO, MDY'`);
    expect((await raw.query('EXECUTE d')).rows).toEqual([{ day: '2026-02-01' }]);
    await raw.end();

    const update = (id: number) =>
      `UPDATE orders SET status = 'old' WHERE id = ${id} AND now() > '01/02/2026'::date`;
    const prepared = (name: string, text: string, values?: unknown[]) => ({ name, text, values });
    const bot = await failing('report-bot', ['bob']);
    const asked = async (sql: string | { name: string; text: string }) => {
      const error = (await bot.query(sql).catch((thrown) => thrown)) as pg.DatabaseError;
      if (error.code === 'SL002') await withdraw(JSON.parse(error.detail ?? '').request);
      return error.code;
    };
    // By the protocol, and by SQL.
    await bot.query(`SET DateStyle = 'ISO, DMY'`);
    expect(await asked(prepared('a', update(20)))).toBe('SL002');
    await bot.query(`PREPARE b AS ${update(21)}`);
    expect(await asked('EXECUTE b')).toBe('SL002');
    await bot.query(`SET DateStyle = 'ISO, MDY'`);
    expect([await asked(prepared('a', update(20))), await asked('EXECUTE b')]).toEqual(['SL008', 'SL008']);
    // Nor if it would be set back where the statement is shown.
    expect(await asked(`SET DateStyle = 'ISO, DMY'; EXECUTE b`)).toBe('SL008');
    await bot.query('DEALLOCATE b');
    await bot.query(`PREPARE b AS ${update(21)}`);
    expect([await asked(prepared('c', update(20))), await asked('EXECUTE b')]).toEqual(['SL002', 'SL002']);
    // What the end of a transaction takes back.
    await bot.query('BEGIN');
    await bot.query(`SET LOCAL DateStyle = 'ISO, DMY'`);
    await bot.query(`PREPARE e AS ${update(22)}`);
    await bot.query('COMMIT');
    expect(await asked('EXECUTE e')).toBe('SL008');
    // Values are read when they are bound: those are shown as they would be now.
    const plain = prepared('f', 'UPDATE orders SET cents = $1 WHERE id = $2', [5, 23]);
    expect(await asked(plain)).toBe('SL002');
    await bot.query(`SET TimeZone = 'Asia/Tokyo'`);
    expect(await asked(plain)).toBe('SL002');
  });

  test('is bound to the types that its parameters are said to have', async () => {
    const bot = await failing('report-bot', ['bob']);
    const text = `UPDATE orders SET status = 't' WHERE id = 9 AND $1 > '9'`;
    const typed = (type: string) => codeOf(bot, `PREPARE p (${type}) AS ${text}`);
    expect([await typed('int'), await codeOf(bot, `EXECUTE p (10)`)]).toEqual(['ran', 'SL002']);
    const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
    const [{ id }] = body.approvals as [{ id: string }];
    await answer('alice', id);
    await bot.query('DEALLOCATE p');
    expect(await typed('text')).toBe('ran');
    await withdraw(await requestOf(bot, 'EXECUTE p (10)'));
  });

  test('that one session waits for is not another one’s', async () => {
    const sql = `UPDATE orders SET status = 'mine' WHERE id = 3`;
    const waiting = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const told = new Promise<string>((resolve) =>
      waiting.once('notice', ({ detail }) => resolve(JSON.parse(detail ?? '').request)),
    );
    const result = waiting.query(sql);
    const id = await told;
    const bot = await failing('report-bot', ['bob']);
    const other = await requestOf(bot, sql);
    expect(other).not.toBe(id);
    await answer('alice', id);
    expect((await result).rowCount).toBe(1);
    expect(await codeOf(bot, sql)).toBe('SL002');
    await withdraw(other);
  });

  test('is used once, however many sessions try at once', async () => {
    const sql = `UPDATE orders SET status = 'race' WHERE id = 4`;
    const bots = await Promise.all([1, 2, 3, 4, 5].map(() => failing('report-bot', ['bob'])));
    await answer('alice', await requestOf(bots[0]!, sql));
    const codes = await Promise.all(bots.map((one) => codeOf(one, sql)));
    expect(codes.filter((code) => code === 'ran')).toHaveLength(1);
    const again = await requestOf(bots[0]!, sql);
    await withdraw(again);
  });

  test('is over when its time is', async () => {
    const sql = 'DELETE FROM orders WHERE id = 5';
    const bot = await failing('report-bot', ['bob']);
    const id = await requestOf(bot, sql);
    await answer('alice', id);
    await expect
      .poll(async () => (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state, {
        timeout: 60_000,
      })
      .toBe('expired');
    const again = await requestOf(bot, sql);
    expect(again).not.toBe(id);
    expect((await answer('alice', id)).status).toBe(409);
    await withdraw(again);
  }, 90_000);

  test('needs two people where it does, and one in both groups is one', async () => {
    const sql = `UPDATE employees SET name = 'x' WHERE id = 1`;
    const bot = await failing('report-bot', ['bob']);
    const id = await requestOf(bot, sql);
    expect((await answer('carol', id)).body.state).toBe('pending');
    expect((await answer('carol', id)).status).toBe(409);
    expect(await codeOf(bot, sql)).toBe('SL002');
    expect((await answer('alice', id)).body.state).toBe('approved');
    expect(await codeOf(bot, sql)).toBe('ran');
  });

  test('is asked for once by an agent that loops, whatever its tokens and sessions', async () => {
    const sql = `UPDATE orders SET status = 'loop' WHERE id = 6`;
    const [one, two] = await Promise.all([
      gate.token('report-bot', ['bob'], 'first'),
      gate.token('report-bot', ['bob'], 'second'),
    ]);
    const connect = async (password: string) =>
      gate.client('report-bot', { password, options: '-c sluice.on_hold=fail' });
    const clients = await Promise.all([one, two, one, two].map(connect));
    const ids = new Set<string>();
    for (let round = 0; round < 3; round += 1)
      for (const client of clients) ids.add(await requestOf(client, sql));
    expect(ids.size).toBe(1);
    await withdraw([...ids][0]!);
  });

  test('is asked for a few times at once by one principal, and no more', async () => {
    const bot = await failing('report-bot', ['bob']);
    const ids: string[] = [];
    for (let id = 10; id < 15; id += 1)
      ids.push(await requestOf(bot, `UPDATE orders SET cents = 1 WHERE id = ${id}`));
    const error = (await bot
      .query('UPDATE orders SET cents = 1 WHERE id = 15')
      .catch((thrown) => thrown)) as pg.DatabaseError;
    expect(error.message).toContain('as many pending approval requests as it may');
    for (const id of ids) await withdraw(id);
  });
});

describe('a restart while requests wait', () => {
  let database: TestDatabase;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    database = await createDatabase('restart');
    await database.query(SHOP);
    const { host, port, user, password, database: name } = database.connection;
    gateway = await startGatewayProcess({
      workers: 1,
      // A session that waits is not idle.
      limits: { drainTimeout: '1s' },
      principals: {
        alice: { kind: 'human', groups: ['dba'] },
        bob: { kind: 'human', groups: ['support'] },
        'report-bot': { kind: 'agent', mayActFor: ['bob'] },
      },
      databases: {
        shop: {
          ...{ engine: 'postgres', environment: 'prod', host, port, user, password, database: name },
          tls: { mode: 'disable' },
        },
      },
    });
  }, 240_000);
  afterAll(async () => {
    await gateway?.remove();
    await database?.drop();
  });

  test('keeps those of sessions that do not wait, and ends those of sessions that are gone', async () => {
    const [token, alice] = await Promise.all([
      gateway.token('report-bot', { onBehalfOf: 'bob' }),
      gateway.token('alice'),
    ]);
    const connect = async (options?: string) => {
      const client = new pg.Client({
        ...{ host: '127.0.0.1', port: gateway.port, user: 'report-bot', database: 'shop', password: token },
        ...(options === undefined ? {} : { options }),
      });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    const call = async (method: string, path: string) => {
      const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/v1/approvals/${path}`, {
        method,
        headers: { authorization: `Bearer ${alice}` },
      });
      return (await response.json()) as { state: string };
    };
    const sql = `UPDATE orders SET status = 'kept' WHERE id = 1`;
    const failing = await connect('-c sluice.on_hold=fail');
    const error = (await failing.query(sql).catch((thrown) => thrown)) as pg.DatabaseError;
    const kept = JSON.parse(error.detail ?? '').request as string;
    const given = `UPDATE orders SET status = 'given' WHERE id = 3`;
    const asked = (await failing.query(given).catch((thrown) => thrown)) as pg.DatabaseError;
    const approved = JSON.parse(asked.detail ?? '').request as string;
    expect((await call('POST', `${approved}/approve`)).state).toBe('approved');
    const waiting = await connect();
    const told = new Promise<string>((resolve) =>
      waiting.once('notice', ({ detail }) => resolve(JSON.parse(detail ?? '').request)),
    );
    waiting.query(`UPDATE orders SET status = 'gone' WHERE id = 2`).catch(() => undefined);
    const gone = await told;
    await gateway.restart();
    expect((await call('GET', gone)).state).toBe('cancelled');
    expect((await call('POST', `${kept}/approve`)).state).toBe('approved');
    const again = await connect('-c sluice.on_hold=fail');
    expect((await again.query(sql)).rowCount).toBe(1);
    // What was approved before is good once, and what was used is used.
    expect((await call('GET', approved)).state).toBe('approved');
    expect((await again.query(given)).rowCount).toBe(1);
    expect((await call('GET', approved)).state).toBe('used');
    await expect(again.query(given)).rejects.toMatchObject({ code: 'SL002' });
    await Promise.all([again, failing, waiting].map((one) => one.end().catch(() => undefined)));
  }, 120_000);
});
