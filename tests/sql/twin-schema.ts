/**
 * The schema of the twin databases, and their rows. Both hold the same rows but for what masks hide: first letters and domains
 * of addresses, last digits and lengths of cards, years of birth and tens of thousands of salaries are shared; the rest
 * differs, in length, spread and order too. Only a whole row takes the same room on both, for that shows (docs/masking.md).
 */

/** What columns hold. */
export const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'public.customers': {
    email: 'email',
    ssn: 'national_id',
    card: 'card',
    salary: 'salary',
    born: 'birth_date',
    name: 'name',
    tags: 'hidden',
    doc: 'hidden',
    mood: 'hidden',
    pin: 'hidden',
    home: 'hidden',
    span: 'hidden',
    filler: 'hidden',
  },
  'public.payments': { iban: 'national_id' },
  'public.vault': { card: 'card' },
  'public.staff': { wage: 'salary' },
  'public.births': { born: 'birth_date' },
};
/** How it is masked. */
export const MASKS: Readonly<Record<string, string>> = {
  email: 'email',
  national_id: 'redact',
  card: 'last(4)',
  salary: 'bucket(10000)',
  birth_date: 'date(year)',
  name: 'partial(1)',
  hidden: 'null',
};

export const SCHEMA = `
CREATE EXTENSION pg_trgm; CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION pgcrypto;
CREATE EXTENSION fuzzystrmatch; CREATE EXTENSION tablefunc; CREATE EXTENSION dblink; CREATE EXTENSION unaccent;
CREATE EXTENSION intarray; CREATE EXTENSION ltree; CREATE EXTENSION btree_gist; CREATE EXTENSION pageinspect;
CREATE EXTENSION pgstattuple; CREATE EXTENSION pg_walinspect;
CREATE TYPE mood AS ENUM ('glad', 'calm', 'sad');
CREATE DOMAIN pin AS text CHECK (length(VALUE) = 4);
CREATE TYPE address AS (street text, zip text);
CREATE SEQUENCE ticket;
CREATE TABLE plans (name text PRIMARY KEY, price int NOT NULL);
CREATE TABLE customers (
  id int PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, ssn text, card text, salary numeric(10,2) CHECK (salary > 0),
  born date, name text, tags text[], doc jsonb, plan text REFERENCES plans ON DELETE CASCADE,
  created timestamptz NOT NULL DEFAULT '2024-01-01', note text, cap int, CHECK (cap IS NULL OR cap < salary),
  exact numeric GENERATED ALWAYS AS (salary * 100000) STORED
);
CREATE INDEX customers_lower ON customers (lower(email));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric, note text);
CREATE VIEW customer_mails AS SELECT id, email FROM customers;
CREATE VIEW nested_mails AS SELECT * FROM customer_mails;
CREATE MATERIALIZED VIEW mail_copy AS SELECT id, email, plan FROM customers;
CREATE VIEW statistics_of AS SELECT attname, histogram_bounds::text FROM pg_stats WHERE schemaname = 'public';
CREATE VIEW rich AS SELECT id, plan FROM customers WHERE salary > 54321;
CREATE VIEW by_mail AS SELECT substr(email, 2, 3) AS part, count(*) FROM customers GROUP BY 1;
CREATE VIEW derived AS SELECT c.id, upper(ssn) AS s, salary * 2 AS d, born + 1 AS next_day, plan,
  (SELECT x.card FROM customers x WHERE x.id = c.id) AS sub, reverse(card) AS drac, row_to_json(c) AS whole FROM customers c;
CREATE VIEW united AS SELECT id, note AS text FROM customers UNION ALL SELECT id, ssn FROM customers;
CREATE VIEW over_copy AS SELECT c.id, c.email, o.total FROM mail_copy c JOIN orders o ON o.customer_id = c.id;
CREATE VIEW guarded WITH (security_barrier) AS SELECT id, ssn FROM customers WHERE id < 30;
CREATE RECURSIVE VIEW climbing (id, s) AS SELECT id, ssn FROM customers WHERE id = 1
  UNION ALL SELECT c.id, c.ssn FROM customers c JOIN climbing ON c.id = climbing.id + 1;
CREATE VIEW writable AS SELECT id, note, cap, email AS mail FROM customers;
CREATE VIEW plain AS SELECT id, note, cap FROM customers;
CREATE VIEW ranked AS SELECT id, row_number() OVER (ORDER BY salary) AS place FROM customers;
CREATE MATERIALIZED VIEW rich_copy AS SELECT id FROM customers WHERE salary > 54321;
CREATE VIEW over_derived AS SELECT id, d, s FROM derived;
CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM customers WHERE id = $1';
CREATE VIEW calling AS SELECT id, mail_of(id) AS m FROM orders;
CREATE VIEW calling_deep AS SELECT * FROM calling;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'saw %', $1; RETURN $1; END$$;
CREATE FUNCTION whole(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn';
CREATE TABLE people (id int, secret_of int) PARTITION BY RANGE (id);
`;

