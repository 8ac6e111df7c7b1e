/** What the database expects of a statement: asked for where policies want to know, told to those who approve. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalRequest } from '../../src/model/approval.ts';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;

beforeAll(async () => {
  gate = await startGate({
    schema: `
      CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
      INSERT INTO orders SELECT i, 'paid' FROM generate_series(1, 2000) i;
      CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders ON DELETE CASCADE);
      CREATE INDEX ON orders (status);
      ANALYZE;
    `,
    labels: {},
  });
});

afterAll(() => gate?.stop());

const failing = () => gate.client('bob', { options: '-c sluice.on_hold=fail' });

const HELD = { code: 'SL002' };

async function newest(): Promise<ApprovalRequest> {
  const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  return (body.approvals as ApprovalRequest[])[0]!;
}

describe('how far a statement reaches', () => {
  it('counts what follows by foreign keys', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
    await expect(bot.query('DELETE FROM orders WHERE id = 3')).rejects.toMatchObject(HELD);
    expect((await newest()).blastRadius?.[0]?.sentence).toBe(
      'It changes about 1 row of public.orders (0 % of about 2,000). By foreign keys it also deletes from public.items. 3 indexes follow.',
    );
  });

  it('is part of what a check says', async () => {
    const { body } = await gate.admin('POST', '/admin/check', {
      ...{
        principal: 'bob',
        database: 'shop',
        sql: 'DELETE FROM orders WHERE id > 1000; SELECT * FROM orders LIMIT 5',
      },
    });
    const { statements } = body as { statements: { decision: object; blastRadius: { sentence: string } }[] };
    expect(statements.map(({ blastRadius }) => blastRadius.sentence)).toEqual([
      'It changes about 1,000 rows of public.orders (50 % of about 2,000). By foreign keys it also deletes from public.items. 3 indexes follow.',
      'It returns about 5 rows (0 % of the largest table it reads).',
    ]);
  });
});

describe('a write that only looks limited', () => {
  it('is held for what it would do, and the reviewer is told', async () => {
    const bob = await failing();
    await expect(bob.query("UPDATE orders SET status = 'x' WHERE id > 0")).rejects.toMatchObject(HELD);
    const request = await newest();
    expect(request.policies.map(({ id }) => id)).toEqual(['people-large-write']);
    expect(request.blastRadius?.[0]?.sentence).toBe(
      'It changes about 2,000 rows of public.orders (100 % of about 2,000). 2 indexes follow.',
    );
  });

  it.each([
    ["UPDATE orders SET status = 'y' WHERE id = 7", 1],
    ["UPDATE orders SET status = 'y' WHERE id BETWEEN 10 AND 19", 10],
  ])('runs unasked if it is limited: %s', async (sql, rowCount) => {
    const bob = await failing();
    expect(await bob.query(sql)).toMatchObject({ rowCount });
  });

  it.each([
    "WITH changed AS (UPDATE orders SET status = 'x' WHERE id > 0 RETURNING 1) SELECT count(*) FROM changed",
    "EXPLAIN (ANALYZE, COSTS OFF) UPDATE orders SET status = 'x' WHERE id > 0",
    "EXPLAIN ANALYZE VERBOSE UPDATE orders SET status = 'x' WHERE id > 0",
    "MERGE INTO orders o USING (SELECT 1) s ON o.id > 0 WHEN MATCHED THEN UPDATE SET status = 'x'",
    "SELECT 1; UPDATE orders SET status = 'x' WHERE id > 0",
    "PREPARE p AS UPDATE orders SET status = 'x' WHERE id > $1; EXECUTE p(0)",
  ])('is held in any dress: %s', async (sql) => {
    const bob = await failing();
    await expect(bob.query(sql)).rejects.toMatchObject(HELD);
    expect((await newest()).policies.map(({ id }) => id)).toEqual(['people-large-write']);
  });

  it('is held or not by the values it is bound to', async () => {
    const bob = await failing();
    const text = 'UPDATE orders SET status = $2 WHERE id > $1';
    await expect(bob.query({ name: 'one', text, values: [0, 'z'] })).rejects.toMatchObject(HELD);
    expect(await bob.query({ name: 'one', text, values: [1998, 'z'] })).toMatchObject({ rowCount: 2 });
    await expect(bob.query({ name: 'one', text, values: [0, 'z'] })).rejects.toMatchObject(HELD);
  });

  it('is asked about in the transaction it runs in, and leaves that as it was', async () => {
    const bob = await failing();
    await bob.query('BEGIN');
    await bob.query('CREATE TEMPORARY TABLE mine AS SELECT * FROM orders');
    await bob.query("SET LOCAL search_path = nowhere, public; SET LOCAL statement_timeout = '77s'");
    expect(await bob.query("UPDATE orders SET status = 'y' WHERE id = 8")).toMatchObject({ rowCount: 1 });
    expect((await bob.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '77s' }]);
    expect(await bob.query("UPDATE mine SET status = 'y' WHERE id > 0")).toMatchObject({ rowCount: 2000 });
    await expect(bob.query("UPDATE orders SET status = 'y' WHERE id > 0")).rejects.toMatchObject(HELD);
    await bob.query('ROLLBACK');
  });

  it('is not known while the table is locked, and waits for it as ever', async () => {
    const bob = await failing();
    const other = new pg.Client(gate.database.connection);
    await other.connect();
    await other.query('BEGIN; LOCK TABLE orders');
    await bob.query('BEGIN');
    const update = bob.query("UPDATE orders SET status = 'y' WHERE id = 9");
    const waiting = "SELECT FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'";
    await expect.poll(async () => (await other.query(waiting)).rowCount).toBe(1);
    // Longer than any estimate is waited for.
    await other.query('SELECT pg_sleep(1)');
    await other.query('COMMIT');
    await other.end();
    expect(await update).toMatchObject({ rowCount: 1 });
    await bob.query('COMMIT');
  });
});
