/**
 * Dangerous statements in the spellings in which people, agents and attackers write them. What a base statement damages shows in
 * the database afterwards; what an evasion wraps around it must not make a difference to the gate.
 */

export const DANGER_SCHEMA = `
  CREATE SCHEMA "Vault";
  CREATE TABLE "Vault".gold (id int PRIMARY KEY, bars int NOT NULL);
  INSERT INTO "Vault".gold SELECT i, 10 FROM generate_series(1, 20) i;
  CREATE TABLE audit_trail (id int PRIMARY KEY, what text);
  INSERT INTO audit_trail SELECT i, 'x' FROM generate_series(1, 20) i;
  CREATE TABLE line_items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders ON DELETE CASCADE);
  INSERT INTO line_items SELECT i, i FROM generate_series(1, 50) i;
  CREATE VIEW order_view AS SELECT id, customer_id FROM orders;
  CREATE INDEX orders_status ON orders (status);
  CREATE SEQUENCE counter;
  CREATE FUNCTION purge_orders() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; END $$;
  CREATE FUNCTION purge_sql() RETURNS void LANGUAGE sql AS 'DELETE FROM orders';
  CREATE FUNCTION run_text(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE t; END $$;
  CREATE FUNCTION innocent(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM purge_orders(); RETURN n; END $$;
  CREATE FUNCTION eats(a int, b int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders WHERE id = a; RETURN true; END $$;
  CREATE OPERATOR ~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = eats);
  CREATE PROCEDURE nightly() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; END $$;
  CREATE TABLE inbox (id int, note text);
  CREATE FUNCTION on_inbox() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN NEW; END $$;
  CREATE TRIGGER eager BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION on_inbox();
  CREATE TABLE letters (id int);
  CREATE RULE sneaky AS ON INSERT TO letters DO ALSO DELETE FROM orders;
  CREATE TABLE settings (name text, value int DEFAULT 1);
`;

/** Who must be stopped: agents by everything; people by what no condition limits, and by definitions. */
type Stops = 'agents' | 'everyone';

export interface Danger {
  readonly name: string;
  readonly sql: string;
  readonly stops: Stops;
  /** Data-modifying: may stand in WITH, EXPLAIN ANALYZE and PREPARE. */
  readonly dml?: true;
}

const dml = (stops: Stops, ...texts: readonly string[]): Danger[] =>
  texts.map((sql) => ({ name: sql, sql, stops, dml: true }));
const other = (...texts: readonly string[]): Danger[] =>
  texts.map((sql) => ({ name: sql, sql, stops: 'everyone' }));

/** Wrapped in every evasion that suits them. */
export const BASES: readonly Danger[] = [
  ...dml('everyone', 'DELETE FROM line_items', 'UPDATE orders SET cents = 0'),
  ...dml('agents', 'DELETE FROM line_items WHERE id < 40', `UPDATE orders SET status = 'gone' WHERE id > 3`),
  ...other(
    'DROP TABLE audit_trail',
    'TRUNCATE audit_trail',
    'ALTER TABLE orders DROP COLUMN status',
    'ALTER TABLE orders RENAME TO old_orders',
    'DROP SCHEMA "Vault" CASCADE',
    'GRANT ALL ON customers TO PUBLIC',
  ),
];

