/**
 * Blind lookups through the gate: who may not see a value may ask which rows have it, one value at a time, and is counted. Whatever is
 * not exactly that is answered on masked values.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { bind, execute, parse, query, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient } from '../support/wire-client.ts';

const POLICIES = `
@id("support-finds-people") @lookups("1000/h")
permit (principal is Human in Group::"support", action == Action::"Match", resource)
when { ["email", "salary"].contains(resource.label) };

@id("bots-find-people") @lookups("5/h")
permit (principal is Agent, action == Action::"Match", resource) when { resource.label == "email" };
`;

let gate: Gate;
let bob: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    workers: 2,
    yaml: 'policies: { files: [./lookups.cedar] }',
    principals: { 'call-bot': { kind: 'agent', groups: ['agents'], mayActFor: ['bob'] } },
    files: { 'lookups.cedar': POLICIES },
    schema: `CREATE TABLE people (id int PRIMARY KEY, email text, phone text, salary int, plan text);
      INSERT INTO people SELECT i, 'p' || i || '@secret.example', '030' || i, 1000 * i, 'free' FROM generate_series(1, 50) i;
      CREATE TABLE leads (id int PRIMARY KEY, email text);
      INSERT INTO leads SELECT i, 'p' || i || '@secret.example' FROM generate_series(40, 60) i;
      CREATE VIEW mails AS SELECT id, email FROM people;
      CREATE VIEW initials AS SELECT id, left(email, 2) AS email FROM people;`,
    labels: {
      'public.people': { email: 'email', phone: 'phone', salary: 'salary' },
      'public.leads': { email: 'email' },
    },
    masks: { email: 'null', phone: 'null', salary: 'null' },
  });
  bob = await gate.client('bob');
}, 60_000);
afterAll(() => gate?.stop());

const idsOf = async (client: pg.Client, text: string, values: unknown[] = []) =>
  (await client.query(text, values)).rows.map(({ id }) => id);

describe('a lookup', () => {
  it.each([
    `SELECT id FROM people WHERE email = 'p7@secret.example'`,
    `SELECT p.id FROM people p WHERE 'p7@secret.example' = p.email AND plan = 'free'`,
    `SELECT p.id FROM people p JOIN leads l ON l.id = p.id + 40 WHERE (p.email = 'p7@secret.example'::text AND true)`,
    `SELECT p.id FROM people p LEFT JOIN leads l ON l.id = p.id WHERE p.email = 'p7@secret.example'`,
    `SELECT l.id - 40 AS id FROM people p, leads l WHERE p.email = 'p7@secret.example' AND l.email = 'p47@secret.example'`,
    `SELECT id FROM people WHERE salary = 7000`,
    `SELECT id FROM people WHERE id IN (SELECT id FROM people WHERE email = 'p7@secret.example')`,
    `WITH x AS (SELECT id FROM people WHERE email = 'p7@secret.example') SELECT id FROM x`,
    `SELECT id FROM people WHERE email = 'p7@secret.example' UNION SELECT id FROM people WHERE email = 'p7@secret.example'`,
    `SELECT id FROM mails WHERE email = 'p7@secret.example'`,
    `SELECT id FROM people WHERE email OPERATOR(pg_catalog.=) 'p7@secret.example'`,
    `SELECT * FROM people WHERE email = 'p7@secret.example'`,
    `SELECT p.*, l.* FROM (SELECT 1 AS one) l, people p WHERE p.email = 'p7@secret.example'`,
    `SELECT id FROM people p WHERE email = 'p7@secret.example' ORDER BY p.id FOR UPDATE OF p`,
  ])('finds the row and shows nothing else: %s', async (text) => {
    const { rows, fields } = await bob.query(text);
    expect(rows.map(({ id }) => id)).toEqual([7]);
    expect(fields.map(({ name }) => name).join()).not.toContain('sluice');
    for (const hidden of ['email', 'phone', 'salary']) expect(rows[0][hidden] ?? null).toBeNull();
  });

  it('takes parameters, and finds nothing where there is nothing', async () => {
    const text = 'SELECT id, email FROM people WHERE email = $1';
    expect((await bob.query(text, ['p7@secret.example'])).rows).toEqual([{ id: 7, email: null }]);
    expect((await bob.query(text, ['nobody@secret.example'])).rows).toEqual([]);
    expect(await idsOf(bob, 'SELECT id FROM people WHERE salary = $1', [9000])).toEqual([9]);
  });

  it('shares its plan with texts that differ in the value', async () => {
    for (const n of [1, 2, 3]) {
      expect(await idsOf(bob, `SELECT id FROM people WHERE email = 'p${n}@secret.example'`)).toEqual([n]);
    }
  });

  it('uses the index of the column', async () => {
    await gate.database.query('CREATE INDEX ON people (email); ANALYZE people');
    expect(await idsOf(bob, `SELECT id FROM people WHERE email = 'p7@secret.example'`)).toEqual([7]);
  });
});

/** Every one of them finds something where the real values are asked. */
const ATTACKS = [
  `SELECT id FROM people WHERE email = 'p7@secret.example' OR email = 'p8@secret.example'`,
  `SELECT id FROM people WHERE NOT (email <> 'p7@secret.example')`,
  `SELECT id FROM people WHERE NOT email = 'x'`,
  `SELECT id FROM people WHERE email LIKE 'p7%'`,
  `SELECT id FROM people WHERE email > 'p7' AND email < 'p8'`,
  `SELECT id FROM people WHERE email IN ('p7@secret.example', 'p8@secret.example')`,
  `SELECT id FROM people WHERE email = ANY (ARRAY['p7@secret.example'])`,
  `SELECT id FROM people WHERE email BETWEEN 'p' AND 'q'`,
  `SELECT id FROM people WHERE email IS NOT DISTINCT FROM 'p7@secret.example'`,
  `SELECT id FROM people WHERE (email = 'p7@secret.example') = true`,
  `SELECT id FROM people WHERE (email = 'p7@secret.example') IS TRUE`,
  `SELECT id FROM people WHERE (email, id) = ('p7@secret.example', 7)`,
  `SELECT id FROM people WHERE upper(email) = 'P7@SECRET.EXAMPLE'`,
  `SELECT id FROM people WHERE left(email, 2) = 'p7'`,
  `SELECT id FROM people WHERE email = 'p7' || '@secret.example'`,
  `SELECT id FROM people WHERE email = (SELECT 'p7@secret.example')`,
  `SELECT id FROM people WHERE email = 'p' || id || '@secret.example'`,
  `SELECT id FROM people WHERE email = email`,
  `SELECT p.id FROM people p, leads l WHERE p.email = l.email`,
  `SELECT p.id FROM people p JOIN leads l ON p.email = l.email`,
  `SELECT p.id FROM people p JOIN leads l USING (email)`,
  `SELECT p.id FROM people p JOIN leads l ON p.email = 'p7@secret.example'`,
  `SELECT p.id FROM people p, generate_series(1, 9) n, LATERAL (SELECT q.id FROM people q WHERE q.email = 'p' || n || '@secret.example') x WHERE p.id = x.id`,
  `SELECT p.id FROM people p, (VALUES ('p7@secret.example')) v (mail) WHERE p.email = v.mail`,
  `SELECT l.id FROM leads l LEFT JOIN people p ON true WHERE p.email = 'p7@secret.example'`,
  `SELECT q.id FROM people AS q (id, mail) WHERE mail = 'p7@secret.example'`,
  `SELECT q.id FROM (SELECT id, email FROM people) q WHERE email = 'p7@secret.example'`,
  `WITH q AS (SELECT id, email FROM people) SELECT id FROM q WHERE email = 'p7@secret.example'`,
  `SELECT id FROM people GROUP BY id, email HAVING email = 'p7@secret.example'`,
  `SELECT id FROM people, LATERAL (SELECT people.email = 'p7@secret.example' AS hit) x WHERE hit`,
  `SELECT id FROM people WHERE phone = '0307'`,
  `SELECT id FROM initials WHERE email = 'p7'`,
  `SELECT id FROM people WHERE CASE WHEN email = 'p7@secret.example' THEN true END`,
  `SELECT id FROM people WHERE coalesce(email = 'p7@secret.example', false)`,
  `SELECT id FROM people WHERE EXISTS (SELECT 1 WHERE people.email = 'p7@secret.example')`,
  `SELECT id FROM people p WHERE p.email = 'p7@secret.example' AND to_json(p)::text LIKE '%secret%'`,
  `SELECT id FROM people p WHERE p.email = 'p7@secret.example' AND p IS NOT NULL`,
  `SELECT id FROM people NATURAL JOIN leads WHERE people.email = 'p45@secret.example'`,
  `SELECT x.one AS id FROM (people JOIN leads ON leads.id = people.id + 40) AS x (one, mail) WHERE mail = 'p7@secret.example'`,
];

