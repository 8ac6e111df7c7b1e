/** node-postgres through the gate with no special settings. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompatGate, startCompatGate } from './gate.ts';

describe('node-postgres', () => {
  let gate: CompatGate;
  const pools: pg.Pool[] = [];
  beforeAll(async () => {
    gate = await startCompatGate();
  });
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await gate?.remove();
  });

  const pool = (principal: 'alice' | 'bob', database: 'shop' | 'scratch' = 'shop'): pg.Pool => {
    const made = new pg.Pool({ connectionString: gate.url(principal, database), max: 4 });
    pools.push(made);
    // A pool does not wait for its connections to close; the gate that ends meanwhile tells them so.
    made.on('connect', (client) => client.on('error', () => undefined));
    made.on('error', () => undefined);
    return made;
  };

  test('parameters of every kind arrive and come back', async () => {
    const values = [
      42,
      'text',
      null,
      true,
      new Date('2026-01-02T03:04:05Z'),
      Buffer.from([0, 1, 255]),
      { a: [1] },
      [1, 2],
    ];
    const { rows } = await pool('bob').query({
      text: `SELECT $1::int, $2::text, $3::text, $4::bool, $5::timestamptz, $6::bytea, $7::jsonb, $8::int[]`,
      values,
      rowMode: 'array',
    });
    expect(rows).toEqual([values]);
  });

  test('named statements are prepared once and run often', async () => {
    const client = await pool('bob').connect();
    const run = (id: number) =>
      client.query({ name: 'order', text: 'SELECT id, status FROM orders WHERE id = $1', values: [id] });
    for (let id = 1; id <= 20; id += 1) expect((await run(id)).rows[0].id).toBe(id);
    const { rows } = await client.query('SELECT count(*)::int AS prepared FROM pg_prepared_statements');
    client.release();
    expect(rows).toEqual([{ prepared: 1 }]);
  });

  test('masked relations answer prepared statements with masked values', async () => {
    const { rows } = await pool('bob').query('SELECT email FROM customers WHERE id = ANY($1) ORDER BY id', [
      [1, 2, 3],
    ]);
    expect(rows).toHaveLength(3);
    for (const { email } of rows) expect(email).toMatch(/^.\*\*\*@example\./);
  });

  test('a transaction commits, and another one rolls back', async () => {
    const client = await pool('bob', 'scratch').connect();
    await client.query('CREATE TABLE IF NOT EXISTS notes (id int, note text)');
    await client.query('BEGIN');
    await client.query('INSERT INTO notes VALUES ($1, $2)', [1, 'kept']);
    await client.query('COMMIT');
    await client.query('BEGIN');
    await client.query('INSERT INTO notes VALUES ($1, $2)', [2, 'lost']);
    await client.query('ROLLBACK');
    const { rows } = await client.query('SELECT * FROM notes');
    client.release();
    expect(rows).toEqual([{ id: 1, note: 'kept' }]);
  });

  test('errors carry what the database says of them', async () => {
    await expect(pool('bob').query('SELECT 1 / $1::int', [0])).rejects.toMatchObject({ code: '22012' });
    await expect(pool('alice').query('SELECT nothing FROM nowhere')).rejects.toMatchObject({ code: '42P01' });
    await expect(pool('bob').query('SELECT nothing FROM nowhere')).rejects.toMatchObject({ code: '42P01' });
    await expect(pool('bob').query('GRANT ALL ON customers TO PUBLIC')).rejects.toMatchObject({
      code: 'SL001',
      hint: expect.any(String),
    });
  });

  test('LISTEN and NOTIFY reach each other', async () => {
    const [listener, notifier] = [pool('alice'), pool('alice')];
    const client = await listener.connect();
    const heard = new Promise<pg.Notification>((resolve) => client.on('notification', resolve));
    await client.query('LISTEN news');
    await notifier.query("NOTIFY news, 'hello'");
    expect(await heard).toMatchObject({ channel: 'news', payload: 'hello' });
    client.release();
  });

  test('a hundred statements at once, over four connections', async () => {
    const many = pool('bob');
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        many.query('SELECT $1::int AS n, pg_backend_pid() AS pid', [index]),
      ),
    );
    expect(results.map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(new Set(results.map(({ rows }) => rows[0].pid)).size).toBeLessThanOrEqual(4);
  });
  test('whoever says goodbye hears of no error', async () => {
    const mishaps: string[] = [];
    const visit = async (): Promise<void> => {
      const client = new pg.Client({ connectionString: gate.url('bob') });
      client.on('error', (error) => mishaps.push(error.message));
      await client.connect();
      await client.query('SELECT 1');
      await client.end();
    };
    for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 10 }, visit));
    expect(mishaps).toEqual([]);
  });
});
