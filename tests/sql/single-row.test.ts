import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from './analysis-session.ts';

const SEED = `
  CREATE TABLE orders (id int PRIMARY KEY, code text UNIQUE, status text, amount float8 UNIQUE);
  CREATE TABLE items (order_id int, line int, note text, PRIMARY KEY (order_id, line));
  CREATE TABLE events (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE base (id int PRIMARY KEY);
  CREATE TABLE heir () INHERITS (base);
  CREATE TABLE loose (id int);
  CREATE UNIQUE INDEX ON loose (id) WHERE id > 5;
  CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
`;

let session: AnalysisSession;

beforeAll(async () => {
  session = await openAnalysisSession(SEED);
});

afterAll(() => session?.close());

const atMostOne = async (text: string): Promise<boolean> =>
  (await session.analyze(text)).statements[0]!.facts.atMostOneRow === true;

describe('one row at the most', () => {
  it.each([
    "UPDATE orders SET status = 'x' WHERE id = 5",
    'UPDATE orders SET status = $2 WHERE id = $1',
    'UPDATE public.orders o SET status = $2 WHERE $1::int = o.id AND o.status <> $2',
    "DELETE FROM orders WHERE code = 'a' RETURNING *",
    'DELETE FROM ONLY orders WHERE (id = 1 AND (status IS NULL OR true))',
    'UPDATE items SET note = $1 WHERE line = 3 AND order_id = 7',
    "DELETE FROM events WHERE id = 1 AND day = date '2026-05-01'",
    'UPDATE orders SET status = (SELECT note FROM items LIMIT 1) WHERE id OPERATOR(pg_catalog.=) 5',
  ])('%s', async (text) => {
    expect(await atMostOne(text)).toBe(true);
  });

  it.each([
    ['no condition', 'DELETE FROM orders'],
    ['a column that is no key', "DELETE FROM orders WHERE status = 'x'"],
    ['a part of a key', 'UPDATE items SET note = $1 WHERE order_id = 7'],
    ['another comparison', 'DELETE FROM orders WHERE id >= 5'],
    ['one of several', 'DELETE FROM orders WHERE id IN (5, 6)'],
    ['a choice', 'DELETE FROM orders WHERE id = 5 OR id = 6'],
    ['the opposite', 'DELETE FROM orders WHERE NOT id = 5'],
    ['no constant', 'DELETE FROM orders WHERE id = id'],
    ['a value that changes', 'DELETE FROM orders WHERE id = (random() * 10)::int'],
    ['a query', 'DELETE FROM orders WHERE id = (SELECT 1)'],
    ['a type whose equality is another', 'DELETE FROM orders WHERE amount = 1.5'],
    ['a join', 'UPDATE orders SET status = note FROM items WHERE id = 5'],
    ['a join of a DELETE', 'DELETE FROM orders USING items WHERE id = 5'],
    ['tables that inherit', 'DELETE FROM base WHERE id = 1'],
    ['an index of some rows', 'DELETE FROM loose WHERE id = 7'],
    ['a view', 'DELETE FROM open_orders WHERE id = 5'],
    ['another change within', 'WITH d AS (DELETE FROM items) DELETE FROM orders WHERE id = 5'],
    ['another table’s column', 'DELETE FROM orders o WHERE orders.id = 5'],
    ['no such table', 'DELETE FROM nothing WHERE id = 5'],
    ['no change', 'SELECT * FROM orders WHERE id = 5'],
  ])('not %s', async (_name, text) => {
    expect(await atMostOne(text)).toBe(false);
  });

  it('is not said where the database has operators = of its own', async () => {
    const other = await openAnalysisSession(`${SEED}
      CREATE FUNCTION yes(int, int) RETURNS bool LANGUAGE sql RETURN true;
      CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = yes);`);
    try {
      const say = async (text: string) => (await other.analyze(text)).statements[0]!.facts.atMostOneRow;
      expect(await say('DELETE FROM orders WHERE id = 5')).toBeUndefined();
      expect(await say('DELETE FROM orders WHERE id OPERATOR(pg_catalog.=) 5')).toBe(true);
    } finally {
      await other.close();
    }
  });
});
