/**
 * Every command of PostgreSQL 18's SQL reference that can run on a normal database, in scripts of one session each. A script may fail
 * in places: then it has to fail alike. It leaves nothing behind outside the schema `work`.
 *
 * https://www.postgresql.org/docs/18/sql-commands.html
 */

/** The reference's table of contents. */
export const COMMANDS: readonly string[] = `
ABORT, ALTER AGGREGATE, ALTER COLLATION, ALTER CONVERSION, ALTER DATABASE, ALTER DEFAULT PRIVILEGES, ALTER DOMAIN, ALTER EVENT TRIGGER,
ALTER EXTENSION, ALTER FOREIGN DATA WRAPPER, ALTER FOREIGN TABLE, ALTER FUNCTION, ALTER GROUP, ALTER INDEX, ALTER LANGUAGE,
ALTER LARGE OBJECT, ALTER MATERIALIZED VIEW, ALTER OPERATOR, ALTER OPERATOR CLASS, ALTER OPERATOR FAMILY, ALTER POLICY,
ALTER PROCEDURE, ALTER PUBLICATION, ALTER ROLE, ALTER ROUTINE, ALTER RULE, ALTER SCHEMA, ALTER SEQUENCE, ALTER SERVER,
ALTER STATISTICS, ALTER SUBSCRIPTION, ALTER SYSTEM, ALTER TABLE, ALTER TABLESPACE, ALTER TEXT SEARCH CONFIGURATION,
ALTER TEXT SEARCH DICTIONARY, ALTER TEXT SEARCH PARSER, ALTER TEXT SEARCH TEMPLATE, ALTER TRIGGER, ALTER TYPE, ALTER USER,
ALTER USER MAPPING, ALTER VIEW, ANALYZE, BEGIN, CALL, CHECKPOINT, CLOSE, CLUSTER, COMMENT, COMMIT, COMMIT PREPARED, COPY,
CREATE ACCESS METHOD, CREATE AGGREGATE, CREATE CAST, CREATE COLLATION, CREATE CONVERSION, CREATE DATABASE, CREATE DOMAIN,
CREATE EVENT TRIGGER, CREATE EXTENSION, CREATE FOREIGN DATA WRAPPER, CREATE FOREIGN TABLE, CREATE FUNCTION, CREATE GROUP,
CREATE INDEX, CREATE LANGUAGE, CREATE MATERIALIZED VIEW, CREATE OPERATOR, CREATE OPERATOR CLASS, CREATE OPERATOR FAMILY,
CREATE POLICY, CREATE PROCEDURE, CREATE PUBLICATION, CREATE ROLE, CREATE RULE, CREATE SCHEMA, CREATE SEQUENCE, CREATE SERVER,
CREATE STATISTICS, CREATE SUBSCRIPTION, CREATE TABLE, CREATE TABLE AS, CREATE TABLESPACE, CREATE TEXT SEARCH CONFIGURATION,
CREATE TEXT SEARCH DICTIONARY, CREATE TEXT SEARCH PARSER, CREATE TEXT SEARCH TEMPLATE, CREATE TRANSFORM, CREATE TRIGGER,
CREATE TYPE, CREATE USER, CREATE USER MAPPING, CREATE VIEW, DEALLOCATE, DECLARE, DELETE, DISCARD, DO, DROP ACCESS METHOD,
DROP AGGREGATE, DROP CAST, DROP COLLATION, DROP CONVERSION, DROP DATABASE, DROP DOMAIN, DROP EVENT TRIGGER, DROP EXTENSION,
DROP FOREIGN DATA WRAPPER, DROP FOREIGN TABLE, DROP FUNCTION, DROP GROUP, DROP INDEX, DROP LANGUAGE, DROP MATERIALIZED VIEW,
DROP OPERATOR, DROP OPERATOR CLASS, DROP OPERATOR FAMILY, DROP OWNED, DROP POLICY, DROP PROCEDURE, DROP PUBLICATION, DROP ROLE,
DROP ROUTINE, DROP RULE, DROP SCHEMA, DROP SEQUENCE, DROP SERVER, DROP STATISTICS, DROP SUBSCRIPTION, DROP TABLE,
DROP TABLESPACE, DROP TEXT SEARCH CONFIGURATION, DROP TEXT SEARCH DICTIONARY, DROP TEXT SEARCH PARSER,
DROP TEXT SEARCH TEMPLATE, DROP TRANSFORM, DROP TRIGGER, DROP TYPE, DROP USER, DROP USER MAPPING, DROP VIEW, END, EXECUTE,
EXPLAIN, FETCH, GRANT, IMPORT FOREIGN SCHEMA, INSERT, LISTEN, LOAD, LOCK, MERGE, MOVE, NOTIFY, PREPARE, PREPARE TRANSACTION,
REASSIGN OWNED, REFRESH MATERIALIZED VIEW, REINDEX, RELEASE SAVEPOINT, RESET, REVOKE, ROLLBACK, ROLLBACK PREPARED,
ROLLBACK TO SAVEPOINT, SAVEPOINT, SECURITY LABEL, SELECT, SELECT INTO, SET, SET CONSTRAINTS, SET ROLE,
SET SESSION AUTHORIZATION, SET TRANSACTION, SHOW, START TRANSACTION, TRUNCATE, UNLISTEN, UPDATE, VACUUM, VALUES
`
  .split(',')
  .map((name) => name.trim().replace(/\s+/g, ' '));

