import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from '../../../tests/sql/analysis-session.ts';
import type { ColumnMask } from '../../model/labels.ts';
import { rowOf } from './label-places.ts';

let session: AnalysisSession;
let masks: readonly ColumnMask[];
let index: string;

beforeAll(async () => {
  session = await openAnalysisSession(`
    CREATE TABLE people (id int PRIMARY KEY, pay int);
    CREATE INDEX rich ON people (id) WHERE pay > 5;
    INSERT INTO people SELECT i, i FROM generate_series(1, 20) i;
    ANALYZE people;
  `);
  const partial = session.catalog.relation('public', 'people')!.indexes.find(({ isPartial }) => isPartial)!;
  index = String(partial.oid);
  masks = ['pg_class', 'pg_stat_user_indexes'].map((view) => ({
    relation: `pg_catalog.${view}`,
    column: rowOf(partial.oid),
    label: 'salary',
    mask: { kind: 'bucket', size: 10 },
  }));
});

afterAll(() => session?.close());

describe('counts of the catalog', () => {
  const rewritten = async (text: string): Promise<string> =>
    (await session.dialect.rewrite(await session.analyze(text), masks, session.scope)).text;
  const rows = async (text: string): Promise<unknown[]> => {
    const client = await session.database.client();
    return (await client.query({ text: await rewritten(text), rowMode: 'array' })).rows;
  };

  it('are hidden in the rows that tell, and in no others', async () => {
    const counts = `SELECT relname, reltuples, relpages FROM pg_class WHERE relname IN ('people', 'rich') ORDER BY 1`;
    expect(await rows(counts)).toEqual([
      ['people', 20, 1],
      ['rich', -1, 0],
    ]);
    expect(await rows(`SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelid = ${index}`)).toEqual([
      [null],
    ]);
    expect(await rows('SELECT relname FROM pg_class WHERE reltuples = 15')).toEqual([]);
  });

  it.each([
    'SELECT a.relname FROM pg_class a JOIN (VALUES (15::float4)) v (reltuples) USING (reltuples)',
    'SELECT relname FROM pg_class NATURAL JOIN (VALUES (15::float4)) v (reltuples)',
    'SELECT relname FROM pg_class ORDER BY reltuples',
    'SELECT count(*) FROM pg_class GROUP BY reltuples',
    'SELECT relname FROM pg_class c WHERE EXISTS (SELECT FROM pg_index WHERE c.reltuples > 4)',
    'SELECT DISTINCT ON (reltuples) relname FROM pg_class',
    'SELECT row_number() OVER w FROM pg_class WINDOW w AS (ORDER BY reltuples)',
    'SELECT (c).reltuples FROM pg_class c',
    'SELECT reltuples(c) FROM pg_class c',
    'SELECT to_jsonb(c) FROM pg_class c',
    'SELECT * FROM pg_class AS c (a, b)',
  ])('are hidden in %s', async (text) => {
    expect(await rewritten(text)).toContain(`'{${index}}'::pg_catalog._oid`);
  });

  it('change nothing where they are not used', async () => {
    const text = 'SELECT c.oid, c.relname FROM pg_catalog.pg_class c WHERE c.relkind = $1';
    expect(await rewritten(text)).toBe(text);
  });
});