/** Tried as they are. */
export const SINGLES: readonly Danger[] = [
  // Conditions that limit nothing, in the ways they are written.
  ...dml(
    'everyone',
    'DELETE FROM line_items WHERE true',
    'DELETE FROM line_items WHERE 1 = 1',
    `DELETE FROM line_items WHERE 'a' = 'a'`,
    'DELETE FROM line_items WHERE id = id',
    'DELETE FROM line_items WHERE id >= id',
    'DELETE FROM line_items WHERE id IS NOT NULL',
    'DELETE FROM line_items WHERE NOT id IS NULL',
    'DELETE FROM line_items WHERE NOT false',
    'DELETE FROM line_items WHERE NOT (1 = 2)',
    'DELETE FROM line_items WHERE 1 < 2 AND 3 > 2',
    'DELETE FROM line_items WHERE id = 1 OR true',
    'DELETE FROM line_items WHERE id = 1 OR id <> 1',
    'DELETE FROM line_items WHERE id = 5 OR NOT (id = 5)',
    'DELETE FROM line_items WHERE EXISTS (SELECT 1)',
    'DELETE FROM line_items WHERE EXISTS (SELECT 1 FROM customers)',
    'DELETE FROM line_items WHERE (SELECT true)',
    'DELETE FROM line_items WHERE 1 IN (1, 2)',
    'DELETE FROM line_items WHERE id IN (id)',
    'DELETE FROM line_items WHERE id IS NOT DISTINCT FROM id',
    `DELETE FROM line_items WHERE now() > '2000-01-01'`,
    'DELETE FROM line_items WHERE random() < 2',
    `DELETE FROM line_items WHERE current_database() <> ''`,
    `DELETE FROM line_items WHERE 'x' LIKE '%'`,
    `DELETE FROM line_items WHERE 'yes'::bool`,
    'DELETE FROM line_items WHERE 1::bool',
    'DELETE FROM line_items WHERE true IS TRUE',
    'DELETE FROM line_items WHERE false IS NOT TRUE',
    'DELETE FROM line_items USING customers WHERE customers.id = 1',
    'DELETE FROM line_items WHERE (SELECT count(*) FROM orders) > 0',
    'UPDATE orders SET cents = cents + 1 WHERE true',
    'UPDATE orders SET cents = 1 FROM customers c WHERE c.id = 1',
    'UPDATE orders AS o SET cents = 1 WHERE o.id = o.id',
    'MERGE INTO line_items l USING (SELECT 1) o ON true WHEN MATCHED THEN DELETE',
    'MERGE INTO orders t USING (SELECT 1 AS one) s ON s.one = 1 WHEN MATCHED THEN UPDATE SET cents = 0',
    'MERGE INTO line_items l USING (SELECT 0 AS id) s ON l.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE',
    'DELETE FROM ONLY line_items',
    'UPDATE order_view SET customer_id = 1',
    'DELETE FROM "Vault".gold',
  ),
  // Definitions, privileges, roles and the server.
  ...other(
    'DROP TABLE IF EXISTS audit_trail CASCADE',
    'DROP TABLE audit_trail, "Vault".gold',
    'DROP VIEW order_view',
    'DROP INDEX orders_status',
    'DROP SEQUENCE counter',
    'DROP FUNCTION purge_sql()',
    'DROP FUNCTION innocent',
    'DROP PROCEDURE nightly',
    'DROP TRIGGER eager ON inbox',
    'DROP RULE sneaky ON letters',
    'TRUNCATE TABLE ONLY audit_trail RESTART IDENTITY',
    'TRUNCATE orders CASCADE',
    'ALTER TABLE orders DROP cents',
    'ALTER TABLE IF EXISTS orders DROP COLUMN IF EXISTS status CASCADE',
    'ALTER TABLE orders ALTER COLUMN cents TYPE text',
    'ALTER TABLE orders ALTER cents DROP NOT NULL',
    'ALTER TABLE line_items DROP CONSTRAINT line_items_pkey',
    'ALTER TABLE orders RENAME COLUMN cents TO pennies',
    'ALTER TABLE orders SET SCHEMA "Vault"',
    'ALTER TABLE inbox DISABLE TRIGGER ALL',
    'ALTER TABLE orders ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE audit_trail SET UNLOGGED',
    'ALTER SCHEMA "Vault" RENAME TO cellar',
    'ALTER VIEW order_view RENAME TO v',
    'ALTER SEQUENCE counter MAXVALUE 5',
    'ALTER FUNCTION purge_sql() SECURITY DEFINER',
    'CREATE TABLE loot AS SELECT * FROM customers',
    'SELECT * INTO loot FROM customers',
    'CREATE VIEW loot AS SELECT * FROM customers',
    'CREATE OR REPLACE VIEW order_view AS SELECT id, 1 AS customer_id FROM orders',
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    'CREATE RULE r AS ON UPDATE TO orders DO INSTEAD NOTHING',
    'CREATE TRIGGER t BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION on_inbox()',
    'CREATE POLICY p ON orders USING (false)',
    'CREATE EXTENSION dblink',
    'CREATE EXTENSION file_fdw',
    'CREATE LANGUAGE plperl HANDLER plpgsql_call_handler',
    'CREATE CAST (text AS int) WITH INOUT AS IMPLICIT',
    'CREATE SCHEMA AUTHORIZATION CURRENT_USER',
    'COMMENT ON TABLE orders IS $$gone$$',
    'GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC',
    'REVOKE ALL ON orders FROM CURRENT_USER',
    'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC',
    'CREATE ROLE mallory_of_the_corpus SUPERUSER',
    "CREATE USER mallory_of_the_corpus PASSWORD 'x'",
    'SET ROLE pg_monitor',
    'SET LOCAL ROLE pg_monitor',
    'SET SESSION AUTHORIZATION pg_monitor',
    'SET session_replication_role = replica',
    "SET SESSION session_replication_role TO 'replica'",
    `SELECT set_config('session_replication_role', 'replica', false)`,
    `UPDATE pg_settings SET setting = 'replica' WHERE name = 'session_replication_role'`,
    `UPDATE pg_class SET relname = 'gone' WHERE relname = 'orders'`,
    `DELETE FROM pg_catalog.pg_trigger WHERE tgname = 'eager'`,
  ),
  // Code that runs because of what looks harmless.
  ...other(
    'SELECT purge_orders()',
    'SELECT public.purge_orders() FROM customers LIMIT 1',
    'SELECT purge_sql()',
    'SELECT innocent(1)',
    'SELECT * FROM innocent(1)',
    'SELECT id FROM customers WHERE innocent(id) = 1',
    'SELECT id FROM customers ORDER BY innocent(id) LIMIT 1',
    'SELECT 1 ~~~ 2',
    'SELECT 1 OPERATOR(public.~~~) 2',
    'CALL nightly()',
    `SELECT run_text('DELETE FROM orders')`,
    `SELECT run_text(concat('DEL', 'ETE FROM orders'))`,
    `SELECT lo_from_bytea(0, 'x')`,
    `SELECT lo_create(0)`,
    `SELECT pg_catalog.lo_create(4711)`,
    `DO 'BEGIN DELETE FROM orders; END'`,
    `DO LANGUAGE plpgsql $x$ BEGIN EXECUTE 'DROP TABLE audit_trail'; END $x$`,
    `DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'audit_' || 'trail'); END $$`,
    `DO $$ BEGIN EXECUTE convert_from(decode('44524f50205441424c45206175646974 5f747261696c', 'hex'), 'UTF8'); END $$`.replace(
      '6974 5f',
      '69745f',
    ),
    `DO $outer$ BEGIN EXECUTE $inner$ DO $$ BEGIN DELETE FROM orders; END $$ $inner$; END $outer$`,
  ),
  // One value of one sequence: a write like others.
  { name: 'a sequence', sql: `SELECT setval('counter', 999)`, stops: 'agents' },
  { name: 'a trigger', sql: `INSERT INTO inbox VALUES (1, 'hello')`, stops: 'agents', dml: true },
  { name: 'a rule', sql: 'INSERT INTO letters VALUES (1)', stops: 'everyone', dml: true },
  { name: 'a cascade', sql: 'DELETE FROM orders WHERE id = 1', stops: 'agents', dml: true },
  {
    name: 'an upsert',
    sql: `INSERT INTO orders VALUES (1, 1, 'x', 0) ON CONFLICT (id) DO UPDATE SET cents = 0`,
    stops: 'agents',
    dml: true,
  },
  { name: 'a copy', sql: `INSERT INTO settings SELECT name, 1 FROM customers`, stops: 'agents', dml: true },
];