/** Objects on top, for attacks that need something to lean on. */
export const MORE_SCHEMA = `
ALTER TABLE customers ADD COLUMN mood mood, ADD COLUMN pin pin, ADD COLUMN home address, ADD COLUMN span daterange,
  ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, coalesce(name, ''))) STORED;
ALTER TABLE customers ADD COLUMN filler text;
CREATE INDEX customers_card ON customers (card);
CREATE INDEX customers_rich ON customers (id) WHERE salary > 55000;
CREATE VIEW cards AS SELECT card, note FROM customers;
CREATE VIEW only_cards AS SELECT card FROM customers;
CREATE VIEW cards_again AS SELECT note, card AS c FROM cards;
CREATE MATERIALIZED VIEW card_copy AS SELECT card FROM customers;
CREATE INDEX customers_by_plan ON customers (plan, email);
CREATE INDEX customers_by_mail ON customers (email) INCLUDE (id, plan);
CREATE INDEX customers_uncapped ON customers (salary) WHERE cap IS NULL;
CREATE STATISTICS customers_stats (ndistinct, dependencies, mcv) ON plan, tags FROM customers;
CREATE TABLE payments (id int, customer_id int, iban text, amount numeric, country text) PARTITION BY LIST (country);
CREATE TABLE payments_de PARTITION OF payments FOR VALUES IN ('de');
CREATE TABLE payments_fr PARTITION OF payments FOR VALUES IN ('fr');
CREATE TABLE vault (id int PRIMARY KEY, card text, note text) WITH (fillfactor = 10);
CREATE INDEX vault_card ON vault (card);
CREATE TABLE staff (id int PRIMARY KEY, wage int, team text);
CREATE TABLE managers (level int) INHERITS (staff);
CREATE TABLE births (id int, born date) PARTITION BY RANGE (born);
CREATE TABLE births_early PARTITION OF births FOR VALUES FROM ('1990-01-01') TO ('1990-07-01');
CREATE TABLE births_late PARTITION OF births FOR VALUES FROM ('1990-07-01') TO ('1991-01-01');
CREATE TABLE invites (id int PRIMARY KEY, mail varchar(80) REFERENCES customers (email), note text);
CREATE TABLE bookings (id int, span daterange, EXCLUDE USING gist (span WITH &&));
CREATE VIEW ratios AS SELECT id, 1000000 / (salary - 53701) AS ratio FROM customers;
CREATE VIEW casts AS SELECT id, (doc->>'k')::int / 11 AS k FROM customers;
CREATE VIEW sorted AS SELECT id FROM customers ORDER BY salary;
CREATE VIEW top_five AS SELECT id FROM customers ORDER BY salary DESC LIMIT 5;
CREATE VIEW one_a_plan AS SELECT DISTINCT ON (plan) id, plan FROM customers ORDER BY plan, salary;
CREATE VIEW distinct_tags AS SELECT DISTINCT length(email) % 2 AS odd FROM customers;
CREATE VIEW spenders AS SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.id = o.customer_id AND c.salary > 54321);
CREATE VIEW paired AS SELECT a.id, b.id AS other FROM customers a JOIN customers b ON left(a.ssn, 2) = left(b.ssn, 2) AND a.id < b.id;
CREATE VIEW counted AS SELECT plan, count(*) FILTER (WHERE salary > 54321) AS n FROM customers GROUP BY plan;
CREATE VIEW cased AS SELECT id, CASE WHEN salary > 54321 THEN 'high' ELSE 'low' END AS class FROM customers;
CREATE VIEW laterally AS SELECT o.id, g FROM orders o, LATERAL (SELECT salary FROM customers WHERE id = o.customer_id) s, generate_series(1, (s.salary % 3)::int) g;
CREATE VIEW except_rich AS SELECT id FROM customers EXCEPT SELECT id FROM customers WHERE salary > 54321;
CREATE VIEW limited AS SELECT id FROM orders LIMIT (SELECT (salary % 7)::int FROM customers WHERE id = 1);
CREATE VIEW exploded AS SELECT id FROM customers, unnest(tags) WITH ORDINALITY;
CREATE VIEW series AS SELECT id FROM (SELECT id, generate_series(1, (salary % 3)::int) FROM customers) s;
CREATE VIEW json_rows AS SELECT c.id FROM customers c, JSON_TABLE(c.doc, '$.k' COLUMNS (k int PATH '$')) j;
CREATE VIEW split_rows AS SELECT c.id FROM customers c, regexp_split_to_table(c.ssn, '1');
CREATE VIEW xml_rows AS SELECT c.id FROM customers c, XMLTABLE('/r/a' PASSING xmlparse(CONTENT '<r>' || repeat('<a/>', (c.salary % 3)::int) || '</r>') COLUMNS n FOR ORDINALITY) x;
CREATE VIEW offset_rows AS SELECT id FROM orders ORDER BY id OFFSET (SELECT (salary % 7)::int FROM customers WHERE id = 1);
CREATE VIEW target_rows AS SELECT id FROM (SELECT id, unnest(tags) FROM customers) s;
CREATE VIEW having_rich AS SELECT plan FROM customers GROUP BY plan HAVING sum(salary) % 2 = 0;
CREATE VIEW windowed AS SELECT id, lag(id) OVER (ORDER BY salary) AS poorer FROM customers;
CREATE VIEW barrier WITH (security_invoker, security_barrier) AS SELECT id, note FROM customers WHERE email LIKE 'ualpha%';
CREATE MATERIALIZED VIEW sorted_copy AS SELECT id FROM customers ORDER BY salary;
CREATE MATERIALIZED VIEW derived_copy AS SELECT * FROM derived;
CREATE FUNCTION mails() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';
CREATE FUNCTION mails_table() RETURNS TABLE (id int, m text) LANGUAGE plpgsql STABLE AS $$BEGIN RETURN QUERY SELECT c.id, c.email::text FROM customers c; END$$;
CREATE FUNCTION run(text) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE $1; END$$;
CREATE FUNCTION is_known(text) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM customers WHERE email = $1)';
CREATE FUNCTION same_mail(text, int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT email = $1 FROM customers WHERE id = $2';
CREATE OPERATOR ~~~ (LEFTARG = text, RIGHTARG = int, FUNCTION = same_mail);
CREATE FUNCTION longer(text, int) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1 || email FROM customers WHERE id = $2';
CREATE AGGREGATE mails_of(int) (SFUNC = longer, STYPE = text, INITCOND = '');
CREATE FUNCTION teller() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  RAISE NOTICE 'mail %', (SELECT email FROM customers WHERE id = NEW.id); RETURN NEW; END$$;
CREATE TABLE bait (id int, note text);
CREATE TRIGGER tells BEFORE INSERT OR UPDATE ON bait FOR EACH ROW EXECUTE FUNCTION teller();
CREATE PROCEDURE shout_all() LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '%', (SELECT string_agg(email, ',' ORDER BY id) FROM customers); END$$;
CREATE TABLE ruled (id int);
CREATE RULE ruling AS ON INSERT TO ruled DO ALSO SELECT email FROM customers ORDER BY id;
CREATE TABLE defaulted (id int, m text DEFAULT mail_of(1));
CREATE TABLE secured (id int, note text);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_rich ON secured USING (id IN (SELECT id FROM customers WHERE salary > 54321));
DO $$ DECLARE r regclass; BEGIN
  FOR r IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', r);
  END LOOP;
END $$;
`;

