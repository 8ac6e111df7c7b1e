/** What is dangerous about statements, held against what the database does when they run. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { offsetsOf } from '../../src/sql/postgres/hazard-places.ts';
import { tokenize } from '../../src/sql/postgres/lexer.ts';
import { type AnalysisSession, openAnalysisSession } from './analysis-session.ts';

const SEED = `
CREATE TABLE customers (id int PRIMARY KEY, name varchar(20), email text, note varchar(10) COLLATE "C", plan text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int CONSTRAINT of_customer REFERENCES customers ON DELETE CASCADE, cents int,
  CONSTRAINT positive CHECK (cents > 0));
CREATE TABLE notes (id int, body text);
CREATE TABLE parted (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE loose (id int NOT NULL);
CREATE INDEX customers_name ON customers (name);
CREATE VIEW names AS SELECT id, body FROM notes;
CREATE TABLE wide (id int, name varchar(20), plan text);
INSERT INTO wide SELECT i, 'n' FROM generate_series(1, 50) i;

CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(cents) AS cents FROM orders GROUP BY 1;
CREATE UNIQUE INDEX totals_key ON totals (customer_id);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER stamped BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE orders ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
INSERT INTO customers SELECT i, 'n' || i FROM generate_series(1, 50) i;
INSERT INTO orders SELECT i, 1 + i % 50, i FROM generate_series(1, 50) i;
INSERT INTO notes SELECT i, 'b' FROM generate_series(1, 50) i;
`;

let session: AnalysisSession;
let client: pg.Client;

beforeAll(async () => {
  session = await openAnalysisSession(SEED);
  client = await session.database.client();
});

afterAll(async () => {
  await client?.end();
  await session?.close();
});

/** Statements that run in a transaction, each alone. */
const ALTERATIONS = [
  'ALTER TABLE customers DROP COLUMN email',
  'ALTER TABLE customers ADD COLUMN extra int',
  'ALTER TABLE customers ADD COLUMN extra int DEFAULT 5',
  'ALTER TABLE customers ADD COLUMN extra timestamptz DEFAULT now()',
  'ALTER TABLE customers ADD COLUMN extra float DEFAULT random()',
  'ALTER TABLE customers ADD COLUMN extra int GENERATED ALWAYS AS (id * 2) STORED',
  'ALTER TABLE customers ADD COLUMN extra int GENERATED ALWAYS AS (id * 2) VIRTUAL',
  'ALTER TABLE notes ADD COLUMN extra int GENERATED ALWAYS AS IDENTITY',
  'ALTER TABLE notes ADD COLUMN extra bigserial',
  'ALTER TABLE wide ALTER COLUMN name TYPE varchar(30)',
  'ALTER TABLE wide ALTER COLUMN name TYPE varchar(10)',
  'ALTER TABLE wide ALTER COLUMN name TYPE text',
  'ALTER TABLE wide ALTER COLUMN plan TYPE int USING 1',
  'ALTER TABLE wide ALTER COLUMN id TYPE bigint',
  'ALTER TABLE customers ALTER COLUMN plan SET DEFAULT 1',
  'ALTER TABLE customers ALTER COLUMN email SET STATISTICS 100',
  'ALTER TABLE customers SET (autovacuum_enabled = false)',
  'ALTER TABLE wide SET UNLOGGED',
  'ALTER TABLE notes ALTER COLUMN body SET NOT NULL',
  'ALTER TABLE notes ADD CONSTRAINT c CHECK (id > 0)',
  'ALTER TABLE notes ADD CONSTRAINT c CHECK (id > 0) NOT VALID',
  'ALTER TABLE notes ADD PRIMARY KEY (id)',
  'ALTER TABLE notes ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES customers',
  'ALTER TABLE orders DROP CONSTRAINT positive',
  'ALTER TABLE orders VALIDATE CONSTRAINT later',
  'ALTER TABLE notes DISABLE TRIGGER ALL',
  'ALTER TABLE notes DISABLE TRIGGER stamped',
  'ALTER TABLE parted ATTACH PARTITION loose FOR VALUES FROM (20) TO (30)',
  'ALTER TABLE parted DETACH PARTITION part_1',
  'ALTER TABLE customers RENAME COLUMN name TO label',
  'ALTER TABLE customers RENAME TO clients',
  'CREATE INDEX ON customers (plan)',
  'CREATE TRIGGER other BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION stamp()',
  'CREATE TABLE child (id int REFERENCES customers)',
  'CREATE TABLE part_2 PARTITION OF parted FOR VALUES FROM (50) TO (60)',
  'CREATE TABLE heir () INHERITS (loose)',
  'CREATE STATISTICS s ON id, name FROM customers',
  'CREATE RULE r AS ON INSERT TO loose DO ALSO NOTIFY x',
  `COMMENT ON TABLE customers IS 'x'`,
  `COMMENT ON COLUMN customers.name IS 'x'`,
  'DROP TABLE wide',
  'DROP VIEW names',
  'DROP TRIGGER stamped ON notes',
  'TRUNCATE notes',
  'TRUNCATE customers CASCADE',
  'LOCK TABLE customers',
  'LOCK TABLE customers IN SHARE MODE',
  'LOCK TABLE customers IN ROW SHARE MODE',
  'REFRESH MATERIALIZED VIEW totals',
  'REFRESH MATERIALIZED VIEW CONCURRENTLY totals',
  'CLUSTER customers USING customers_pkey',
  'REINDEX TABLE customers',
  'ANALYZE customers',
  'SELECT * FROM customers FOR UPDATE',
  'UPDATE customers SET plan = name WHERE id = 1',
  'DELETE FROM orders WHERE id = 1',
];

