/** postgres.js, which pipelines and prepares everything, through the gate with no special settings. */
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompatGate, startCompatGate } from './gate.ts';

describe('postgres.js', () => {
  let gate: CompatGate;
  let bob: postgres.Sql;
  let scratch: postgres.Sql;
  beforeAll(async () => {
    gate = await startCompatGate();
    bob = postgres(gate.url('bob'), { max: 2 });
    scratch = postgres(gate.url('bob', 'scratch'), { max: 2, onnotice: () => undefined });
  });
  afterAll(async () => {
    await Promise.all([bob?.end(), scratch?.end()]);
    await gate?.remove();
  });

  test('parameters and types', async () => {
    const rows =
      await bob`SELECT ${42}::int AS n, ${'text'} AS t, ${null}::text AS nothing, ${[1, 2]}::int[] AS list`;
    expect([...rows]).toEqual([{ n: 42, t: 'text', nothing: null, list: [1, 2] }]);
  });

  test('pipelined statements come back in order', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => bob`SELECT ${n}::int AS n`));
    expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  test('masked values', async () => {
    const rows =
      await bob`SELECT email, birth_date FROM customers WHERE plan = ${'free'} ORDER BY id LIMIT 5`;
    expect(rows).toHaveLength(5);
    for (const { email } of rows) expect(email).toMatch(/^.\*\*\*@example\./);
  });

  test('a cursor streams a whole table', async () => {
    let seen = 0;
    for await (const rows of bob`SELECT id FROM orders ORDER BY id`.cursor(64)) seen += rows.length;
    expect(seen).toBe(500);
  });

  test('a transaction with savepoints', async () => {
    await scratch`CREATE TABLE IF NOT EXISTS steps (n int)`;
    await scratch.begin(async (sql) => {
      await sql`INSERT INTO steps VALUES (1)`;
      await sql
        .savepoint(async (inner) => {
          await inner`INSERT INTO steps VALUES (2)`;
          throw new Error('back');
        })
        .catch(() => undefined);
      await sql`INSERT INTO steps VALUES (3)`;
    });
    expect([...(await scratch`SELECT n FROM steps ORDER BY n`)]).toEqual([{ n: 1 }, { n: 3 }]);
  });

  test('COPY in both directions', async () => {
    await scratch`CREATE TABLE IF NOT EXISTS lines (n int, line text)`;
    const writable = await scratch`COPY lines FROM STDIN`.writable();
    await new Promise<void>((resolve, reject) => {
      writable.on('error', reject).on('finish', () => resolve());
      for (let n = 0; n < 5000; n += 1) writable.write(`${n}\tline ${n}\n`);
      writable.end();
    });
    const readable = await scratch`COPY (SELECT * FROM lines ORDER BY n) TO STDOUT`.readable();
    let text = '';
    for await (const chunk of readable) text += chunk;
    expect(text.split('\n')).toHaveLength(5001);
    expect(text.startsWith('0\tline 0\n1\tline 1\n')).toBe(true);
  });

  test('a refusal is an error with its code', async () => {
    await expect(bob`GRANT ALL ON customers TO PUBLIC`).rejects.toMatchObject({ code: 'SL001' });
  });

  test('a cancelled query ends', async () => {
    const query = bob`SELECT pg_sleep(30)`;
    setTimeout(() => query.cancel(), 300);
    await expect(query).rejects.toMatchObject({ code: '57014' });
  });
});
