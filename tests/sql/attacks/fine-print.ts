/** What stands in the manual's fine print: code that definitions bring along, messages of the server's log, plans of every kind, values of every type. */
import type { Attack } from '../attack-play.ts';

const c = 'customers';
const MAIL = 'ualpha3@example.com';

/** Definitions that call a function which reads, wherever a definition may call one. */
const CODE_OF_DEFINITIONS: readonly Attack[] = [
  [`CREATE TEMP TABLE d (id int, m text DEFAULT mail_of(3))`, `INSERT INTO d VALUES (1) RETURNING m`],
  [`CREATE TEMP TABLE d (id int CHECK (same_mail('${MAIL}', id)))`, `INSERT INTO d VALUES (3)`],
  [`CREATE DOMAIN known AS int CHECK (same_mail('${MAIL}', VALUE))`, `SELECT 3::known`],
  {
    parts: [`CREATE DOMAIN known AS int CHECK (same_mail('${MAIL}', VALUE))`, `SELECT 3::known`],
    cleanup: 'DROP DOMAIN IF EXISTS known',
  },
  [
    `CREATE DOMAIN known AS int`,
    `ALTER DOMAIN known ADD CHECK (same_mail('${MAIL}', VALUE))`,
    `SELECT 3::known`,
  ],
  [
    `CREATE TEMP TABLE b (id int, note text)`,
    `CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION teller()`,
    `INSERT INTO b VALUES (3)`,
  ],
  {
    parts: [
      `CREATE TRIGGER t BEFORE INSERT ON secured FOR EACH ROW EXECUTE FUNCTION teller()`,
      `INSERT INTO secured VALUES (3)`,
    ],
    cleanup: 'DROP TRIGGER IF EXISTS t ON secured; DELETE FROM secured WHERE note IS NULL',
  },
  [`CREATE CAST (int AS text) WITH FUNCTION mail_of(int)`, `SELECT 3::text`],
  {
    parts: [`CREATE CAST (int AS text) WITH FUNCTION mail_of(int)`, `SELECT 3::text`],
    cleanup: 'DROP CAST IF EXISTS (int AS text)',
  },
  [`CREATE AGGREGATE own(int) (SFUNC = longer, STYPE = text, INITCOND = '')`, `SELECT own(3)`],
  [`CREATE OPERATOR === (LEFTARG = text, RIGHTARG = int, FUNCTION = same_mail)`, `SELECT '${MAIL}' === 3`],
  [
    `ALTER FUNCTION mail_of(int) IMMUTABLE`,
    `CREATE TEMP TABLE g (id int, m text GENERATED ALWAYS AS (mail_of(id)) STORED)`,
    `INSERT INTO g VALUES (3) RETURNING m`,
  ],
  [
    `ALTER FUNCTION mail_of(int) IMMUTABLE`,
    `CREATE TEMP TABLE g AS SELECT 3 AS id`,
    `CREATE INDEX ON g (mail_of(id))`,
    `SELECT mail_of(id) FROM g ORDER BY mail_of(id)`,
  ],
  [
    `ALTER FUNCTION mail_of(int) RENAME TO abs`,
    `SET LOCAL search_path = public, pg_catalog`,
    `SELECT abs(3)`,
  ],
  [`ALTER FUNCTION mail_of(int) RENAME TO other_name`, `SELECT other_name(3)`],
  [
    `ALTER TABLE orders ALTER note SET DEFAULT mail_of(3)`,
    `INSERT INTO orders (id) VALUES (999) RETURNING note`,
  ],
  [`ALTER TABLE orders ADD CHECK (same_mail('${MAIL}', 3))`],
  [`ALTER TABLE orders ADD CHECK (same_mail('${MAIL}', 3)) NOT VALID`, `INSERT INTO orders VALUES (999)`],
  [
    `ALTER TABLE orders ALTER COLUMN note TYPE text USING mail_of(id)`,
    `SELECT note FROM orders WHERE id = 3`,
  ],
  [`ALTER TABLE orders ADD COLUMN m text DEFAULT mail_of(3)`, `SELECT m FROM orders WHERE id = 3`],
  [
    `CREATE RULE r AS ON INSERT TO orders DO ALSO SELECT email FROM ${c} WHERE id = 3`,
    `INSERT INTO orders VALUES (999)`,
  ],
  [`CREATE VIEW v AS SELECT mail_of(id) AS m FROM orders`, `SELECT m FROM v LIMIT 3`],
  {
    parts: [`CREATE VIEW v AS SELECT mail_of(id) AS m FROM orders`, `SELECT m FROM v LIMIT 3`],
    cleanup: 'DROP VIEW IF EXISTS v',
  },
  [`CREATE TABLE g (m varchar(80) REFERENCES ${c} (email))`, `INSERT INTO g VALUES ('${MAIL}')`],
  {
    parts: [`CREATE TABLE g (m varchar(80) REFERENCES ${c} (email))`, `INSERT INTO g VALUES ('${MAIL}')`],
    cleanup: 'DROP TABLE IF EXISTS g',
  },
  [
    `CREATE TABLE g (m varchar(80))`,
    `INSERT INTO g VALUES ('${MAIL}')`,
    `ALTER TABLE g ADD FOREIGN KEY (m) REFERENCES ${c} (email)`,
  ],
  [
    `CREATE TABLE g (m varchar(80))`,
    `ALTER TABLE g ADD FOREIGN KEY (m) REFERENCES ${c} (email) NOT VALID`,
    `INSERT INTO g VALUES ('${MAIL}')`,
  ],
  `CREATE INDEX ON ${c} (card) WHERE 1 / (salary - 53701) > 0`,
  [
    `CREATE TEMP TABLE t AS SELECT id, email FROM ${c}`,
    `ANALYZE t`,
    `EXPLAIN SELECT * FROM t WHERE email LIKE 'u%'`,
  ],
  [
    `CREATE TEMP TABLE t AS SELECT id, email FROM ${c}`,
    `ANALYZE t`,
    `SELECT histogram_bounds FROM pg_stats WHERE tablename = 't' AND attname = 'email'`,
  ],
];

