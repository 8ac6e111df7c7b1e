import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
let alice: pg.Client;
let bob: pg.Client;
let bot: pg.Client;

beforeAll(async () => {
  gate = await startGate();
  alice = await gate.client('alice');
  bob = await gate.client('bob');
  bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
});
afterAll(() => gate.stop());

const refusal = (client: pg.Client, sql: string): Promise<pg.DatabaseError> =>
  client.query(sql).then(
    () => expect.unreachable(`ran: ${sql}`),
    (error) => error as pg.DatabaseError,
  );

describe('what each principal sees', () => {
  test('a dba sees real values', async () => {
    const { rows } = await alice.query('SELECT email, phone FROM customers WHERE id = 5');
    expect(rows).toEqual([{ email: 'person5@secret.example', phone: '+49 30 900005' }]);
  });

  test('support sees masked values under the same names and types', async () => {
    const { rows, fields } = await bob.query(
      'SELECT c.email, c.phone, c.plan FROM customers c WHERE c.id = 6',
    );
    expect(rows[0].plan).toBe('pro');
    expect(rows[0].email).toBe('p***@secret.example');
    expect(rows[0].phone).not.toContain('90000');
    expect(fields.map((field) => [field.name, field.dataTypeID])).toEqual([
      ['email', 25],
      ['phone', 25],
      ['plan', 25],
    ]);
  });

  test('with the extended protocol as well', async () => {
    const { rows } = await bob.query({
      name: 'q',
      text: 'SELECT email FROM customers WHERE id = $1',
      values: [7],
    });
    const again = await bob.query({
      name: 'q',
      text: 'SELECT email FROM customers WHERE id = $1',
      values: [8],
    });
    expect([rows[0].email, again.rows[0].email]).toEqual(['p***@secret.example', 'p***@secret.example']);
  });

  test('an index still serves a masked table', async () => {
    const { rows } = await bob.query('EXPLAIN (COSTS OFF) SELECT email FROM customers WHERE id = 5');
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('Index');
  });
});