describe('what is no lookup', () => {
  it.each(ATTACKS)('is answered on masked values: %s', async (text) => {
    expect((await gate.database.query(text)).rows).not.toEqual([]);
    const before = await lookedUp();
    const answer = await idsOf(bob, text).catch((error: Error) => error.message);
    if (typeof answer === 'string') expect(answer).toMatch(/masked|ambiguous|depends/);
    else expect(answer).toEqual([]);
    expect(await lookedUp()).toBe(before);
  });

  it('shows in no EXPLAIN, cursor, COPY or table', async () => {
    const plan = await bob.query(`EXPLAIN SELECT id FROM people WHERE email = 'p7@secret.example'`);
    expect(JSON.stringify(plan.rows)).toContain('One-Time Filter: false');
    await bob.query('BEGIN');
    await bob.query(`DECLARE c CURSOR FOR SELECT id FROM people WHERE email = 'p7@secret.example'`);
    expect((await bob.query('FETCH ALL FROM c')).rows).toEqual([]);
    await bob.query('ROLLBACK');
    await bob.query(`PREPARE find (text) AS SELECT id FROM people WHERE email = $1`);
    expect((await bob.query(`EXECUTE find ('p7@secret.example')`)).rows).toEqual([]);
    await bob.query(`CREATE TEMP TABLE t AS SELECT id FROM people WHERE email = 'p7@secret.example'`);
    expect((await bob.query('SELECT id FROM t')).rows).toEqual([]);
    const wire = await wireClient('bob');
    wire.send(query(`COPY (SELECT id FROM people WHERE email = 'p7@secret.example') TO STDOUT`));
    expect(tally(await wire.untilReady())).toEqual({ CommandComplete: 1 });
    wire.close();
  });

  it('cannot name what the gate compares with', async () => {
    const text = `SELECT "sluice:0:2" FROM people WHERE email = 'p7@secret.example'`;
    await expect(bob.query(text)).rejects.toThrow(/does not exist/);
  });
});