/** Messages of the server's log, sent to the client as well. */
const LOGGED: readonly Attack[] = [
  [
    'SET LOCAL client_min_messages = log',
    'SET LOCAL debug_print_plan = on',
    `SELECT count(*) FROM ${c} GROUP BY ssn`,
  ],
  ['SET LOCAL client_min_messages = log', 'SET LOCAL debug_print_plan = on', `SELECT ssn FROM ${c} LIMIT 0`],
  [
    'SET LOCAL client_min_messages = log',
    `SELECT set_config('debug_print_plan', 'on', true)`,
    `SELECT ssn FROM ${c} LIMIT 0`,
  ],
  [
    'SET LOCAL client_min_messages = log',
    'SET LOCAL log_temp_files = 0',
    `SET LOCAL work_mem = '64kB'`,
    `DECLARE k CURSOR FOR SELECT c.email, c.name, c.ssn FROM ${c} c, generate_series(1, 200) ORDER BY c.note LIMIT 11000`,
    'MOVE ALL IN k',
    'CLOSE k',
  ],
];

const QUIET = 'COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF';

/** Where rows come from shows in plans. */
const PLANNED: readonly Attack[] = [
  'EXPLAIN SELECT id FROM births',
  `EXPLAIN (ANALYZE, ${QUIET}) SELECT id FROM births`,
  `EXPLAIN (ANALYZE, ${QUIET}) SELECT b.id FROM births b JOIN orders o USING (id)`,
  `EXPLAIN (ANALYZE, ${QUIET}, FORMAT json) SELECT id FROM births ORDER BY id`,
  `EXPLAIN (ANALYZE, ${QUIET}) UPDATE births SET id = id`,
  `EXPLAIN (ANALYZE, ${QUIET}) DELETE FROM births WHERE id < 9`,
  'EXPLAIN (FORMAT yaml) SELECT count(*) FROM births WHERE id > 3',
  `EXPLAIN SELECT DISTINCT ssn FROM ${c}`,
  [
    `PREPARE s (date) AS SELECT id FROM births WHERE born = $1`,
    `EXPLAIN (ANALYZE, ${QUIET}) EXECUTE s ('1990-02-08')`,
  ],
];

