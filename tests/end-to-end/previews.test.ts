/** A held statement is run, taken back, and shown as its reviewer may see it. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalRequest } from '../../src/model/approval.ts';
import type { Preview } from '../../src/model/preview.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { createDatabase } from '../support/postgres.ts';

let gate: Gate;

beforeAll(async () => {
  gate = await startGate({
    environment: 'staging',
    schema: `
      CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text, plan text NOT NULL DEFAULT 'free');
      INSERT INTO customers SELECT i, 'Customer ' || i, 'person' || i || '@secret.example' FROM generate_series(1, 300) i;
      CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers ON DELETE CASCADE, cents int CHECK (cents < 5000));
      INSERT INTO orders SELECT i, i, i FROM generate_series(1, 300) i;
      CREATE TABLE log (what text, at timestamptz);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log VALUES (NEW.plan, clock_timestamp()); RETURN NEW; END $$;
      CREATE TABLE plans (id int PRIMARY KEY, plan text NOT NULL);
      INSERT INTO plans SELECT i, 'free' FROM generate_series(1, 30) i;
      CREATE TRIGGER noted AFTER UPDATE ON plans FOR EACH ROW EXECUTE FUNCTION note();
      CREATE TABLE numbered (id serial PRIMARY KEY, what text);
      CREATE TABLE told (id int PRIMARY KEY, what text);
      CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('told', 'x'); RETURN NEW; END $$;
      CREATE TRIGGER telling AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell();
      CREATE TABLE keyless (what text);
      INSERT INTO keyless VALUES ('a'), ('a'), ('b');
    `,
    labels: { 'public.customers': { email: 'email' } },
    principals: { anna: { groups: ['support'] } },
    yaml: '\npolicies: { files: [own.cedar] }\napprovals: { maxPending: 500, maxPendingPerPrincipal: 500 }\n',
    files: {
      'own.cedar': `
        @id("watched") @approval("groups=dba,support; preview=required")
        forbid (principal is Agent, action in [Action::"Update", Action::"Delete"], resource)
        when { resource is Table && resource.name == "orders" };
        @id("reviewed") @approval("groups=dba,support")
        forbid (principal is Agent, action in [Action::"Insert", Action::"Update", Action::"Delete"], resource);
        @id("closed") forbid (principal in Group::"support", action == Action::"Read", resource)
        when { resource is Table && resource.name == "keyless" };
      `,
    },
  });
});

afterAll(() => gate?.stop());

/** Sends a statement that will be held; the id of its request. */
async function hold(sql: string, values?: unknown[]): Promise<string> {
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  await expect(bot.query(sql, values)).rejects.toMatchObject({ code: 'SL002' });
  const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  return (body.approvals as ApprovalRequest[])[0]!.id;
}

async function preview(who: string, id: string): Promise<Preview> {
  const { status, body } = await gate.api(who, 'POST', `/v1/approvals/${id}/preview`, {});
  expect(body).not.toHaveProperty('code');
  expect(status).toBe(200);
  return body as unknown as Preview;
}

const refusedPreview = async (sql: string, values?: unknown[]) => {
  const { status, body } = await gate.api(
    'alice',
    'POST',
    `/v1/approvals/${await hold(sql, values)}/preview`,
    {},
  );
  return { status, ...(body as unknown as { code: string; message: string }) };
};