/** Statements of one session; `;` at a line's end parts them. */
export function statementsOf(script: string): string[] {
  return script
    .split(/;\s*\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** Scripts that change the catalog again and again, so that the gate reads it again and again: the fast part plays two of them. */
const CATALOG_SCRIPTS: ReadonlySet<string> = new Set([
  'tables',
  'types, operators and casts',
  'functions and triggers',
  'roles and rights',
  'foreign data',
  'text search',
  'replication objects',
  'the server',
]);
const FAST_CATALOG_SCRIPTS: ReadonlySet<string> = new Set(['functions and triggers', 'the server']);

/** Whether a script is played in a form with `npm test`. */
export function isFastScript(name: string, isSimple: boolean): boolean {
  return !CATALOG_SCRIPTS.has(name) || (isSimple && FAST_CATALOG_SCRIPTS.has(name));
}

/** `@` stands for the name of the database, in names that the whole server shares. */
export const STATEMENT_KINDS: Readonly<Record<string, string>> = {
  queries: `
    SELECT id, owner, balance FROM accounts ORDER BY id;
    SELECT 1 AS a, NULL AS b, 'x'::bytea AS c, true AS d, 1.5::float8 AS e, 12.50::numeric AS f, DATE '2024-02-29' AS g;
    SELECT ARRAY[1,2,NULL], ROW(1,'a'), '{"a": [1]}'::jsonb, '1 day 02:03'::interval, '[1,5)'::int4range, '10.0.0.1/8'::inet;
    SELECT accounts FROM accounts ORDER BY id LIMIT 2;
    SELECT;
    SELECT a.owner, count(t.id), sum(t.cents) FROM accounts a LEFT JOIN transfers t ON t.account = a.id GROUP BY a.owner ORDER BY 1;
    WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, i * i FROM n;
    SELECT owner, rank() OVER (ORDER BY balance DESC), lag(owner) OVER w FROM accounts WINDOW w AS (ORDER BY id) ORDER BY id;
    SELECT * FROM accounts TABLESAMPLE BERNOULLI (100) REPEATABLE (1) ORDER BY 1;
    SELECT x.* FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a','b','c'])) WITH ORDINALITY AS x (a, b, n);
    SELECT * FROM json_table('[{"a": 1}, {"a": 2}]', '$[*]' COLUMNS (a int PATH '$.a'));
    SELECT xmlelement(name a, 'b');
    TABLE accounts;
    VALUES (1, 'one'), (2, 'two');
    SELECT id INTO copied FROM accounts;
    SELECT 1 UNION SELECT 2 INTERSECT SELECT 2 EXCEPT SELECT 3 ORDER BY 1;
    SELECT * FROM accounts ORDER BY id FETCH FIRST 1 ROW WITH TIES FOR UPDATE SKIP LOCKED;
    SELECT tableoid::regclass::text, ctid, owner FROM accounts WHERE id = 1;
    SELECT U&'d\\0061t\\+000061' AS "größe", E'\\u00e9\\t', $tag$a'b$tag$ AS "q""q", 'a'
      'b' AS joined`,
  writes: `
    INSERT INTO transfers (account, cents) VALUES (1, 100), (2, -50) RETURNING *;
    INSERT INTO transfers (account) SELECT id FROM accounts;
    INSERT INTO accounts VALUES (1, 'Ada') ON CONFLICT (id) DO UPDATE SET owner = excluded.owner || '!' RETURNING owner, xmax = 0 AS fresh;
    INSERT INTO accounts VALUES (1, 'Ada') ON CONFLICT DO NOTHING;
    INSERT INTO transfers DEFAULT VALUES;
    UPDATE accounts SET balance = balance + 1 WHERE id = 2;
    UPDATE accounts a SET balance = 0 FROM transfers t WHERE t.account = a.id RETURNING old.balance, new.balance, a.id;
    DELETE FROM transfers WHERE cents < 0 RETURNING account;
    DELETE FROM transfers USING accounts a WHERE a.id = account AND a.owner = 'nobody';
    WITH gone AS (DELETE FROM transfers RETURNING cents) SELECT count(*) FROM gone;
    MERGE INTO accounts a USING (VALUES (1, 5), (9, 7)) s (id, n) ON a.id = s.id
      WHEN MATCHED THEN UPDATE SET balance = s.n WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new', s.n) RETURNING merge_action(), a.*;
    TRUNCATE transfers;
    TRUNCATE accounts;
    TRUNCATE accounts, transfers RESTART IDENTITY CASCADE;
    LOCK accounts IN SHARE MODE`,
  transactions: `
    BEGIN; 
    SAVEPOINT a; 
    INSERT INTO transfers (account) VALUES (99); 
    SELECT 1;
    ROLLBACK TO SAVEPOINT a;
    LOCK TABLE accounts IN EXCLUSIVE MODE NOWAIT;
    RELEASE SAVEPOINT a;
    RELEASE SAVEPOINT a;
    COMMIT;
    START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
    INSERT INTO transfers (account) VALUES (1);
    ABORT;
    BEGIN;
    SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
    SET CONSTRAINTS ALL DEFERRED;
    SELECT 1;
    SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
    END;
    BEGIN;
    BEGIN;
    ROLLBACK AND CHAIN;
    COMMIT AND CHAIN;
    ROLLBACK;
    ROLLBACK;
    COMMIT;
    SET TRANSACTION READ ONLY;
    SAVEPOINT outside;
    BEGIN;
    INSERT INTO accounts VALUES (7, 'two-phase');
    PREPARE TRANSACTION '@';
    COMMIT PREPARED '@';
    BEGIN;
    DELETE FROM accounts WHERE id = 7;
    PREPARE TRANSACTION '@';
    ROLLBACK PREPARED '@';
    SELECT owner FROM accounts WHERE id = 7;
    SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
    DELETE FROM accounts;
    SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE`,
  'cursors and prepared statements': `
    PREPARE one (int) AS SELECT owner FROM accounts WHERE id = $1;
    EXECUTE one (2);
    EXECUTE one ('x');
    EXECUTE one;
    PREPARE one AS SELECT 1;
    EXPLAIN (COSTS OFF) EXECUTE one (1);
    CREATE TABLE executed AS EXECUTE one (1);
    DEALLOCATE one;
    EXECUTE one (2);
    DEALLOCATE PREPARE ALL;
    DECLARE c CURSOR FOR SELECT 1;
    BEGIN;
    DECLARE c SCROLL CURSOR FOR SELECT id, owner FROM accounts ORDER BY id;
    FETCH c;
    FETCH ALL FROM c;
    FETCH BACKWARD 2 FROM c;
    FETCH ABSOLUTE 1 FROM c;
    MOVE FORWARD ALL IN c;
    MOVE PRIOR c;
    DECLARE d CURSOR WITH HOLD FOR SELECT generate_series(1, 3);
    UPDATE accounts SET owner = 'x' WHERE CURRENT OF c;
    CLOSE c;
    COMMIT;
    FETCH 2 FROM d;
    DECLARE e BINARY CURSOR WITH HOLD FOR SELECT 258, 'b';
    FETCH ALL FROM e;
    CLOSE ALL;
    FETCH d;
    DISCARD PLANS;
    DISCARD SEQUENCES;
    DISCARD TEMP;
    DISCARD ALL`,
  settings: `
    SET work_mem = '5MB';
    SHOW work_mem;
    SHOW search_path;
    RESET work_mem;
    SHOW ALL LIKE 'nothing';
    SET LOCAL work_mem = '6MB';
    SET TIME ZONE 'Europe/Berlin';
    SET DateStyle = 'German';
    SELECT DATE '2024-12-31', TIMESTAMPTZ '2024-12-31 00:00+00';
    SET IntervalStyle = 'iso_8601';
    SET application_name = 'différence';
    SET my.own = 'a';
    SHOW my.own;
    SET nosuch = 1;
    SET work_mem = 'much';
    SET max_connections = 1;
    SELECT set_config('application_name', 'by function', false), current_setting('my.own', true);
    RESET ALL;
    SET ROLE nosuch;
    SET ROLE NONE;
    SET SESSION AUTHORIZATION DEFAULT;
    RESET SESSION AUTHORIZATION`,
  tables: `
    CREATE TABLE t (a int PRIMARY KEY, b text COLLATE "C" DEFAULT 'x', c int GENERATED ALWAYS AS (a * 2) STORED, d int GENERATED BY DEFAULT AS IDENTITY);
    CREATE TABLE IF NOT EXISTS t (a int);
    INSERT INTO t (a) VALUES (1), (2) RETURNING *;
    ALTER TABLE t ADD COLUMN e timestamptz, ALTER COLUMN b SET NOT NULL, ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;
    ALTER TABLE t VALIDATE CONSTRAINT positive;
    ALTER TABLE t RENAME COLUMN e TO f;
    ALTER TABLE t ALTER COLUMN b TYPE varchar(10) USING b::varchar(10);
    ALTER TABLE t RENAME TO u;
    SELECT * FROM u;
    SELECT * FROM t;
    CREATE UNIQUE INDEX u_b ON u (lower(b)) INCLUDE (c) WHERE a > 100;
    CREATE INDEX CONCURRENTLY IF NOT EXISTS u_c ON u USING hash (c);
    ALTER INDEX u_c RENAME TO u_hash;
    REINDEX TABLE u;
    REINDEX (VERBOSE) INDEX CONCURRENTLY u_hash;
    CREATE STATISTICS u_s (dependencies) ON a, b FROM u;
    ALTER STATISTICS u_s SET STATISTICS 10;
    ANALYZE u;
    VACUUM (FREEZE) u;
    CLUSTER u USING u_pkey;
    CHECKPOINT;
    COMMENT ON COLUMN u.a IS 'the key';
    DROP STATISTICS u_s;
    DROP INDEX u_hash, u_b;
    CREATE TABLE parts (a int, b text) PARTITION BY RANGE (a);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    INSERT INTO parts VALUES (5, 'in') RETURNING tableoid::regclass::text, *;
    INSERT INTO parts VALUES (50, 'out');
    ALTER TABLE parts DETACH PARTITION parts_1;
    CREATE TABLE child () INHERITS (parts_1);
    CREATE TABLE made AS SELECT id, owner FROM accounts WITH NO DATA;
    CREATE TEMP TABLE temporary (a int) ON COMMIT DELETE ROWS;
    CREATE UNLOGGED TABLE unlogged (LIKE u INCLUDING ALL);
    CREATE SEQUENCE s START 5;
    SELECT nextval('s'), currval('s'), lastval();
    ALTER SEQUENCE s RESTART WITH 1;
    DROP SEQUENCE s;
    CREATE VIEW v AS SELECT id, balance FROM accounts;
    CREATE OR REPLACE RECURSIVE VIEW r (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 3;
    SELECT * FROM v JOIN r ON id = n ORDER BY 1;
    UPDATE v SET balance = 1 WHERE id = 1;
    ALTER VIEW v RENAME COLUMN balance TO amount;
    CREATE MATERIALIZED VIEW mv AS SELECT owner FROM accounts WITH NO DATA;
    SELECT * FROM mv;
    REFRESH MATERIALIZED VIEW mv;
    ALTER MATERIALIZED VIEW mv RENAME TO mw;
    SELECT * FROM mw ORDER BY 1;
    DROP MATERIALIZED VIEW mw;
    DROP VIEW v, r;
    CREATE RULE nothing AS ON DELETE TO made DO INSTEAD NOTHING;
    DELETE FROM made;
    ALTER RULE nothing ON made RENAME TO nought;
    DROP RULE nought ON made;
    DROP TABLE accounts;
    DROP TABLE IF EXISTS nosuch, u, parts, made;
    DROP TABLE temporary CASCADE`,
  'types, operators and casts': `
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    ALTER TYPE mood ADD VALUE 'happy' AFTER 'ok';
    SELECT 'happy'::mood, enum_range(NULL::mood)::text, 'mad'::mood;
    SELECT enum_range(NULL::mood)::text;
    CREATE TYPE pair AS (x int, y text);
    SELECT (ROW(1, 'a')::pair).*, ROW(1, 'a')::pair;
    CREATE TYPE span AS RANGE (subtype = float8);
    SELECT '[1,2]'::span;
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    ALTER DOMAIN positive SET DEFAULT 1;
    SELECT 1::positive;
    SELECT (-1)::positive;
    CREATE FUNCTION plus_pair(pair, pair) RETURNS pair LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1.x + $2.x, $1.y || $2.y)::pair';
    CREATE OPERATOR +++ (LEFTARG = pair, RIGHTARG = pair, FUNCTION = plus_pair);
    SELECT ROW(1, 'a')::pair +++ ROW(2, 'b')::pair;
    ALTER OPERATOR +++ (pair, pair) SET SCHEMA work;
    CREATE FUNCTION pair_of(int) RETURNS pair LANGUAGE sql IMMUTABLE AS $$SELECT ROW($1, $1::text)::pair$$;
    CREATE CAST (int AS pair) WITH FUNCTION pair_of(int);
    SELECT 3::pair;
    DROP CAST (int AS pair);
    CREATE AGGREGATE sum_pair (pair) (SFUNC = plus_pair, STYPE = pair);
    SELECT sum_pair(p) FROM (VALUES (ROW(1, 'a')::pair), (ROW(2, 'b')::pair)) v (p);
    ALTER AGGREGATE sum_pair (pair) RENAME TO pair_sum;
    DROP AGGREGATE pair_sum (pair);
    DROP OPERATOR +++ (pair, pair);
    CREATE OPERATOR FAMILY fam USING btree;
    ALTER OPERATOR FAMILY fam USING btree RENAME TO family;
    CREATE OPERATOR CLASS cls FOR TYPE int4 USING btree FAMILY family AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4);
    ALTER OPERATOR CLASS cls USING btree RENAME TO class;
    DROP OPERATOR CLASS class USING btree;
    DROP OPERATOR FAMILY family USING btree;
    CREATE COLLATION german (provider = icu, locale = 'de');
    ALTER COLLATION german RENAME TO deutsch;
    SELECT 'ä' < 'z' COLLATE deutsch;
    DROP COLLATION deutsch;
    CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
    ALTER CONVERSION conv RENAME TO conversion;
    DROP CONVERSION conversion;
    DROP TYPE mood, span;
    DROP DOMAIN positive;
    DROP TYPE pair CASCADE`,
  'functions and triggers': `
    CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n * 2;
    SELECT twice(21), twice(NULL);
    CREATE OR REPLACE FUNCTION loud() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two' USING HINT = 'three'; END $$;
    SELECT loud();
    ALTER FUNCTION twice(int) RENAME TO double;
    ALTER ROUTINE double(int) COST 5;
    CREATE PROCEDURE add_account(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO accounts VALUES (n, 'p'); COMMIT; n := n + 1; END $$;
    CALL add_account(50);
    CALL add_account(50);
    ALTER PROCEDURE add_account(int) SET work_mem = '1MB';
    DO $$ BEGIN PERFORM loud(); END $$;
    DO LANGUAGE plpgsql 'BEGIN PERFORM 1/0; END';
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', tg_op, new; RETURN new; END $$;
    CREATE TRIGGER shouting BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION shout();
    UPDATE accounts SET balance = 7 WHERE id = 1;
    ALTER TRIGGER shouting ON accounts RENAME TO shouts;
    DROP TRIGGER shouts ON accounts;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shout();
    BEGIN;
    INSERT INTO accounts VALUES (60, 'late');
    SET CONSTRAINTS late IMMEDIATE;
    INSERT INTO accounts VALUES (61, 'later');
    COMMIT;
    CREATE FUNCTION announce() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'event %', tg_tag; END $$;
    CREATE EVENT TRIGGER announcing ON ddl_command_end WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION announce();
    CREATE SEQUENCE announced;
    ALTER EVENT TRIGGER announcing DISABLE;
    DROP EVENT TRIGGER announcing;
    CREATE FUNCTION rows_of(n int) RETURNS TABLE (a int, b text) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT i, repeat('x', i) FROM generate_series(1, n) i; END $$;
    SELECT * FROM rows_of(3);
    SELECT rows_of(2);
    CREATE FUNCTION by_text(q text) RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE q; END $$;
    SELECT * FROM by_text('SELECT id, owner FROM accounts ORDER BY 1') AS (a int, b text);
    SELECT * FROM by_text('SELECT 1 FROM nosuch') AS (a int);
    CREATE LANGUAGE plown HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler VALIDATOR plpgsql_validator;
    ALTER LANGUAGE plown RENAME TO plmine;
    DROP LANGUAGE plmine;
    CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
    DROP TRANSFORM FOR int LANGUAGE sql;
    CREATE ACCESS METHOD heaped TYPE TABLE HANDLER heap_tableam_handler;
    DROP ACCESS METHOD heaped;
    LOAD 'plpgsql';
    DROP PROCEDURE add_account;
    DROP ROUTINE rows_of;
    DROP FUNCTION double(int), loud, by_text, nosuch()`,
  'roles and rights': `
    CREATE ROLE "@_one" LOGIN;
    CREATE USER "@_two" PASSWORD NULL;
    CREATE GROUP "@_three" ROLE "@_two";
    ALTER ROLE "@_one" SET work_mem = '1MB';
    ALTER USER "@_two" CONNECTION LIMIT 3;
    ALTER GROUP "@_three" ADD USER "@_one";
    GRANT SELECT, INSERT (id) ON accounts TO "@_one" WITH GRANT OPTION;
    GRANT USAGE ON SCHEMA work TO "@_one", "@_two";
    GRANT "@_one" TO "@_two" WITH ADMIN OPTION;
    ALTER DEFAULT PRIVILEGES IN SCHEMA work GRANT SELECT ON TABLES TO "@_one";
    ALTER DEFAULT PRIVILEGES IN SCHEMA work REVOKE SELECT ON TABLES FROM "@_one";
    ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON accounts FOR SELECT TO "@_one" USING (id > 1);
    SET ROLE "@_one";
    SELECT current_user = session_user, owner FROM accounts ORDER BY id;
    DELETE FROM accounts;
    RESET ROLE;
    ALTER POLICY mine ON accounts USING (false);
    SET SESSION AUTHORIZATION "@_one";
    SELECT * FROM accounts;
    SELECT * FROM transfers;
    RESET SESSION AUTHORIZATION;
    DROP POLICY mine ON accounts;
    REVOKE ALL ON accounts FROM "@_one" CASCADE;
    REVOKE "@_one" FROM "@_two";
    CREATE SCHEMA "@_own" AUTHORIZATION "@_one" CREATE TABLE t (a int);
    ALTER SCHEMA "@_own" RENAME TO "@_new";
    DROP SCHEMA "@_new";
    REASSIGN OWNED BY "@_one" TO "@_two";
    DROP OWNED BY "@_one", "@_two", "@_three" CASCADE;
    DROP SCHEMA IF EXISTS "@_new" CASCADE;
    DROP ROLE "@_one";
    DROP USER "@_two";
    DROP GROUP "@_three"`,
  'foreign data': `
    CREATE EXTENSION postgres_fdw SCHEMA work;
    CREATE FOREIGN DATA WRAPPER "@_w";
    ALTER FOREIGN DATA WRAPPER "@_w" OPTIONS (ADD a '1');
    CREATE SERVER "@_s" FOREIGN DATA WRAPPER "@_w";
    ALTER SERVER "@_s" VERSION '2';
    CREATE USER MAPPING FOR PUBLIC SERVER "@_s" OPTIONS (u 'x');
    ALTER USER MAPPING FOR PUBLIC SERVER "@_s" OPTIONS (SET u 'y');
    CREATE FOREIGN TABLE far (a int) SERVER "@_s";
    ALTER FOREIGN TABLE far ADD COLUMN b text;
    SELECT * FROM far;
    IMPORT FOREIGN SCHEMA public FROM SERVER "@_s" INTO work;
    DROP FOREIGN TABLE far;
    DROP USER MAPPING FOR PUBLIC SERVER "@_s";
    DROP SERVER "@_s";
    DROP FOREIGN DATA WRAPPER "@_w";
    ALTER EXTENSION postgres_fdw UPDATE;
    DROP EXTENSION postgres_fdw`,
  'text search': `
    CREATE TEXT SEARCH PARSER prs (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
    CREATE TEXT SEARCH TEMPLATE tpl (INIT = dsimple_init, LEXIZE = dsimple_lexize);
    CREATE TEXT SEARCH DICTIONARY dic (TEMPLATE = tpl);
    CREATE TEXT SEARCH CONFIGURATION cfg (PARSER = prs);
    ALTER TEXT SEARCH CONFIGURATION cfg ADD MAPPING FOR asciiword, word WITH dic;
    SELECT to_tsvector('cfg', 'The quick brown fox'), to_tsquery('cfg', 'quick & fox');
    ALTER TEXT SEARCH DICTIONARY dic (accept = false);
    ALTER TEXT SEARCH PARSER prs RENAME TO parser;
    ALTER TEXT SEARCH TEMPLATE tpl RENAME TO template;
    DROP TEXT SEARCH CONFIGURATION cfg;
    DROP TEXT SEARCH DICTIONARY dic;
    DROP TEXT SEARCH TEMPLATE template;
    DROP TEXT SEARCH PARSER parser`,
  'replication objects': `
    CREATE PUBLICATION "@_p" FOR TABLE accounts (id) WHERE (id > 1);
    ALTER PUBLICATION "@_p" ADD TABLE transfers;
    DROP PUBLICATION "@_p";
    CREATE SUBSCRIPTION "@_s" CONNECTION 'host=127.0.0.1 dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE);
    ALTER SUBSCRIPTION "@_s" SET (binary = true);
    DROP SUBSCRIPTION "@_s"`,
  'the server': `
    CREATE DATABASE "@_db" TEMPLATE template0;
    ALTER DATABASE "@_db" SET work_mem = '2MB';
    COMMENT ON DATABASE "@_db" IS 'made and dropped';
    DROP DATABASE "@_db";
    CREATE TABLESPACE "@_ts" LOCATION '';
    ALTER TABLESPACE "@_ts" SET (random_page_cost = 2);
    DROP TABLESPACE "@_ts";
    ALTER SYSTEM SET work_mem = '7MB';
    ALTER SYSTEM RESET work_mem;
    BEGIN;
    VACUUM accounts;
    ROLLBACK;
    SECURITY LABEL ON TABLE accounts IS 'secret'`,
  'large objects': `
    SELECT lo_create(4242);
    SELECT lo_put(4242, 0, 'abcdef'), lo_get(4242, 2, 3);
    BEGIN;
    SELECT lo_open(4242, x'60000'::int);
    SELECT loread(0, 3), lo_tell(0), lo_lseek(0, 1, 0), lowrite(0, 'X'), lo_truncate(0, 4);
    SELECT lo_close(0);
    COMMIT;
    SELECT lo_get(4242);
    ALTER LARGE OBJECT 4242 OWNER TO CURRENT_USER;
    COMMENT ON LARGE OBJECT 4242 IS 'large';
    GRANT SELECT ON LARGE OBJECT 4242 TO PUBLIC;
    SELECT lo_from_bytea(4243, 'more'), lo_unlink(4242), lo_unlink(4243);
    SELECT lo_unlink(4242);
    SELECT lo_open(1, 1)`,
  explanations: `
    EXPLAIN (COSTS OFF) SELECT * FROM accounts WHERE id = 1;
    EXPLAIN (COSTS OFF, FORMAT JSON) DELETE FROM accounts;
    EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) INSERT INTO transfers (account) VALUES (1);
    EXPLAIN (VERBOSE, COSTS OFF, FORMAT XML) SELECT owner FROM accounts ORDER BY balance;
    EXPLAIN SELECT nosuch;
    EXPLAIN (COSTS OFF) VALUES (1)`,
  notifications: `
    LISTEN here;
    NOTIFY here;
    NOTIFY here, 'with payload';
    BEGIN;
    NOTIFY here, 'late';
    SELECT 1;
    COMMIT;
    SELECT pg_notify('here', 'by function');
    UNLISTEN here;
    NOTIFY here, 'unheard';
    UNLISTEN *`,
  'COPY out': `
    COPY accounts TO STDOUT;
    COPY (SELECT id, owner FROM accounts ORDER BY id) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE (owner));
    COPY accounts (owner) TO STDOUT (FORMAT binary);
    COPY (DELETE FROM transfers RETURNING id) TO STDOUT;
    COPY (SELECT 1/(2 - i) FROM generate_series(1, 3) i) TO STDOUT;
    COPY nosuch TO STDOUT;
    COPY accounts TO '/nosuch/file';
    COPY accounts FROM '/nosuch/file';
    COPY accounts TO PROGRAM 'false'`,
};