/** By functions that few remember, of types that few use. */
const TYPES: readonly Attack[] = [
  `SELECT id FROM births WHERE born > '1990-03-01' ORDER BY id`,
  [`PREPARE s (date) AS SELECT id FROM births WHERE born = $1 ORDER BY id`, `EXECUTE s ('1990-02-08')`],
  `SELECT id, tableoid::regclass FROM births ORDER BY id`,
  `SELECT b.id, k.relname FROM births b JOIN pg_class k ON k.oid = b.tableoid ORDER BY 1`,
  `SELECT id, span * daterange('1952-02-01', '1953-03-01') FROM ${c} ORDER BY id`,
  `SELECT id FROM ${c} WHERE span && daterange('1953-02-01', '1953-02-20') ORDER BY id`,
  `SELECT range_merge(datemultirange(span, daterange('1953-01-01', '1953-01-02'))) FROM ${c} ORDER BY id`,
  `SELECT u FROM ${c}, unnest(datemultirange(span)) u ORDER BY id`,
  `SELECT id, span << daterange('1953-02-08', NULL), span -|- daterange('1953-02-13', NULL) FROM ${c} ORDER BY id`,
  `SELECT id, (born, born + 5) OVERLAPS (date '1953-02-10', date '1953-02-12') FROM ${c} ORDER BY id`,
  `SELECT id, born - date_trunc('year', born)::date FROM ${c} ORDER BY id`,
  `SELECT date_bin('7 days', born::timestamp, '1950-01-01') FROM ${c} ORDER BY id`,
  `SELECT id FROM ${c} WHERE tags && ARRAY['red'] ORDER BY id`,
  `SELECT id, array_position(tags, 'red') FROM ${c} ORDER BY id`,
  `SELECT id, enum_range(NULL, mood), mood < 'calm' FROM ${c} ORDER BY id`,
  `SELECT id FROM ${c} WHERE home = ROW('Elm 3', '00021')::address ORDER BY id`,
  `SELECT id, home *= ROW('Elm 3', '00021')::address FROM ${c} ORDER BY id`,
  `SELECT hstore(x) -> 'email' FROM ${c} x ORDER BY id`,
  `SELECT e.value FROM ${c} x, each(hstore(x)) e WHERE e.key = 'ssn' ORDER BY id`,
  `SELECT id FROM ${c} WHERE email::citext = '${MAIL.toUpperCase()}'`,
  `SELECT id, digest(email, 'sha256') FROM ${c} ORDER BY id`,
  `SELECT hmac(ssn, 'key', 'md5') FROM ${c} ORDER BY id`,
  `SELECT id, show_trgm(email) FROM ${c} ORDER BY id`,
  `SELECT id FROM ${c} ORDER BY email <-> '${MAIL}', id LIMIT 3`,
  `SELECT jsonb_path_query(to_jsonb(x), '$.salary ? (@ > 54321)') FROM ${c} x ORDER BY id`,
  `SELECT id, to_jsonb(x) @? '$.email ? (@ like_regex "^ualpha")' FROM ${c} x ORDER BY id`,
  `SELECT JSON_VALUE(to_jsonb(x), '$.email' RETURNING int ERROR ON ERROR) FROM ${c} x WHERE id = 3`,
  `SELECT n FROM ${c} x, JSON_TABLE(to_jsonb(x), '$' COLUMNS (n int PATH '$.card' ERROR ON ERROR)) j WHERE x.id = 3`,
  `SELECT JSON_QUERY(to_jsonb(x), '$.doc.keyvalue()' WITH WRAPPER) FROM ${c} x ORDER BY id`,
  `SELECT xmlparse(DOCUMENT '<a>' || ssn) FROM ${c} WHERE id = 3`,
  `SELECT t.n FROM ${c}, XMLTABLE('/a' PASSING xmlelement(NAME a, ssn) COLUMNS n int PATH '.') t WHERE id = 3`,
  `SELECT setseed(salary::float8 / 100000), random() FROM ${c} WHERE id = 3`,
  [
    `SET LOCAL statement_timeout = '3s'`,
    `SELECT pg_sleep(CASE WHEN email = '${MAIL}' THEN 60 ELSE 0 END) FROM ${c} WHERE id = 3`,
  ],
  `MERGE INTO orders o USING ${c} x ON o.customer_id = x.id AND x.email LIKE 'ualpha%' WHEN MATCHED THEN DELETE RETURNING o.id`,
  `DELETE FROM orders WHERE customer_id IN (SELECT id FROM ${c} WHERE salary > 54321) RETURNING id`,
];

export const FINE_PRINT: Readonly<Record<string, readonly Attack[]>> = {
  'code that definitions bring along': CODE_OF_DEFINITIONS,
  'messages of the log': LOGGED,
  'plans of partitions': PLANNED,
  'types that few use': TYPES,
};
