/** What an attacker tries who has read how masks work: stores, carriers and judges that no query seems to go through. */
import type { Attack } from '../attack-play.ts';

const c = 'customers';
const MAIL = 'ualpha3@example.com';

/** Put down somewhere, and picked up in another statement. */
const CARRIERS: readonly Attack[] = [
  [`SELECT setval('ticket', salary::bigint) FROM ${c} WHERE id = 3`, 'SELECT last_value FROM ticket'],
  [`SELECT setval('ticket', 1 + length(email)) FROM ${c} WHERE id = 3`, `SELECT nextval('ticket')`],
  [
    `SELECT pg_advisory_xact_lock(salary::bigint) FROM ${c} WHERE id = 3`,
    `SELECT objid FROM pg_locks WHERE locktype = 'advisory'`,
  ],
  [
    `SELECT count(pg_try_advisory_xact_lock(id)) FROM ${c} WHERE salary > 54321`,
    `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`,
  ],
  ['LISTEN told', `SELECT pg_notify('told', ssn) FROM ${c} WHERE id = 3`, 'COMMIT', 'BEGIN'],
  [`SELECT set_config('a.b', ssn, true) FROM ${c} WHERE id = 3`, 'SHOW a.b'],
  [`SELECT set_config('application_name', ssn, true) FROM ${c} WHERE id = 3`, 'SHOW application_name'],
  [
    `SELECT set_config('a.' || left(ssn, 0) || 'n', count(*)::text, true) FROM ${c} WHERE salary > 54321 GROUP BY ssn IS NULL, left(ssn, 0)`,
    'SHOW a.n',
  ],
  [
    `SELECT set_config('statement_timeout', (salary::int)::text, true) FROM ${c} WHERE id = 3`,
    'SHOW statement_timeout',
  ],
  [
    `DECLARE k SCROLL CURSOR FOR SELECT ssn FROM ${c} ORDER BY id`,
    'MOVE 2 FROM k',
    'FETCH RELATIVE 1 FROM k',
  ],
  [`DECLARE k SCROLL CURSOR FOR SELECT 1 FROM ${c} WHERE salary > 54321`, 'MOVE FORWARD ALL FROM k'],
  [
    `CREATE TEMP TABLE s AS SELECT id, ssn FROM ${c}`,
    `ALTER TABLE s ALTER COLUMN ssn TYPE bytea USING ssn::bytea`,
    'TABLE s',
  ],
  [
    `CREATE TEMP TABLE s (id int, e text GENERATED ALWAYS AS ('x') STORED)`,
    `INSERT INTO s SELECT id FROM ${c} WHERE salary > 54321`,
    'SELECT count(*) FROM s',
  ],
  [`CREATE TEMP TABLE s (id int, n numeric CHECK (n < 54321))`, `INSERT INTO s SELECT id, salary FROM ${c}`],
  [
    `CREATE TEMP TABLE s (m varchar(80) PRIMARY KEY)`,
    `INSERT INTO s VALUES ('${MAIL}')`,
    `INSERT INTO s SELECT email FROM ${c} ON CONFLICT DO NOTHING`,
  ],
  [
    `CREATE TEMP TABLE s (LIKE ${c} INCLUDING DEFAULTS)`,
    `INSERT INTO s SELECT * FROM ${c} WHERE id = 3`,
    'SELECT ssn FROM s',
  ],
  [`PREPARE t (text) AS SELECT count(*) FROM ${c} WHERE email = $1`, `EXECUTE t ('${MAIL}')`],
  [
    `PREPARE t AS SELECT (SELECT ssn FROM ${c} WHERE id = 3) AS x`,
    'CREATE TEMP TABLE p AS EXECUTE t',
    'TABLE p',
  ],
];

