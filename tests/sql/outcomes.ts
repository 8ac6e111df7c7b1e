/**
 * What every kind of statement over masked relations comes to: `answered` on masked values, as a database that holds those
 * would; `hidden`, answered where there is nothing to compare that with; `refused`; or `fails`, with the database's own
 * error.
 */

export type Outcome = 'answered' | 'hidden' | 'refused' | 'fails';

const c = 'customers';

/** Wherever a relation can stand in a query. */
const PLACES: readonly (readonly [text: string, outcome: Outcome])[] = [
  [`SELECT email FROM ${c} ORDER BY id`, 'answered'],
  [`TABLE ${c} ORDER BY id`, 'answered'],
  [`SELECT c.* FROM ${c} AS c (i, mail) ORDER BY i`, 'answered'],
  [`SELECT mail FROM ${c} AS c (i, mail) ORDER BY i`, 'answered'],
  [`SELECT ctid IS NOT NULL, email FROM ${c} ORDER BY id`, 'answered'],
  [`SELECT c.*, c.ctid IS NULL FROM ${c} c ORDER BY id`, 'answered'],
  [`SELECT tableoid = 0, * FROM ${c} WHERE ctid IS NOT NULL ORDER BY id`, 'answered'],
  [`SELECT tableoid::regclass, * FROM ${c} WHERE id = 5`, 'hidden'],
  [`SELECT c.xmin IS NULL, c FROM ${c} c WHERE id = 5`, 'refused'],
  [
    `SELECT o.id, c.* , c.ctid IS NULL FROM orders o JOIN ${c} c ON c.id = o.customer_id ORDER BY 1`,
    'answered',
  ],
  [`SELECT * , c.ctid FROM orders o JOIN ${c} c USING (id) ORDER BY 1`, 'refused'],
  [`SELECT id, email FROM ${c} TABLESAMPLE BERNOULLI (100) REPEATABLE (3) ORDER BY id`, 'answered'],
  [`SELECT id, email FROM ONLY ${c} c TABLESAMPLE SYSTEM (100) WHERE id < 9 ORDER BY id`, 'answered'],
  [`SELECT a.email FROM ${c} a NATURAL JOIN ${c} b WHERE a.id < 9 ORDER BY a.id`, 'answered'],
  [`SELECT email, total FROM orders JOIN ${c} USING (id) ORDER BY id`, 'answered'],
  [`SELECT j.email, u.id FROM (orders o JOIN ${c} c USING (id) AS u) AS j`, 'fails'],
  [`SELECT c.email, u.id FROM orders o JOIN ${c} c USING (id) AS u ORDER BY 2`, 'answered'],
  [
    `SELECT l.email FROM orders o, LATERAL (SELECT email FROM ${c} WHERE id = o.customer_id) l ORDER BY o.id`,
    'answered',
  ],
  [`SELECT id FROM ${c} WHERE (email, id) > ('u***@example.com', 50) ORDER BY id`, 'answered'],
  [
    `SELECT id FROM ${c} WHERE (email, ssn) = ANY (SELECT email, ssn FROM ${c} WHERE id < 3) ORDER BY id`,
    'answered',
  ],
  [`SELECT id FROM ${c} c WHERE c = (SELECT d FROM ${c} d WHERE id = 7)`, 'answered'],
  [`SELECT count(*) FROM (SELECT DISTINCT c FROM (SELECT plan, email FROM ${c}) c) s`, 'answered'],
  [
    `WITH RECURSIVE r (id, email) AS (SELECT id, email FROM ${c} WHERE id = 1 UNION ALL SELECT c.id, c.email FROM ${c} c JOIN r ON c.id = r.id + 1 WHERE c.id < 9) TABLE r`,
    'answered',
  ],
  [
    `WITH RECURSIVE r (id, up) AS (SELECT id, ssn FROM ${c} WHERE id = 1 UNION ALL SELECT c.id, c.ssn FROM ${c} c JOIN r ON c.id = r.id + 1 WHERE c.id < 9) SEARCH BREADTH FIRST BY id SET o CYCLE id SET y USING p SELECT id, up FROM r ORDER BY o`,
    'answered',
  ],
  [`WITH x AS NOT MATERIALIZED (SELECT * FROM ${c}) SELECT email FROM x ORDER BY id`, 'answered'],
  [`SELECT email FROM ${c} WHERE id = 5 FOR UPDATE`, 'answered'],
  [
    `SELECT c.email, o.id FROM ${c} c JOIN orders o ON o.customer_id = c.id ORDER BY 2 FOR NO KEY UPDATE OF c NOWAIT`,
    'answered',
  ],
  [`SELECT email FROM (SELECT * FROM ${c} FOR SHARE) s ORDER BY id`, 'answered'],
  [`SELECT id, email FROM ${c} EXCEPT SELECT id, email FROM ${c} WHERE id > 3 ORDER BY 1`, 'answered'],
  [`VALUES ((SELECT card FROM ${c} WHERE id = 3)), ('x')`, 'answered'],
  [
    `SELECT j.* FROM ${c} c, JSON_TABLE(jsonb_build_object('m', c.email), '$' COLUMNS (m text PATH '$.m')) j`,
    'answered',
  ],
  [`SELECT JSON_VALUE(to_jsonb(c), '$.email') FROM ${c} c ORDER BY id`, 'answered'],
  [
    `SELECT JSON_OBJECT('m' VALUE email, id : ssn NULL ON NULL), JSON_ARRAY(ssn) FROM ${c} ORDER BY id`,
    'answered',
  ],
  [
    `SELECT x.v FROM ${c} c, XMLTABLE('/r' PASSING xmlelement(name r, c.email) COLUMNS v text PATH '.') x`,
    'answered',
  ],
  [`SELECT u FROM ${c}, unnest(tags) WITH ORDINALITY AS t (u, n)`, 'answered'],
  [`SELECT row_to_json(c) FROM ${c} c ORDER BY id`, 'answered'],
  [`SELECT public.${c}.email FROM public.${c} ORDER BY public.${c}.id`, 'answered'],
  [`SELECT DISTINCT ON (plan) plan, email FROM ${c} ORDER BY plan, id`, 'answered'],
  [`SELECT id, rank() OVER (PARTITION BY email ORDER BY id) FROM ${c} ORDER BY 1`, 'answered'],
  [
    `SELECT plan, count(*) FILTER (WHERE ssn IS NULL) FROM ${c} GROUP BY ROLLUP (plan) ORDER BY 1`,
    'answered',
  ],
  [
    `MERGE INTO orders o USING ${c} s ON o.customer_id = s.id AND s.id = 5 WHEN MATCHED THEN UPDATE SET total = 1`,
    'answered',
  ],
  [`UPDATE orders o SET total = 1 FROM ${c} s WHERE o.customer_id = s.id AND s.plan = 'pro'`, 'answered'],
  [`DELETE FROM orders o USING ${c} s WHERE o.customer_id = s.id AND s.plan = 'pro'`, 'answered'],
];