describe('a preview', () => {
  it('shows what an UPDATE and its triggers did, and leaves nothing behind', async () => {
    const id = await hold('UPDATE plans SET plan = $1 WHERE id <= $2', ['pro', 25]);
    const seen = await preview('alice', id);
    expect(seen).toMatchObject({
      ...{ request: id, place: 'database', relation: 'public.plans', affected: { count: 25 } },
      tables: [
        { relation: 'public.log', inserted: 25, updated: 0, deleted: 0 },
        { relation: 'public.plans', inserted: 0, updated: 25, deleted: 0 },
      ],
      triggers: [{ name: 'noted', relation: 'plans', calls: 25 }],
      ...{ columns: ['id', 'plan'], masked: [], notes: [] },
    });
    expect(seen.rows).toHaveLength(20);
    expect(seen.rows).toContainEqual({
      before: ['7', 'free'],
      after: ['7', 'pro'],
    });
    const { rows } = await gate.database.query(
      "SELECT (SELECT count(*) FROM log)::int AS log, (SELECT count(*) FROM plans WHERE plan <> 'free')::int AS changed",
    );
    expect(rows).toEqual([{ log: 0, changed: 0 }]);
  });

  it('shows masks to a reviewer who may not see the values', async () => {
    const id = await hold("UPDATE customers SET plan = 'pro' WHERE id = 7");
    const seen = await preview('anna', id);
    expect(seen.masked).toEqual(['email']);
    expect(JSON.stringify(seen)).not.toContain('person7');
    expect(seen.rows[0]?.after).toMatchObject({ 0: '7', 2: expect.stringContaining('***'), 3: 'pro' });
  });

  it('shows no rows of a table that the reviewer may not read', async () => {
    const id = await hold("DELETE FROM keyless WHERE what = 'a'");
    expect(await preview('anna', id)).toMatchObject({
      ...{ rows: [], affected: { count: 2 } },
      notes: ['You may not read public.keyless: its rows are not shown.'],
    });
    expect((await preview('alice', id)).rows).toEqual([{ before: ['a'] }, { before: ['a'] }]);
  });

  it('counts what goes by foreign keys', async () => {
    const seen = await preview('alice', await hold('DELETE FROM customers WHERE id IN (1, 2)'));
    expect(seen.tables).toEqual([
      { relation: 'public.customers', inserted: 0, updated: 0, deleted: 2 },
      { relation: 'public.orders', inserted: 0, updated: 0, deleted: 2 },
    ]);
  });

  it('shows rows that come', async () => {
    const seen = await preview(
      'alice',
      await hold("INSERT INTO customers SELECT i, 'New', NULL FROM generate_series(1001, 1050) i"),
    );
    expect(seen).toMatchObject({
      affected: { count: 50 },
      tables: [{ relation: 'public.customers', inserted: 50 }],
    });
    expect(seen.rows).toHaveLength(20);
    expect(seen.rows[0]).toEqual({ after: ['1001', 'New', null, 'free'] });
  });

  it.each([
    ["UPDATE customers -- a\nSET plan = 'x' -- b\nWHERE id < 3 -- c\nRETURNING id -- d", 2],
    ['DELETE FROM orders -- a\nUSING customers c -- b\nWHERE c.id = customer_id -- c\nAND c.id = 11 -- d', 1],
    ["INSERT INTO customers VALUES (3001, 'z') -- a\nRETURNING id -- b", 1],
    ["UPDATE customers c SET plan = 'pro' FROM orders o WHERE o.customer_id = c.id AND o.cents < 4", 3],
    [
      "UPDATE ONLY public.customers AS c SET plan = CASE WHEN c.plan IS DISTINCT FROM 'x' THEN 'pro' END WHERE c.id < 6 RETURNING id",
      5,
    ],
    ['DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.id = 9', 1],
  ])('knows the rows of %s', async (sql, count) => {
    expect((await preview('alice', await hold(sql))).affected.count).toBe(count);
  });

  it.each([
    ["INSERT INTO told VALUES (1, 'x')", 'pg_notify'],
    ["UPDATE customers SET plan = nextval('numbered_id_seq')::text WHERE id = 1", 'sequence'],
    ["WITH x AS (DELETE FROM orders RETURNING id) UPDATE customers SET plan = 'x' WHERE id = 1", 'WITH'],
    ["WITH customers AS (SELECT 1 AS id) UPDATE customers SET plan = 'x' WHERE id = 1", 'name of the table'],
    [
      "UPDATE customers SET plan = 'a' WHERE id = 1; UPDATE customers SET plan = 'b' WHERE id = 1",
      'several statements',
    ],
  ])('is refused where it could not be taken back or shown: %s', async (sql, why) => {
    expect(await refusedPreview(sql)).toMatchObject({
      ...{ status: 409, code: 'preview_refused', message: expect.stringContaining(why) },
    });
  });

  it('says what the database would refuse, and no value', async () => {
    const failure = await refusedPreview('UPDATE orders SET cents = 6000 WHERE id = 3');
    expect(failure).toMatchObject({ code: 'preview_failed', message: expect.stringContaining('23514') });
  });

  it('waits for no lock', async () => {
    const other = new pg.Client(gate.database.connection);
    await other.connect();
    await other.query('BEGIN; UPDATE customers SET name = name WHERE id = 5');
    const failure = await refusedPreview("UPDATE customers SET plan = 'x' WHERE id = 5");
    await other.end();
    expect(failure).toMatchObject({ code: 'preview_failed', message: expect.stringContaining('lock') });
  });

  it('is refused once the table has changed', async () => {
    const id = await hold("UPDATE told SET what = 'x' WHERE id = 1");
    await gate.database.query('ALTER TABLE told ADD COLUMN more int');
    const { body } = await gate.api('alice', 'POST', `/v1/approvals/${id}/preview`, {});
    expect(body).toMatchObject({
      code: 'preview_refused',
      message: expect.stringContaining('has changed'),
    });
  });

  it('is for those who may answer, while there is something to answer', async () => {
    const id = await hold("UPDATE customers SET plan = 'x' WHERE id = 6");
    const status = async (who: string) =>
      (await gate.api(who, 'POST', `/v1/approvals/${id}/preview`, {})).status;
    expect(await status('bob')).toBe(403);
    await gate.api('bob', 'POST', `/v1/approvals/${id}/cancel`, {});
    expect(await status('alice')).toBe(409);
  });

  it('is on record before it runs', async () => {
    const id = await hold("UPDATE customers SET plan = 'x' WHERE id = 8");
    const { affected } = await preview('anna', id);
    const events = (await gate.entries()).map(({ event }) => event);
    const steps = events.filter((event) => event.kind === 'approval' && event.request === id);
    expect(steps.slice(1)).toEqual([
      { kind: 'approval', request: id, step: 'previewing', by: 'anna' },
      { kind: 'approval', request: id, step: 'previewed', by: 'anna', affected },
    ]);
  });
});