/** Answered with yes or no, by something that is no predicate. */
const JUDGES: readonly Attack[] = [
  `SELECT id FROM ${c} ORDER BY salary FETCH FIRST 3 ROWS WITH TIES`,
  `SELECT id, ntile(4) OVER (ORDER BY salary) FROM ${c} ORDER BY id`,
  `SELECT id, percent_rank() OVER (PARTITION BY plan ORDER BY ssn) FROM ${c} ORDER BY id`,
  `SELECT id, cume_dist() OVER (ORDER BY born, id) FROM ${c} ORDER BY id`,
  `SELECT count(*) OVER w FROM ${c} WINDOW w AS (ORDER BY salary RANGE BETWEEN 500 PRECEDING AND 500 FOLLOWING) ORDER BY id`,
  `SELECT rank(54321) WITHIN GROUP (ORDER BY salary) FROM ${c}`,
  `SELECT percentile_disc(ARRAY[0.1, 0.5]) WITHIN GROUP (ORDER BY salary) FROM ${c}`,
  `SELECT mode() WITHIN GROUP (ORDER BY left(ssn, 1)) FROM ${c}`,
  `SELECT regr_slope(salary, id), corr(salary::float8, id) FROM ${c}`,
  `SELECT bool_or(salary = 54321), every(ssn < '9') , bit_xor(length(email)) FROM ${c}`,
  `SELECT plan, grouping(plan), max(ssn) FROM ${c} GROUP BY CUBE (plan) ORDER BY 1, 2`,
  `SELECT width_bucket(salary, ARRAY[50500, 51500, 52500, 53500, 54500]::numeric[]) FROM ${c} ORDER BY id`,
  `SELECT range_agg(span), range_intersect_agg(span) FROM ${c} WHERE id < 4`,
  `SELECT id FROM ${c} WHERE (salary, id) IN (SELECT max(salary), id FROM ${c} GROUP BY id HAVING max(salary) > 54321) ORDER BY id`,
  `SELECT id FROM ${c} WHERE '${MAIL}' = ANY (ARRAY[email::text, ssn]) ORDER BY id`,
  `SELECT id FROM ${c} WHERE email ^@ 'ualpha3' ORDER BY id`,
  `SELECT id FROM ${c} WHERE salary BETWEEN SYMMETRIC 54321 AND 50000 ORDER BY id`,
  `SELECT id FROM ${c} WHERE email IS NOT DISTINCT FROM '${MAIL}'`,
  `SELECT id FROM ${c} WHERE ssn IS NFKC NORMALIZED AND ssn SIMILAR TO '%1%' ORDER BY id`,
  `SELECT CASE email WHEN '${MAIL}' THEN 'hit' ELSE 'miss' END FROM ${c} ORDER BY id`,
  `SELECT NULLIF(email::text, '${MAIL}') IS NULL FROM ${c} ORDER BY id`,
  `SELECT id FROM ${c} ORDER BY GREATEST(salary, 53000), id`,
  `SELECT id FROM ${c} ORDER BY salary USING OPERATOR(pg_catalog.>)`,
  `SELECT string_agg(id::text, ',' ORDER BY card DESC) FROM ${c}`,
  `SELECT (SELECT count(*) FROM generate_series(1, salary::int / 1000)) FROM ${c} ORDER BY id`,
  `SELECT g FROM ${c}, generate_series(1, length(email)) g WHERE id = 3 ORDER BY g DESC LIMIT 1`,
  `SELECT array_length(string_to_array(ssn, '1'), 1) FROM ${c} ORDER BY id`,
  `SELECT 1 / (SELECT count(*) FROM ${c} WHERE email = '${MAIL}')`,
  `SELECT ('{' || CASE WHEN email = '${MAIL}' THEN '' ELSE '}' END)::text[] FROM ${c} WHERE id = 3`,
  `SELECT make_date(2000, 1, CASE WHEN salary > 54321 THEN 1 ELSE 32 END) FROM ${c}`,
  `SELECT to_timestamp(email, CASE WHEN ssn < '5' THEN 'YYYY' ELSE 'Q' END) FROM ${c} WHERE id = 3`,
  `SELECT repeat('x', salary::int)::varchar(10) IS NULL, octet_length(repeat('x', salary::int)) FROM ${c} WHERE id = 3`,
];