describe('ways round a mask', () => {
  const secret = /person\d|900\d\d\d/;
  test.each([
    `SELECT * FROM customers ORDER BY id LIMIT 3`,
    `TABLE customers LIMIT 3`,
    `SELECT c FROM customers c LIMIT 3`,
    `SELECT row_to_json(c) FROM customers c LIMIT 3`,
    `SELECT string_agg(email, ',') FROM customers`,
    `WITH x AS (SELECT email AS e FROM public.customers) SELECT e FROM x LIMIT 3`,
    `SELECT (SELECT email FROM customers WHERE id = 1)`,
    `SELECT email::bytea FROM customers LIMIT 1`,
    `SELECT upper(reverse(email)) FROM customers LIMIT 1`,
    `SELECT a.email FROM customers a JOIN customers b USING (id) LIMIT 1`,
    `SELECT email FROM customers UNION ALL SELECT phone FROM customers LIMIT 3`,
    `SELECT cast(email AS int) FROM customers`,
    `SELECT 1/(length(email) - 22) FROM customers`,
    `SELECT id FROM customers WHERE email = 'person5@secret.example'`,
    `SELECT count(*) FROM customers WHERE email LIKE 'person5@%'`,
    `SELECT email_of(5)`,
    `SELECT email FROM customer_emails LIMIT 1`,
    `SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers'`,
    `SELECT query_to_xml('SELECT email FROM customers LIMIT 1', true, false, '')`,
    `COPY customers TO STDOUT`,
    `COPY (SELECT email FROM customers LIMIT 3) TO STDOUT`,
    `DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM customers LIMIT 1); END $$`,
    `UPDATE customers SET plan = email WHERE id = 5`,
    `UPDATE customers SET plan = plan WHERE id = 5 RETURNING email`,
    `DELETE FROM customers WHERE email LIKE 'person5@%'`,
    `INSERT INTO orders SELECT 5000, 1, email, 1 FROM customers LIMIT 1`,
    `CREATE TEMP VIEW v AS SELECT email FROM customers`,
    `EXPLAIN (ANALYZE) SELECT * FROM customers WHERE email = 'person5@secret.example'`,
    `SELECT * FROM customers WHERE email > 'person2' ORDER BY email LIMIT 2`,
    `SET SESSION AUTHORIZATION postgres`,
    `PREPARE p AS SELECT email FROM customers LIMIT 1; EXECUTE p`,
    `BEGIN; DECLARE c CURSOR FOR SELECT email FROM customers; FETCH 2 FROM c; COMMIT`,
  ])('%s', async (sql) => {
    const client = await gate.client('bob', { options: '-c sluice.on_hold=fail' });
    const seen: string[] = [];
    client.on('notice', (notice) => seen.push(JSON.stringify(notice)));
    const raw = client as unknown as {
      connection: { on(event: string, listener: (message: Record<string, unknown>) => void): void };
    };
    raw.connection.on('copyData', (message) => seen.push(String(message.chunk)));
    raw.connection.on('dataRow', (message) => seen.push(String(message.fields)));
    raw.connection.on('errorMessage', (message) =>
      seen.push(JSON.stringify({ ...message, message: message.message })),
    );
    await client.query(sql).catch(() => undefined);
    await client.query('ROLLBACK').catch(() => undefined);
    // The secret of the predicate is the client's own.
    const own = sql.includes('person5') ? /person[^5]|900\d\d\d/ : secret;
    expect(seen.join('\n')).not.toMatch(own);
    await client.end();
  });

  test('a predicate works on masked values only', async () => {
    const { rows } = await bob.query(`SELECT id FROM customers WHERE email = 'person5@secret.example'`);
    expect(rows).toEqual([]);
    const real = await alice.query(`SELECT id FROM customers WHERE email = 'person5@secret.example'`);
    expect(real.rows).toEqual([{ id: 5 }]);
  });

  test('a table of the same name in another schema is not mistaken for it', async () => {
    const client = await gate.client('bob');
    await client.query('CREATE TEMP TABLE customers (email text)');
    await client.query(`INSERT INTO customers VALUES ('mine')`);
    expect((await client.query('SELECT email FROM customers')).rows).toEqual([{ email: 'mine' }]);
    expect((await client.query('SELECT email FROM public.customers WHERE id = 1')).rows).toEqual([
      { email: 'p***@secret.example' },
    ]);
    await client.query('DROP TABLE pg_temp.customers');
    expect((await client.query('SELECT email FROM customers WHERE id = 1')).rows).toEqual([
      { email: 'p***@secret.example' },
    ]);
    await client.end();
  });
});

