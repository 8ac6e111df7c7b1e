/**
 * The columns that our analysis says a query reads, against what PostgreSQL itself records: a view over the same query
 * depends on exactly those columns.
 */

import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from './analysis-session.ts';
import { recordedReads } from './recorded-reads.ts';

const SEED = `
CREATE SCHEMA s;
CREATE TYPE pair AS (x int, y text);
CREATE TABLE a (id int PRIMARY KEY, n text, v numeric, p pair, arr int[], js jsonb);
CREATE TABLE b (id int, a_id int, n text, w numeric, "Odd Name" text);
CREATE TABLE c (k int, d date, name text);
CREATE TABLE s.a (id int, other text);
CREATE TABLE parent (id int, t text);
CREATE TABLE child (extra int) INHERITS (parent);
`;

const QUERIES: readonly string[] = [
  'SELECT id FROM a',
  'SELECT * FROM a',
  'SELECT a.* FROM a, b',
  'SELECT a.id, b.w FROM a JOIN b ON a.id = b.a_id',
  'SELECT id, w FROM a JOIN b USING (id)',
  'SELECT a.id AS x, b.id AS y FROM a FULL JOIN b USING (id)',
  'SELECT v, w FROM a NATURAL JOIN b',
  'SELECT x.q FROM a AS x (q, r)',
  'SELECT x.n FROM a AS x (q)',
  'SELECT j.id, j.w FROM (a JOIN b USING (id)) j',
  'SELECT j.z1, j.z3 FROM (a CROSS JOIN c) AS j (z1, z2, z3)',
  'SELECT u.id FROM a JOIN b USING (id) AS u',
  'SELECT "Odd Name" FROM b',
  'SELECT s.a.other FROM s.a',
  'SELECT a.other FROM s.a',
  'SELECT 1 AS one FROM a',
  'SELECT count(*) FROM a WHERE n IS NULL',
  'SELECT n, sum(v) FROM a GROUP BY n HAVING max(id) > 3',
  'SELECT n AS v FROM a GROUP BY v, n',
  'SELECT id + 1 AS n FROM a ORDER BY n',
  'SELECT id FROM a ORDER BY v',
  'SELECT id AS x, v AS y FROM a ORDER BY 2',
  'SELECT DISTINCT ON (n) id FROM a ORDER BY n, v',
  'SELECT rank() OVER (PARTITION BY n ORDER BY v) FROM a',
  'SELECT sum(v) OVER w FROM a WINDOW w AS (ORDER BY id)',
  'SELECT sum(v) FILTER (WHERE n = $$x$$) FROM a',
  'SELECT string_agg(n, $$,$$ ORDER BY id) FROM a',
  'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM a',
  'SELECT (SELECT max(w) FROM b WHERE b.a_id = a.id) AS m FROM a',
  'SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE a_id = a.id AND n = $$x$$)',
  'SELECT id FROM a WHERE n IN (SELECT n FROM b)',
  'SELECT id FROM a WHERE v > ALL (SELECT w FROM b)',
  'SELECT ARRAY(SELECT w FROM b ORDER BY id) AS r',
  'SELECT id FROM a WHERE id = (SELECT id FROM b WHERE w = v LIMIT 1)',
  'SELECT t.id FROM (SELECT id, n FROM a WHERE v > 1) t WHERE t.n = $$x$$',
  'SELECT t.x FROM (SELECT * FROM a) t (x)',
  'SELECT l.w FROM a, LATERAL (SELECT w FROM b WHERE b.a_id = a.id) l',
  'SELECT g FROM a, generate_series(1, a.id) g',
  'SELECT e FROM a CROSS JOIN unnest(arr) e',
  'SELECT e.key FROM a, jsonb_each(js) e',
  'SELECT jt.q FROM a, JSON_TABLE(js, $$$[*]$$ COLUMNS (q int PATH $$$.q$$)) jt',
  'SELECT (p).x FROM a',
  'SELECT arr[id] AS e FROM a',
  'SELECT js->n AS e FROM a',
  'WITH q AS (SELECT id, n FROM a) SELECT id FROM q',
  'WITH a AS (SELECT id FROM s.a) SELECT id FROM a',
  'WITH a AS (SELECT n FROM a) SELECT n FROM a',
  'WITH RECURSIVE r (i) AS (SELECT id FROM a UNION ALL SELECT i + 1 FROM r JOIN b ON b.id = r.i) SELECT i FROM r',
  'WITH RECURSIVE r AS (SELECT id, a_id FROM b UNION ALL SELECT b.id, b.a_id FROM b JOIN r ON r.id = b.a_id) SEARCH DEPTH FIRST BY id SET o SELECT id FROM r ORDER BY o',
  'WITH x AS (SELECT id FROM a), y AS (SELECT id FROM x) SELECT id FROM y',
  'SELECT id FROM a UNION SELECT id FROM b',
  'SELECT n FROM a UNION ALL SELECT n FROM b UNION ALL SELECT name FROM c ORDER BY n',
  '(SELECT id FROM a ORDER BY v LIMIT 1) UNION ALL (SELECT k FROM c WHERE d IS NULL)',
  'SELECT id FROM a INTERSECT SELECT a_id FROM b EXCEPT SELECT k FROM c',
  'VALUES ((SELECT max(id) FROM a))',
  'SELECT CASE n WHEN $$x$$ THEN v ELSE id END AS r FROM a',
  'SELECT coalesce(n, (SELECT name FROM c LIMIT 1)) AS r FROM a',
  'SELECT greatest(id, v) AS r, nullif(n, $$$$) AS s FROM a',
  'SELECT row(id, n) = row(1, $$x$$) AS r FROM a',
  'SELECT (id, v) < (1, 2) AS r FROM a',
  'SELECT id BETWEEN v AND 5 AS r FROM a',
  'SELECT n LIKE $$a%$$ AND NOT v IS DISTINCT FROM 3 AS r FROM a',
  'SELECT n COLLATE "C" AS r FROM a',
  'SELECT extract(year FROM d) AS y, d AT TIME ZONE $$UTC$$ AS z FROM c',
  'SELECT XMLELEMENT(NAME r, XMLATTRIBUTES(n AS q), v) AS x FROM a',
  'SELECT JSON_OBJECT(n : v) AS o, JSON_ARRAY(id, v) AS l FROM a',
  'SELECT JSON_VALUE(js, $$$.x$$ PASSING id AS i) AS o FROM a',
  'SELECT JSON_ARRAYAGG(v ORDER BY id) AS o FROM a',
  'SELECT grouping(n), count(*) FROM a GROUP BY CUBE (n, v)',
  'SELECT parent.t FROM parent',
  'SELECT t FROM ONLY child',
  'SELECT id FROM a TABLESAMPLE SYSTEM (50) WHERE v = 1',
  'SELECT x.id, y.id AS other FROM a x LEFT JOIN a y ON x.id = y.id AND y.v > 1',
  'SELECT id FROM a LIMIT (SELECT max(k) FROM c)',
  'SELECT q.m FROM (SELECT max(v) AS m, n FROM a GROUP BY n) q ORDER BY q.n',
  'SELECT (SELECT n FROM (SELECT n, id FROM b) i WHERE i.id = o.id) AS r FROM a o',
  'SELECT f.x FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[1])) AS f (x, y), c WHERE c.k = f.y',
];

let session: AnalysisSession;
let client: pg.Client;

beforeAll(async () => {
  session = await openAnalysisSession(SEED);
  client = await session.database.client();
});

afterAll(() => session?.close());

describe('columns read', () => {
  it.each(QUERIES)('%s', async (query) => {
    const [statement] = (await session.analyze(query)).statements;
    const ours = statement!.facts.relations.flatMap(({ relation, reads }) =>
      reads.map((column) => `${relation}.${column}`),
    );
    expect([...new Set(ours)].sort()).toEqual((await recordedReads(client, query))?.columns);
    expect(statement!.facts.opaque).toEqual([]);
    for (const { reads, filters } of statement!.facts.relations)
      expect(reads).toEqual(expect.arrayContaining([...filters]));
  });
});