/** Columns that depend on the primary key in GROUP BY. */
const GROUPS: readonly (readonly [text: string, outcome: Outcome])[] = [
  [`SELECT id, email FROM ${c} GROUP BY id ORDER BY id`, 'answered'],
  [
    `SELECT c.id, c.email, c.plan, count(o.id) FROM ${c} c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY 1`,
    'answered',
  ],
  [
    `SELECT c.*, sum(o.total) FROM ${c} c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY 1`,
    'answered',
  ],
  [
    `SELECT upper(c.email) || c.note, c.id FROM ${c} c GROUP BY id HAVING c.plan = 'pro' ORDER BY c.created`,
    'answered',
  ],
  [
    `SELECT c.email FROM ${c} c JOIN orders o ON o.customer_id = c.id GROUP BY 1, c.id ORDER BY c.id`,
    'answered',
  ],
  [`SELECT c.id AS k, c.email FROM ${c} c GROUP BY k ORDER BY k`, 'answered'],
  [
    `SELECT c.id, o.note, c.email FROM ${c} c, orders o WHERE o.customer_id = c.id GROUP BY c.id, o.id ORDER BY 1, 2`,
    'answered',
  ],
  [
    `SELECT id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id AND o.note <> c.note) FROM ${c} c GROUP BY id ORDER BY 1`,
    'answered',
  ],
  [`SELECT id, email FROM ${c} GROUP BY GROUPING SETS ((id)) ORDER BY 1`, 'fails'],
  [`SELECT c FROM ${c} c GROUP BY c.id ORDER BY c.id`, 'fails'],
  [`SELECT x.email FROM ${c} AS x (k, email) GROUP BY k ORDER BY k`, 'answered'],
  [`SELECT id, email, count(*) OVER () FROM ${c} GROUP BY id ORDER BY id`, 'answered'],
  [`SELECT plan, id, email FROM ${c} GROUP BY plan, id ORDER BY id`, 'answered'],
  [`SELECT id, email FROM ${c} GROUP BY DISTINCT id ORDER BY id`, 'answered'],
];