const WAITING: Readonly<Record<string, string>> = {
  ShareUpdateExclusiveLock: 'SHARE UPDATE EXCLUSIVE',
  ShareLock: 'SHARE',
  ShareRowExclusiveLock: 'SHARE ROW EXCLUSIVE',
  ExclusiveLock: 'EXCLUSIVE',
  AccessExclusiveLock: 'ACCESS EXCLUSIVE',
};
const STRENGTH = Object.values(WAITING);

/** Strongest locks that the transaction holds on relations which were there before it. */
async function locksHeld(): Promise<Map<string, string>> {
  const { rows } = await client.query(
    `SELECT DISTINCT known.name, l.mode FROM pg_locks l JOIN known ON known.oid = l.relation
     WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation'`,
  );
  const held = new Map<string, string>();
  for (const { name, mode } of rows as { name: string; mode: string }[]) {
    const waiting = WAITING[mode];
    if (waiting !== undefined && STRENGTH.indexOf(waiting) > STRENGTH.indexOf(held.get(name) ?? ''))
      held.set(name, waiting);
  }
  return held;
}

async function files(): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query(
    'SELECT known.name, pg_relation_filenode(known.oid) AS file FROM known WHERE pg_relation_filenode(known.oid) IS NOT NULL',
  );
  return new Map(rows.map(({ name, file }: { name: string; file: string }) => [name, file]));
}

describe('locks and rewrites are those of the database', () => {
  beforeAll(async () => {
    await client.query(`CREATE TEMPORARY TABLE known AS SELECT oid, relnamespace::regnamespace || '.' || relname AS name
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')`);
  });

  it.each(ALTERATIONS)('%s', async (text) => {
    const { facts } = (await session.analyze(text)).statements[0]!;
    await client.query('BEGIN');
    try {
      const before = await files();
      await client.query(text);
      const held = await locksHeld();
      const after = await files();
      const rewritten = [...before]
        .filter(([name, file]) => (after.get(name) ?? file) !== file)
        .map(([name]) => name);
      // TRUNCATE empties a table by giving it a new file: that has a hazard of its own.
      const said = (facts.hazards ?? []).flatMap(({ kind, what }) =>
        kind === 'rewrites-table' || kind === 'empties-table' ? what : [],
      );
      for (const name of rewritten)
        expect(said.join(), `rewrites ${name}`).toMatch(new RegExp(`${name}|and every table`));
      if (rewritten.length === 0) expect(said).toEqual([]);

      const claimed = new Map((facts.locks ?? []).map(({ relation, mode }) => [relation, mode]));
      // What depends on the relation that was named is reached, too: CASCADE, a foreign key's other end, a dropped part.
      for (const [name, mode] of claimed) expect(held.get(name), `lock on ${name}`).toBe(mode);
      const unmentioned = [...held].filter(
        ([name]) => !claimed.has(name) && new RegExp(`\\b${name.slice(7)}\\b`).test(text),
      );
      expect(unmentioned).toEqual([]);
    } finally {
      await client.query('ROLLBACK');
    }
  });
});