describe('refusals', () => {
  test('teach', async () => {
    const error = await refusal(bot, 'DROP TABLE customers');
    expect(error.code).toBe('SL001');
    expect(error.detail).toContain('agent-drop');
    expect(error.hint).toMatch(/DELETE with a WHERE/);
    expect((await alice.query('SELECT count(*)::int AS n FROM customers')).rows).toEqual([{ n: 300 }]);
  });

  test('every statement of a text is decided, and none runs if one is refused', async () => {
    const client = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const error = await refusal(client, 'CREATE TEMP TABLE t (a int); SELECT 1; DROP TABLE customers');
    expect(error.code).toBe('SL001');
    expect((await refusal(client, 'SELECT * FROM t')).code).toBe('42P01');
  });

  test('abort the transaction they stand in, as any error', async () => {
    const client = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    await client.query('BEGIN');
    await client.query('CREATE TEMP TABLE mine (a int)');
    expect((await refusal(client, 'DROP TABLE customers')).code).toBe('SL001');
    expect((await refusal(client, 'SELECT 1')).code).toBe('25P02');
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('in the middle of a pipeline leave the session usable', async () => {
    const client = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const parameterised = { text: 'DELETE FROM customers WHERE id = $1', values: [1] };
    const [first, second, third] = await Promise.allSettled([
      client.query('SELECT $1::int AS n', [1]),
      client.query('DROP TABLE customers'),
      client.query('SELECT $1::int AS n', [3]),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'SL001' } });
    expect(third).toMatchObject({ status: 'fulfilled' });
    expect(parameterised.values).toEqual([1]);
  });

  test('a syntax error is told where it stands', async () => {
    const error = await refusal(bob, 'SELECT 1 FROM WHERE');
    expect(error.code).toBe('42601');
    expect(error.position).toBe('15');
  });

  test('positions of the database’s errors point into the client’s own text', async () => {
    const sql = 'SELECT email, nosuch FROM customers';
    const error = await refusal(bob, sql);
    expect(error.code).toBe('42703');
    expect(Number(error.position)).toBe(sql.indexOf('nosuch') + 1);
    const prepared = await bob.query(sql, []).then(
      () => expect.unreachable(),
      (thrown) => thrown as pg.DatabaseError,
    );
    expect(Number(prepared.position)).toBe(sql.indexOf('nosuch') + 1);
  });

  test('unknown relations are the database’s to report', async () => {
    expect((await refusal(alice, 'SELECT * FROM nosuch')).code).toBe('42P01');
  });

  test('replication and unknown databases are refused clearly', async () => {
    const connection = await gate.connection('alice');
    const replication = new pg.Client({ ...connection, replication: 'database' } as pg.ClientConfig);
    await expect(replication.connect()).rejects.toMatchObject({ code: '0A000' });
    await expect(new pg.Client({ ...connection, database: 'nosuch' }).connect()).rejects.toMatchObject({
      code: '3D000',
    });
  });
});

describe('the database’s own errors under a mask', () => {
  test('say what went wrong, not on which values', async () => {
    const error = await refusal(bob, `INSERT INTO customers (id, name) VALUES (1, 'x')`);
    expect(error.code).toBe('23505');
    expect(error.constraint).toBe('customers_pkey');
    expect(error.detail).toBeUndefined();
    const open = await refusal(alice, `INSERT INTO customers (id, name) VALUES (1, 'x')`);
    expect(open.detail).toContain('(id)=(1)');
  });

  test('are no oracle for unique values', async () => {
    const error = await refusal(
      bob,
      `INSERT INTO customers (id, name, email) VALUES (9999, 'x', 'person5@secret.example')`,
    );
    expect(error.code).toBe('SL007');
    expect(JSON.parse(error.detail ?? '')).toEqual({
      policies: ['sluice:masking'],
      facts: expect.objectContaining({ commands: ['INSERT'], relations: ['public.customers'] }),
      next: 'send-another-statement',
    });
  });
});

describe('the ledger', () => {
  test('holds who, what, by which policy, and what came of it', async () => {
    await bob.query('SELECT email AS marker_1 FROM customers WHERE id <= 3');
    await refusal(bot, 'DROP TABLE orders /* marker_2 */');
    await alice.query('SELECT 1 AS marker_3');
    const events = (await gate.entries()).map((entry) => entry.event);
    const read = events.find((event) => event.kind === 'statement' && event.text.includes('marker_1'));
    expect(read).toMatchObject({
      decision: 'allow',
      command: 'SELECT',
      actions: ['Read'],
      masked: expect.arrayContaining(['public.customers.email:email']),
      policies: expect.arrayContaining(['read']),
    });
    const outcome = events.find(
      (event) =>
        event.kind === 'outcome' &&
        read?.kind === 'statement' &&
        event.session === read.session &&
        event.statement === read.statement,
    );
    expect(outcome).toMatchObject({ tag: 'SELECT 3', rows: 3 });
    const opened = events.find(
      (event) =>
        event.kind === 'session-opened' && read?.kind === 'statement' && event.session === read.session,
    );
    expect(opened).toMatchObject({ principal: 'bob', database: 'shop', environment: 'prod' });
    expect(
      events.find((event) => event.kind === 'statement' && event.text.includes('marker_2')),
    ).toMatchObject({
      decision: 'deny',
      policies: ['agent-drop'],
    });
  });

  test('never holds the database’s password or a token', async () => {
    const token = await gate.token('bob');
    const text = JSON.stringify(await gate.entries());
    expect(text).not.toContain(gate.database.connection.password);
    expect(text).not.toContain(token);
  });
});
