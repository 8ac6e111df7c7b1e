import { describe, expect, it } from 'vitest';
import { rowChangeOf } from './row-changes.ts';

describe('a statement taken apart', () => {
  it.each([
    ['UPDATE t SET a = 1', '"t"', 'FROM t'],
    ['update only s.t as x set a = 1 where x.b = 2;', '"x"', 'FROM only s.t as x\nwhere x.b = 2'],
    [
      'UPDATE t x SET a = 1 FROM u JOIN v USING (id) WHERE x.id = u.id',
      '"x"',
      'FROM t x\n, u JOIN v USING (id)\nWHERE x.id = u.id',
    ],
    [
      'UPDATE "T" AS "Set" SET a = b IS DISTINCT FROM c, d = (SELECT 1 FROM u WHERE true) WHERE id = 1 RETURNING *',
      '"Set"',
      'FROM "T" AS "Set"\nWHERE id = 1',
    ],
    [
      'UPDATE t AS set SET a = 1 /* where */ WHERE id IS NOT DISTINCT FROM 5 -- from',
      '"set"',
      'FROM t AS set\nWHERE id IS NOT DISTINCT FROM 5',
    ],
    ['UPDATE ONLY (t) SET a[1] = 2 WHERE b = 1', '"t"', 'FROM ONLY (t)\nWHERE b = 1'],
    ["DELETE FROM t * WHERE a = 'x where y'", '"t"', "FROM t *\nWHERE a = 'x where y'"],
    ['DELETE FROM s.t USING u WHERE t.id = u.id RETURNING t.id', '"t"', 'FROM s.t\n, u\nWHERE t.id = u.id'],
    ['DELETE FROM t', '"t"', 'FROM t'],
  ])('reads the same rows: %s', (text, alias, source) => {
    expect(rowChangeOf(text)).toMatchObject({ alias, source });
  });

  it.each([
    ['INSERT INTO t VALUES (1) RETURNING id', 'INSERT INTO t VALUES (1)'],
    ['INSERT INTO t SELECT 1 ON CONFLICT DO NOTHING;', 'INSERT INTO t SELECT 1 ON CONFLICT DO NOTHING'],
    ['DELETE FROM t WHERE a RETURNING *;', 'DELETE FROM t WHERE a'],
  ])('returns nothing: %s', (text, without) => {
    expect(rowChangeOf(text)).toMatchObject({ text: without });
  });

  it.each([
    [
      'WITH a AS (SELECT 1) UPDATE t SET a = 1 WHERE b IN (TABLE a)',
      'WITH a AS (SELECT 1)',
      'FROM t\nWHERE b IN (TABLE a)',
    ],
    [
      'WITH RECURSIVE update (n) AS MATERIALIZED (SELECT 1), "x" AS NOT MATERIALIZED (SELECT 2) DELETE FROM t USING x WHERE t.a = x.b',
      'WITH RECURSIVE update (n) AS MATERIALIZED (SELECT 1), "x" AS NOT MATERIALIZED (SELECT 2)',
      'FROM t\n, x\nWHERE t.a = x.b',
    ],
    [
      'MERGE INTO s.t AS x USING (SELECT 1 AS id) AS u ON CASE WHEN x.a = u.id THEN true END WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING',
      '',
      'FROM s.t AS x\nJOIN (SELECT 1 AS id) AS u ON CASE WHEN x.a = u.id THEN true END',
    ],
  ])('reads the same rows: %s', (text, lead, source) => {
    expect(rowChangeOf(text)).toMatchObject({ text, lead, source, name: 't' });
  });

  it.each([
    [
      'INSERT INTO s."T" AS x (a, "B") VALUES (1, DEFAULT), (2, 3) ON CONFLICT (a) WHERE b DO UPDATE SET b = 1 WHERE x.a = 1',
      { target: 's."T" AS x', columns: ['a', 'B'], rows: 'VALUES (1, NULL), (2, 3)', key: ['a'] },
    ],
    [
      'WITH u AS (SELECT 1) INSERT INTO t (SELECT * FROM u) ON CONFLICT ON CONSTRAINT c DO UPDATE SET b = 1',
      { target: 't', columns: undefined, rows: '(SELECT * FROM u)', key: 'c' },
    ],
  ])('says what an INSERT meets: %s', (text, upsert) => {
    expect(rowChangeOf(text)).toMatchObject({ upsert });
  });

  it.each([
    'INSERT INTO t VALUES (1) ON CONFLICT (lower(a)) DO UPDATE SET a = 1',
    'INSERT INTO t VALUES (1) ON CONFLICT (a COLLATE "C") DO UPDATE SET a = 1',
    'INSERT INTO t (a.b) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1',
    'INSERT INTO t OVERRIDING USER VALUE VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1',
    'INSERT INTO t DEFAULT VALUES ON CONFLICT (a) DO UPDATE SET a = 1',
    'UPDATE t SET a = 1 WHERE CURRENT OF c',
    'MERGE INTO t USING u ON true WHEN NOT MATCHED BY SOURCE THEN DELETE',
    'WITH U&"\\0061" AS (SELECT 1) UPDATE t SET a = 1',
    'WITH a AS (SELECT 1) SELECT 1',
    'TRUNCATE t',
    '',
  ])('is refused: %s', (text) => {
    expect(rowChangeOf(text)).toEqual(expect.any(String));
  });
});
