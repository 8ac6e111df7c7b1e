import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../src/model/ledger-entry.ts';
import { type Gate, type GateOptions, startGate } from '../support/gate.ts';

/** What came of a query: its rows up to where it ended, and how. */
interface Outcome {
  readonly rows: number;
  readonly error: pg.DatabaseError | undefined;
}

/** Counts rows as they come; the simple protocol without values. */
function count(client: pg.Client, text: string, values?: unknown[]): Promise<Outcome> {
  return new Promise((resolve) => {
    let rows = 0;
    const query = new pg.Query({ text, ...(values && { values }) });
    query.on('row', () => {
      rows += 1;
    });
    query.on('end', () => resolve({ rows, error: undefined }));
    query.on('error', (error) => resolve({ rows, error: error as pg.DatabaseError }));
    client.query(query);
  });
}

const start = (budgets: object, more: GateOptions = {}) =>
  startGate({
    environment: 'staging',
    ...more,
    yaml: `budgets: ${JSON.stringify(budgets)}\napprovals: { holdMode: fail }\n`,
  });
const exceedings = (entries: readonly LedgerEntry[]) =>
  entries.flatMap(({ event }) => (event.kind === 'budget-exceeded' ? [event] : []));

const AGENTS = { kinds: ['agent'] };
const bot = (gate: Gate) => gate.client('report-bot', { onBehalfOf: ['bob'] });

