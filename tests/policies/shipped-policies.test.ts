/**
 * What the shipped policies make of real statements: text → facts (the dialect, against a real catalog) → decision. One row a
 * demand; src/policy/shipped-policies.test.ts has the same for facts alone.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLabelSet } from '../../src/masking/label-set.ts';
import type { Facts } from '../../src/model/facts.ts';
import type { LabelSet } from '../../src/model/labels.ts';
import type { Actor } from '../../src/model/principal.ts';
import { PolicyEngine } from '../../src/policy/engine.ts';
import {
  BUILTIN_LABELS,
  createCatalogLoader,
  createParser,
  createPostgresDialect,
  createScope,
  flowLabels,
  type Parser,
  relationsFromRows,
  sessionRelationsQuery,
} from '../../src/sql/postgres/index.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  ALICE,
  actor,
  BILLING,
  BOB,
  database,
  MIGRATOR,
  REPORT_BOT,
  shippedPolicies,
} from '../support/sample-facts.ts';

const SETUP = `
CREATE TABLE customers (id int PRIMARY KEY, name text, email text, phone text, plan text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, status text, total numeric);
CREATE SEQUENCE tickets;
CREATE FUNCTION unread(integer) RETURNS integer LANGUAGE plpgsql AS 'DECLARE n integer; BEGIN EXECUTE ''SELECT '' || $1 INTO n; RETURN n; END';
CREATE SCHEMA sluice CREATE TABLE positions (id int);
`;
const LABELS = [
  { relation: 'public.customers', column: 'name', label: 'name' },
  { relation: 'public.customers', column: 'email', label: 'email' },
  { relation: 'public.customers', column: 'phone', label: 'phone' },
];

const engine = new PolicyEngine(shippedPolicies());
const context = { now: new Date('2026-11-21T10:00:00Z') };
let shop: TestDatabase;
let parser: Parser;
let labels: LabelSet;
let analyze: (text: string) => Promise<Facts>;

beforeAll(async () => {
  shop = await createDatabase('policies');
  const client = await shop.client();
  await client.query(SETUP);
  const session = await shop.client();
  await session.query('CREATE TEMPORARY TABLE scratch (id int)');
  const { rows } = await session.query({ text: sessionRelationsQuery(), rowMode: 'array' });
  const loader = createCatalogLoader(async (sql) => {
    const results = await client.query(sql);
    return [results].flat().at(-1)!.rows;
  });
  const catalog = await loader.load();
  const scope = createScope({
    catalog,
    searchPath: ['$user', 'public'],
    user: 'gateway',
    temporary: relationsFromRows(rows),
  });
  parser = await createParser();
  const dialect = createPostgresDialect(parser);
  labels = createLabelSet({ columns: flowLabels([...LABELS, ...BUILTIN_LABELS], catalog) });
  analyze = async (text) => {
    const { statements } = await dialect.analyze(text, scope);
    expect(statements).toHaveLength(1);
    return statements[0]!.facts;
  };
});

afterAll(async () => {
  await parser?.close();
  await shop?.drop();
});

const PEOPLE = {
  alice: actor(ALICE),
  bob: actor(BOB),
  bot: actor(REPORT_BOT, BOB),
  billing: actor(BILLING),
  migrator: actor(MIGRATOR),
} satisfies Record<string, Actor>;
type Who = keyof typeof PEOPLE;
type Outcome = 'allow' | 'hold' | 'deny';

async function decide(who: Who, environment: string, text: string) {
  const facts = await analyze(text);
  return engine.decide({ actor: PEOPLE[who], database: database(environment), facts, labels, context });
}

/** For alice, bob, the bot that acts for bob, and billing, in prod: a = allow, h = hold, d = deny. */
const IN_PRODUCTION: readonly (readonly [outcomes: string, statement: string])[] = [
  // Reading, masked or not, and what every client does besides.
  ['aaaa', 'SELECT 1'],
  ['aaaa', 'SELECT id, email FROM customers WHERE id = 5'],
  ['aaaa', 'SELECT count(*), max(total) FROM orders o JOIN customers c ON c.id = o.customer_id'],
  ['aaaa', 'WITH t AS (SELECT * FROM customers) SELECT * FROM t ORDER BY email'],
  ['aaaa', 'EXPLAIN SELECT * FROM customers'],
  ['aaaa', 'EXPLAIN DELETE FROM orders'],
  ['aaaa', 'COPY customers TO STDOUT'],
  ['aaaa', 'BEGIN'],
  ['aaaa', 'START TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
  ['aaaa', 'COMMIT'],
  ['aaaa', 'SAVEPOINT a'],
  ['aaaa', "SET statement_timeout = '5s'"],
  ['aaaa', "SET application_name = 'x'"],
  ['aaaa', "SET client_encoding = 'UTF8'"],
  ['aaaa', 'SET search_path = public'],
  ['aaaa', 'RESET ALL'],
  ['aaaa', 'DISCARD ALL'],
  ['aaaa', 'SHOW server_version'],
  ['aaaa', 'LISTEN jobs'],
  ['aaaa', 'UNLISTEN *'],
  ['aaaa', 'DEALLOCATE ALL'],
  ['aaaa', 'PREPARE s AS SELECT * FROM orders WHERE id = $1'],
  ['aaaa', 'SELECT pg_catalog.set_config($$search_path$$, $$$$, false)'],
  [
    'aaaa',
    `SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r','p','') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2`,
  ],
  ['aaaa', 'SELECT most_common_vals FROM pg_stats'],
  ['aaaa', 'SELECT pid, query FROM pg_stat_activity'],

  // One's own temporary tables.
  ['aaaa', 'CREATE TEMPORARY TABLE t (id int PRIMARY KEY, x text)'],
  ['aaaa', 'CREATE TEMP TABLE t AS SELECT id FROM orders'],
  ['aaaa', 'SELECT id INTO TEMP t FROM orders'],
  ['aaaa', 'INSERT INTO scratch VALUES (1)'],
  ['aaaa', 'DELETE FROM scratch'],
  ['aaaa', 'TRUNCATE scratch'],
  ['aaaa', 'CREATE INDEX ON scratch (id)'],
  ['aaaa', 'ALTER TABLE scratch ADD COLUMN y int'],
  ['aaaa', 'DROP TABLE scratch'],

  // Changing data.
  ['aaha', "INSERT INTO orders VALUES (1, 1, 'new', 3)"],
  ['aaha', "UPDATE orders SET status = 'paid' WHERE id = 1"],
  ['aaha', 'DELETE FROM orders WHERE id = 1'],
  ['aaha', "SELECT nextval('tickets')"],
  ['aaha', 'COPY orders FROM STDIN'],
  ['hhhd', "UPDATE orders SET status = 'paid'"],
  ['hhhd', "UPDATE orders SET status = 'paid' WHERE true"],
  ['hhhd', 'DELETE FROM orders'],
  ['hhhd', 'WITH d AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM d'],
  ['hhdd', 'TRUNCATE orders'],
  ['aada', 'SELECT * FROM orders WHERE id = 1 FOR UPDATE'],
  ['ahda', 'LOCK TABLE orders IN ACCESS EXCLUSIVE MODE'],
  ['aada', 'SELECT pg_advisory_lock(1)'],
  ['aaha', 'NOTIFY jobs'],
  ['aaha', "SELECT pg_notify('jobs', 'x')"],

  // Changing objects.
  ['hhdd', 'CREATE TABLE t (id int)'],
  ['hhdd', 'CREATE TABLE t AS SELECT id FROM orders'],
  ['hhdd', 'CREATE VIEW v AS SELECT id FROM orders'],
  ['hhdd', 'CREATE INDEX ON orders (status)'],
  ['hhdd', 'ALTER TABLE orders ADD COLUMN note text'],
  ['hhdd', 'ALTER TABLE customers RENAME email TO e'],
  ['hhdd', 'DROP TABLE orders'],
  ['hhdd', 'DROP INDEX orders_pkey'],
  ['hddd', 'GRANT SELECT ON orders TO PUBLIC'],
  ['hddd', 'CREATE ROLE eve'],
  ['ahda', 'VACUUM orders'],
  ['ahda', 'ANALYZE'],

  // What the gate cannot see through, and what reaches the server.
  ['adda', 'SELECT unread(1)'],
  ['hddd', 'DO $$ BEGIN END $$'],
  ['hddd', 'CREATE EXTENSION dblink'],
  ['hddd', 'SET ROLE postgres'],
  ['hddd', 'SET session_replication_role = replica'],
  ['hddd', "COPY orders TO PROGRAM 'sh'"],
  ['hddd', "SELECT pg_read_file('/etc/passwd')"],
  ['hddd', 'SELECT pg_terminate_backend(1)'],
  ['hddd', "ALTER SYSTEM SET work_mem = '1MB'"],

  // The audit's own.
  ['dddd', 'SELECT * FROM sluice.positions'],
  ['dddd', 'DROP TABLE sluice.positions'],
  ['dddd', 'CREATE TABLE sluice.mine (id int)'],
  ['dddd', 'DROP SCHEMA sluice CASCADE'],
  ['dddd', "SELECT pg_logical_emit_message(true, 'sluice', 'x')"],
];

const OUTCOMES: Readonly<Record<string, Outcome>> = { a: 'allow', h: 'hold', d: 'deny' };
const COLUMNS: readonly Who[] = ['alice', 'bob', 'bot', 'billing'];

describe('in production', () => {
  test.each(IN_PRODUCTION)('%s %s', async (outcomes, statement) => {
    const decided = await Promise.all(COLUMNS.map((who) => decide(who, 'prod', statement)));
    expect(Object.fromEntries(COLUMNS.map((who, index) => [who, decided[index]!.outcome]))).toEqual(
      Object.fromEntries(COLUMNS.map((who, index) => [who, OUTCOMES[outcomes[index]!]])),
    );
    for (const decision of decided) {
      if (decision.outcome !== 'allow')
        expect(decision).toMatchObject({ hint: expect.stringMatching(/\.$/) });
      if (decision.outcome === 'hold') expect(decision.approval?.groups).toEqual(['dba']);
    }
  });

  test('migrations wait for approval', async () => {
    for (const statement of [
      'CREATE TABLE t (id int)',
      'ALTER TABLE orders ADD COLUMN note text',
      'DROP TABLE orders',
    ]) {
      expect((await decide('migrator', 'prod', statement)).outcome).toBe('hold');
    }
  });
});

describe('in development', () => {
  test.each([
    // What pgbench -i sends.
    'drop table if exists orders, customers',
    'create table pgbench_history(tid int,bid int,aid int,delta int,mtime timestamp,filler char(22))',
    'create table pgbench_tellers(tid int not null,bid int,tbalance int,filler char(84)) with (fillfactor=100)',
    'begin',
    'truncate table orders, customers',
    'copy orders from stdin with (freeze on)',
    'commit',
    'vacuum analyze orders',
    'alter table orders add primary key (id)',
    // And what a developer does all day.
    'DELETE FROM orders',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'SELECT unread(1)',
    'DO $$ BEGIN END $$',
  ])('%s runs unasked for people and agents', async (statement) => {
    for (const who of ['alice', 'bob', 'bot'] as const) {
      expect({ who, outcome: (await decide(who, 'dev', statement)).outcome }).toEqual({
        who,
        outcome: 'allow',
      });
    }
  });
});