const CUSTOMERS = 60;

/** The rows of one twin, and what is computed from them. */
export function rowsOf(variant: 'a' | 'b'): string {
  const pick = (a: string, b: string): string => (variant === 'a' ? a : b);
  return `
INSERT INTO plans VALUES ('free', 0), ('pro', 10);
INSERT INTO customers (id, email, ssn, card, salary, born, name, tags, doc, plan, created, note)
SELECT i,
  'u' || CASE WHEN ${pick('i % 3 = 0', 'i % 3 = 1')} THEN '${pick('alpha', 'gam')}' ELSE '${pick('delta', 'kap')}' END || i || '@example.com',
  CASE WHEN i % 10 = 9 THEN NULL ELSE lpad(((i * ${pick('7919', '6131')}) % 1000000)::text, ${pick('9', '11')}, '${pick('4', '8')}') END,
  lpad(((i * ${pick('104729', '96557')}) % 99999999)::text, 12, '${pick('5', '3')}') || lpad((i % 10000)::text, 4, '0'),
  50000 + (i * ${pick('3701', '5113')}) % ${pick('9000', '7000')},
  (1950 + i % 40 || '-${pick('02', '09')}-01')::date + (i * ${pick('3', '5')}) % 25,
  'P${pick('eter', 'aul')} ' || (i * ${pick('13', '17')} % 100),
  CASE WHEN i % 6 = ${pick('0', '1')} THEN ARRAY['t' || i] ELSE ARRAY['${pick('red', 'blue')}', 't' || i] END,
  jsonb_build_object('${pick('k', 'q')}', i * ${pick('11', '23')}),
  CASE WHEN i % 4 = 0 THEN 'pro' ELSE 'free' END, '2024-01-01'::timestamptz + i * interval '1 hour', 'note ' || i
FROM generate_series(1, ${CUSTOMERS}) i;
INSERT INTO orders SELECT i, 1 + i % ${CUSTOMERS}, (i * 37) % 500, 'order ' || i FROM generate_series(1, 120) i;
REFRESH MATERIALIZED VIEW mail_copy;
REFRESH MATERIALIZED VIEW rich_copy;
ANALYZE;
`;
}