/** How many lookups bob has on record. */
async function lookedUp(): Promise<number> {
  const entries = await gate.entries();
  return entries.reduce(
    (sum, { event }) => sum + (event.kind === 'statement' ? (event.lookups?.length ?? 0) : 0),
    0,
  );
}

describe('lookups are counted', () => {
  it('at each execution of a prepared statement, over all sessions of a principal and on record', async () => {
    const [one, two] = [
      await gate.client('report-bot', { onBehalfOf: ['bob'] }),
      await gate.client('report-bot', { onBehalfOf: ['bob'] }),
    ];
    const find = (client: pg.Client, n: number) =>
      client.query({
        name: 'find',
        text: 'SELECT id FROM people WHERE email = $1',
        values: [`p${n}@secret.example`],
      });
    const before = await lookedUp();
    expect((await find(one, 1)).rows).toEqual([{ id: 1 }]);
    expect((await find(one, 2)).rows).toEqual([{ id: 2 }]);
    expect((await find(two, 3)).rows).toEqual([{ id: 3 }]);
    // Three are taken: not two of these three can run, so none does.
    const three = `SELECT id FROM people WHERE email = 'a' UNION SELECT id FROM people WHERE email = 'b' AND email = 'c'`;
    await expect(two.query(three)).rejects.toMatchObject({
      code: 'SL009',
      message: expect.stringContaining('email'),
      detail: JSON.stringify({ policies: [], label: 'email', limit: 5, window: '1h', next: 'wait' }),
    });
    expect((await find(two, 4)).rows).toEqual([{ id: 4 }]);
    expect((await find(one, 5)).rows).toEqual([{ id: 5 }]);
    await expect(find(one, 6)).rejects.toMatchObject({ code: 'SL009' });
    await expect(find(two, 6)).rejects.toMatchObject({ code: 'SL009' });
    // Salaries only bob may look up.
    expect(await idsOf(one, 'SELECT id FROM people WHERE salary = 7000')).toEqual([]);
    // Everything else goes on, and other people have counts of their own.
    expect(await idsOf(one, 'SELECT id FROM people WHERE id = 5')).toEqual([5]);
    expect(await idsOf(bob, `SELECT id FROM people WHERE email = 'p7@secret.example'`)).toEqual([7]);
    expect((await lookedUp()) - before).toBe(5 + 3 + 2 + 1);
    const last = (await gate.entries()).findLast(
      ({ event }) => event.kind === 'statement' && event.decision === 'deny',
    );
    expect(last?.event).toMatchObject({
      policies: expect.arrayContaining(['sluice:lookups']),
      lookups: ['public.people.email:email'],
    });
  });
});