describe('rows', () => {
  let gate: Gate;
  beforeAll(async () => {
    gate = await start({
      'session-rows': { for: AGENTS, count: 'rows', limit: 250, per: ['session'] },
    });
  }, 60_000);
  afterAll(() => gate.stop());

  test('a result ends at the row where the budget does, and the session lives on', async () => {
    const client = await bot(gate);
    expect(await count(client, 'SELECT id FROM orders LIMIT 200')).toEqual({ rows: 200, error: undefined });
    const { rows, error } = await count(client, 'SELECT id FROM orders');
    expect(rows).toBe(50);
    expect(error).toMatchObject({
      code: 'SL030',
      message: expect.stringContaining('no more than 250 rows in 1h for this session (budget session-rows)'),
      hint: expect.stringContaining('free again at'),
    });
    expect(JSON.parse(error?.detail ?? '')).toMatchObject({
      budget: 'session-rows',
      count: 'rows',
      limit: 250,
    });
    const next = await count(client, 'SELECT id FROM orders');
    expect({ ...next, error: next.error?.code }).toEqual({ rows: 0, error: 'SL030' });
    // What returns no rows is not concerned.
    await client.query("SET application_name = 'still here'");
    await client.query('CREATE TEMPORARY TABLE mine (id int)');
    await client.query('INSERT INTO mine SELECT id FROM orders LIMIT 3');
    const entries = await gate.entries();
    expect(exceedings(entries).at(-1)).toMatchObject({ budget: 'session-rows', count: 'rows', limit: 250 });
    const cut = entries.find(({ event }) => event.kind === 'outcome' && event.sqlstate === 'SL030');
    expect(cut?.event).toMatchObject({ rows: 50 });
  });

  test.each([
    ['the simple protocol', undefined],
    ['the extended protocol', []],
  ])('a block is aborted as by any error: %s', async (_, values) => {
    const client = await bot(gate);
    await client.query('BEGIN');
    await client.query("INSERT INTO orders VALUES (5001, 1, 'new', 1)");
    const { rows, error } = await count(client, 'SELECT id FROM orders', values);
    expect([rows, error?.code]).toEqual([250, 'SL030']);
    expect((await count(client, "SET application_name = 'x'", values)).error?.code).toBe('25P02');
    await client.query('ROLLBACK');
    const direct = await gate.client('alice');
    expect((await direct.query('SELECT count(*)::int AS n FROM orders WHERE id = 5001')).rows).toEqual([
      { n: 0 },
    ]);
  });

  test('so is the rest of a text', async () => {
    const client = await bot(gate);
    const text = "BEGIN; SELECT id FROM orders; INSERT INTO orders VALUES (5002, 1, 'new', 1); COMMIT";
    const { rows, error } = await count(client, text);
    expect([rows, error?.code]).toEqual([250, 'SL030']);
    // The database may have committed before it was stopped: then the client is told.
    const carriedOut = error?.message.includes('carried out') === true;
    const direct = await gate.client('alice');
    const { rowCount } = await direct.query('DELETE FROM orders WHERE id = 5002');
    expect(rowCount).toBe(carriedOut ? 1 : 0);
    await client.query('ROLLBACK');
  });

  test('a long result is stopped at the database, too', async () => {
    const client = await bot(gate);
    const started = Date.now();
    const { rows, error } = await count(client, 'SELECT a.id FROM orders a, orders b, orders c');
    expect([rows, error?.code]).toEqual([250, 'SL030']);
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  test('cursors and FETCH, whichever way', async () => {
    const client = await bot(gate);
    await client.query('BEGIN');
    await client.query('DECLARE c CURSOR FOR SELECT id FROM orders');
    expect((await client.query('FETCH 200 FROM c')).rowCount).toBe(200);
    const { rows, error } = await count(client, 'FETCH 200 FROM c');
    expect([rows, error?.code]).toEqual([50, 'SL030']);
    await client.query('ROLLBACK');
  });

  test('pipelines: what stands behind a result that is cut off does not run', async () => {
    const client = await bot(gate);
    const first = count(client, 'SELECT id FROM orders WHERE id > $1', [0]);
    const second = count(client, "INSERT INTO orders VALUES ($1, 1, 'new', 1)", [5003]);
    expect((await first).error?.code).toBe('SL030');
    // A pipeline of this driver has a Sync behind each statement: the second stands for itself.
    expect((await second).error).toBeUndefined();
    const direct = await gate.client('alice');
    await direct.query('DELETE FROM orders WHERE id = 5003');
  });

  test('a write that returns too much is rolled back where nothing is committed yet, else it is said', async () => {
    const direct = await gate.client('alice');
    const seen = async () =>
      (await direct.query("SELECT count(*)::int AS n FROM orders WHERE status = 'seen'")).rows[0].n;
    const one = await bot(gate);
    const extended = await count(one, "UPDATE orders SET status = 'seen' WHERE id > $1 RETURNING id", [0]);
    expect([extended.rows, extended.error?.code]).toEqual([250, 'SL030']);
    expect(await seen()).toBe(0);
    const two = await bot(gate);
    const simple = await count(two, "UPDATE orders SET status = 'seen' WHERE id > 0 RETURNING id");
    expect([simple.rows, simple.error?.code]).toEqual([250, 'SL030']);
    const carriedOut = simple.error?.message.includes('carried out') === true;
    expect(await seen()).toBe(carriedOut ? 1000 : 0);
    await direct.query("UPDATE orders SET status = 'paid' WHERE id > 0");
  });

  test('whoever the budget does not name is free', async () => {
    const client = await gate.client('bob');
    expect((await client.query('SELECT id FROM orders')).rowCount).toBe(1000);
  });
});

describe('what is counted', () => {
  let gate: Gate;
  beforeAll(async () => {
    gate = await start(
      {
        statements: { for: { principals: ['app'] }, count: 'statements', limit: 5 },
        bytes: { for: { principals: ['anna'] }, count: 'bytes', limit: '1KiB' },
        mails: {
          for: { principals: ['alice'] },
          count: 'unmasked',
          labels: ['email', 'phone'],
          per: ['principal', 'label'],
          limit: 100,
        },
        written: { for: { principals: ['bob'] }, count: 'written', limit: 10 },
        asking: { for: AGENTS, count: 'held', limit: 2 },
        'agents-of-bob': {
          ...{ for: { principals: ['bob'] }, onBehalfOf: true, count: 'rows', limit: 60 },
          ...{ exceeded: 'hold', approval: { groups: ['dba'] } },
        },
      },
      { principals: { 'report-bot': { mayActFor: ['bob', 'alice'] } } },
    );
  }, 60_000);
  afterAll(() => gate.stop());

  test('statements, but for those that end a transaction', async () => {
    const client = await gate.client('app');
    await client.query('BEGIN');
    for (let i = 0; i < 4; i += 1) await client.query('SELECT $1::int', [i]);
    await client.query("SET application_name = 'x'");
    expect((await count(client, 'SELECT 1')).error?.code).toBe('SL030');
    await client.query('ROLLBACK');
    expect((await count(await gate.client('app'), 'SELECT 1')).error?.code).toBe('SL030');
  });

  test('bytes, to the row', async () => {
    const client = await gate.client('anna');
    const { rows, error } = await count(client, "SELECT repeat('x', 89) FROM orders");
    // A row is 7 bytes of frame, 4 of length and the text.
    expect([rows, error?.code]).toEqual([10, 'SL030']);
    expect((await count(client, "SELECT 'y'")).error).toBeUndefined();
  });

  test('real values of labelled columns, label by label', async () => {
    const client = await gate.client('alice');
    expect((await client.query('SELECT id, plan FROM customers')).rowCount).toBe(300);
    const both = await count(client, 'SELECT email, phone FROM customers WHERE id <= 60');
    expect(both).toEqual({ rows: 60, error: undefined });
    const { rows, error } = await count(client, 'SELECT phone FROM customers');
    expect([rows, error?.code, JSON.parse(error?.detail ?? '').label]).toEqual([40, 'SL030', 'phone']);
    expect((await count(client, 'SELECT email FROM customers LIMIT 40')).rows).toBe(40);
    expect((await count(client, 'SELECT email FROM customers LIMIT 1')).error?.code).toBe('SL030');
  });

  test('rows written: what goes over it is rolled back', async () => {
    const client = await gate.client('bob');
    await client.query("UPDATE orders SET status = 'a' WHERE id <= 4");
    for (const values of [undefined, []]) {
      const over = await count(client, "UPDATE orders SET status = 'b' WHERE id <= 7", values);
      expect(over.error).toMatchObject({
        code: 'SL030',
        message: expect.stringContaining('10 rows written'),
      });
    }
    await client.query('BEGIN');
    await client.query("UPDATE orders SET status = 'c' WHERE id <= 3");
    expect((await count(client, "UPDATE orders SET status = 'd' WHERE id <= 4")).error?.code).toBe('SL030');
    await client.query('ROLLBACK');
    // What was rolled back was written all the same: three are left.
    const two = await gate.client('bob');
    const both = [client, two].map((one) => count(one, "UPDATE orders SET status = 'e' WHERE id <= 2"));
    const codes = (await Promise.all(both)).map(({ error }) => error?.code);
    expect(codes.toSorted()).toEqual(['SL030', undefined]);
    const { rows } = await (await gate.database.client()).query(
      'SELECT status, count(*)::int AS n FROM orders WHERE id <= 7 GROUP BY 1 ORDER BY 1',
    );
    expect(rows).toEqual([
      { status: 'a', n: 2 },
      { status: 'e', n: 2 },
      { status: 'paid', n: 3 },
    ]);
  });

  test('requests for approval', async () => {
    const client = await gate.client('report-bot', { onBehalfOf: ['alice'] });
    const codes: (string | undefined)[] = [];
    for (const id of [1, 2, 3])
      codes.push((await count(client, `DELETE FROM orders WHERE true OR id = ${id}`)).error?.code);
    expect(codes).toEqual(['SL002', 'SL002', 'SL030']);
  });

  test('what an agent uses counts for the person; beyond it, a statement is held, and runs whole once approved', async () => {
    const agent = await bot(gate);
    expect((await count(agent, 'SELECT id FROM orders LIMIT 40')).rows).toBe(40);
    const person = await gate.client('bob');
    const cut = await count(person, 'SELECT id FROM orders LIMIT 30');
    expect(cut.rows).toBe(20);
    expect(cut.error?.hint).toContain('Sent again, the statement is held for approval');
    const sql = 'SELECT id FROM orders LIMIT 33';
    const held = await count(person, sql);
    expect(held.error).toMatchObject({
      code: 'SL002',
      message: expect.stringContaining('budget agents-of-bob'),
    });
    const detail = JSON.parse(held.error?.detail ?? '');
    expect(detail.policies).toEqual(['budget:agents-of-bob']);
    const vote = await gate.api('alice', 'POST', `/v1/approvals/${detail.request}/approve`, {});
    expect(vote.status).toBeLessThan(300);
    expect(await count(person, sql)).toEqual({ rows: 33, error: undefined });
    expect((await count(person, sql)).error?.code).toBe('SL002');
  });
});

describe.each([
  ['one process', 0],
  ['workers', 3],
])('many sessions of one principal, %s', (_, workers) => {
  let gate: Gate;
  beforeAll(async () => {
    gate = await start(
      {
        rows: { for: AGENTS, count: 'rows', limit: 5_000, window: '1d' },
        statements: { for: { principals: ['app'] }, count: 'statements', limit: 200, window: '1d' },
      },
      { workers },
    );
  }, 60_000);
  afterAll(() => gate.stop());

  test('get together what the budget has, to the row', async () => {
    const race = async () => {
      const client = await bot(gate);
      let sum = 0;
      for (;;) {
        const { rows, error } = await count(client, 'SELECT id FROM orders LIMIT 170');
        sum += rows;
        if (error !== undefined) {
          expect(error.code).toBe('SL030');
          return sum;
        }
      }
    };
    const sums = await Promise.all(Array.from({ length: 9 }, race));
    expect(sums.reduce((a, b) => a + b, 0)).toBe(5_000);
  }, 60_000);

  test('run together as many statements as the budget has', async () => {
    const race = async () => {
      const client = await gate.client('app');
      let sum = 0;
      while ((await count(client, 'SELECT 1')).error === undefined) sum += 1;
      return sum;
    };
    const sums = await Promise.all(Array.from({ length: 7 }, race));
    expect(sums.reduce((a, b) => a + b, 0)).toBe(200);
  }, 60_000);
});