export function moreRowsOf(variant: 'a' | 'b'): string {
  const pick = (a: string, b: string): string => (variant === 'a' ? a : b);
  return `
UPDATE customers SET mood = (ARRAY['glad', 'calm', 'sad']::mood[])[1 + (id ${pick('', '+ 1')}) % 3],
  pin = lpad((id * ${pick('131', '177')} % 10000)::text, 4, '0'),
  home = ROW('${pick('Elm', 'Oak')} ' || id, lpad((id * ${pick('7', '9')})::text, 5, '0')),
  span = daterange(born, born + ${pick('3', '5')});
UPDATE customers SET filler = repeat('x', 450 - pg_column_size(customers));
INSERT INTO payments SELECT i, 1 + i % ${CUSTOMERS}, '${pick('DE', 'FR')}' || lpad((i * ${pick('7717', '9151')})::text, 20, '0'), i * 10,
  CASE WHEN i % 2 = 0 THEN 'de' ELSE 'fr' END FROM generate_series(1, 40) i;
INSERT INTO vault SELECT id, card, note FROM customers ORDER BY id;
INSERT INTO staff SELECT i, 50000 + (i * ${pick('3701', '5113')}) % 9000, 't' || i % 3 FROM generate_series(1, 20) i;
INSERT INTO managers SELECT 100 + i, 60000 + (i * ${pick('3701', '5113')}) % 9000, 't' || i % 3, i FROM generate_series(1, 5) i;
INSERT INTO births SELECT i, CASE WHEN i % 3 ${pick('=', '<>')} 0 THEN date '1990-02-01' ELSE date '1990-09-01' END + (i * ${pick('7', '11')}) % 90 FROM generate_series(1, 30) i;
INSERT INTO invites SELECT id, email, 'invite ' || id FROM customers WHERE id <= 10;
INSERT INTO secured SELECT i, 'row ' || i FROM generate_series(1, ${CUSTOMERS}) i;
REFRESH MATERIALIZED VIEW sorted_copy;
REFRESH MATERIALIZED VIEW derived_copy;
REFRESH MATERIALIZED VIEW card_copy;
CLUSTER customers USING customers_pkey;
ANALYZE;
`;
}