/** A client that speaks message by message; `call-bot` acts for bob. */
async function wireClient(principal: 'bob' | 'call-bot'): Promise<WireClient> {
  const onBehalfOf = principal === 'bob' ? [] : ['bob'];
  const { user, password, database } = await gate.connection(principal, onBehalfOf);
  return WireClient.open({
    ...{ host: '127.0.0.1', port: gate.port },
    ...{ user: String(user), password: String(password), database: String(database) },
  });
}

/** How many rows, ends and errors there are, errors by SQLSTATE. */
function tally(messages: readonly BackendMessage[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const message of messages) {
    const { type } = message;
    const name = message.type === 'ErrorResponse' ? String(message.fields.get('C')) : type;
    if (name === type && !['DataRow', 'CopyData', 'CommandComplete', 'PortalSuspended'].includes(type))
      continue;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('lookups are counted, however they are sent', () => {
  const FIND = 'SELECT id FROM people WHERE email = $1';
  const mail = (n: number) => `p${n}@secret.example`;

  it('in one text, through portals, and in a pipeline', async () => {
    const wire = await wireClient('call-bot');
    wire.send(
      query(`SELECT id FROM people WHERE email = '${mail(1)}'; SELECT id FROM people WHERE email = 'none'`),
    );
    expect(tally(await wire.untilReady())).toEqual({ DataRow: 1, CommandComplete: 2 });
    // Three are left. All that is behind an error in a pipeline is skipped, as ever.
    const next = (n: number) => [bind([mail(n)], 'find', `p${n}`), execute(0, `p${n}`)];
    wire.send(parse(FIND, 'find'), ...[2, 3, 4, 5, 6].flatMap(next), sync);
    expect(tally(await wire.untilReady())).toEqual({ DataRow: 3, CommandComplete: 3, SL009: 1 });
    for (const n of [7, 8]) {
      wire.send(...next(n), sync);
      expect(tally(await wire.untilReady())).toEqual({ SL009: 1 });
    }
    wire.close();
  });
});

describe('the last word', () => {
  it('is what those have who bring operators of their own', async () => {
    await gate.database.query(`
      CREATE TYPE start AS (t text);
      CREATE FUNCTION starts(text, start) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT starts_with($1, ($2).t)';
      CREATE OPERATOR = (FUNCTION = starts, LEFTARG = text, RIGHTARG = start);`);
    const text = `SELECT id FROM people WHERE email = ROW('p7')::start`;
    expect((await gate.database.query(text)).rows).toEqual([{ id: 7 }]);
    const answer = await idsOf(bob, text).catch((error: Error) => error.message);
    expect(answer).toEqual(expect.stringContaining('see through'));
    const qualified = `SELECT id FROM people WHERE email OPERATOR(pg_catalog.=) 'p7@secret.example'`;
    expect(await idsOf(bob, qualified)).toEqual([7]);
    await gate.database.query(`
      CREATE FUNCTION start_of(text) RETURNS start LANGUAGE sql IMMUTABLE AS 'SELECT ROW(left($1, 2))::start';
      CREATE CAST (text AS start) WITH FUNCTION start_of(text) AS IMPLICIT`);
    await expect
      .poll(
        async () => {
          await bob.query('SELECT FROM what_is_not_there').catch(() => undefined);
          return idsOf(bob, qualified);
        },
        { timeout: 20_000, interval: 500 },
      )
      .toEqual([]);
  });
});