describe('a policy that demands a preview', () => {
  it('takes no approval before it', async () => {
    const id = await hold('UPDATE orders SET cents = 1 WHERE id = 4');
    const early = await gate.api('alice', 'POST', `/v1/approvals/${id}/approve`, {});
    expect(early).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('previewed') },
    });
    await preview('alice', id);
    expect((await gate.api('alice', 'POST', `/v1/approvals/${id}/approve`, {})).body.state).toBe('approved');
  });
});

describe('what was approved on a preview', () => {
  const UPDATE = "UPDATE plans SET plan = 'gold' WHERE id > 20 AND plan = 'free'";
  const agent = () => gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  const stateOf = async (id: string) => (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state;

  /** Holds it, has it previewed and approved; its request's id. */
  async function approved(sql: string, values?: unknown[]): Promise<string> {
    const id = await hold(sql, values);
    await preview('alice', id);
    expect((await gate.api('alice', 'POST', `/v1/approvals/${id}/approve`, {})).body.state).toBe('approved');
    return id;
  }

  const reset = () =>
    gate.database.query("DELETE FROM plans WHERE id > 30; UPDATE plans SET plan = 'free'; TRUNCATE log");

  const changes = {
    'a row that changed': "UPDATE plans SET plan = 'free ' WHERE id = 25",
    'a row that came': "INSERT INTO plans VALUES (31, 'free')",
    'a row that went': 'DELETE FROM plans WHERE id = 30',
  };

  it.each([
    ['as a Query', UPDATE, undefined],
    ['bound to values', "UPDATE plans SET plan = $2 WHERE id > $1 AND plan = 'free'", [20, 'gold']],
    ['that brings rows', "INSERT INTO plans SELECT i, 'x' FROM generate_series(41, 45) i", undefined],
    [
      'that reads others',
      "UPDATE plans SET plan = 'gold' WHERE id IN (SELECT id FROM orders WHERE cents < 4)",
      undefined,
    ],
  ])('runs, %s', async (_, sql, values) => {
    await reset();
    const id = await approved(sql, values);
    const bot = await agent();
    expect((await bot.query(sql, values)).rowCount).toBeGreaterThan(2);
    expect(await stateOf(id)).toBe('used');
    expect(
      (await bot.query("SELECT count(*)::int AS n FROM plans WHERE plan <> 'free'")).rows[0].n,
    ).toBeGreaterThan(2);
  });

  it.each(Object.entries(changes))('does not run once there is %s', async (_, change) => {
    await reset();
    for (const values of [undefined, [20]]) {
      const sql = values === undefined ? UPDATE : UPDATE.replace('20', '$1');
      const id = await approved(sql, values);
      await gate.database.query(change);
      const bot = await agent();
      await expect(bot.query(sql, values)).rejects.toMatchObject({ code: 'SL005' });
      await expect.poll(() => stateOf(id)).toBe('drifted');
      expect((await bot.query("SELECT count(*)::int AS n FROM plans WHERE plan = 'gold'")).rows).toEqual([
        { n: 0 },
      ]);
      await gate.database.query("INSERT INTO plans VALUES (30, 'free') ON CONFLICT DO NOTHING");
      await reset();
    }
  });

  it('fails the transaction that it stands in', async () => {
    await reset();
    await approved(UPDATE);
    const bot = await agent();
    await bot.query('BEGIN');
    await gate.database.query(changes['a row that came']);
    await expect(bot.query(UPDATE)).rejects.toMatchObject({ code: 'SL005' });
    await expect(bot.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await bot.query('ROLLBACK');
  });

  it('is approved again for what a later preview shows, but not behind the back of those who approved', async () => {
    await reset();
    const id = await hold(UPDATE);
    await preview('alice', id);
    await gate.database.query(changes['a row that came']);
    const later = await preview('anna', id);
    expect(later.affected.count).toBe(11);
    expect(later.notes).toEqual([]);
    await gate.api('alice', 'POST', `/v1/approvals/${id}/approve`, {});
    expect((await (await agent()).query(UPDATE)).rowCount).toBe(11);
  });
});

describe('a copy for previews', () => {
  it('takes them instead of the database', async () => {
    const copy = await createDatabase('copy');
    const schema = "CREATE TABLE t (id int PRIMARY KEY, what text); INSERT INTO t VALUES (1, 'a'), (2, 'b');";
    await copy.query(schema);
    const { host, port, user, database: name } = copy.connection;
    const reach = {
      host,
      port,
      user,
      database: name,
      password: { env: 'DATABASE_PASSWORD' },
      tls: { mode: 'disable' },
    };
    const other = await startGate({
      ...{ schema, labels: {}, workers: 1 },
      yaml: `    preview: ${JSON.stringify(reach)}`,
    });
    try {
      await other.database.query(
        'BEGIN; DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, what text); COMMIT',
      );
      const bot = await other.client('report-bot', {
        onBehalfOf: ['bob'],
        options: '-c sluice.on_hold=fail',
      });
      await expect(bot.query("UPDATE t SET what = 'c'")).rejects.toMatchObject({ code: 'SL002' });
      const { body } = await other.api('alice', 'GET', '/v1/approvals?limit=1');
      const [{ id }] = body.approvals as [ApprovalRequest];
      const seen = (await other.api('alice', 'POST', `/v1/approvals/${id}/preview`, {})).body;
      expect(seen).toMatchObject({ place: 'preview', affected: { count: 2 } });
      expect((await copy.query("SELECT FROM t WHERE what = 'c'")).rowCount).toBe(0);
    } finally {
      await other.stop();
      await copy.drop();
    }
  });
});
