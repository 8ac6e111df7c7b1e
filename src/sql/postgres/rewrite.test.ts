import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from '../../../tests/sql/analysis-session.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ColumnMask } from '../../model/labels.ts';
import type { Parser } from './parser.ts';
import { createPostgresDialect } from './postgres-dialect.ts';
import { createScope } from './scope.ts';

const SEED = `
CREATE SCHEMA other;
CREATE TABLE t (id int PRIMARY KEY, secret text, note text);
CREATE TABLE u (id int, t_id int);
CREATE TABLE other.t (id int, open text);
CREATE TABLE "Wei""rd" ("Se""cret" text, "select" int);
INSERT INTO t VALUES (1, 'hidden', 'a'), (2, 'veiled', 'b');
INSERT INTO u VALUES (10, 1), (20, 2);
INSERT INTO "Wei""rd" VALUES ('hidden', 7);
CREATE TABLE gen (id int, secret text, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE parts (id int, secret text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE staff (id int PRIMARY KEY, team text, secret text, note text);
CREATE INDEX ON staff (team, secret);
CREATE INDEX ON staff (id, secret);
CREATE INDEX ON staff (secret) INCLUDE (note);
CREATE TABLE keys (id int PRIMARY KEY, secret text, note text);
CREATE INDEX ON keys (secret);
CREATE VIEW some_keys AS SELECT id, secret FROM keys;
CREATE VIEW bare_keys AS SELECT secret FROM keys;
CREATE VIEW paired_keys AS SELECT a.secret, b.note FROM keys a, keys b;
CREATE TABLE wide (id int, ${Array.from({ length: 300 }, (_, i) => `a_rather_long_column_name_${i} text`).join(', ')});
`;

const mask = (relation: string, column: string): ColumnMask => ({
  relation,
  column,
  label: 'secret',
  mask: { kind: 'redact' },
});
const last = (name: string): ColumnMask => ({
  ...mask(`public.${name}`, 'secret'),
  mask: { kind: 'last', n: 4 },
});
const MASKS = [
  mask('public.t', 'secret'),
  mask('public.Wei"rd', 'Se"cret'),
  mask('public.gen', 'secret'),
  mask('public.parts', 'secret'),
  mask('public.parts_1', 'secret'),
  mask('public.staff', 'secret'),
  ...['keys', 'some_keys', 'bare_keys', 'paired_keys'].map(last),
  mask('public.wide', 'a_rather_long_column_name_7'),
];

let session: AnalysisSession;

beforeAll(async () => {
  session = await openAnalysisSession(SEED);
});

afterAll(() => session?.close());

const X = `CASE WHEN "secret" IS NOT NULL THEN '***'::"pg_catalog"."text" ELSE NULL::"pg_catalog"."text" END AS "secret"`;
/** The mask of a column named so. */
const of = (reference: string): string => X.replace('"secret"', reference).replace(' AS "secret"', '');
const T = `(SELECT "id", ${X}, "note" FROM "public"."t")`;
/** The same with only these columns. */
const t = (...columns: readonly string[]): string => `(SELECT ${columns.join(', ')} FROM "public"."t")`;
const ID = t('"id"');

const rewrite = async (text: string, masks = MASKS) => {
  const analysis = await session.analyze(text);
  return session.dialect.rewrite(analysis, masks, session.scope);
};

/** A column that no index is read by. */
const guarded = (reference: string): string =>
  `CASE WHEN (pg_catalog.now() IS NULL) THEN ${reference} ELSE ${reference} END`;
const FROM_TABLE = `WHERE ctid OPERATOR(pg_catalog.<>) '(4294967295,7)'::pg_catalog.tid`;