const HAZARDS: readonly (readonly [text: string, ...hazards: string[]])[] = [
  ['SELECT id FROM customers WHERE id = 1'],
  ['SELECT count(*), max(id) FROM customers'],
  ['SELECT id FROM customers LIMIT 10'],
  ['SELECT plan, count(*) FROM customers GROUP BY plan'],
  ['SELECT 1 FROM pg_class'],
  ['SELECT id FROM customers', 'bulk-read: reads every row of public.customers'],
  ['SELECT id FROM customers LIMIT ALL', 'bulk-read: reads every row of public.customers'],
  ['SELECT id FROM customers WHERE 1 = 1', 'bulk-read: reads every row of public.customers'],
  ['COPY customers TO STDOUT', 'bulk-read: reads every row of public.customers'],
  ['COPY (SELECT id FROM customers) TO STDOUT', 'bulk-read: reads every row of public.customers'],
  ['DECLARE c CURSOR FOR SELECT id FROM customers', 'bulk-read: reads every row of public.customers'],
  ['UPDATE customers SET plan = name WHERE id = 1'],
  ['UPDATE customers SET plan = name', 'unbounded-write: changes every row: no condition limits it'],
  ['UPDATE notes SET id = 1 WHERE id = 1', 'hidden-write: sets off trigger stamped on public.notes'],
  ['DELETE FROM customers WHERE id = 1', 'hidden-write: deletes from public.orders by cascade'],
  [
    'WITH gone AS (DELETE FROM orders WHERE id = 1 RETURNING id) SELECT id FROM gone',
    'hidden-write: hides DELETE in WITH gone',
  ],
  ['EXPLAIN ANALYZE DELETE FROM orders WHERE id = 1', 'hidden-write: holds DELETE inside another statement'],
  ['EXPLAIN DELETE FROM orders'],
  ['PREPARE p AS DELETE FROM orders WHERE id = 1', 'hidden-write: holds DELETE inside another statement'],
  ['DROP INDEX customers_name', 'drops-object: drops index customers_name'],
  ['DROP SCHEMA public CASCADE', 'drops-object: drops schema public and everything that depends on it'],
  ['DROP DATABASE x', 'drops-object: drops database x'],
  ['GRANT SELECT ON customers TO PUBLIC', 'changes-privileges: grants select on customers'],
  ['ALTER ROLE bob SUPERUSER', 'changes-roles: changes role bob'],
  ['SET ROLE admin', 'acts-as-another: acts as the role admin'],
  ['RESET ROLE'],
  ['SET session_replication_role = replica', 'lifts-safeguard: sets session_replication_role to replica'],
  [`SELECT set_config('row_security', 'off', false)`, 'lifts-safeguard: sets row_security to off'],
  [
    'ALTER SYSTEM SET work_mem = 1',
    'administers-server: changes the settings of the server',
    'administers-server: sets work_mem for the whole server',
  ],
  [`COPY wide FROM PROGRAM 'id'`, 'runs-program: runs a program on the database server'],
  [
    `COPY wide TO '/tmp/x'`,
    'bulk-read: reads every row of public.wide',
    'reaches-files: reaches a file of the database server',
  ],
  [
    `SELECT pg_read_file('x')`,
    'reaches-files: calls pg_catalog.pg_read_file',
    'runs-unseen-code: runs function pg_catalog.pg_read_file',
  ],
  [
    'SELECT pg_terminate_backend(1)',
    'reaches-other-sessions: calls pg_catalog.pg_terminate_backend',
    'runs-unseen-code: runs function pg_catalog.pg_terminate_backend',
  ],
  [`DO 'BEGIN END'`, 'runs-unseen-code: runs a DO block'],
  [
    'CREATE EXTENSION pg_trgm',
    'loads-code: installs extension pg_trgm',
    'runs-unseen-code: runs CREATE EXTENSION',
  ],
  [
    'VACUUM FULL notes',
    'rewrites-table: rewrites public.notes',
    'blocks-others: makes everyone who reads or writes public.notes wait (ACCESS EXCLUSIVE lock)',
  ],
  ['VACUUM notes'],
];

