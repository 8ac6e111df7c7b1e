import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionObjectUse } from '../../src/model/dialect.ts';
import type { Facts } from '../../src/model/facts.ts';
import {
  createScope,
  type PostgresScope,
  type PostgresStatement,
  RelationInfo,
} from '../../src/sql/postgres/index.ts';
import { type AnalysisSession, brief, openAnalysisSession } from './analysis-session.ts';
import { FACTS_CORPUS, FACTS_SEED } from './facts-corpus.ts';

let session: AnalysisSession;

beforeAll(async () => {
  session = await openAnalysisSession(FACTS_SEED);
});

afterAll(() => session?.close());

const object = ({ kind, verb, name }: SessionObjectUse): string => ` · @${kind} ${verb} ${name}`;

describe('facts', () => {
  it.each(FACTS_CORPUS)('%s', async (text, expected) => {
    const { statements } = await session.analyze(text);
    expect(statements).toHaveLength(1);
    const { facts, sessionObject, unresolved } = statements[0]!;
    const missing = unresolved.length > 0 ? ` · unresolved ${unresolved.join()}` : '';
    expect(`${brief(facts)}${sessionObject ? object(sessionObject) : ''}${missing}`.trim()).toBe(expected);
  });

  it('covers every statement, wherever it stands', async () => {
    const { statements } = await session.analyze(
      ' -- first\nSELECT 1; ; /* second */ SELECT é FROM orders ;',
    );
    const text = ' -- first\nSELECT 1; ; /* second */ SELECT é FROM orders ;';
    expect(statements.map(({ start, end }) => text.slice(start, end))).toEqual([
      'SELECT 1',
      'SELECT é FROM orders ',
    ]);
    expect((await session.analyze('')).statements).toEqual([]);
    expect((await session.analyze(' ; -- nothing\n;')).statements).toEqual([]);
  });

  it.each([
    'CREATE TABLE x (a int); SELECT * FROM orders',
    'ALTER TABLE customers RENAME TO c; SELECT * FROM public.orders',
    'DO $$BEGIN END$$; SELECT * FROM orders',
    'SET search_path = other; SELECT * FROM orders',
    `SELECT set_config('search_path', 'other', false); SELECT * FROM orders`,
    'ROLLBACK; SELECT * FROM orders',
    'SET ROLE bob; SELECT * FROM orders',
    'DISCARD ALL; SELECT * FROM orders',
  ])('does not trust names after %s', async (text) => {
    const { statements } = await session.analyze(text);
    expect(statements.at(-1)!.facts.opaque.map(({ kind }) => kind)).toEqual(['relation']);
  });

  it.each([
    'SET work_mem = 1000; SELECT * FROM orders',
    'BEGIN; SELECT * FROM orders; COMMIT',
    'SET search_path = other; SELECT * FROM public.orders',
    'CREATE TABLE x (a int); SELECT * FROM pg_class',
  ])('trusts names after %s', async (text) => {
    const { statements } = await session.analyze(text);
    expect(statements.flatMap(({ facts }) => facts.opaque)).toEqual([]);
  });
});

describe('names after the end of a transaction, or after EXECUTE and FETCH', () => {
  const columns = [['id', 1, 23, -1, null, 0, '', null, null]];
  const temporary = (name: string): RelationInfo =>
    new RelationInfo(
      JSON.stringify([99_999, 'r', 'pg_temp_3', name, 't', 0, 0, columns, ...new Array(8).fill(null)]),
    );
  const shadowing = (name: string): PostgresScope =>
    createScope({
      catalog: session.catalog,
      searchPath: ['public'],
      user: 'postgres',
      temporary: [temporary(name)],
    });

  const TEXTS = [
    'COMMIT; DELETE FROM customers',
    `PREPARE TRANSACTION 'x'; DELETE FROM customers`,
    'EXECUTE p; DELETE FROM customers',
    'FETCH c; DELETE FROM customers',
    'SET search_path = public, pg_temp; DELETE FROM customers',
    'ROLLBACK; DELETE FROM customers',
    'DROP TABLE pg_temp.customers; DELETE FROM customers',
  ];
  it.each(TEXTS)('are refused to everyone if they stand for a shadow: %s', async (text) => {
    await expect(session.analyze(text, shadowing('customers'))).rejects.toMatchObject({
      code: 'not_understood',
    });
  });

  it.each(TEXTS.slice(0, -1))('are trusted if they can mean one thing only: %s', async (text) => {
    for (const scope of [session.scope, shadowing('unrelated')]) {
      const { statements } = await session.analyze(text, scope);
      expect(statements.at(-1)!.facts.opaque).toEqual([]);
    }
  });
});