/** By other spellings of a column or a row. */
const SPELLINGS: readonly Attack[] = [
  `SELECT ssn(${c}) FROM ${c} ORDER BY id`,
  `SELECT (x).ssn FROM (SELECT c AS x FROM ${c} c) s ORDER BY 1`,
  `SELECT (array_agg(c ORDER BY id))[3].email FROM ${c} c`,
  `SELECT ((SELECT c FROM ${c} c WHERE id = 3)).ssn`,
  `SELECT U&"\\0073sn" FROM U&"c\\0075stomers" ORDER BY id`,
  `SELECT "public"."customers"."ssn" FROM "public"."customers" ORDER BY "public"."customers"."id"`,
  `SELECT j.s FROM ${c} x, JSON_TABLE(to_jsonb(x), '$' COLUMNS (s text PATH '$.ssn', NESTED PATH '$.doc' COLUMNS (k int PATH '$.k'))) j ORDER BY 1`,
  `SELECT JSON_VALUE(to_jsonb(x), '$.email') FROM ${c} x ORDER BY id`,
  `SELECT JSON_EXISTS(to_jsonb(x), '$.email ? (@ starts with "ualpha")') FROM ${c} x ORDER BY id`,
  `SELECT JSON_QUERY(to_jsonb(x), '$.* ? (@ == $m)' PASSING '${MAIL}' AS m WITH WRAPPER) FROM ${c} x ORDER BY id`,
  `SELECT JSON_OBJECTAGG(id: ssn) FROM ${c}`,
  `SELECT JSON_ARRAY(SELECT email FROM ${c} ORDER BY id)`,
  `SELECT JSON_SERIALIZE(JSON_OBJECT('m': email)) FROM ${c} ORDER BY id`,
  `SELECT jsonb_path_query_array(to_jsonb(x), '$.keyvalue() ? (@.key == "card").value') FROM ${c} x ORDER BY id`,
  `SELECT key, value FROM ${c} x, jsonb_each_text(to_jsonb(x)) WHERE key = 'ssn' ORDER BY id`,
  `SELECT r.ssn FROM ${c} x, jsonb_to_record(to_jsonb(x)) AS r (ssn text) ORDER BY id`,
  `SELECT (jsonb_populate_record(NULL::${c}, to_jsonb(x))).email FROM ${c} x ORDER BY id`,
  `SELECT xmlforest(email AS e, ssn AS s) FROM ${c} ORDER BY id`,
  `SELECT (xpath('/r/text()', xmlelement(name r, ssn)))[1] FROM ${c} ORDER BY id`,
  `SELECT n FROM ROWS FROM (unnest(ARRAY(SELECT ssn FROM ${c} ORDER BY id))) AS f (n)`,
  `SELECT v FROM ${c} x CROSS JOIN LATERAL (VALUES (x.ssn), (x.card)) AS t (v) ORDER BY 1`,
  `WITH RECURSIVE r (id, s) AS (SELECT 1, NULL::text UNION ALL SELECT x.id, x.ssn FROM r JOIN ${c} x ON x.id = r.id + 1) SEARCH DEPTH FIRST BY id SET o SELECT s FROM r ORDER BY o`,
  `WITH x AS MATERIALIZED (TABLE ${c}) SELECT ssn FROM x ORDER BY id`,
  `SELECT * FROM (SELECT ssn FROM ${c} EXCEPT ALL SELECT card FROM ${c}) s ORDER BY 1`,
  `SELECT ts_headline('simple', coalesce(ssn, '') || ' x', to_tsquery('simple', 'x')) FROM ${c} ORDER BY id`,
  `SELECT (home).street FROM ${c} ORDER BY id`,
  `SELECT lower(span), upper_inf(span) FROM ${c} ORDER BY id`,
  `SELECT mood::text, enum_range(NULL, mood) FROM ${c} ORDER BY id`,
  `SELECT tags[1:1], tags[array_upper(tags, 1)] FROM ${c} ORDER BY id`,
  `SELECT doc['k'], doc #>> '{k}' FROM ${c} ORDER BY id`,
];

/** By changes that read nothing, and what they say. */
const CHANGES: readonly Attack[] = [
  `MERGE INTO ${c} t USING (VALUES (3)) v (id) ON t.id = v.id WHEN MATCHED THEN UPDATE SET note = 'x' RETURNING merge_action(), t.email`,
  `MERGE INTO ${c} t USING ${c} s ON t.id = s.id AND s.salary > 54321 WHEN MATCHED THEN UPDATE SET note = '' RETURNING t.id`,
  `MERGE INTO orders o USING ${c} s ON o.customer_id = s.id WHEN MATCHED THEN UPDATE SET note = s.ssn RETURNING o.note`,
  `WITH d AS (DELETE FROM invites WHERE id < 3 RETURNING *) SELECT mail FROM d ORDER BY 1`,
  `WITH u AS (UPDATE ${c} SET cap = 1 WHERE id < 4 RETURNING old.ssn AS s, new.id AS i) SELECT s FROM u ORDER BY i`,
  `WITH i AS (INSERT INTO orders SELECT 900 + id, id, salary FROM ${c} WHERE id < 4 RETURNING total) SELECT * FROM i ORDER BY 1`,
  `UPDATE orders o SET total = x.salary FROM ${c} x WHERE x.id = o.customer_id RETURNING o.id, o.total`,
  `UPDATE orders SET (total, note) = (SELECT salary, ssn FROM ${c} x WHERE x.id = customer_id) RETURNING note`,
  `INSERT INTO orders (id, total) VALUES (901, (SELECT salary FROM ${c} WHERE id = 3)) RETURNING total`,
  `INSERT INTO orders (id, note) SELECT 902, string_agg(ssn, ',' ORDER BY id) FROM ${c} RETURNING note`,
];

export const SECOND_THOUGHTS: Readonly<Record<string, readonly Attack[]>> = {
  'carriers between statements': CARRIERS,
  'judges that are no predicates': JUDGES,
  'other spellings of columns and rows': SPELLINGS,
  'changes that say something': CHANGES,
};