/** True for what the rewriting parses besides statements. */
const isFragment = (text: string): boolean => /^SELECT (FROM \(SELECT|\(?CASE|"[^"]*"\.)/.test(text);

describe('the order of rows', () => {
  const staff = (columns: string, rest = ''): string =>
    `(SELECT ${columns} FROM "public"."staff"${rest && ` ${rest}`})`;
  const TEAM = `${guarded('"team"')} AS "team"`;

  it.each([
    // Where nothing behind the primary key orders anything, it stays a column of an index.
    ['SELECT id FROM staff WHERE id = 5', `SELECT id FROM ${staff('"id"')} AS "staff" WHERE id = 5`],
    ['SELECT id, team FROM staff', `SELECT id, team FROM ${staff(`"id", ${TEAM}`, FROM_TABLE)} AS "staff"`],
    ['SELECT note FROM staff', `SELECT note FROM ${staff('"note"', FROM_TABLE)} AS "staff"`],
    // Found by the index, and put in the order of the table.
    [
      `SELECT id FROM staff WHERE team = 'x' AND note = 'y'`,
      `SELECT id FROM ${staff('"id", "team", "note"', 'ORDER BY tableoid, ctid')} AS "staff" WHERE team = 'x' AND note = 'y'`,
    ],
    [
      `SELECT id FROM staff WHERE team IN ('x', 'y')`,
      `SELECT id FROM ${staff('"id", "team"', 'ORDER BY tableoid, ctid')} AS "staff" WHERE team IN ('x', 'y')`,
    ],
    [
      `SELECT s.id FROM staff s JOIN u ON u.id = s.id WHERE s.team = 'x'`,
      `SELECT s.id FROM ${staff(`"id", ${TEAM}`, FROM_TABLE)} s JOIN "public"."u" ON u.id = s.id WHERE s.team = 'x'`,
    ],
    [
      `UPDATE staff s SET note = s.team || 'x' WHERE s.team = 'x' RETURNING s.team`,
      `UPDATE "public"."staff" s SET note = (${guarded('"s"."team"')}) || 'x' WHERE (${guarded('"s"."team"')}) = 'x' RETURNING s.team`,
    ],
    [`DELETE FROM staff WHERE team = 'x'`, `DELETE FROM "public"."staff" WHERE (${guarded('"team"')}) = 'x'`],
    [
      `INSERT INTO staff (id, team) VALUES (1, 'x')`,
      `INSERT INTO "public"."staff" (id, team) VALUES (1, 'x')`,
    ],
  ])('%s', async (text, expected) => {
    expect((await rewrite(text)).text).toBe(expected);
  });

  it('asks a view for what stands in the table', async () => {
    const client = await session.database.client();
    await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off');
    const plan = async (text: string): Promise<string> => {
      const { rows } = await client.query(`EXPLAIN (COSTS OFF) ${(await rewrite(text)).text}`);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    expect(await plan('SELECT secret FROM some_keys')).not.toContain('Only');
    expect(await plan('SELECT secret FROM some_keys WHERE id = 5')).toContain('Index Scan using keys_pkey');
    for (const view of ['bare_keys', 'paired_keys'])
      expect((await rewrite(`SELECT secret FROM ${view}`)).text).toContain('AS s ORDER BY "secret"');
    expect((await rewrite('SELECT note FROM paired_keys')).text).toContain('ORDER BY "note"');
  });

  it('tells nothing where a plan is run', async () => {
    const explain = `EXPLAIN (ANALYZE) SELECT id FROM staff WHERE team = 'x'`;
    await expect(rewrite(explain)).rejects.toThrow('in what order an index holds masked values');
    await expect(rewrite(explain.replace('ANALYZE', 'ANALYZE off'))).resolves.toBeDefined();
  });

  it('reads by no index that holds masked values, and by others as ever', async () => {
    const client = await session.database.client();
    const plan = async (text: string): Promise<string> => {
      const { rows } = await client.query(`EXPLAIN (COSTS OFF) ${(await rewrite(text)).text}`);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off');
    expect(await plan('SELECT id, note FROM staff WHERE id = 5')).toMatch(
      /Index Scan using staff_(pkey|id_secret_idx)/,
    );
    for (const text of [
      'SELECT id FROM staff ORDER BY team',
      `SELECT id FROM staff WHERE team > 'x'`,
      'SELECT note FROM staff',
      'SELECT min(team) FROM staff GROUP BY team',
      `UPDATE staff SET note = 'x' WHERE team = 'x'`,
    ])
      expect(await plan(text), text).not.toMatch(/using staff_(team|secret)/);
    const sorted = await plan(`SELECT id FROM staff WHERE team = 'x'`);
    expect(sorted).toMatch(/Sort Key: staff\S*\.tableoid, staff\S*\.ctid[\s\S]*using staff_team_secret_idx/);
  });
});

describe('rewrite', () => {
  it.each([
    ['SELECT * FROM t', `SELECT * FROM ${T} AS "t"`],
    ['SELECT * FROM t x', `SELECT * FROM ${T} x`],
    ['SELECT * FROM t AS x (a, b)', `SELECT * FROM ${T} AS x (a, b)`],
    ['SELECT * FROM public . t', `SELECT * FROM ${T} AS "t"`],
    ['SELECT * FROM /* a */ "t" -- b', `SELECT * FROM /* a */ ${T} AS "t" -- b`],
    ['TABLE t', `SELECT * FROM ${T} AS "t"`],
    ['TABLE /* x */ ONLY t', `SELECT * FROM ${T.replace('FROM "', 'FROM ONLY "')} AS "t"`],
    ['SELECT * FROM ONLY ( t ) x', `SELECT * FROM ${T.replace('FROM "', 'FROM ONLY "')} x`],
    ['SELECT * FROM t*', `SELECT * FROM ${T} AS "t"`],
    [
      'SELECT id FROM t x TABLESAMPLE SYSTEM (50) REPEATABLE (7) WHERE id = 1',
      `SELECT id FROM ${ID.slice(0, -1)} TABLESAMPLE SYSTEM (50) REPEATABLE (7)) x  WHERE id = 1`,
    ],
    ['SELECT public.t.id, t.note FROM public.t', `SELECT t.id, t.note FROM ${t('"id"', '"note"')} AS "t"`],
    ['SELECT ctid, xmin, id FROM t', `SELECT ctid, xmin, id FROM ${t('"id"', 'ctid', 'xmin')} AS "t"`],
    ['SELECT 1 FROM u, t', `SELECT 1 FROM "public"."u", (SELECT FROM "public"."t") AS "t"`],
    [
      'SELECT é FROM (SELECT note AS é FROM t) s',
      `SELECT é FROM (SELECT note AS é FROM ${t('"note"')} AS "t") s`,
    ],
    ['COPY t TO STDOUT', `COPY ${T.replace('FROM "', 'FROM ONLY "')} TO STDOUT`],
    [
      'COPY t (note, secret) TO STDOUT (FORMAT csv)',
      `COPY (SELECT "note", ${X} FROM ONLY "public"."t") TO STDOUT (FORMAT csv)`,
    ],
    ['COPY gen TO STDOUT', `COPY (SELECT "id", ${X} FROM ONLY "public"."gen") TO STDOUT`],
    ['COPY parts TO STDOUT', `COPY (SELECT "id", ${X} FROM "public"."parts") TO STDOUT`],
    [
      'SELECT 1; SELECT 2 FROM t; TABLE u',
      `SELECT 1; SELECT 2 FROM (SELECT FROM "public"."t") AS "t"; TABLE "public"."u"`,
    ],
    ['INSERT INTO u (id) SELECT id FROM t', `INSERT INTO "public"."u" (id) SELECT id FROM ${ID} AS "t"`],
    ["UPDATE t SET note = 'x' WHERE id = 1", `UPDATE "public"."t" SET note = 'x' WHERE id = 1`],
    [
      'DELETE FROM u USING t WHERE t.id = u.t_id',
      `DELETE FROM "public"."u" USING ${ID} AS "t" WHERE t.id = u.t_id`,
    ],
    [
      'SELECT "select" FROM "Wei""rd"',
      `SELECT "select" FROM (SELECT "select" FROM "public"."Wei""rd") AS "Wei""rd"`,
    ],
    [
      'TABLE "Wei""rd"',
      `SELECT * FROM (SELECT CASE WHEN "Se""cret" IS NOT NULL THEN '***'::"pg_catalog"."text" ELSE NULL::"pg_catalog"."text" END AS "Se""cret", "select" FROM "public"."Wei""rd") AS "Wei""rd"`,
    ],
    ['PREPARE p AS SELECT * FROM t', `PREPARE p AS SELECT * FROM ${T} AS "t"`],
    ['EXPLAIN SELECT id FROM t', `EXPLAIN SELECT id FROM ${ID} AS "t"`],
    [
      'SELECT ctid, x.* FROM t x',
      `SELECT ctid, "x"."id", "x"."secret", "x"."note" FROM ${T.replace(', "note"', ', "note", ctid')} x`,
    ],
    [
      `UPDATE t SET note = 'x' RETURNING id, secret, lower(t.secret), note`,
      `UPDATE "public"."t" SET note = 'x' RETURNING id, (${of('"secret"')}) AS "secret", lower((${of('"t"."secret"')})) AS "lower", note`,
    ],
    [
      'DELETE FROM t x USING u RETURNING *',
      `DELETE FROM "public"."t" x USING "public"."u" RETURNING "x"."id", ${of('"x"."secret"')} AS "secret", "x"."note", "public"."u".*`,
    ],
    [
      'INSERT INTO t (id) VALUES (1) RETURNING WITH (NEW AS n) old.secret AS was, n.*',
      `INSERT INTO "public"."t" (id) VALUES (1) RETURNING WITH (NEW AS n) (${of('"old"."secret"')}) AS was, "n"."id", ${of('"n"."secret"')} AS "secret", "n"."note"`,
    ],
    [
      'SELECT t.secret, max(note), count(u.id) FROM t JOIN u ON t_id = t.id GROUP BY t.id',
      `SELECT t.secret, max(note), count(u.id) FROM ${T} AS "t" JOIN "public"."u" ON t_id = t.id GROUP BY "t"."secret", t.id`,
    ],
    [
      'SELECT x.i, upper(s) FROM t x (i, s) GROUP BY DISTINCT (1), s || note, i HAVING note IS NULL',
      `SELECT x.i, upper(s) FROM ${T} x (i, s) GROUP BY DISTINCT "x"."s", "x"."note", (1), s || note, i HAVING note IS NULL`,
    ],
  ])('%s', async (text, expected) => {
    expect((await rewrite(text)).text).toBe(expected);
  });

  it.each([
    'SELECT * FROM t ORDER BY id',
    'SELECT x.secret, u.id FROM u JOIN t x ON x.id = u.t_id ORDER BY 2',
    'SELECT t, (t).secret FROM t ORDER BY id',
    'WITH RECURSIVE r AS (SELECT id, secret FROM t WHERE id = 1 UNION ALL SELECT t.id, t.secret FROM t JOIN r ON t.id = r.id + 1) SELECT * FROM r ORDER BY id',
    'SELECT public.t.* FROM public.t ORDER BY id',
    'UPDATE u SET (id, t_id) = (SELECT id, id FROM t WHERE id = u.t_id) RETURNING *',
    'SELECT * FROM t x TABLESAMPLE BERNOULLI (100) ORDER BY id',
    'SELECT secret FROM t FOR UPDATE',
    'SELECT * FROM "Wei""rd"',
    'SELECT * FROM wide',
    'SELECT (SELECT note FROM t WHERE id = u.t_id) FROM u ORDER BY u.id',
    'MERGE INTO u USING t ON u.t_id = t.id WHEN MATCHED THEN UPDATE SET id = t.id RETURNING u.*, t.note',
  ])('runs, and shows no secret: %s', async (text) => {
    const { rows } = await session.database.query((await rewrite(text)).text);
    expect(JSON.stringify(rows)).not.toMatch(/hidden|veiled/);
  });

  it('leaves texts alone that no mask concerns', async () => {
    for (const text of ['SELECT 1', 'SELECT * FROM u']) {
      expect(await rewrite(text, [])).toEqual({ text, splices: [] });
    }
    expect(await rewrite('SELECT 1')).toEqual({ text: 'SELECT 1', splices: [] });
  });

  it('spells every relation as it was resolved', async () => {
    const { text } = await rewrite('WITH c AS (SELECT 1 AS id) SELECT * FROM c, t, other.t o, u, pg_class');
    expect(text).toBe(
      `WITH c AS (SELECT 1 AS id) SELECT * FROM c, ${T} AS "t", other.t o, "public"."u", "pg_catalog"."pg_class"`,
    );
  });

  it('yields the columns that are needed', async () => {
    const text = async (query: string) => (await rewrite(query)).text;
    expect(await text('SELECT w.id FROM wide w')).toBe(
      'SELECT w.id FROM (SELECT "id" FROM "public"."wide") w',
    );
    expect(await text('SELECT count(*) FROM wide')).toBe(
      'SELECT count(*) FROM (SELECT FROM "public"."wide") AS "wide"',
    );
    expect(
      await text('SELECT 1 FROM u JOIN wide USING (id) WHERE EXISTS (SELECT a_rather_long_column_name_3)'),
    ).toContain('(SELECT "id", "a_rather_long_column_name_3" FROM "public"."wide")');
    const whole = /"a_rather_long_column_name_299" FROM "public"."wide"/;
    for (const query of [
      'SELECT * FROM wide',
      'SELECT w FROM wide w',
      'SELECT id FROM wide NATURAL JOIN u',
      'SELECT i FROM wide w (i)',
      'SELECT id, unknown_name FROM wide',
    ]) {
      expect(await text(query), query).toMatch(whole);
    }
  });

  it("takes the session's path and temporary relations into account", async () => {
    const path = createScope({ catalog: session.catalog, searchPath: ['other', 'public'], user: 'x' });
    const analysis = await session.analyze('SELECT * FROM t, u', path);
    expect(analysis.statements[0]!.facts.relations.map(({ relation }) => relation)).toEqual([
      'other.t',
      'public.u',
    ]);
    const { text } = await session.dialect.rewrite(analysis, MASKS, path);
    expect(text).toBe('SELECT * FROM "other"."t", "public"."u"');
  });

  it.each([
    ['SELECT xmin, t FROM t', 'system columns'],
    ['SELECT x.ctid FROM t x NATURAL JOIN u', 'system columns'],
    ['SELECT * FROM u, LATERAL (SELECT * FROM t TABLESAMPLE SYSTEM (u.id)) s', 'sample'],
    ['CREATE TABLE copy AS SELECT secret FROM t', 'would be stored'],
    ['SELECT secret INTO copy FROM t', 'would be stored'],
    ['CREATE MATERIALIZED VIEW copy AS SELECT secret FROM t', 'would be stored'],
    ['CREATE VIEW v AS SELECT id FROM t', 'CREATE VIEW'],
    ['INSERT INTO u SELECT id, length(secret) FROM t', 'would be stored'],
    ['UPDATE t SET note = secret', 'reads its masked column secret'],
    ['UPDATE t SET note = 1 RETURNING t', 'as a whole'],
    ['UPDATE t SET note = 1 RETURNING ROW(t.*)', 'as a whole'],
    ['UPDATE t SET note = 1 RETURNING (SELECT x FROM (SELECT t.secret::text) s (x))', 'lose the name'],
    ['UPDATE t SET note = 1 FROM u NATURAL JOIN other.t o RETURNING *', 'stands for a join'],
    ['DELETE FROM t WHERE secret IS NULL', 'reads its masked column secret'],
    ['CREATE INDEX ON t (secret)', 'CREATE INDEX'],
    ['ALTER TABLE t RENAME secret TO open', 'ALTER TABLE'],
    ['EXPLAIN SELECT count(*) FROM t GROUP BY secret', 'plan'],
    ['EXPLAIN SELECT secret FROM t', 'how long the values'],
    ['EXPLAIN (COSTS OFF, ANALYZE) SELECT secret FROM t', 'how long the values'],
    ['EXPLAIN (COSTS OFF, COSTS) SELECT secret FROM t', 'how long the values'],
    ['EXPLAIN (ANALYZE, WAL) UPDATE t SET note = 1 WHERE id = 1', 'how long the rows'],
    ['CLUSTER t USING t_pkey', 'CLUSTER'],
    ['GRANT SELECT ON t TO PUBLIC', 'GRANT'],
  ])('refuses %s', async (text, reason) => {
    const refused = await rewrite(text).then(
      () => undefined,
      (error) => error,
    );
    expect(refused).toBeInstanceOf(SluiceError);
    expect(refused.code).toBe('mask_refused');
    expect(refused.message).toContain(reason);
  });

  it.each([
    'LOCK TABLE t',
    'COMMENT ON TABLE t IS NULL',
    'VACUUM t',
    'ANALYZE t (secret)',
    'TRUNCATE t',
    'DROP TABLE t',
    'REINDEX TABLE t',
  ])('lets %s pass as it is', async (text) => {
    expect((await rewrite(text)).text).toBe(text);
  });

  it('keeps the plan: an index of an open column is still used', async () => {
    const { text } = await rewrite('EXPLAIN (COSTS OFF) SELECT secret FROM t WHERE id = 1');
    const client = await session.database.client();
    await client.query('SET enable_seqscan = off');
    const { rows } = await client.query({ text, rowMode: 'array' });
    expect(rows.flat().join()).toContain('Index Scan using t_pkey');
  });

  it('does not believe a text that parses to something else', async () => {
    const tampering = (from: string, to: string): Parser => ({
      // Fragments, which are parsed on their own, are left as they are.
      parse: (text) => session.parser.parse(isFragment(text) ? text : text.replace(from, to)),
      close: async () => {},
    });
    for (const [text, from, to] of [
      ['SELECT * FROM t WHERE id = 1', 'id = 1', 'id = 2'],
      ['SELECT * FROM t', '***', '****'],
      ['SELECT * FROM t', '"secret" IS NOT NULL', '"secret" IS NULL'],
      ['SELECT * FROM t', 'AS "t"', 'AS "u"'],
      ['SELECT * FROM t', 'SELECT * FROM (', 'SELECT * FROM LATERAL ('],
      ['SELECT * FROM t', 'AS "t"', 'AS "t"; SELECT 1'],
      ['SELECT * FROM u, t', '"public"."u"', '"other"."u"'],
      ['SELECT * FROM t', 'FROM "public"."t"', 'FROM "other"."t"'],
      ['SELECT public.t.id FROM public.t', 'SELECT t.id', 'SELECT t.note'],
      ['COPY t TO STDOUT', 'TO STDOUT', 'TO STDOUT (FORMAT csv)'],
      ['DELETE FROM t RETURNING secret', "'***'", "'****'"],
      ['DELETE FROM t RETURNING secret', 'AS "secret"', 'AS "note"'],
      ['DELETE FROM t RETURNING *', '"public"."t"."note"', '"public"."t"."secret"'],
      ['DELETE FROM t RETURNING *, id', ', id', ''],
      ['DELETE FROM t RETURNING *', '"public"."t"."note"', '"public"."t"."note", "public"."t"."secret"'],
      ['SELECT secret FROM t GROUP BY id', 'GROUP BY "t"."secret", id', 'GROUP BY id, "t"."secret"'],
    ] as const) {
      const dialect = createPostgresDialect(tampering(from, to));
      const analysis = await session.analyze(text);
      expect(() => dialect.rewrite(analysis, MASKS, session.scope), `${from} → ${to}`).toThrowError(
        expect.objectContaining({ code: 'mask_refused' }),
      );
    }
  });
});
