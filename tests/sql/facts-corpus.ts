/** Statements of every kind with what their facts must say, in the notation of `brief`. */

export const FACTS_SEED = `
CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
CREATE SCHEMA other;
CREATE TABLE customers (id int PRIMARY KEY, name text, city text);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE, total numeric, note text, placed date);
CREATE TABLE archive (id int, doubled int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE other.places (id int, city text);
CREATE TABLE other.orders (id int);
CREATE TABLE parted (id int) PARTITION BY LIST (id);
CREATE TABLE noisy (id int);
CREATE RULE noisy_rule AS ON INSERT TO noisy DO ALSO NOTIFY x;
CREATE VIEW v_orders AS SELECT id, total FROM orders;
CREATE MATERIALIZED VIEW m_orders AS SELECT id, total FROM orders;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN upper($1); END$$;
CREATE FUNCTION length(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE PROCEDURE proc(int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE TYPE mood AS ENUM ('x', 'y');
CREATE FUNCTION is_loud(text) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RETURN true; END$$;
CREATE DOMAIN loud_text AS text CHECK (is_loud(VALUE));
CREATE DOMAIN plain_text AS text CHECK (length(VALUE) > 0);
`;

export const FACTS_CORPUS: readonly (readonly [text: string, facts: string])[] = [
  ['SELECT 1', 'SELECT · Read'],
  [
    `SELECT id, total FROM orders WHERE note = 'x' ORDER BY placed`,
    'SELECT · Read public.orders(id,note,placed,total;note,placed)',
  ],
  ['SELECT * FROM orders', 'SELECT · Read public.orders(customer_id,id,note,placed,total)'],
  ['SELECT count(*) FROM orders', 'SELECT · Read public.orders() · pg_catalog.count()'],
  ['TABLE orders', 'SELECT · Read public.orders(customer_id,id,note,placed,total)'],
  [`VALUES (1, 'a'), (2, 'b')`, 'SELECT · Read'],
  [
    `SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.city = 'x'`,
    'SELECT · Read public.orders(customer_id,id;customer_id) · Read public.customers(city,id;city,id)',
  ],
  [
    'SELECT id, city FROM orders JOIN customers USING (id)',
    'SELECT · Read public.orders(id;id) · Read public.customers(city,id;id)',
  ],
  [
    'SELECT total FROM orders NATURAL JOIN (SELECT id, city FROM customers) c',
    'SELECT · Read public.orders(id,total;id) · Read public.customers(city,id;id)',
  ],
  ['SELECT c FROM customers c', 'SELECT · Read public.customers(city,id,name)'],
  [
    'SELECT c.* FROM customers c, orders o',
    'SELECT · Read public.customers(city,id,name) · Read public.orders()',
  ],
  ['SELECT (c).city FROM customers c', 'SELECT · Read public.customers(city,id,name)'],
  [
    'SELECT city(c) FROM customers c',
    'SELECT · Execute · Read public.customers(city,id,name) · city()! · writes · <function: function city> · unresolved city',
  ],
  ['SELECT x.a FROM customers x(a, b)', 'SELECT · Read public.customers(id)'],
  [
    `SELECT s.n FROM (SELECT name AS n, city FROM customers) s WHERE s.city = 'x'`,
    'SELECT · Read public.customers(city,name;city)',
  ],
  [
    'SELECT (SELECT c.city FROM customers c WHERE c.id = o.customer_id) FROM orders o',
    'SELECT · Read public.orders(customer_id;customer_id) · Read public.customers(city,id;id)',
  ],
  [
    'SELECT total FROM orders o WHERE EXISTS (SELECT FROM customers WHERE id = o.customer_id)',
    'SELECT · Read public.orders(customer_id,total;customer_id) · Read public.customers(id;id)',
  ],
  [
    `SELECT total FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE city = 'x')`,
    'SELECT · Read public.orders(customer_id,total;customer_id) · Read public.customers(city,id;city,id)',
  ],
  [
    'SELECT city, sum(total) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY city HAVING sum(total) > 5 ORDER BY 2',
    'SELECT · Read public.orders(customer_id,total;customer_id,total) · Read public.customers(city,id;city,id) · pg_catalog.sum()',
  ],
  [
    'SELECT upper(city) AS u FROM customers ORDER BY u',
    'SELECT · Read public.customers(city;city) · pg_catalog.upper()',
  ],
  ['SELECT city AS total FROM customers GROUP BY total', 'SELECT · Read public.customers(city;city)'],
  ['SELECT DISTINCT city FROM customers', 'SELECT · Read public.customers(city;city)'],
  ['SELECT DISTINCT ON (city) name FROM customers', 'SELECT · Read public.customers(city,name;city)'],
  [
    'SELECT rank() OVER (PARTITION BY city ORDER BY name) FROM customers',
    'SELECT · Read public.customers(city,name;city,name) · pg_catalog.rank()',
  ],
  [
    `SELECT sum(total) FILTER (WHERE note = 'x') FROM orders`,
    'SELECT · Read public.orders(note,total;note) · pg_catalog.sum()',
  ],
  [
    'SELECT name FROM customers UNION SELECT note FROM orders',
    'SELECT · Read public.customers(name;name) · Read public.orders(note;note)',
  ],
  [
    'SELECT name FROM customers UNION ALL SELECT note FROM orders ORDER BY name LIMIT 5',
    'SELECT · Read public.customers(name;name) · Read public.orders(note;note)',
  ],
  [
    'WITH c AS (SELECT id, city FROM customers) SELECT city FROM c WHERE id = 1',
    'SELECT · Read public.customers(city,id;id)',
  ],
  ['WITH customers AS (SELECT 1 AS id) SELECT id FROM customers', 'SELECT · Read'],
  [
    'WITH RECURSIVE t(n) AS (SELECT id FROM customers UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT n FROM t',
    'SELECT · Read public.customers(id;id)',
  ],
  [
    'WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT city FROM customers) SELECT * FROM a',
    'SELECT · Read public.customers(city)',
  ],
  ['SELECT e.v FROM customers c, LATERAL (SELECT c.city AS v) e', 'SELECT · Read public.customers(city)'],
  [
    `SELECT t FROM customers c, unnest(string_to_array(c.city, ',')) t`,
    'SELECT · Read public.customers(city;city) · pg_catalog.unnest() · pg_catalog.string_to_array()',
  ],
  [
    `SELECT x.b FROM customers c, unnest(string_to_array(c.city, ','), ARRAY[c.id]) WITH ORDINALITY AS x (a, b, n)`,
    'SELECT · Read public.customers(city,id;city,id) · pg_catalog.unnest() · pg_catalog.string_to_array()',
  ],
  ['SELECT g FROM generate_series(1, 10) g', 'SELECT · Read · pg_catalog.generate_series()'],
  ['SELECT * FROM customers TABLESAMPLE BERNOULLI (10)', 'SELECT · Read public.customers(city,id,name)'],
  ['SELECT ctid, xmin FROM customers', 'SELECT · Read public.customers()'],
  ['SELECT public.customers.city FROM public.customers', 'SELECT · Read public.customers(city)'],
  ['SELECT other.city FROM other.places AS other', 'SELECT · Read other.places(city)'],
  [
    'SELECT city FROM places',
    'SELECT · Read places?(city) · writes · <relation: relation places> · unresolved places',
  ],
  ['SELECT nothing FROM customers', 'SELECT · Read public.customers(city,id,name) · unresolved nothing'],
  [
    'SELECT id FROM missing WHERE x = 1',
    'SELECT · Read missing?(id,x;x) · writes · <relation: relation missing> · unresolved missing',
  ],
  [
    `SELECT * FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relname ~ '^x'`,
    'SELECT · Read pg_catalog.pg_class(oid,relacl,relallfrozen,relallvisible,relam,relchecks,relfilenode,relforcerowsecurity,relfrozenxid,relhasindex,relhasrules,relhassubclass,relhastriggers,relispartition,relispopulated,relisshared,relkind,relminmxid,relname,relnamespace,relnatts,reloftype,reloptions,relowner,relpages,relpartbound,relpersistence,relreplident,relrewrite,relrowsecurity,reltablespace,reltoastrelid,reltuples,reltype;relname,relnamespace) · Read pg_catalog.pg_namespace(nspacl,nspname,nspowner,oid;oid)',
  ],
  ['SELECT table_name FROM information_schema.tables', 'SELECT · Read information_schema.tables(table_name)'],
  [
    'SELECT * FROM customers FOR UPDATE',
    'SELECT · Read public.customers(city,id,name) · Lock public.customers() · writes',
  ],
  [
    'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id FOR SHARE OF o NOWAIT',
    'SELECT · Read public.orders(customer_id,id;customer_id) · Read public.customers(id;id) · Lock public.orders() · writes',
  ],
  [
    'SELECT city INTO TEMP t FROM customers',
    'SELECT INTO · Read public.customers(city) · Create table pg_temp.t · writes · ddl',
  ],
  [
    'SELECT city INTO t FROM customers',
    'SELECT INTO · Read public.customers(city) · Create table public.t · writes · ddl',
  ],
  [
    'SELECT now(), random(), gen_random_uuid()',
    'SELECT · Read · pg_catalog.now() · pg_catalog.random() · pg_catalog.gen_random_uuid()',
  ],
  [
    `SELECT nextval('orders_id_seq')`,
    'SELECT · Read · Update sequence public.orders_id_seq · pg_catalog.nextval() · writes',
  ],
  [
    `SELECT setval('orders_id_seq', 5)`,
    'SELECT · Read · Update sequence public.orders_id_seq · pg_catalog.setval() · writes',
  ],
  [
    `SELECT currval('orders_id_seq'), lastval()`,
    'SELECT · Read · pg_catalog.currval() · pg_catalog.lastval()',
  ],
  [`SELECT shout('a')`, 'SELECT · Read · pg_catalog.upper() · public.shout()'],
  [`SELECT public.shout('a')`, 'SELECT · Read · pg_catalog.upper() · public.shout()'],
  [
    'SELECT missing_function(1)',
    'SELECT · Read · Execute · missing_function()! · writes · <function: function missing_function> · unresolved missing_function',
  ],
  [`SELECT lower('A'), pg_catalog.lower('A')`, 'SELECT · Read · pg_catalog.lower()'],
  [`SELECT length('abc')`, 'SELECT · Read · pg_catalog.length()'],
  [`SELECT pg_catalog.length('abc')`, 'SELECT · Read · pg_catalog.length()'],
  [
    `SELECT set_config('search_path', 'other', true)`,
    'SELECT · Read · pg_catalog.set_config() · local search_path=other · writes',
  ],
  [
    `SELECT set_config('role', name, false) FROM customers`,
    'SELECT · Administer · Read public.customers(name) · pg_catalog.set_config() · role=null · writes',
  ],
  [`SELECT current_setting('server_version')`, 'SELECT · Read · pg_catalog.current_setting()'],
  [
    `SELECT current_setting('primary_conninfo')`,
    'SELECT · Read · Execute · pg_catalog.current_setting()! · writes · <function: function pg_catalog.current_setting>',
  ],
  [`SELECT pg_notify('c', 'x')`, 'SELECT · Read · Notify · pg_catalog.pg_notify() · writes'],
  ['SELECT pg_advisory_lock(1)', 'SELECT · Read · Lock · pg_catalog.pg_advisory_lock() · writes'],
  [
    'SELECT pg_terminate_backend(1)',
    'SELECT · Read · Execute · Administer · pg_catalog.pg_terminate_backend()! · writes · <function: function pg_catalog.pg_terminate_backend>',
  ],
  [
    `SELECT pg_read_file('/etc/passwd')`,
    'SELECT · Read · Execute · Administer · pg_catalog.pg_read_file()! · writes · <function: function pg_catalog.pg_read_file>',
  ],
  [
    `SELECT lo_import('/etc/passwd')`,
    'SELECT · Read · Execute · Administer · pg_catalog.lo_import()! · writes · <function: function pg_catalog.lo_import>',
  ],
  [
    `SELECT query_to_xml('SELECT 1', true, true, '')`,
    'SELECT · Read · Execute · pg_catalog.query_to_xml()! · writes · <function: function pg_catalog.query_to_xml>',
  ],
  ['SELECT pg_sleep(1)', 'SELECT · Read · pg_catalog.pg_sleep()'],
  ['SELECT txid_current()', 'SELECT · Read · pg_catalog.txid_current()'],
  [`SELECT 'x'::mood, 'a'::loud_text, 'b'::plain_text`, 'SELECT · Read · writes · <type: type loud_text>'],
  [`SELECT 'x'::citext = 'X'::citext`, 'SELECT · Read'],
  ['SELECT 1 === 2', 'SELECT · Read · writes · <type: operator public.===>'],
  ['SELECT 1 OPERATOR(public.===) 2', 'SELECT · Read · writes · <type: operator public.===>'],
  ['SELECT 1 OPERATOR(pg_temp.=) 2', 'SELECT · Read · writes · <type: operator pg_temp.=>'],
  [`SELECT similarity('a', 'b'), 'a' % 'b'`, 'SELECT · Read · public.similarity()'],
  [
    `SELECT name FROM customers WHERE name LIKE 'a%' AND id BETWEEN 1 AND 5`,
    'SELECT · Read public.customers(id,name;id,name)',
  ],
  [
    `SELECT CASE city WHEN 'x' THEN name ELSE note END FROM customers JOIN orders USING (id)`,
    'SELECT · Read public.customers(city,id,name;id) · Read public.orders(id,note;id)',
  ],
  [
    `SELECT JSON_VALUE('{}', '$.a'), XMLELEMENT(NAME a, city) FROM customers`,
    'SELECT · Read public.customers(city)',
  ],
  [
    `SELECT x.v FROM customers, JSON_TABLE(city::jsonb, '$[*]' COLUMNS (v int PATH '$')) x`,
    'SELECT · Read public.customers(city;city)',
  ],
  [
    `SELECT x.v FROM customers, XMLTABLE('/a' PASSING (city::xml) COLUMNS v text PATH '.') x WHERE x.v = '1'`,
    'SELECT · Read public.customers(city;city)',
  ],
  [
    'SELECT grouping(city) FROM customers GROUP BY GROUPING SETS ((city), ())',
    'SELECT · Read public.customers(city;city)',
  ],
  ['INSERT INTO orders (id, total) VALUES (1, 2)', 'INSERT · Insert public.orders(;;id,total) · writes'],
  [
    'INSERT INTO orders DEFAULT VALUES',
    'INSERT · Insert public.orders(;;customer_id,id,note,placed,total) · writes',
  ],
  [
    'INSERT INTO orders VALUES (1, 2, 3)',
    'INSERT · Insert public.orders(;;customer_id,id,note,placed,total) · writes',
  ],
  [
    `INSERT INTO orders (id, note) SELECT id, city FROM customers WHERE name = 'x'`,
    'INSERT · Insert public.orders(;;id,note) · Read public.customers(city,id,name;name) · writes',
  ],
  [
    'INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING',
    'INSERT · Insert public.orders(;;id) · writes',
  ],
  [
    `INSERT INTO orders (id, total) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET total = excluded.total WHERE orders.note = 'x'`,
    'INSERT · Insert public.orders(id,note;id,note;id,total) · Update public.orders(id,note;id,note;total) · writes',
  ],
  [
    'INSERT INTO orders (id) VALUES (1) RETURNING id, total',
    'INSERT · Insert public.orders(;;id) · Read public.orders(id,total) · writes',
  ],
  [
    'INSERT INTO noisy (id) VALUES (1)',
    'INSERT · Insert public.noisy(;;id) · writes · <statement: rules on public.noisy>',
  ],
  [
    'INSERT INTO v_orders (id) VALUES (1)',
    'INSERT · Insert public.v_orders(;;id) · Insert public.orders(;;id) · writes',
  ],
  ['UPDATE orders SET total = 5 WHERE id = 1', 'UPDATE · Update public.orders(id;id;total) · writes'],
  ['UPDATE orders SET total = total + 1', 'UPDATE · Update public.orders(total;;total) · writes · unbounded'],
  ['UPDATE orders SET total = 5 WHERE true', 'UPDATE · Update public.orders(;;total) · writes · unbounded'],
  [
    'UPDATE orders SET (total, note) = (SELECT 1, city FROM customers LIMIT 1) WHERE id = 3',
    'UPDATE · Read public.customers(city) · Update public.orders(id;id;note,total) · writes',
  ],
  [
    'UPDATE orders o SET note = c.city FROM customers c WHERE c.id = o.customer_id RETURNING o.id, c.name',
    'UPDATE · Read public.customers(city,id,name;id) · Update public.orders(customer_id;customer_id;note) · Read public.orders(id) · writes',
  ],
  ['UPDATE orders SET total = 1 WHERE CURRENT OF cur', 'UPDATE · Update public.orders(;;total) · writes'],
  [
    'UPDATE customers SET id = 5 WHERE id = 4',
    'UPDATE · Update public.customers(id;id;id) · Update public.orders(;;customer_id) · writes',
  ],
  ['DELETE FROM orders WHERE id = 1', 'DELETE · Delete public.orders(id;id) · writes'],
  ['DELETE FROM orders', 'DELETE · Delete public.orders() · writes · unbounded'],
  ['DELETE FROM orders WHERE 1 = 1', 'DELETE · Delete public.orders() · writes · unbounded'],
  [
    `DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.city = 'x'`,
    'DELETE · Delete public.orders(customer_id;customer_id) · Read public.customers(city,id;city,id) · writes',
  ],
  [
    'DELETE FROM customers WHERE id = 1',
    'DELETE · Delete public.customers(id;id) · Delete public.orders() · writes',
  ],
  ['DELETE FROM orders WHERE id IS NOT NULL', 'DELETE · Delete public.orders(id;id) · writes · unbounded'],
  [
    'DELETE FROM orders RETURNING *',
    'DELETE · Delete public.orders() · Read public.orders(customer_id,id,note,placed,total) · writes · unbounded',
  ],
  [
    `MERGE INTO orders o USING customers c ON o.customer_id = c.id WHEN MATCHED AND c.city = 'x' THEN UPDATE SET note = c.name WHEN NOT MATCHED THEN INSERT (id) VALUES (c.id)`,
    'MERGE · Read public.customers(city,id,name;city,id) · Update public.orders(customer_id;customer_id;note) · Insert public.orders(customer_id;customer_id;id) · writes',
  ],
  [
    'MERGE INTO orders o USING customers c ON true WHEN MATCHED THEN DELETE',
    'MERGE · Read public.customers() · Delete public.orders() · writes · unbounded',
  ],
  [
    'MERGE INTO orders o USING customers c ON o.id = c.id WHEN NOT MATCHED BY SOURCE THEN DELETE',
    'MERGE · Read public.customers(id;id) · Delete public.orders(id;id) · writes · unbounded',
  ],
  [
    'WITH d AS (DELETE FROM orders RETURNING id, note) SELECT note FROM d',
    'SELECT · Delete public.orders() · Read public.orders(id,note) · writes · unbounded',
  ],
  [
    'WITH d AS (UPDATE orders SET total = 0 WHERE id = 1 RETURNING *) INSERT INTO archive SELECT id FROM d',
    'INSERT · Update public.orders(id;id;total) · Read public.orders(customer_id,id,note,placed,total) · Insert public.archive(;;id) · writes',
  ],
  [
    'COPY orders TO STDOUT',
    'COPY · Read public.orders(customer_id,id,note,placed,total) · Export public.orders(customer_id,id,note,placed,total)',
  ],
  [
    'COPY orders (id, note) TO STDOUT WITH (FORMAT csv)',
    'COPY · Read public.orders(id,note) · Export public.orders(id,note)',
  ],
  [
    'COPY (SELECT city FROM customers) TO STDOUT',
    'COPY · Read public.customers(city) · Export public.customers(city)',
  ],
  ['COPY orders FROM STDIN', 'COPY · Insert public.orders(;;customer_id,id,note,placed,total) · writes'],
  ['COPY orders (id) FROM STDIN WHERE total > 5', 'COPY · Insert public.orders(total;total;id) · writes'],
  [
    `COPY orders TO '/tmp/x'`,
    'COPY · Administer · Read public.orders(customer_id,id,note,placed,total) · Export public.orders(customer_id,id,note,placed,total) · writes · <statement: COPY with a file of the server>',
  ],
  [
    `COPY orders FROM PROGRAM 'cat /etc/passwd'`,
    'COPY · Administer · Insert public.orders(;;customer_id,id,note,placed,total) · writes · <statement: COPY with a program of the server>',
  ],
  ['BEGIN', 'BEGIN · Transaction · begin'],
  ['START TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'START TRANSACTION · Transaction · begin'],
  ['COMMIT', 'COMMIT · Transaction · commit'],
  ['END', 'COMMIT · Transaction · commit'],
  ['ROLLBACK', 'ROLLBACK · Transaction · rollback'],
  ['ABORT', 'ROLLBACK · Transaction · rollback'],
  ['SAVEPOINT a', 'SAVEPOINT · Transaction · savepoint'],
  ['RELEASE a', 'RELEASE · Transaction · release'],
  ['ROLLBACK TO a', 'ROLLBACK · Transaction · rollback-to'],
  [`PREPARE TRANSACTION 'x'`, 'PREPARE TRANSACTION · Transaction · writes · prepare'],
  [`COMMIT PREPARED 'x'`, 'COMMIT PREPARED · Transaction · writes'],
  [`ROLLBACK PREPARED 'x'`, 'ROLLBACK PREPARED · Transaction · writes'],
  ['SET search_path = a, b', 'SET · search_path=a, b'],
  [`SET LOCAL work_mem = '1MB'`, 'SET · local work_mem=1MB'],
  [`SET TIME ZONE 'UTC'`, 'SET · timezone=UTC'],
  [`SET NAMES 'UTF8'`, 'SET · client_encoding=UTF8'],
  [
    `SET client_encoding = 'SJIS'`,
    'SET · client_encoding=SJIS · writes · <setting: setting client_encoding>',
  ],
  [
    'SET standard_conforming_strings = off',
    'SET · standard_conforming_strings=off · writes · <setting: setting standard_conforming_strings>',
  ],
  ['SET debug_print_plan = on', 'SET · debug_print_plan=on · writes · <setting: setting debug_print_plan>'],
  ['SET debug_print_plan = off', 'SET · debug_print_plan=off'],
  ['SET event_triggers = off', 'SET · Administer · event_triggers=off'],
  [`SET pgaudit.log = 'none'`, 'SET · Administer · pgaudit.log=none'],
  ['SET auto_explain.log_min_duration = 0', 'SET · Administer · auto_explain.log_min_duration=0'],
  ['SET SESSION AUTHORIZATION bob', 'SET · Administer · session_authorization=bob'],
  ['SET ROLE bob', 'SET · Administer · role=bob'],
  ['RESET ROLE', 'RESET · Administer · role=default'],
  ['RESET ALL', 'RESET · all=default'],
  [`SET SCHEMA 'x'`, 'SET · search_path=x'],
  ['SET TRANSACTION READ ONLY', 'SET · Transaction · local transaction_read_only=1'],
  [
    'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'SET · Transaction · default_transaction_isolation=repeatable read',
  ],
  ['SET CONSTRAINTS ALL DEFERRED', 'SET CONSTRAINTS · Transaction'],
  ['SHOW search_path', 'SHOW · Read'],
  ['SHOW ALL', 'SHOW · Read · Administer'],
  ['DISCARD ALL', 'DISCARD ALL · all=default · ddl · @prepared drop-all'],
  ['DISCARD TEMP', 'DISCARD TEMP · Set · ddl'],
  [
    'DECLARE cur CURSOR FOR SELECT city FROM customers',
    'DECLARE CURSOR · Read public.customers(city) · @cursor create cur',
  ],
  ['FETCH 5 FROM cur', 'FETCH · Read · @cursor use cur'],
  ['MOVE cur', 'MOVE · Read · @cursor use cur'],
  ['CLOSE cur', 'CLOSE CURSOR · Transaction · @cursor drop cur'],
  ['CLOSE ALL', 'CLOSE CURSOR ALL · Transaction · @cursor drop-all'],
  [
    'PREPARE p (int) AS SELECT city FROM customers WHERE id = $1',
    'PREPARE · Read public.customers(city,id;id) · @prepared create p',
  ],
  [
    'PREPARE p AS DELETE FROM orders',
    'PREPARE · Delete public.orders() · writes · unbounded · @prepared create p',
  ],
  ['EXECUTE p (1)', 'EXECUTE · writes · @prepared use p'],
  ['DEALLOCATE p', 'DEALLOCATE · Transaction · @prepared drop p'],
  ['DEALLOCATE ALL', 'DEALLOCATE ALL · Transaction · @prepared drop-all'],
  ['EXPLAIN SELECT city FROM customers', 'EXPLAIN · Read public.customers(city)'],
  ['EXPLAIN DELETE FROM orders', 'EXPLAIN · Read public.orders()'],
  [
    'EXPLAIN ANALYZE DELETE FROM orders WHERE id = 1',
    'EXPLAIN · Read · Delete public.orders(id;id) · writes',
  ],
  [`EXPLAIN (ANALYZE false) SELECT shout('x')`, 'EXPLAIN · Read · pg_catalog.upper() · public.shout()'],
  ['EXPLAIN EXECUTE p', 'EXPLAIN · Read · @prepared use p'],
  [
    `CREATE TABLE t (id int PRIMARY KEY, c int REFERENCES customers (id), x text DEFAULT shout('a'), CHECK (id > 0))`,
    'CREATE TABLE · Execute · Read public.customers() · Create table public.t · public.shout()! · writes · ddl · <function: function public.shout>',
  ],
  ['CREATE TEMP TABLE t (id int)', 'CREATE TABLE · Create table pg_temp.t · writes · ddl'],
  [
    'CREATE TABLE t (LIKE customers INCLUDING ALL)',
    'CREATE TABLE · Read public.customers() · Create table public.t · writes · ddl',
  ],
  [
    'CREATE TABLE t PARTITION OF parted FOR VALUES IN (1)',
    'CREATE TABLE · Alter public.parted() · Create table public.t · writes · ddl',
  ],
  [
    'CREATE TABLE t () INHERITS (customers)',
    'CREATE TABLE · Alter public.customers() · Create table public.t · writes · ddl',
  ],
  [
    'CREATE TABLE t AS SELECT city FROM customers',
    'CREATE TABLE AS · Read public.customers(city) · Create table public.t · writes · ddl',
  ],
  [
    'CREATE TEMP TABLE t AS EXECUTE p',
    'CREATE TABLE AS · Create table pg_temp.t · writes · ddl · @prepared use p',
  ],
  ['CREATE UNLOGGED TABLE other.t (id mood)', 'CREATE TABLE · Create table other.t · writes · ddl'],
  [
    'CREATE FOREIGN TABLE ft (id int) SERVER s',
    'CREATE FOREIGN TABLE · Administer · Create table public.ft · writes · ddl',
  ],
  [
    'CREATE VIEW v AS SELECT city FROM customers WHERE id > 1',
    'CREATE VIEW · Read public.customers(city,id;id) · Create view public.v · writes · ddl',
  ],
  [
    'CREATE MATERIALIZED VIEW m AS SELECT city FROM customers',
    'CREATE MATERIALIZED VIEW · Read public.customers(city) · Create materialized view public.m · writes · ddl',
  ],
  [
    'REFRESH MATERIALIZED VIEW CONCURRENTLY m_orders',
    'REFRESH MATERIALIZED VIEW · Maintain public.m_orders() · writes',
  ],
  [
    'CREATE INDEX i ON customers (city, lower(name)) WHERE id > 5',
    'CREATE INDEX · Alter public.customers(city,id,name;city,id,name) · Create index public.i · pg_catalog.lower() · writes · ddl',
  ],
  [
    'CREATE UNIQUE INDEX CONCURRENTLY ON customers (shout(name))',
    'CREATE INDEX · Execute · Alter public.customers(name;name) · Create index public. · public.shout()! · writes · ddl · <function: function public.shout>',
  ],
  ['CREATE SEQUENCE s OWNED BY customers.id', 'CREATE SEQUENCE · Create sequence public.s · writes · ddl'],
  ['ALTER SEQUENCE orders_id_seq RESTART', 'ALTER SEQUENCE · Alter public.orders_id_seq() · writes · ddl'],
  [
    'CREATE SCHEMA x CREATE TABLE y (id int)',
    'CREATE SCHEMA · Create table x.y · Create schema x · writes · ddl',
  ],
  ['CREATE SCHEMA AUTHORIZATION bob', 'CREATE SCHEMA · Create schema bob · writes · ddl'],
  [
    `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    'CREATE FUNCTION · Create function public.f · writes · ddl · <dynamic-sql: the body of function f>',
  ],
  [
    `CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN END'`,
    'CREATE PROCEDURE · Create procedure public.p · writes · ddl · <dynamic-sql: the body of procedure p>',
  ],
  [
    'CREATE TRIGGER tr BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()',
    'CREATE TRIGGER · Execute · Alter public.orders() · Create trigger public.orders.tr · public.touch()! · writes · ddl · <function: function public.touch>',
  ],
  [
    'CREATE RULE r AS ON INSERT TO orders DO ALSO NOTIFY x',
    'CREATE RULE · Alter public.orders() · Create rule public.orders.r · writes · ddl · <statement: the actions of rule r>',
  ],
  [
    'CREATE POLICY pol ON orders USING (total > 5)',
    'CREATE POLICY · Alter public.orders(total;total) · Create policy public.orders.pol · writes · ddl',
  ],
  [`CREATE TYPE t AS ENUM ('a')`, 'CREATE TYPE · Create type public.t · writes · ddl'],
  ['CREATE TYPE t AS (a int, b mood)', 'CREATE TYPE · Create type public.t · writes · ddl'],
  [
    'CREATE TYPE t AS RANGE (subtype = int)',
    'CREATE TYPE · Create type public.t · writes · ddl · <dynamic-sql: CREATE TYPE>',
  ],
  [
    `CREATE DOMAIN d AS text CHECK (shout(VALUE) <> '')`,
    'CREATE DOMAIN · Execute · Create domain public.d · public.shout()! · writes · ddl · <function: function public.shout>',
  ],
  [
    'CREATE EXTENSION hstore',
    'CREATE EXTENSION · Administer · Create extension hstore · writes · ddl · <dynamic-sql: CREATE EXTENSION>',
  ],
  [
    'CREATE LANGUAGE plperl',
    'CREATE EXTENSION · Administer · Create extension plperl · writes · ddl · <dynamic-sql: CREATE EXTENSION>',
  ],
  [
    'CREATE CAST (text AS mood) WITH FUNCTION shout(text)',
    'CREATE CAST · Administer · Execute · Create cast mood · public.shout()! · writes · ddl · <function: function public.shout>',
  ],
  [
    'CREATE AGGREGATE agg (int) (SFUNC = int4pl, STYPE = int)',
    'CREATE AGGREGATE · Create aggregate public.agg · writes · ddl · <dynamic-sql: the functions of aggregate agg>',
  ],
  [
    'CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)',
    'CREATE OPERATOR · Create operator public.=== · writes · ddl · <dynamic-sql: the functions of operator ===>',
  ],
  ['CREATE COLLATION c FROM "C"', 'CREATE COLLATION · Create collation public.c · writes · ddl'],
  [`CREATE ROLE bob LOGIN PASSWORD 'x'`, 'CREATE ROLE · Grant role bob · writes · ddl'],
  ['CREATE USER bob', 'CREATE ROLE · Grant role bob · writes · ddl'],
  ['CREATE DATABASE d', 'CREATE DATABASE · Administer · Create database d · writes · ddl'],
  [
    `CREATE TABLESPACE ts LOCATION '/x'`,
    'CREATE TABLESPACE · Administer · Create tablespace ts · writes · ddl',
  ],
  [
    'CREATE PUBLICATION p FOR TABLE orders',
    'CREATE PUBLICATION · Administer · Export public.orders() · Create publication p · writes · ddl',
  ],
  [
    'CREATE PUBLICATION p FOR ALL TABLES',
    'CREATE PUBLICATION · Administer · Export · Create publication p · writes · ddl',
  ],
  [
    `CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p`,
    'CREATE SUBSCRIPTION · Administer · Create subscription s · writes · ddl',
  ],
  ['CREATE SERVER s FOREIGN DATA WRAPPER f', 'CREATE SERVER · Administer · Create server s · writes · ddl'],
  [
    'CREATE USER MAPPING FOR bob SERVER s',
    'CREATE USER MAPPING · Administer · Create user mapping s · writes · ddl',
  ],
  [
    'CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION touch()',
    'CREATE EVENT TRIGGER · Administer · Create event trigger e · writes · ddl · <dynamic-sql: CREATE EVENT TRIGGER>',
  ],
  [
    'CREATE STATISTICS st ON city, name FROM customers',
    'CREATE STATISTICS · Alter public.customers() · Create statistics public.st · writes · ddl',
  ],
  [
    'CREATE TEXT SEARCH CONFIGURATION tc (COPY = simple)',
    'CREATE TEXT SEARCH CONFIGURATION · Create text search configuration public.tc · writes · ddl',
  ],
  [
    'CREATE ACCESS METHOD am TYPE TABLE HANDLER h',
    'CREATE ACCESS METHOD · Administer · Create access method am · writes · ddl · <dynamic-sql: CREATE ACCESS METHOD>',
  ],
  ['ALTER TABLE orders ADD COLUMN x int DEFAULT 5', 'ALTER TABLE · Alter public.orders() · writes · ddl'],
  [
    'ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers',
    'ALTER TABLE · Alter public.orders() · Read public.customers() · writes · ddl',
  ],
  [
    'ALTER TABLE orders ALTER COLUMN note TYPE int USING length(note)',
    'ALTER TABLE · Execute · Alter public.orders(note;note) · pg_catalog.length()! · writes · ddl · <function: function pg_catalog.length>',
  ],
  ['ALTER TABLE orders DROP COLUMN note CASCADE', 'ALTER TABLE · Alter public.orders() · writes · ddl'],
  [
    'ALTER TABLE parted ATTACH PARTITION orders FOR VALUES IN (2)',
    'ALTER TABLE · Alter public.parted() · Alter public.orders() · writes · ddl',
  ],
  [
    'ALTER TABLE orders INHERIT customers',
    'ALTER TABLE · Alter public.orders() · Alter public.customers() · writes · ddl',
  ],
  ['ALTER TABLE orders RENAME TO o', 'ALTER TABLE · Alter public.orders() · writes · ddl'],
  ['ALTER TABLE orders RENAME COLUMN note TO n', 'ALTER TABLE · Alter public.orders() · writes · ddl'],
  [
    'ALTER TABLE orders RENAME CONSTRAINT a TO b',
    'ALTER TABLE · Alter public.orders() · Alter constraint public.orders.a · writes · ddl',
  ],
  ['ALTER TABLE orders SET SCHEMA other', 'ALTER TABLE · Alter public.orders() · writes · ddl'],
  ['ALTER TABLE orders OWNER TO bob', 'ALTER TABLE · Alter public.orders() · Grant role bob · writes · ddl'],
  ['ALTER TABLE orders ENABLE ROW LEVEL SECURITY', 'ALTER TABLE · Alter public.orders() · writes · ddl'],
  ['ALTER INDEX i RENAME TO j', 'ALTER INDEX · Alter index i · writes · ddl'],
  [
    'ALTER INDEX customers RENAME TO j',
    'ALTER INDEX · Alter public.customers() · Alter index customers · writes · ddl',
  ],
  ['ALTER INDEX i SET (fillfactor = 50)', 'ALTER INDEX · Alter index i · writes · ddl'],
  ['ALTER VIEW v_orders RENAME TO w', 'ALTER VIEW · Alter public.v_orders() · writes · ddl'],
  ['ALTER FUNCTION shout(text) VOLATILE', 'ALTER FUNCTION · Alter function public.shout · writes · ddl'],
  [
    'ALTER FUNCTION shout(text) RENAME TO whisper',
    'ALTER FUNCTION · Alter function public.shout · writes · ddl',
  ],
  [
    'ALTER FUNCTION shout(text) OWNER TO bob',
    'ALTER FUNCTION · Alter function public.shout · Grant role bob · writes · ddl',
  ],
  [`ALTER TYPE mood ADD VALUE 'x'`, 'ALTER TYPE · Alter type public.mood · writes · ddl'],
  ['ALTER TYPE mood RENAME TO moods', 'ALTER TYPE · Alter type public.mood · writes · ddl'],
  ['ALTER DOMAIN loud_text DROP CONSTRAINT c', 'ALTER DOMAIN · Alter domain public.loud_text · writes · ddl'],
  [
    'ALTER SCHEMA other RENAME TO o',
    'ALTER SCHEMA · Alter schema other · writes · ddl · <statement: the renaming of a schema>',
  ],
  ['ALTER SCHEMA other OWNER TO bob', 'ALTER SCHEMA · Alter schema other · Grant role bob · writes · ddl'],
  ['ALTER ROLE bob SUPERUSER', 'ALTER ROLE · Grant role bob · writes · ddl'],
  ['ALTER ROLE bob SET search_path = x', 'ALTER ROLE · Grant role bob · writes · ddl'],
  [`ALTER DATABASE d SET work_mem = '1'`, 'ALTER DATABASE · Administer · Alter database d · writes · ddl'],
  [`ALTER SYSTEM SET work_mem = '1MB'`, 'ALTER SYSTEM · Administer · work_mem=1MB · writes'],
  [
    'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob',
    'ALTER DEFAULT PRIVILEGES · Grant default privileges  · writes · ddl',
  ],
  [
    'ALTER EXTENSION citext UPDATE',
    'ALTER EXTENSION · Administer · Alter extension citext · writes · ddl · <dynamic-sql: ALTER EXTENSION>',
  ],
  [
    'ALTER POLICY pol ON orders USING (true)',
    'ALTER POLICY · Alter public.orders() · Alter policy public.orders.pol · writes · ddl',
  ],
  [
    'ALTER TRIGGER tr ON orders RENAME TO x',
    'ALTER TRIGGER · Alter public.orders() · Alter trigger public.orders.tr · writes · ddl',
  ],
  [
    'DROP TABLE orders, other.places CASCADE',
    'DROP TABLE · Drop public.orders() · Drop other.places() · writes · ddl',
  ],
  ['DROP TABLE IF EXISTS missing', 'DROP TABLE · Drop missing?() · writes · ddl · unresolved missing'],
  ['DROP VIEW v_orders', 'DROP VIEW · Drop public.v_orders() · writes · ddl'],
  ['DROP INDEX i', 'DROP INDEX · Drop index i · writes · ddl'],
  ['DROP SCHEMA other CASCADE', 'DROP SCHEMA · Drop schema other · writes · ddl'],
  ['DROP FUNCTION shout(text)', 'DROP FUNCTION · Drop function public.shout · writes · ddl'],
  ['DROP TYPE mood', 'DROP TYPE · Drop type public.mood · writes · ddl'],
  [
    'DROP TRIGGER tr ON orders',
    'DROP TRIGGER · Alter public.orders() · Drop trigger public.orders.tr · writes · ddl',
  ],
  [
    'DROP POLICY pol ON orders',
    'DROP POLICY · Alter public.orders() · Drop policy public.orders.pol · writes · ddl',
  ],
  ['DROP RULE r ON orders', 'DROP RULE · Alter public.orders() · Drop rule public.orders.r · writes · ddl'],
  ['DROP ROLE bob', 'DROP ROLE · Grant role bob · writes · ddl'],
  ['DROP DATABASE d', 'DROP DATABASE · Administer · Drop database d · writes · ddl'],
  ['DROP EXTENSION citext', 'DROP EXTENSION · Administer · Drop extension citext · writes · ddl'],
  ['DROP OWNED BY bob', 'DROP OWNED · Administer · Drop role bob · writes · ddl'],
  ['DROP CAST (text AS mood)', 'DROP CAST · Administer · Drop cast text.mood · writes · ddl'],
  ['REASSIGN OWNED BY bob TO alice', 'REASSIGN OWNED · Administer · Grant role bob · writes · ddl'],
  ['TRUNCATE orders', 'TRUNCATE TABLE · Truncate public.orders() · writes'],
  [
    'TRUNCATE customers RESTART IDENTITY CASCADE',
    'TRUNCATE TABLE · Truncate public.customers() · Truncate public.orders() · writes',
  ],
  ['LOCK TABLE orders IN ACCESS EXCLUSIVE MODE', 'LOCK TABLE · Lock public.orders() · writes'],
  ['VACUUM', 'VACUUM · Maintain · writes'],
  ['VACUUM (FULL) orders', 'VACUUM · Maintain public.orders() · writes'],
  ['ANALYZE orders (note)', 'ANALYZE · Maintain public.orders() · writes'],
  ['REINDEX TABLE orders', 'REINDEX · Maintain public.orders() · writes'],
  ['REINDEX INDEX i', 'REINDEX · Maintain index i · writes'],
  ['REINDEX DATABASE d', 'REINDEX · Maintain · writes'],
  ['CLUSTER orders USING i', 'CLUSTER · Maintain public.orders() · writes'],
  ['CHECKPOINT', 'CHECKPOINT · Maintain · writes'],
  ['GRANT SELECT ON orders TO bob', 'GRANT · Grant public.orders() · writes · ddl'],
  ['GRANT SELECT (note) ON orders TO bob', 'GRANT · Grant public.orders() · writes · ddl'],
  ['GRANT ALL ON ALL TABLES IN SCHEMA other TO bob', 'GRANT · Grant schema other · writes · ddl'],
  ['GRANT EXECUTE ON FUNCTION shout(text) TO bob', 'GRANT · Grant function public.shout · writes · ddl'],
  ['GRANT admin TO bob', 'GRANT ROLE · Grant role admin · Grant role bob · writes · ddl'],
  ['REVOKE SELECT ON orders FROM bob', 'REVOKE · Grant public.orders() · writes · ddl'],
  ['REVOKE admin FROM bob', 'REVOKE ROLE · Grant role admin · Grant role bob · writes · ddl'],
  [`COMMENT ON TABLE orders IS 'x'`, 'COMMENT · Alter public.orders() · writes · ddl'],
  [`COMMENT ON COLUMN orders.note IS 'x'`, 'COMMENT · Alter public.orders() · writes · ddl'],
  [`COMMENT ON FUNCTION shout(text) IS 'x'`, 'COMMENT · Alter function public.shout · writes · ddl'],
  [`SECURITY LABEL ON TABLE orders IS 'x'`, 'SECURITY LABEL · Alter public.orders() · writes · ddl'],
  [`NOTIFY chan, 'payload'`, 'NOTIFY · Notify channel chan · writes'],
  ['LISTEN chan', 'LISTEN · Notify channel chan'],
  ['UNLISTEN *', 'UNLISTEN · Notify channel *'],
  [`DO 'BEGIN END'`, 'DO · Execute · writes · <dynamic-sql: a DO block>'],
  ['CALL proc(1)', 'CALL · Execute · public.proc()'],
  [`LOAD 'x'`, 'LOAD · Administer · writes · <dynamic-sql: a library>'],
  [
    'IMPORT FOREIGN SCHEMA a FROM SERVER s INTO public',
    'IMPORT FOREIGN SCHEMA · Administer · Create server s · writes · ddl',
  ],
];