it('EXPLAIN runs what it explains if any of its options says so', async () => {
  for (const options of ['ANALYZE false, ANALYZE true', 'ANALYZE, ANALYZE off', 'ANALYZE 0, ANALYZE 1']) {
    const { statements } = await session.analyze(`EXPLAIN (${options}) DELETE FROM orders WHERE id = 1`);
    expect(statements[0]!.facts.actions).toContain('Delete');
  }
});

it('EXPLAIN DECLARE makes no cursor', async () => {
  const { statements } = await session.analyze('EXPLAIN DECLARE c CURSOR FOR SELECT 1');
  expect(statements[0]!.sessionObject).toBeUndefined();
});

describe('digests', () => {
  it('stay when a statement has let go of its tree', async () => {
    const [settled, fresh] = [await digest('SELECT id FROM orders'), await digest('SELECT id FROM orders')];
    settled.settle();
    settled.settle();
    expect([settled.astDigest, settled.objectsDigest]).toEqual([fresh.astDigest, fresh.objectsDigest]);
    expect(() => (settled as PostgresStatement).tree).toThrow('settled');
  });

  it('of very long statements are those of their text', async () => {
    const long = `SELECT id FROM orders WHERE id IN (${'1, '.repeat(20_000)}`;
    const [one, other] = [await digest(`${long}1)`), await digest(`${long}2)`)];
    expect(one.astDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(one.astDigest).not.toBe(other.astDigest);
    expect((await digest(`;${long}1)`)).astDigest).toBe(one.astDigest);
  });

  const digest = async (text: string) => (await session.analyze(text)).statements[0]!;

  it('tells trees apart, and nothing else', async () => {
    const base = (await digest('SELECT id FROM orders WHERE id = 1')).astDigest;
    expect((await digest('select  id\nfrom orders where id = 1 -- x')).astDigest).toBe(base);
    for (const other of [
      'SELECT id FROM orders WHERE id = 2',
      `SELECT id FROM orders WHERE id = '1'`,
      'SELECT id FROM public.orders WHERE id = 1',
      'SELECT id AS x FROM orders WHERE id = 1',
    ]) {
      expect((await digest(other)).astDigest).not.toBe(base);
    }
    // Where libpg-query's fingerprints collide.
    expect((await digest('SET ROLE a')).astDigest).not.toBe((await digest('SET ROLE b')).astDigest);
    expect((await digest(`CREATE TABLESPACE t LOCATION '/a'`)).astDigest).not.toBe(
      (await digest(`CREATE TABLESPACE t LOCATION '/b'`)).astDigest,
    );
  });

  it('follows the definitions of what a statement reaches', async () => {
    const before = (await digest('SELECT shout(note) FROM orders')).objectsDigest;
    await session.database.query(
      `CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN lower($1); END$$`,
    );
    const changed = await openCatalog();
    const after = (await session.analyze('SELECT shout(note) FROM orders', changed)).statements[0]!;
    expect(after.objectsDigest).not.toBe(before);
    const same = (await session.analyze('SELECT note FROM orders', changed)).statements[0]!;
    expect(same.objectsDigest).toBe((await digest('SELECT note FROM orders')).objectsDigest);
  });

  const openCatalog = async () => {
    const { createCatalogLoader, createScope } = await import('../../src/sql/postgres/index.ts');
    const client = await session.database.client();
    const catalog = await createCatalogLoader(async (sql) => (await client.query(sql)).rows).load();
    return createScope({ catalog, searchPath: ['public'], user: 'postgres' });
  };
});

/** True if every literal may be exchanged. */
async function isFree(text: string): Promise<boolean> {
  const { shareable, fixedLiterals = [] } = await session.analyze(text);
  return shareable && fixedLiterals.length === 0;
}

describe('shareable', () => {
  it.each([
    'SELECT * FROM orders WHERE id = 5',
    `SELECT * FROM orders WHERE note = 'x' AND total > 5 AND id <> 3`,
    'SELECT * FROM orders WHERE id = -5',
    'SELECT * FROM orders WHERE id BETWEEN 1 AND 5',
    `SELECT * FROM orders WHERE note LIKE 'a%' OR note ILIKE 'b%' OR note NOT LIKE 'c'`,
    `SELECT * FROM orders WHERE note IN ('a', 'b') AND 5 < id`,
    'SELECT * FROM orders LIMIT 5 OFFSET 3',
    `INSERT INTO orders (id, note) VALUES (1, 'x'), (2, 'y')`,
    `UPDATE orders SET total = 5, note = 'x' WHERE id = 7`,
    'DELETE FROM orders WHERE id = 7',
    'SELECT * FROM orders',
  ])('%s', async (text) => {
    expect(await isFree(text)).toBe(true);
  });

  it.each([
    `SELECT nextval('orders_id_seq')`,
    'SELECT id FROM orders ORDER BY 1',
    'SELECT id FROM orders GROUP BY 1',
    'DELETE FROM orders WHERE 1 = 1',
    `SELECT 'orders'::regclass`,
    `SELECT date '2020-01-01'`,
    `SELECT set_config('role', 'x', false)`,
    `SELECT current_setting('primary_conninfo')`,
    `SELECT * FROM orders WHERE note = 'x'::text`,
    'SELECT * FROM orders WHERE id + 1 = 5',
    'SELECT 5',
    `SELECT 'a' AS x`,
    `SELECT lower('A')`,
    `SELECT interval '1' day`,
    'SELECT id::float(10) FROM orders',
    `SELECT id::varchar(10) FROM orders`,
    'SELECT * FROM orders TABLESAMPLE SYSTEM (5)',
    `SET search_path = 'a'`,
    'FETCH 5 FROM cur',
    `COPY orders TO '/tmp/x'`,
    'UPDATE orders SET total = total + 1 WHERE id = 7',
    `UPDATE orders SET total = 5 WHERE id = 7 OR 1 = 1`,
    // With other constants these exclude nothing: LIKE '%', id = 5 OR id <> 5.
    `DELETE FROM orders WHERE note LIKE 'x'`,
    `DELETE FROM orders WHERE note ILIKE 'x' AND id = 5`,
    'DELETE FROM orders WHERE id = 5 OR id <> 6',
    `UPDATE orders SET total = 5 WHERE NOT (id = 5 OR note NOT LIKE 'x')`,
    `MERGE INTO orders o USING customers c ON o.note LIKE 'x' WHEN MATCHED THEN DELETE`,
    `MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED AND o.id = 1 OR o.id <> 2 THEN DELETE`,
    'SELECT * FROM orders WHERE id = 5; SELECT * FROM orders WHERE id = 6',
    `SELECT * FROM orders WHERE note = E'x'`,
    'SELECT * FROM orders -- where id = 5',
    `SELECT * FROM orders WHERE note = 'é'`,
    'SELECT * FROM orders WHERE (id = 5) = true AND id IN (SELECT 5)',
    `EXECUTE p (5)`,
    `CREATE ROLE x PASSWORD 'y'`,
    `NOTIFY a, 'b'`,
  ])('not: %s', async (text) => {
    expect(await isFree(text)).toBe(false);
  });

  /** Literals in braces may change what a statement does or is; whatever the others are, facts and names stay the same. */
  it.each([
    'SELECT id, note FROM orders WHERE id = 5 ORDER BY {2} LIMIT 3',
    'SELECT id, note FROM orders WHERE id > 5 GROUP BY {1}, {2} HAVING count(*) > 3 AND sum(total) BETWEEN 1 AND 2',
    `WITH x AS (SELECT customer_id, count(*) AS n FROM orders WHERE note <> 'a' GROUP BY {1}) SELECT * FROM x WHERE n > 5 ORDER BY {2} DESC`,
    `SELECT DISTINCT ON ({1}) id FROM orders WHERE lower(note) = 'a'`,
    `SELECT {'orders'}::regclass FROM orders WHERE id = 5`,
    `SELECT nextval({'orders_id_seq'}) FROM orders WHERE id = 5`,
    `SELECT set_config({'role'}, {'x'}, false) FROM orders WHERE id = 5`,
    `SELECT id::varchar({10}) FROM orders WHERE id = 5`,
    `SELECT {5} FROM orders WHERE total = 6`,
    'UPDATE orders SET total = total + {1} WHERE id = 7',
    'UPDATE orders SET total = 5 WHERE id = {7} OR {1} = {1}',
    `DELETE FROM orders WHERE id + {1} = 5`,
    `UPDATE orders SET total = 5 WHERE note LIKE {'x'}`,
    `SELECT * FROM orders TABLESAMPLE SYSTEM ({5}) WHERE id = 5`,
    `SELECT id FROM orders WHERE {1} = {1} AND id = 2`,
    `SELECT note || {'a'} FROM orders ORDER BY id LIMIT 5`,
  ])('but for those in braces: %s', async (marked) => {
    const text = marked.replaceAll(/[{}]/g, '');
    const marks = marked.split(/[{}]/).flatMap((part, i) => {
      const count = (part.match(/'[^']*'|\b\d+\b/g) ?? []).length;
      return Array.from({ length: count }, () => i % 2 === 1);
    });
    const { fixedLiterals } = await session.analyze(text);
    expect(fixedLiterals).toEqual(marks.flatMap((fixed, i) => (fixed ? [i] : [])));
    const other = marked
      .split(/[{}]/)
      .map((part, i) =>
        i % 2 === 1 ? part : part.replaceAll(/'[^']*'/g, `'%;x'`).replaceAll(/\b\d+\b/g, '991'),
      )
      .join('');
    expect(session.dialect.shape(other)?.key).toBe(session.dialect.shape(text)?.key);
    expect((await session.analyze(other)).statements[0]!.facts).toEqual(
      (await session.analyze(text)).statements[0]!.facts,
    );
  });

  it('says the same of every text of a shape', async () => {
    const make = (n: number, s: string) => [
      `SELECT * FROM orders WHERE id = ${n} AND note = '${s}' LIMIT ${n}`,
      `INSERT INTO orders (id, note) VALUES (${n}, '${s}')`,
      `UPDATE orders SET note = '${s}' WHERE id = ${n}`,
      `DELETE FROM orders WHERE id IN (${n}, ${n}) AND note <> '${s}'`,
    ];
    const [left, right] = [make(1, 'a'), make(999999999, "it''s; DROP TABLE orders")];
    for (let i = 0; i < left.length; i++) {
      const [a, b] = [await session.analyze(left[i]!), await session.analyze(right[i]!)];
      expect(session.dialect.shape(left[i]!)?.key).toBe(session.dialect.shape(right[i]!)?.key);
      expect([a.shareable, b.shareable]).toEqual([true, true]);
      expect(b.statements[0]!.facts).toEqual(a.statements[0]!.facts);
    }
  });
});

describe('views and catalogs', () => {
  const beneath = (statement: string, kind = 'v', reads = [['orders']]): Promise<Facts> => {
    const oids = reads.map((names) => names.map((name) => session.catalog.relation('public', name)!.oid));
    const columns = [['id', 1, 23, -1, null, 0, '', null, null]];
    const row = [
      99_999,
      kind,
      'pg_temp_3',
      'v',
      't',
      0,
      0,
      columns,
      null,
      null,
      null,
      null,
      null,
      null,
      oids,
    ];
    const scope = createScope({
      catalog: session.catalog,
      searchPath: ['public'],
      user: 'postgres',
      temporary: [new RelationInfo(JSON.stringify([...row, null]))],
    });
    return session.analyze(statement, scope).then(({ statements }) => statements[0]!.facts);
  };
  const usesOf = (facts: Facts): string[] =>
    facts.relations.map(({ action, relation }) => `${action} ${relation}`);

  it.each([
    ['DELETE FROM v WHERE id = 1', 'Delete'],
    ['UPDATE v SET id = 1', 'Update'],
    ['INSERT INTO v VALUES (1)', 'Insert'],
    ['MERGE INTO v USING customers c ON c.id = v.id WHEN MATCHED THEN DELETE', 'Delete'],
    ['SELECT id FROM v FOR UPDATE', 'Lock'],
    ['LOCK v', 'Lock'],
  ])('%s of a temporary view reaches what it reads', async (text, action) => {
    expect(usesOf(await beneath(text))).toContain(`${action} public.orders`);
  });

  it('reaches through views of views', async () => {
    expect(usesOf(await beneath('DELETE FROM v', 'v', [['v_orders']]))).toContain('Delete public.orders');
    const { statements } = await session.analyze('DELETE FROM v_orders');
    expect(usesOf(statements[0]!.facts)).toContain('Delete public.orders');
  });

  it.each([
    `UPDATE pg_class SET relname = 'x' WHERE relname = 'customers'`,
    'DELETE FROM pg_catalog.pg_rewrite WHERE false',
    'INSERT INTO pg_enum VALUES (1)',
    'COPY pg_proc FROM STDIN',
    'TRUNCATE pg_description',
    'WITH x AS (DELETE FROM pg_depend RETURNING 1) SELECT 1',
    'MERGE INTO pg_namespace n USING orders o ON true WHEN MATCHED THEN DELETE',
  ])('%s is an act of administration', async (text) => {
    const { statements } = await session.analyze(text);
    expect(statements[0]!.facts.actions).toContain('Administer');
    expect(statements[0]!.facts.changesCatalog).toBe(true);
  });

  it('UPDATE pg_settings is SET by another name', async () => {
    const { statements } = await session.analyze(
      `UPDATE pg_settings SET setting = '1' WHERE name = 'work_mem'`,
    );
    expect(statements[0]!.facts.actions).not.toContain('Administer');
    expect(statements[0]!.facts.opaque).not.toEqual([]);
  });

  it("other sessions' temporary tables are not one's own", async () => {
    const { statements } = await session.analyze('DROP TABLE pg_temp_77.theirs');
    expect(statements[0]!.facts.opaque).not.toEqual([]);
  });
});