/** Where hazards stand: each kind once, with the part of the text that is marked. */
const PLACES: readonly (readonly [text: string, ...places: string[]])[] = [
  ['DELETE FROM notes', 'unbounded-write: DELETE FROM notes'],
  [
    'WITH gone AS (DELETE FROM public . notes RETURNING id) SELECT id FROM gone LIMIT 1',
    'unbounded-write: DELETE FROM public . notes',
    'hidden-write: DELETE FROM public . notes',
  ],
  ['SELECT a.id FROM orders a JOIN customers c ON true', 'bulk-read: orders', 'bulk-read: customers'],
  [
    'ALTER TABLE ONLY public.customers ADD COLUMN "type" int, DROP COLUMN email, ALTER name SET NOT NULL',
    'drops-column: DROP COLUMN email',
    'checks-every-row: ALTER name SET NOT NULL',
    'blocks-others: ALTER TABLE',
  ],
  [
    'DROP TABLE notes, wide CASCADE',
    'drops-object: DROP TABLE notes',
    'drops-object: wide CASCADE',
    'blocks-others: DROP TABLE',
  ],
  [
    `SELECT 'äöü', pg_catalog.pg_terminate_backend(id) FROM notes WHERE id = 1`,
    'reaches-other-sessions: pg_catalog.pg_terminate_backend',
  ],
  ['/* drop */ ALTER SYSTEM SET work_mem = 1', 'administers-server: ALTER SYSTEM'],
];

describe('hazards', () => {
  it.each(PLACES)('of %s stand where they are', async (text, ...expected) => {
    // In a text, behind others, and whatever white space and literals there are.
    for (const whole of [
      text,
      `SELECT 1 -- é;\n;\n${text}`,
      text.replaceAll(' ', ' /* ; */  ').replace("'äöü'", "'ä'"),
    ]) {
      const { facts } = (await session.analyze(whole)).statements.at(-1)!;
      const tokens = tokenize(whole);
      const places = (facts.hazards ?? []).map(({ kind, place }) => {
        const { start, end } = offsetsOf(tokens, place!)!;
        return `${kind}: ${whole.slice(start, end).replaceAll('/* ; */  ', '')}`;
      });
      const kinds = new Set(expected.map((one) => one.split(':')[0]!));
      const found = new Set(places.filter((one) => kinds.has(one.split(':')[0]!)));
      expect([...found].sort()).toEqual([...expected].sort());
    }
  });

  it.each(HAZARDS)('%s', async (text, ...expected) => {
    const { facts } = (await session.analyze(text)).statements[0]!;
    expect((facts.hazards ?? []).map(({ kind, what }) => `${kind}: ${what}`)).toEqual(expected);
  });

  it('tells a COMMIT that ends what began outside of the text', async () => {
    const kinds = async (text: string) =>
      (await session.analyze(text)).statements.map(({ facts }) =>
        (facts.hazards ?? []).map(({ kind }) => kind),
      );
    expect(await kinds('COMMIT; SELECT 1')).toEqual([['ends-transaction'], []]);
    expect(await kinds('BEGIN; SELECT 1; COMMIT')).toEqual([[], [], []]);
    expect(await kinds('COMMIT')).toEqual([[]]);
  });
});