/** Changing masked relations. */
const WRITES: readonly (readonly [text: string, outcome: Outcome])[] = [
  [`UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING id, email`, 'answered'],
  [`UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING *`, 'answered'],
  [`UPDATE ${c} c SET note = 'x' WHERE id = 5 RETURNING c.*`, 'answered'],
  [
    `UPDATE ${c} AS c SET note = upper(note) WHERE c.id = 5 RETURNING upper(c.email), ssn || note AS both`,
    'answered',
  ],
  [`UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING old.note, new.note, old.email, new.ssn`, 'answered'],
  [`UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING WITH (OLD AS o, NEW AS n) o.email, n.*`, 'answered'],
  [`UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING ${c}`, 'refused'],
  [`UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING public.${c}.email`, 'answered'],
  [
    `UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING (SELECT max(total) FROM orders WHERE note <> email)`,
    'answered',
  ],
  [
    `UPDATE ${c} c SET note = o.note FROM orders o WHERE o.customer_id = c.id AND c.id = 5 RETURNING *`,
    'answered',
  ],
  [
    `UPDATE ${c} c SET note = o.note FROM orders o WHERE o.customer_id = c.id AND c.id = 5 RETURNING c.email, o.total > 0`,
    'answered',
  ],
  [`UPDATE ${c} SET email = 'new@example.org' WHERE id = 5`, 'refused'],
  [`UPDATE ${c} SET ssn = '000000000' WHERE id = 5 RETURNING ssn`, 'hidden'],
  [`UPDATE ${c} SET note = ssn WHERE id = 5`, 'refused'],
  [`UPDATE ${c} SET note = 'x' WHERE ssn LIKE '4%'`, 'refused'],
  [`DELETE FROM ${c} WHERE id = 61 RETURNING email`, 'answered'],
  [`DELETE FROM orders WHERE id = 5 RETURNING *`, 'answered'],
  [`INSERT INTO ${c} (id, email) VALUES (900, 'n@example.org')`, 'refused'],
  [`INSERT INTO orders (id, customer_id) VALUES (900, 5) RETURNING id`, 'answered'],
  [`INSERT INTO leads (id, ssn) VALUES (3, '123') RETURNING id, ssn`, 'hidden'],
  [
    `INSERT INTO leads (id, ssn) VALUES (2, '123') ON CONFLICT (id) DO UPDATE SET note = excluded.note RETURNING *`,
    'answered',
  ],
  [
    `INSERT INTO leads (id, ssn) VALUES (2, '123') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn RETURNING ssn`,
    'hidden',
  ],
  [`INSERT INTO leads (id, ssn) VALUES (2, '123') ON CONFLICT (id) DO NOTHING RETURNING new.ssn`, 'answered'],
  [`INSERT INTO leads (id, mail) VALUES (2, 'x') ON CONFLICT (mail) DO NOTHING`, 'refused'],
  [
    `MERGE INTO leads l USING (VALUES (1), (77)) v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET note = 'm' WHEN NOT MATCHED THEN INSERT (id, note) VALUES (v.id, 'n') RETURNING merge_action(), l.id, l.ssn`,
    'answered',
  ],
  [
    `MERGE INTO leads l USING (VALUES (1), (77)) v (id) ON l.id = v.id WHEN MATCHED THEN DELETE RETURNING old.ssn, new.ssn, v.id`,
    'answered',
  ],
  [`WITH x AS (UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING id, email) SELECT * FROM x`, 'answered'],
  [`WITH x AS (DELETE FROM leads RETURNING *) SELECT ssn FROM x ORDER BY id`, 'answered'],
  [
    `WITH x AS (UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING id, ssn) UPDATE orders SET note = x.ssn FROM x WHERE customer_id = x.id`,
    'refused',
  ],
  [`INSERT INTO orders (id, note) SELECT id + 1000, email FROM ${c}`, 'refused'],
  [`INSERT INTO orders (id, note) SELECT id + 1000, plan FROM ${c}`, 'answered'],
  [`TRUNCATE leads`, 'answered'],
  [`LOCK TABLE ${c} IN SHARE MODE`, 'answered'],
];

