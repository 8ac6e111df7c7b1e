/** Functions whose body can be seen run for who sees masked values, unless they touch one; all others are refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MaskedDatabase, seedOf } from './masked-database.ts';

const sql = (head: string, body: string): string => `CREATE FUNCTION ${head} LANGUAGE sql AS $f$${body}$f$;`;
const plpgsql = (head: string, body: string): string =>
  `CREATE FUNCTION ${head} LANGUAGE plpgsql AS $f$${body}$f$;`;

const FUNCTIONS = `
CREATE SCHEMA tools;
CREATE TABLE tools.customers (id int, email text);
INSERT INTO tools.customers VALUES (1, 'open');
CREATE DOMAIN code AS text CHECK (length(VALUE) < 9);
CREATE FUNCTION is_fine(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN true; END';
CREATE DOMAIN running AS text CHECK (is_fine(VALUE));
${sql('plans_of(int) RETURNS text', 'SELECT plan FROM customers WHERE id = $1')}
${sql('named(p_id int) RETURNS text', 'SELECT plan FROM customers WHERE id = p_id AND named.p_id > 0')}
${sql('orders_of(customer_id int) RETURNS SETOF orders', 'SELECT * FROM orders o WHERE o.customer_id = orders_of.customer_id ORDER BY id')}
CREATE FUNCTION atomic(int) RETURNS int BEGIN ATOMIC SELECT count(*)::int FROM orders WHERE customer_id = $1; END;
CREATE FUNCTION plus_plans(x int) RETURNS int RETURN x + (SELECT count(*) FROM plans)::int;
CREATE FUNCTION atomic_secret(int) RETURNS text BEGIN ATOMIC SELECT ssn FROM customers WHERE id = $1; END;
${sql('nested(int) RETURNS text', 'SELECT plans_of($1) || plans_of($1 + 1)')}
${sql('nested_secret(int) RETURNS text', 'SELECT mail_of($1)')}
${sql('secret_filter(text) RETURNS bigint', 'SELECT count(*) FROM customers WHERE email = $1')}
${sql('secret_default(x text DEFAULT mail_of(3)) RETURNS text', 'SELECT x')}
${sql('plain_default(x text DEFAULT upper(note_of(3))) RETURNS text', 'SELECT x').replace('CREATE', `${sql('note_of(int) RETURNS text', 'SELECT note FROM customers WHERE id = $1')} CREATE`)}
${sql('note(int, text) RETURNS text', 'UPDATE orders SET note = $2 WHERE id = $1 RETURNING note')}
${sql('note_customer(int, text) RETURNS text', 'UPDATE customers SET note = $2 WHERE id = $1 RETURNING note')}
${sql('by_view() RETURNS bigint', 'SELECT count(*) FROM rich')}
${sql('whole_row() RETURNS SETOF customers', 'SELECT c FROM customers c')}
${sql('with_path() RETURNS text', 'SELECT email FROM customers').replace('LANGUAGE', 'SET search_path = tools, pg_temp LANGUAGE')}
${sql('with_setting() RETURNS int', 'SELECT 1').replace('LANGUAGE', 'SET datestyle = german LANGUAGE')}
${sql('sets() RETURNS text', `SELECT set_config('search_path', 'tools', false)`)}
${sql('backslash() RETURNS text', `SELECT '\\' || note FROM orders`)}
${sql('made() RETURNS void', 'CREATE TEMP TABLE x (a int)')}
${sql('statistics() RETURNS text', `SELECT max(histogram_bounds::text) FROM pg_stats`)}
${sql('factorial(n int) RETURNS int', 'SELECT CASE WHEN n < 2 THEN 1 ELSE n * factorial(n - 1) END')
  .replace('LANGUAGE', 'LANGUAGE')
  .replace(/^CREATE[\s\S]*$/, (text) => `SET check_function_bodies = off; ${text}`)}
${plpgsql(
  'total(p_id int) RETURNS numeric',
  `
DECLARE r record; t numeric := 0; k customers.id%TYPE; name code;
BEGIN
  FOR r IN SELECT o.total, o.note FROM orders o WHERE o.customer_id = p_id LOOP
    t := t + r.total;
    IF r.note LIKE 'x%' THEN RAISE NOTICE '% %', r.note, p_id; END IF;
  END LOOP;
  SELECT id INTO STRICT k FROM customers WHERE id = p_id;
  PERFORM plans_of(k);
  RETURN t;
EXCEPTION WHEN no_data_found THEN RETURN -1;
END`,
)}
${plpgsql(
  'total_secret(p_id int) RETURNS text',
  `
DECLARE r record;
BEGIN
  SELECT * INTO r FROM customers WHERE id = p_id;
  RETURN r.ssn;
END`,
)}
${plpgsql('raises(p_id int) RETURNS int', `BEGIN RAISE EXCEPTION 'saw %', (SELECT ssn FROM customers WHERE id = p_id); END`)}
${plpgsql('loops(p_id int) RETURNS SETOF text', `DECLARE m text; BEGIN FOR m IN SELECT email FROM customers LOOP RETURN NEXT m; END LOOP; END`)}
${plpgsql('cursors(p_id int) RETURNS text', `DECLARE c CURSOR FOR SELECT email FROM customers; m text; BEGIN OPEN c; FETCH c INTO m; RETURN m; END`)}
${plpgsql('assigns(p_id int) RETURNS text', `DECLARE m text; BEGIN m := ssn FROM customers WHERE id = p_id; RETURN m; END`)}
${plpgsql('declares(p_id int) RETURNS text', `DECLARE m text := (SELECT ssn FROM customers WHERE id = p_id); BEGIN RETURN m; END`)}
${plpgsql('dynamic(p text) RETURNS text', `DECLARE m text; BEGIN EXECUTE p INTO m; RETURN m; END`)}
${plpgsql('dynamic_rows(p text) RETURNS SETOF text', `BEGIN RETURN QUERY EXECUTE p; END`)}
${plpgsql('dynamic_loop(p text) RETURNS SETOF text', `DECLARE m record; BEGIN FOR m IN EXECUTE p LOOP RETURN NEXT m::text; END LOOP; END`)}
${plpgsql('dynamic_cursor(p text) RETURNS text', `DECLARE c refcursor; m text; BEGIN OPEN c FOR EXECUTE p; FETCH c INTO m; RETURN m; END`)}
${plpgsql('runs_by_type(p text) RETURNS text', `DECLARE m running; BEGIN m := p; RETURN m; END`)}
${plpgsql('shadowed(email text) RETURNS text', `BEGIN RETURN (SELECT c.email FROM customers c LIMIT 1); END`)}
${plpgsql('writes(p int) RETURNS int', `BEGIN UPDATE orders SET total = p; RETURN p; END`)}
${plpgsql('lies(p int) RETURNS int', `BEGIN RETURN writes(p); END`).replace('LANGUAGE', 'IMMUTABLE LANGUAGE')}
${plpgsql('definer(p int) RETURNS bigint', `BEGIN RETURN (SELECT count(*) FROM orders WHERE customer_id = p); END`).replace('LANGUAGE', 'SECURITY DEFINER LANGUAGE')}
${sql('takes_type(running) RETURNS text', 'SELECT 1::text')}
${plpgsql('fires() RETURNS trigger', 'BEGIN RETURN NEW; END')}
CREATE PROCEDURE closing(p int) LANGUAGE plpgsql AS $f$ BEGIN UPDATE orders SET note = 'closed' WHERE id = p; END $f$;
CREATE PROCEDURE committing(p int) LANGUAGE plpgsql AS $f$ BEGIN COMMIT; END $f$;
CREATE AGGREGATE longest(text) (SFUNC = textcat, STYPE = text);
`;

let database: MaskedDatabase;

beforeAll(async () => {
  database = await MaskedDatabase.create(`${seedOf('a')}${FUNCTIONS}`);
  await database.freeze();
});

afterAll(() => database?.drop());

async function run(text: string, way: 'raw' | 'masked') {
  await database.raw('BEGIN');
  const seen = await database[way](text);
  await database.raw('ROLLBACK');
  return seen;
}

describe('functions', () => {
  it.each([
    'SELECT plans_of(4)',
    'SELECT named(4)',
    'SELECT * FROM orders_of(4)',
    'SELECT id, atomic(id) FROM orders ORDER BY id',
    'SELECT plus_plans(1)',
    'SELECT nested(3)',
    'SELECT plain_default()',
    `SELECT note(4, 'x')`,
    'SELECT with_path()',
    'SELECT total(4), total(-1)',
    'SELECT definer(4)',
    'SELECT factorial(5)',
    'SELECT writes(4)',
    'CALL closing(4)',
    'SELECT o.id FROM orders o WHERE total(o.customer_id) > 100 ORDER BY 1',
    'UPDATE orders SET note = plans_of(customer_id) WHERE id = 4 RETURNING note',
  ])('%s runs', async (text) => {
    const [seen, expected] = [await run(text, 'masked'), await run(text, 'raw')];
    expect(seen.refused).toBeUndefined();
    expect(seen.error).toBeUndefined();
    expect(seen.rows).toEqual(expected.rows);
  });

  it.each([
    ['SELECT mail_of(4)', 'reads the masked column public.customers.email'],
    ['SELECT atomic_secret(4)', 'reads the masked column public.customers.ssn'],
    ['SELECT nested_secret(4)', 'reads the masked column public.customers.email'],
    [`SELECT secret_filter('x')`, 'reads the masked column public.customers.email'],
    ['SELECT secret_default()', 'reads the masked column public.customers.email'],
    [`SELECT note_customer(4, 'x')`, 'writes public.customers'],
    ['SELECT by_view()', 'depends on masked values'],
    ['SELECT whole_row()', 'masked'],
    ['SELECT with_setting()', 'opaque'],
    ['SELECT sets()', 'opaque'],
    ['SELECT backslash()', 'opaque'],
    ['SELECT made()', 'opaque'],
    ['SELECT statistics()', 'reads the masked column pg_catalog.pg_stats'],
    ['SELECT total_secret(4)', 'reads the masked column'],
    ['SELECT raises(4)', 'reads the masked column'],
    ['SELECT loops(4)', 'reads the masked column'],
    ['SELECT cursors(4)', 'reads the masked column'],
    ['SELECT assigns(4)', 'reads the masked column'],
    ['SELECT declares(4)', 'reads the masked column'],
    [`SELECT dynamic('SELECT ssn FROM customers')`, 'opaque'],
    [`SELECT dynamic_rows('SELECT ssn FROM customers')`, 'opaque'],
    [`SELECT dynamic_loop('SELECT ssn FROM customers')`, 'opaque'],
    [`SELECT dynamic_cursor('SELECT ssn FROM customers')`, 'opaque'],
    [`SELECT runs_by_type('x')`, 'opaque'],
    [`SELECT takes_type('x')`, 'opaque'],
    ['CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION fires()', 'opaque'],
    [`SELECT shadowed('x')`, 'reads the masked column'],
    ['SELECT lies(1)', 'opaque'],
    ['EXPLAIN SELECT lies(1)', 'opaque'],
    ['SELECT longest(note) FROM orders', 'opaque'],
    ['CALL committing(1)', 'opaque'],
    ['CREATE TABLE x AS SELECT mail_of(4)', 'reads the masked column'],
    [`ALTER FUNCTION plans_of(int) SET search_path = tools; SELECT plans_of(4)`, 'opaque'],
  ])('%s is refused', async (text, reason) => {
    expect((await run(text, 'masked')).refused).toContain(reason);
  });
});