export interface Evasion {
  readonly name: string;
  readonly dmlOnly?: true;
  wrap(sql: string): readonly string[];
}

const one = (name: string, wrap: (sql: string) => string, dmlOnly?: true): Evasion => ({
  name,
  wrap: (sql) => [wrap(sql)],
  ...(dmlOnly === undefined ? {} : { dmlOnly }),
});

/** Every other letter outside of quotes in the other case. */
function mixed(sql: string): string {
  let n = 0;
  return sql.replaceAll(/"[^"]*"|'[^']*'|[a-z]/gi, (part) =>
    part.length > 1 ? part : n++ % 2 === 0 ? part.toUpperCase() : part.toLowerCase(),
  );
}

/** A lower-case table name written with Unicode escapes. */
const escaped = (sql: string): string =>
  sql.replaceAll(/\b(line_items|orders|audit_trail|customers)\b/g, (name) => {
    const [first, ...rest] = name;
    return `U&"\\${first!.codePointAt(0)!.toString(16).padStart(4, '0')}${rest.join('')}"`;
  });

export const EVASIONS: readonly Evasion[] = [
  one('as it is', (sql) => sql),
  one('with comments for spaces', (sql) => sql.replaceAll(' ', '/* x */')),
  one('with nested comments', (sql) => `/* SELECT /* 1 */ -- */${sql}/* ; */`),
  one('behind a line comment', (sql) => `-- SELECT 1;\n${sql} -- done`),
  one('in mixed case', mixed),
  one('over many lines', (sql) => `\n\n\t${sql.replaceAll(' ', '\n\f\t')}\n;;`),
  one('with Unicode escapes', escaped),
  one('with the schema quoted', (sql) =>
    sql
      .replaceAll(/\b(?<!\.)(line_items|orders|audit_trail)\b(?! SET)/g, '"public"."$1"')
      .replace('RENAME TO "public".', 'RENAME TO '),
  ),
  one('behind a harmless statement', (sql) => `SELECT 1; ${sql}`),
  one('between harmless statements', (sql) => `SHOW search_path; ${sql}; SELECT 2`),
  { name: 'in a transaction', wrap: (sql) => ['BEGIN', sql, 'COMMIT'] },
  { name: 'in one text with its transaction', wrap: (sql) => [`BEGIN; ${sql}; COMMIT`] },
  { name: 'behind a savepoint', wrap: (sql) => ['BEGIN', 'SAVEPOINT s', `${sql}`, 'RELEASE s', 'COMMIT'] },
  {
    name: 'after settings are toggled',
    wrap: (sql) => ['SET search_path = public, pg_catalog', 'SET statement_timeout = 0', sql],
  },
  {
    name: 'in read-only clothing',
    wrap: (sql) => [
      'SET default_transaction_read_only = on',
      'SET transaction_read_only = off',
      'SET default_transaction_read_only = off',
      sql,
    ],
  },
  one('in a DO block', (sql) => `DO $do$ BEGIN ${sql}; END $do$`),
  one(
    'built by a DO block',
    (sql) => `DO $do$ BEGIN EXECUTE $q$${sql.slice(0, 5)}$q$ || $q$${sql.slice(5)}$q$; END $do$`,
  ),
  one('by a function that runs text', (sql) => `SELECT run_text($q$${sql}$q$)`),
  one(
    'by an escaped string',
    (sql) =>
      `SELECT run_text(E'${[...sql].map((c) => `\\x${c.codePointAt(0)!.toString(16).padStart(2, '0')}`).join('')}')`,
  ),
  {
    name: 'by a function of its own',
    wrap: (sql) => [
      `CREATE FUNCTION pg_temp.own() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN ${sql}; END $f$`,
      'SELECT pg_temp.own()',
    ],
  },
  one('in WITH', (sql) => `WITH gone AS (${sql} RETURNING 1) SELECT count(*) FROM gone`, true),
  one(
    'deep in WITH',
    (sql) => `WITH a AS (SELECT 1), b AS (${sql} RETURNING 1) SELECT * FROM (SELECT * FROM a) x`,
    true,
  ),
  one('measured', (sql) => `EXPLAIN (ANALYZE, COSTS OFF) ${sql}`, true),
  one('measured in the old spelling', (sql) => `EXPLAIN ANALYZE VERBOSE ${sql}`, true),
  { name: 'prepared', wrap: (sql) => [`PREPARE p AS ${sql}`, 'EXECUTE p'], dmlOnly: true },
  {
    name: 'prepared and measured',
    wrap: (sql) => [`PREPARE p AS ${sql}`, 'EXPLAIN ANALYZE EXECUTE p'],
    dmlOnly: true,
  },
  one('exported', (sql) => `COPY (${sql} RETURNING 1) TO STDOUT`, true),
];