/** Everything around queries. */
const UTILITIES: readonly (readonly [text: string, outcome: Outcome])[] = [
  [`COPY (SELECT email FROM ${c} ORDER BY id) TO STDOUT`, 'answered'],
  [`COPY orders TO STDOUT`, 'answered'],
  [`COPY ${c} TO STDOUT`, 'hidden'],
  [`COPY ${c} (id, email) TO STDOUT WITH (FORMAT csv, HEADER)`, 'hidden'],
  [`COPY (UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING email) TO STDOUT`, 'answered'],
  [`EXPLAIN (COSTS OFF) SELECT email FROM ${c} WHERE id = 5`, 'hidden'],
  [`EXPLAIN SELECT email FROM ${c} WHERE ssn = 'x'`, 'refused'],
  [`EXPLAIN (COSTS OFF) UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING email`, 'hidden'],
  [`EXPLAIN (COSTS OFF) INSERT INTO orders (id, note) SELECT id + 1000, plan FROM ${c}`, 'hidden'],
  [`EXPLAIN (COSTS OFF) DECLARE x CURSOR FOR SELECT email FROM ${c}`, 'hidden'],
  [`EXPLAIN (COSTS OFF) CREATE TEMP TABLE t AS SELECT email FROM ${c}`, 'hidden'],
  [
    `DECLARE cur CURSOR WITH HOLD FOR SELECT email FROM ${c} ORDER BY id; FETCH 3 FROM cur; CLOSE cur`,
    'answered',
  ],
  [`PREPARE p AS SELECT email FROM ${c} WHERE id = $1; EXECUTE p (5); DEALLOCATE p`, 'answered'],
  [
    `PREPARE q AS UPDATE ${c} SET note = 'x' WHERE id = 5 RETURNING email; EXECUTE q; DEALLOCATE q`,
    'answered',
  ],
  [`CREATE TEMP TABLE mine AS SELECT id, email FROM ${c}; SELECT * FROM pg_temp.mine ORDER BY id`, 'refused'],
  [`CREATE TABLE theirs AS SELECT id, email FROM ${c}`, 'refused'],
  [`CREATE TABLE theirs AS SELECT id, plan FROM ${c}`, 'answered'],
  [`SELECT id, ssn INTO theirs FROM ${c}`, 'refused'],
  [`SELECT id, plan INTO theirs FROM ${c}`, 'answered'],
  [`CREATE MATERIALIZED VIEW theirs AS SELECT email FROM ${c}`, 'refused'],
  [`REFRESH MATERIALIZED VIEW mail_copy`, 'hidden'],
  [`CREATE VIEW theirs AS SELECT id, plan FROM ${c}`, 'refused'],
  [`ANALYZE ${c}`, 'hidden'],
  [`VACUUM ${c}`, 'fails'],
  [`COMMENT ON TABLE ${c} IS 'x'`, 'hidden'],
  [`CREATE INDEX ON ${c} (note)`, 'refused'],
];

export const OUTCOMES: Readonly<Record<string, readonly (readonly [text: string, outcome: Outcome])[]>> = {
  'where a relation stands': PLACES,
  'groups by a primary key': GROUPS,
  changes: WRITES,
  'around queries': UTILITIES,
};
