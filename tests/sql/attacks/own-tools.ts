/** What an attacker who may define things, set settings or speak the protocol builds first, to look through it afterwards. */
import {
  bind,
  close,
  copyData,
  copyDone,
  describeStatement,
  execute,
  parse,
  query,
  run,
  sync,
} from '../../support/frames.ts';
import type { Attack } from '../attack-play.ts';

const c = 'customers';
const MAIL = 'ualpha3@example.com';

/** Types, constraints, partitions, triggers, rules, policies and definitions that change under a name. */
const BUILT: readonly Attack[] = [
  [
    `CREATE FUNCTION gt(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT $1 < '5'$$`,
    `SELECT gt(ssn) FROM ${c} ORDER BY id`,
  ],
  [
    `CREATE FUNCTION spy(text) RETURNS text LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE NOTICE '%', $1; RETURN $1; END$$`,
    `SELECT id FROM ${c} WHERE spy(ssn) IS NOT NULL AND id < 4`,
  ],
  [
    `CREATE FUNCTION spy(text, text) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '% %', $1, $2; RETURN true; END$$`,
    `CREATE OPERATOR <<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = spy)`,
    `SELECT id FROM ${c} WHERE ssn <<<< 'x' AND id < 4`,
  ],
  [
    `CREATE AGGREGATE gather2(text) (SFUNC = textcat, STYPE = text, INITCOND = '')`,
    `SELECT gather2(ssn ORDER BY id) FROM ${c}`,
  ],
  [
    `CREATE TYPE pair AS (t text)`,
    `CREATE FUNCTION topair(text) RETURNS pair LANGUAGE sql AS $$SELECT ROW($1)::pair$$`,
    `CREATE CAST (text AS pair) WITH FUNCTION topair(text)`,
    `SELECT ssn::pair FROM ${c} ORDER BY id`,
  ],
  [`CREATE DOMAIN low AS text CHECK (VALUE < '5')`, `SELECT ssn::low FROM ${c} WHERE id < 4`],
  [`CREATE DOMAIN lowarr AS text[] CHECK (VALUE[1] <> 'red')`, `SELECT tags::lowarr FROM ${c} ORDER BY id`],
  [
    `CREATE DOMAIN noisy AS text CHECK (shout(VALUE) IS NOT NULL)`,
    `SELECT ssn::noisy FROM ${c} WHERE id < 4 ORDER BY id`,
  ],
  [
    `CREATE DOMAIN numd AS numeric CHECK (1 / (VALUE - 53701) IS NOT NULL)`,
    `SELECT salary::numd FROM ${c} WHERE id = 1`,
  ],
  [`CREATE TYPE band AS RANGE (SUBTYPE = numeric)`, `SELECT band(salary, NULL) FROM ${c} ORDER BY id`],
  [
    `CREATE COLLATION mine (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
    `SELECT id FROM ${c} WHERE name = 'peter 39' COLLATE mine ORDER BY id`,
  ],
  [
    `CREATE TABLE probe (m varchar(80))`,
    `INSERT INTO probe VALUES ('${MAIL}')`,
    `ALTER TABLE probe ADD FOREIGN KEY (m) REFERENCES ${c} (email)`,
  ],
  [
    `CREATE TABLE probe (m varchar(80))`,
    `INSERT INTO probe VALUES ('${MAIL}')`,
    `ALTER TABLE probe ADD CONSTRAINT f FOREIGN KEY (m) REFERENCES ${c} (email) NOT VALID`,
    `ALTER TABLE probe VALIDATE CONSTRAINT f`,
  ],
  [
    `CREATE TABLE probe (m varchar(80))`,
    `ALTER TABLE probe ADD CONSTRAINT f FOREIGN KEY (m) REFERENCES ${c} (email) NOT ENFORCED`,
    `INSERT INTO probe VALUES ('${MAIL}')`,
    `ALTER TABLE probe ALTER CONSTRAINT f ENFORCED`,
  ],
  [`INSERT INTO invites (id, mail) VALUES (99, '${MAIL}')`],
  [`UPDATE invites SET mail = 'ualpha30@example.com' WHERE id = 1`],
  [
    `CREATE TABLE span_copy (id int, span daterange, EXCLUDE USING gist (span WITH &&))`,
    `INSERT INTO span_copy SELECT id, span FROM ${c}`,
  ],
  [`ALTER TABLE ${c} ADD EXCLUDE USING gist (span WITH &&)`],
  [`ALTER TABLE ${c} ADD CONSTRAINT wo UNIQUE (plan, span WITHOUT OVERLAPS)`],
  [
    `CREATE TABLE tp (id int, d daterange, PRIMARY KEY (id, d WITHOUT OVERLAPS))`,
    `INSERT INTO tp SELECT 1, span FROM ${c}`,
  ],
  [`ALTER TABLE ${c} ADD v text GENERATED ALWAYS AS (ssn) VIRTUAL`, `SELECT v FROM ${c} ORDER BY id`],
  [
    `ALTER TABLE ${c} ADD v int GENERATED ALWAYS AS (1 / (salary - 53701)) VIRTUAL`,
    `SELECT v FROM ${c} WHERE id = 1`,
  ],
  [`ALTER TABLE ${c} ALTER exact SET EXPRESSION AS (salary)`, `SELECT exact FROM ${c} ORDER BY id`],
  [`ALTER TABLE ${c} ALTER exact DROP EXPRESSION`, `SELECT exact FROM ${c} ORDER BY id`],
  [
    `CREATE TABLE route (id int, s text) PARTITION BY LIST (s)`,
    `CREATE TABLE route_hit PARTITION OF route FOR VALUES IN ('${MAIL}')`,
    `CREATE TABLE route_miss PARTITION OF route DEFAULT`,
    `INSERT INTO route SELECT id, email FROM ${c}`,
    `SELECT tableoid::regclass::text, count(*) FROM route GROUP BY 1 ORDER BY 1`,
  ],
  [
    `ALTER TABLE ${c} ENABLE ROW LEVEL SECURITY`,
    `CREATE POLICY p ON ${c} USING (shout(ssn) IS NOT NULL)`,
    `SELECT id, ssn FROM ${c} ORDER BY id`,
  ],
  [
    `CREATE FUNCTION tt() RETURNS trigger LANGUAGE plpgsql AS $$DECLARE r record; BEGIN FOR r IN SELECT * FROM o ORDER BY id LOOP RAISE NOTICE '%', r.ssn; END LOOP; RETURN NULL; END$$`,
    `CREATE TRIGGER t AFTER UPDATE ON ${c} REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION tt()`,
    `UPDATE ${c} SET note = 'x' WHERE id < 4`,
  ],
  [
    `CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := NEW.ssn; RETURN NEW; END$$`,
    `CREATE TRIGGER t BEFORE UPDATE ON ${c} FOR EACH ROW EXECUTE FUNCTION tr()`,
    `UPDATE ${c} SET plan = plan WHERE id = 3 RETURNING note`,
  ],
  [
    `CREATE TRIGGER t BEFORE UPDATE ON ${c} FOR EACH ROW WHEN (OLD.email = '${MAIL}') EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    `UPDATE ${c} SET note = note WHERE id = 3`,
  ],
  [
    `CREATE TRIGGER t BEFORE UPDATE ON ${c} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    `UPDATE ${c} SET email = '${MAIL}' WHERE id = 3`,
  ],
  [
    `CREATE TRIGGER t BEFORE UPDATE ON ${c} FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(search, 'pg_catalog.simple', email)`,
    `UPDATE ${c} SET plan = plan WHERE id = 3 RETURNING search`,
  ],
  [
    `CREATE RULE r AS ON UPDATE TO orders WHERE EXISTS (SELECT FROM ${c} WHERE email = '${MAIL}') DO INSTEAD NOTHING`,
    `UPDATE orders SET note = 'x' WHERE id = 1`,
  ],
  [`CREATE RULE r AS ON UPDATE TO ${c} DO ALSO SELECT OLD.ssn`, `UPDATE ${c} SET note = 'x' WHERE id = 1`],
  [
    `CREATE FUNCTION dv() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM ${c} WHERE id = 1'`,
    `CREATE TEMP TABLE dflt (id int, s text DEFAULT dv())`,
    `INSERT INTO dflt VALUES (1) RETURNING s`,
  ],
  [
    `CREATE FUNCTION ish(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '%', $1; RETURN $1; END$$`,
    `CREATE INDEX i ON ${c} (ish(ssn))`,
  ],
  [`CREATE INDEX i ON ${c} (id) WHERE 1 / (salary - 53701) > 0`],
  [`CREATE MATERIALIZED VIEW mm AS SELECT id, ssn FROM ${c}`, `SELECT ssn FROM mm ORDER BY id`],
  [`CREATE MATERIALIZED VIEW mm AS SELECT 1 / (salary - 53701) FROM ${c} WHERE id = 1`],
  [`CREATE PUBLICATION pp FOR TABLE ${c} WHERE (email = '${MAIL}')`, `SELECT ssn FROM ${c} WHERE id=1`],
  [
    `CREATE OPERATOR CLASS oc FOR TYPE text USING btree AS OPERATOR 1 <, FUNCTION 1 bttextcmp(text, text)`,
    `SELECT id FROM ${c} ORDER BY ssn USING <, id`,
  ],
  [
    `CREATE TEXT SEARCH CONFIGURATION tsc (COPY = simple)`,
    `SELECT to_tsvector('tsc', ssn) FROM ${c} ORDER BY id`,
  ],
  [
    `CREATE CONVERSION conv FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1`,
    `SELECT convert(ssn::bytea, 'UTF8', 'LATIN1') FROM ${c} ORDER BY id`,
  ],
  [`ALTER FUNCTION shout(text) COST 1`, `SELECT shout(ssn) FROM ${c} WHERE id < 4 ORDER BY id`],
  [`ALTER FUNCTION mail_of(int) SECURITY DEFINER`, `SELECT mail_of(3)`],
  [`ALTER FUNCTION mail_of(int) RENAME TO lower2`, `SELECT lower2(3)`],
  [
    `CREATE OR REPLACE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM customers WHERE id = $1'`,
    `SELECT mail_of(3)`,
  ],
  [
    `CREATE OR REPLACE VIEW plain AS SELECT id, ssn AS note, cap FROM ${c}`,
    `SELECT note FROM plain ORDER BY id`,
  ],
  [`CREATE OR REPLACE VIEW plain AS SELECT id, note, cap, ssn FROM ${c}`, `SELECT * FROM plain ORDER BY id`],
  [`ALTER VIEW customer_mails ALTER email SET DEFAULT 'x'`, `SELECT email FROM customer_mails ORDER BY id`],
  [`ALTER VIEW customer_mails RENAME COLUMN email TO ok`, `SELECT ok FROM customer_mails ORDER BY id`],
  [`ALTER TYPE address ADD ATTRIBUTE extra text`, `SELECT (home).street FROM ${c} ORDER BY id`],
  [`ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'`, `SELECT mood FROM ${c} ORDER BY id`],
  [`ALTER DOMAIN pin ADD CHECK (VALUE <> '0131') `, `SELECT 1`],
  [
    `ALTER DOMAIN pin ADD CONSTRAINT x CHECK (VALUE <> '0131') NOT VALID`,
    `ALTER DOMAIN pin VALIDATE CONSTRAINT x`,
  ],
  [`ALTER SEQUENCE ticket OWNED BY ${c}.id`, `SELECT ssn FROM ${c} ORDER BY id`],
  [`ALTER TABLE ${c} RENAME CONSTRAINT customers_pkey TO pk`, `SELECT ssn FROM ${c} ORDER BY id`],
  [`ALTER TABLE ${c} RENAME TO c9`, `CREATE VIEW ${c} AS TABLE c9`, `SELECT ssn FROM ${c} ORDER BY id`],
  [
    `ALTER TABLE ${c} ADD COLUMN n2 text DEFAULT 'x'`,
    `UPDATE ${c} SET n2 = ssn`,
    `SELECT n2 FROM ${c} ORDER BY id`,
  ],
  [
    `ALTER TABLE orders ADD COLUMN n2 customers`,
    `UPDATE orders SET n2 = x FROM ${c} x WHERE x.id = orders.id`,
    `SELECT n2 FROM orders ORDER BY id`,
  ],
  [`CREATE TYPE holder AS (x customers)`, `SELECT (ROW(x)::holder).x.ssn FROM ${c} x ORDER BY id`],
  [
    `CREATE TABLE typed OF address`,
    `INSERT INTO typed SELECT (home).* FROM ${c}`,
    `SELECT street FROM typed ORDER BY 1`,
  ],
];

/** Settings, cursors, COPY and messages. */
const SPOKEN: readonly Attack[] = [
  [
    `ALTER TABLE orders ADD COLUMN mv text DEFAULT mail_of(3)`,
    `SELECT attmissingval FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'mv'`,
    `SELECT mv FROM orders LIMIT 1`,
  ],
  [`SET LOCAL client_min_messages = debug5`, `SELECT id, salary FROM ${c} WHERE salary > 54321 ORDER BY id`],
  [
    `SET LOCAL debug_print_rewritten = on`,
    `SET LOCAL client_min_messages = log`,
    `SELECT ssn FROM ${c} WHERE id=1`,
  ],
  [
    `SET LOCAL log_parameter_max_length_on_error = -1`,
    [run(`SELECT 1/(ascii($1) - ascii(ssn)) FROM ${c} WHERE id = 1`, '4'), sync],
  ],
  [`SET LOCAL backtrace_functions = 'int4div'`, `SELECT 1/(ascii(ssn) - 52) FROM ${c} WHERE id=1`],
  [`SET LOCAL session_replication_role = replica`, `SELECT ssn FROM ${c} WHERE id=1`],
  [`SET LOCAL xmloption = document`, `SELECT ssn::xml FROM ${c} WHERE id=1`],
  [
    `SET LOCAL bytea_output = escape`,
    `SET LOCAL extra_float_digits = 0`,
    `SELECT ssn::bytea, salary::float8 FROM ${c} ORDER BY id`,
  ],
  [`SET LOCAL datestyle = 'SQL, DMY'`, `SELECT born, born::text FROM ${c} ORDER BY id`],
  [`SET LOCAL intervalstyle = 'iso_8601'`, `SELECT born - '1900-01-01'::timestamp FROM ${c} ORDER BY id`],
  [`SET LOCAL lc_monetary = 'C'`, `SELECT salary::money FROM ${c} ORDER BY id`],
  [`SET LOCAL default_text_search_config = 'simple'`, `SELECT to_tsvector(ssn) FROM ${c} ORDER BY id`],
  [
    `SET LOCAL array_nulls = off`,
    `SELECT ('{' || coalesce(ssn,'NULL') || '}')::text[] FROM ${c} ORDER BY id`,
  ],
  [`SET LOCAL quote_all_identifiers = on`, `SELECT quote_ident(email) FROM ${c} ORDER BY id`],
  [`SET LOCAL backslash_quote = on`, `SELECT E'\\'' || ssn FROM ${c} ORDER BY id`],
  [`SET LOCAL escape_string_warning = off`, `SELECT 'a\\' || ssn FROM ${c} ORDER BY id`],
  [
    `SET LOCAL constraint_exclusion = on`,
    `SELECT id FROM ${c} WHERE salary < 0 OR salary > 54321 ORDER BY id`,
  ],
  [
    `SET LOCAL plan_cache_mode = force_generic_plan`,
    `PREPARE z (text) AS SELECT id FROM ${c} WHERE email = $1`,
    `EXECUTE z ('${MAIL}')`,
  ],
  [`SET LOCAL gin_fuzzy_search_limit = 1`, `SELECT id FROM ${c} WHERE search @@ 'peter' ORDER BY id`],
  [`SET LOCAL row_security = off`, `SELECT ssn FROM ${c} ORDER BY id`],
  [
    `SET LOCAL default_tablespace = ''`,
    `SET LOCAL default_table_access_method = heap`,
    `CREATE TEMP TABLE x AS SELECT ssn FROM ${c}`,
    `TABLE x`,
  ],
  [
    [
      parse(`SELECT ssn FROM ${c} ORDER BY id`, 's1'),
      describeStatement('s1'),
      bind([], 's1', '', [1]),
      execute(1),
      execute(1),
      sync,
    ],
  ],
  [[parse(`SELECT ssn FROM ${c} WHERE id = $1`, ''), bind(['3']), execute(), bind(['4']), execute(), sync]],
  [
    [
      parse(`SELECT 1`, 'x'),
      close('S', 'x'),
      parse(`SELECT ssn FROM ${c} ORDER BY id`, 'x'),
      bind([], 'x'),
      execute(),
      sync,
    ],
  ],
  [
    [parse(`SELECT 1`, 'x'), sync, parse(`SELECT ssn FROM ${c} ORDER BY id`, 'x'), sync],
    [bind([], 'x'), execute(), sync],
    `SELECT ssn FROM ${c} WHERE id = 1`,
  ],
  [
    [parse(`SELECT note FROM ${c} ORDER BY id`, 'x'), sync],
    `SET LOCAL search_path = pg_catalog`,
    [bind([], 'x'), execute(), sync],
    `SELECT ssn FROM public.${c} WHERE id=1`,
  ],
  [
    [parse(`DECLARE dd CURSOR FOR SELECT ssn FROM ${c} ORDER BY id`, 'x'), bind([], 'x'), execute(), sync],
    'FETCH BACKWARD ALL FROM dd',
    'FETCH 4 FROM dd',
  ],
  [
    [parse(`SELECT ssn FROM ${c} ORDER BY id`), bind([], '', 'C1'), execute(1, 'C1'), sync],
    `MOVE 3 FROM "C1"`,
    `FETCH 2 FROM "C1"`,
  ],
  [
    [parse(`SELECT ssn FROM ${c} ORDER BY id`), bind([], '', 'C1'), execute(1, 'C1'), sync],
    `CREATE TEMP TABLE fs AS SELECT 1`,
    `SELECT statement FROM pg_cursors`,
    `FETCH 1 FROM "C1"`,
  ],
  [`COPY ${c} (id, ssn) TO STDOUT (ENCODING 'LATIN1', NULL 'x')`],
  [
    `COPY (SELECT ssn FROM ${c} ORDER BY id) TO STDOUT (FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '"', HEADER true)`,
  ],
  [
    `COPY (MERGE INTO ${c} t USING (VALUES (3)) v(i) ON t.id = v.i WHEN MATCHED THEN UPDATE SET note='' RETURNING old.email) TO STDOUT`,
  ],
  [
    [
      query(`COPY ${c} (id, email) FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose)`),
      copyData(`900\t${MAIL}\n`),
      copyDone,
    ],
  ],
];

export const OWN_TOOLS: Readonly<Record<string, readonly Attack[]>> = {
  'built first, then looked through': BUILT,
  'said by settings and messages': SPOKEN,
};
