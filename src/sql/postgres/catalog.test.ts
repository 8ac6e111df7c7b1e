/** The catalog as loaded from a real server, and names resolved against it as the server would. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { type CatalogLoader, createCatalogLoader } from './catalog-loader.ts';
import { ALL_RELATIONS, BUILTIN_FUNCTIONS } from './catalog-queries.ts';
import { createParser, type Parser } from './parser.ts';
import { createScope } from './scope.ts';
import { parseSearchPath } from './search-path.ts';
import { relationsFromRows, sessionRelationsQuery } from './session-relations.ts';

let database: TestDatabase;
let client: pg.Client;
let parser: Parser;
let loader: CatalogLoader;
let catalog: CatalogSnapshot;

beforeAll(async () => {
  database = await createDatabase('catalog');
  await database.query(`
    CREATE SCHEMA other;
    CREATE TYPE mood AS ENUM ('a');
    CREATE TABLE customers (
      id int PRIMARY KEY, email varchar(80) COLLATE "C" NOT NULL, dropped int, score numeric(10,2) CHECK (score > 0),
      lower_email text GENERATED ALWAYS AS (lower(email)) STORED, mood mood, UNIQUE (email, id)
    );
    ALTER TABLE customers DROP COLUMN dropped;
    CREATE UNIQUE INDEX customers_expression ON customers ((lower(email))) WHERE score > 1;
    CREATE TABLE orders (id int, customer_id int REFERENCES customers ON DELETE CASCADE ON UPDATE SET NULL,
      EXCLUDE USING btree (id WITH =));
    CREATE TABLE parts (id int, t text) PARTITION BY LIST (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    CREATE TABLE other.customers (id int);
    CREATE VIEW mails AS SELECT id, email FROM customers;
    CREATE VIEW deeper AS SELECT m.id, s.histogram_bounds::text FROM mails m, pg_stats s;
    CREATE MATERIALIZED VIEW copies AS SELECT email FROM customers;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touched BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE RULE noisy AS ON INSERT TO orders DO ALSO NOTIFY x;
    ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON customers USING (score > 5 AND id > 0);
    CREATE TABLE "Odd.Name" ("Col.A" int);
    CREATE UNLOGGED TABLE loose (id int);
    CREATE SEQUENCE seq;
  `);
  client = await database.client();
  parser = await createParser();
  const reader = await database.client();
  loader = createCatalogLoader(async (sql) => (await reader.query(sql)).rows, parser);
  catalog = await loader.load();
});

afterAll(async () => {
  await parser?.close();
  await database?.drop();
});

describe('snapshot', () => {
  it('knows relations with their columns', () => {
    const customers = catalog.relation('public', 'customers')!;
    expect(customers).toMatchObject({
      id: 'public.customers',
      kind: 'table',
      temporary: false,
      system: false,
      rowSecurity: true,
    });
    expect(
      customers.columns.map(({ name, attnum, typeText, notNull, generated, collation }) => [
        name,
        attnum,
        typeText,
        notNull,
        generated,
        collation,
      ]),
    ).toEqual([
      ['id', 1, undefined, true, '', undefined],
      ['email', 2, 'character varying(80)', true, '', ['pg_catalog', 'C']],
      ['score', 4, 'numeric(10,2)', false, '', undefined],
      ['lower_email', 5, undefined, false, 's', undefined],
      ['mood', 6, undefined, false, '', undefined],
    ]);
    expect(customers.column('lower_email')!.computedFrom).toEqual([2]);
    expect(customers.column('dropped')).toBeUndefined();
    expect(catalog.type(customers.column('mood')!.typeOid)).toMatchObject({
      schema: 'public',
      name: 'mood',
      kind: 'e',
    });
    expect(customers.triggers.map(({ name, enabled }) => [name, enabled])).toEqual([['touched', true]]);
    expect(customers.columnNames(customers.policies[0]!.columns)).toEqual(['id', 'score']);
  });

  it.each([
    ['parts', 'partitioned-table'],
    ['mails', 'view'],
    ['copies', 'materialized-view'],
    ['seq', 'sequence'],
    ['loose', 'table'],
  ])('%s is a %s', (name, kind) => {
    expect(catalog.relation('public', name)?.kind).toBe(kind);
  });

  it('knows constraints and unique indexes by their columns', () => {
    const customers = catalog.relation('public', 'customers')!;
    const named = (columns: readonly number[]) => customers.columnNames(columns);
    expect(customers.constraints.map(({ kind, columns }) => [kind, named(columns)])).toEqual(
      expect.arrayContaining([
        ['p', ['id']],
        ['u', ['id', 'email']],
        ['c', ['score']],
      ]),
    );
    const expression = customers.uniqueIndexes.find(({ name }) => name === 'customers_expression')!;
    expect(named(expression.columns)).toEqual(['email', 'score']);
    const orders = catalog.relation('public', 'orders')!;
    expect(orders.constraints.find(({ kind }) => kind === 'f')!.references).toEqual({
      oid: customers.oid,
      columns: [1],
      onUpdate: 'n',
      onDelete: 'c',
    });
    expect(orders.uniqueIndexes.map(({ columns }) => orders.columnNames(columns))).toEqual([['id']]);
    expect(orders.rules).toEqual(['noisy']);
    expect(catalog.referencing(customers.oid)).toEqual([orders]);
  });

  it("knows families and what views read, the system's included", () => {
    const parts = catalog.relation('public', 'parts')!;
    expect(catalog.family(parts).map(({ name }) => name)).toEqual(['parts', 'parts_1']);
    const reads = (name: string) =>
      catalog
        .relation('public', name)!
        .reads.map((oid) => catalog.relationByOid(oid)?.id)
        .sort();
    expect(reads('mails')).toEqual(['public.customers']);
    expect(reads('deeper')).toEqual(['pg_catalog.pg_stats', 'public.mails']);
    expect(reads('copies')).toEqual(['public.customers']);
  });

  it('traces the columns of views', () => {
    const flow = (name: string) => catalog.viewFlow(catalog.relation('public', name)!)!;
    expect(Object.fromEntries(flow('mails').columns)).toEqual({
      id: [{ relation: 'public.customers', column: 'id' }],
      email: [{ relation: 'public.customers', column: 'email' }],
    });
    expect(flow('mails')).toMatchObject({ rows: [], bases: ['public.customers'], opaque: [] });
    expect(flow('deeper').bases).toEqual(['public.mails', 'pg_catalog.pg_stats']);
    expect(catalog.viewFlow(catalog.relation('public', 'customers')!)).toBeUndefined();
    expect(catalog.viewFlow(catalog.relation('pg_catalog', 'pg_stats')!)).toBeUndefined();
  });

  it('finds relations by id, however odd their names', () => {
    expect(catalog.relationsById('public.Odd.Name').map(({ name }) => name)).toEqual(['Odd.Name']);
    expect(catalog.relationsById('public.customers')).toHaveLength(1);
    expect(catalog.relationsById('customers')).toEqual([]);
    expect(catalog.relationsById('nowhere.customers')).toEqual([]);
    expect(catalog.digestOf('public.customers')).toMatch(/^[0-9a-f]{64}$/);
    expect(catalog.digestOf('public.none')).toBe('');
  });

  it('knows functions', () => {
    expect(catalog.functionsNamed('touch')[0]).toMatchObject({
      schema: 'public',
      language: 'plpgsql',
      volatility: 'v',
      builtin: false,
    });
    expect(catalog.functionsNamed('lower').every(({ builtin }) => builtin)).toBe(true);
    expect(catalog.functionsNamed('count').some(({ kind }) => kind === 'a')).toBe(true);
  });

  it('keeps its version until something changes', async () => {
    const again = await loader.load();
    expect(again).toBe(catalog);
    await client.query(
      'COMMENT ON TABLE customers IS $$x$$; ANALYZE customers; INSERT INTO loose VALUES (1)',
    );
    expect(await loader.load()).toBe(catalog);
    const steps = [
      'CREATE TABLE extra (id int)',
      'ALTER TABLE extra ADD COLUMN more text',
      'ALTER TABLE extra ADD CHECK (id > 0)',
      'CREATE OR REPLACE VIEW mails AS SELECT id, email FROM customers WHERE id > 1',
      `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`,
      'DROP TABLE extra',
    ];
    let last = catalog;
    for (const step of steps) {
      await client.query(step);
      const next = await loader.load();
      expect(next.version, step).toBe(last.version + 1);
      // What stayed the same is taken over.
      expect(next.relation('public', 'orders')).toBe(catalog.relation('public', 'orders'));
      last = next;
    }
    expect(last.digestOf('public.mails')).not.toBe(catalog.digestOf('public.mails'));
    expect(last.digestOf('public.customers')).toBe(catalog.digestOf('public.customers'));
  });

  it('does not wait for views that somebody holds locked', async () => {
    const holder = await database.client();
    await holder.query(
      'BEGIN; CREATE OR REPLACE VIEW deeper2 AS SELECT 1; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE',
    );
    await client.query('CREATE VIEW late AS SELECT oid FROM pg_class');
    const reader = await database.client();
    const fresh = await createCatalogLoader(async (sql) => (await reader.query(sql)).rows).load();
    const opaque = (name: string) => fresh.viewFlow(fresh.relation('public', name)!)!.opaque;
    expect(opaque('late')).toEqual([]);
    expect(opaque('mails')).toEqual(['the definition of public.mails']);
    expect(fresh.relation('public', 'mails')!.columns).toHaveLength(2);
    await holder.query('ROLLBACK');
  });
});

/** Each changes what is printed of some relation or function, by another catalog. */
const CHANGES = [
  'CREATE TABLE changes (id int, email text)',
  'ALTER TABLE changes ADD COLUMN more varchar(10)',
  'ALTER TABLE changes RENAME COLUMN more TO most',
  'ALTER TABLE changes ALTER COLUMN most TYPE varchar(20)',
  'ALTER TABLE changes ALTER COLUMN email SET NOT NULL',
  'ALTER TABLE changes DROP COLUMN most',
  'ALTER TABLE changes ADD COLUMN upper text GENERATED ALWAYS AS (upper(email)) STORED',
  'ALTER TABLE changes ADD CONSTRAINT positive CHECK (id > 0)',
  'ALTER TABLE changes RENAME CONSTRAINT positive TO above_zero',
  'ALTER TABLE changes ADD PRIMARY KEY (id)',
  'ALTER INDEX changes_pkey RENAME TO changes_key',
  'CREATE UNIQUE INDEX changes_lower ON changes (lower(email))',
  'DROP INDEX changes_lower',
  'CREATE TABLE changed_child () INHERITS (changes)',
  'ALTER TABLE changed_child NO INHERIT changes',
  'ALTER TABLE changed_child INHERIT changes',
  'CREATE TRIGGER seen BEFORE UPDATE ON changes FOR EACH ROW EXECUTE FUNCTION touch()',
  'ALTER TABLE changes DISABLE TRIGGER seen',
  'DROP TRIGGER seen ON changes',
  'ALTER TABLE changes ENABLE ROW LEVEL SECURITY',
  'CREATE POLICY few ON changes USING (id > 5)',
  'ALTER POLICY few ON changes USING (id > 6)',
  'CREATE RULE noted AS ON DELETE TO changes DO ALSO NOTIFY x',
  'ALTER RULE noted ON changes RENAME TO told',
  'CREATE VIEW changed_view AS SELECT id FROM changes',
  'CREATE OR REPLACE VIEW changed_view AS SELECT id, email FROM changes',
  'ALTER TABLE changes RENAME TO renamed',
  'ALTER TABLE renamed SET SCHEMA other',
  'ALTER SCHEMA other RENAME TO another',
  'ALTER SCHEMA another RENAME TO other',
  "CREATE TYPE colour AS ENUM ('red')",
  'ALTER TABLE other.renamed ADD COLUMN colour colour',
  'ALTER TYPE colour RENAME TO color',
  'CREATE DOMAIN short AS varchar(5)',
  'ALTER DOMAIN short ADD CHECK (length(VALUE) > 1)',
  'CREATE TYPE pair AS (a int, b text)',
  'ALTER TYPE pair ADD ATTRIBUTE c int',
  'ALTER TYPE pair DROP ATTRIBUTE b',
  'CREATE TABLE typed (a short, b pair, c varchar(3)[])',
  'ALTER DOMAIN short RENAME TO brief',
  'ALTER TYPE pair SET SCHEMA other',
  'ALTER TYPE other.pair SET SCHEMA public',
  'CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)',
  'CREATE CAST (text AS pair) WITH INOUT',
  'DROP CAST (text AS pair)',
  'DROP OPERATOR ### (int, int)',
  'DROP TABLE typed; DROP TYPE pair; DROP DOMAIN brief',
  'DROP POLICY few ON other.renamed',
  'BEGIN; ALTER TABLE other.renamed ADD COLUMN gone int; ROLLBACK',
  "CREATE FUNCTION changed(a other.renamed) RETURNS int LANGUAGE sql AS 'SELECT 1'",
  "CREATE OR REPLACE FUNCTION changed(a other.renamed) RETURNS int LANGUAGE sql AS 'SELECT 2'",
  'ALTER FUNCTION changed SET search_path = public',
  'ALTER FUNCTION changed SECURITY DEFINER',
  'ALTER TABLE other.renamed RENAME TO renamed_again',
  'DROP FUNCTION changed(other.renamed_again)',
  'CREATE EXTENSION pg_trgm',
  'ALTER EXTENSION pg_trgm DROP FUNCTION similarity(text, text)',
  'DROP EXTENSION pg_trgm CASCADE',
  'BEGIN; CREATE TABLE twice (a int); ALTER TABLE twice ADD b int; COMMIT',
  'DROP TABLE other.renamed_again CASCADE',
  'VACUUM FULL pg_class',
];

describe('a loader that reads only what has changed', () => {
  it('sees what one that reads everything sees', { timeout: 120_000 }, async () => {
    const reader = await database.client();
    const query = async (sql: string) => (await reader.query(sql)).rows;
    const partly = createCatalogLoader(query, parser);
    await partly.load();
    const shown = (snapshot: CatalogSnapshot): string =>
      JSON.stringify([
        [...snapshot.relations()].map(({ source }) => source).sort(),
        [...snapshot.functions()].sort((a, b) => a.oid - b.oid),
        [...snapshot.schemas],
        ['colour', 'color', 'short', 'brief', '_short', 'pair', '_pair', 'int4'].map((name) =>
          snapshot.typesNamed(name),
        ),
        snapshot.foreignOperatorsNamed('###'),
        snapshot.typesNamed('pair').map(({ oid }) => snapshot.foreignCastsOf(oid)),
      ]);
    for (const [i, change] of CHANGES.entries()) {
      // Young rows become old ones now and then, and old ones go.
      if (i % 4 === 3) await partly.load(true);
      await client.query(change);
      const whole = await createCatalogLoader(query, parser).load(true);
      expect(shown(await partly.load()), change).toBe(shown(whole));
    }
  });

  it('sees what was made before it looked and committed after', async () => {
    const reader = await database.client();
    const partly = createCatalogLoader(async (sql) => (await reader.query(sql)).rows, parser);
    const holder = await database.client();
    await holder.query('BEGIN; CREATE TABLE committed_late (id int); DROP TABLE loose');
    await client.query('CREATE TABLE committed_early (id int)');
    const before = await partly.load();
    expect(before.relation('public', 'committed_early')).toBeDefined();
    expect(before.relation('public', 'committed_late')).toBeUndefined();
    expect(await partly.load()).toBe(before);
    await holder.query('COMMIT');
    const after = await partly.load();
    expect(after.relation('public', 'committed_late')).toBeDefined();
    expect(after.relation('public', 'loose')).toBeUndefined();
    await client.query('CREATE TABLE loose (id int); DROP TABLE committed_early, committed_late');
  });

  it('goes on over another connection', async () => {
    let reader = await database.client();
    const partly = createCatalogLoader(async (sql) => (await reader.query(sql)).rows, parser);
    const before = await partly.load();
    reader = await database.client();
    expect(await partly.load()).toBe(before);
    await client.query('CREATE TABLE over_another (id int)');
    expect((await partly.load()).relation('public', 'over_another')).toBeDefined();
    await client.query('DROP TABLE over_another');
  });

  it('asks little where little has changed', async () => {
    const reader = await database.client();
    const asked: string[] = [];
    const partly = createCatalogLoader(async (sql) => {
      asked.push(sql);
      return (await reader.query(sql)).rows;
    }, parser);
    await partly.load();
    await client.query('CREATE TABLE little (id int)');
    asked.length = 0;
    expect((await partly.load()).relation('public', 'little')?.columns).toHaveLength(1);
    expect(asked.some((sql) => sql === BUILTIN_FUNCTIONS || sql === ALL_RELATIONS)).toBe(false);
    await client.query('DROP TABLE little');
  });
});

describe('a catalog that somebody rewrites', () => {
  it('is waited for a while', async () => {
    const reader = await database.client();
    const loader = createCatalogLoader(async (sql) => (await reader.query(sql)).rows);
    // Views were read as well, which is not to be waited for.
    const before = await loader.load();
    expect((await reader.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '1s' }]);
    const holder = await database.client();
    await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE');
    const released = new Promise((resolve) => setTimeout(resolve, 500)).then(() => holder.query('ROLLBACK'));
    expect(await loader.load()).toBe(before);
    await released;
  });
});

describe('scope', () => {
  const scope = (searchPath: readonly string[], user = 'alice') => createScope({ catalog, searchPath, user });

  it('resolves along the path, system first unless it says otherwise', () => {
    expect(scope(['public', 'other']).relation(undefined, 'customers')?.id).toBe('public.customers');
    expect(scope(['other', 'public']).relation(undefined, 'customers')?.id).toBe('other.customers');
    expect(scope(['nowhere', 'public']).relation(undefined, 'customers')?.id).toBe('public.customers');
    expect(scope(['$user', 'public'], 'other').relation(undefined, 'customers')?.id).toBe('other.customers');
    expect(scope([]).relation(undefined, 'customers')).toBeUndefined();
    expect(scope([]).relation(undefined, 'pg_class')?.id).toBe('pg_catalog.pg_class');
    expect(scope([]).relation('other', 'customers')?.id).toBe('other.customers');
    expect(scope(['a', 'pg_catalog']).path).toEqual(['pg_temp', 'a', 'pg_catalog']);
    expect(scope(['a', 'pg_temp']).path).toEqual(['pg_catalog', 'a', 'pg_temp']);
    expect(scope(['a']).path).toEqual(['pg_temp', 'pg_catalog', 'a']);
  });

  it('puts temporary relations first, unless the path says otherwise', async () => {
    const session = await database.client();
    await session.query('CREATE TEMP TABLE customers (mine int); CREATE TEMP TABLE pg_class (x int)');
    const { rows } = await session.query({ text: sessionRelationsQuery(), rowMode: 'array' });
    const temporary = relationsFromRows(rows);
    expect(temporary.map(({ name, temporary: own }) => [name, own])).toEqual([
      ['customers', true],
      ['pg_class', true],
    ]);
    const own = createScope({ catalog, searchPath: ['public'], user: 'x', temporary });
    expect(own.relation(undefined, 'customers')?.columns.map(({ name }) => name)).toEqual(['mine']);
    expect(own.relation('pg_temp', 'customers')?.temporary).toBe(true);
    expect(own.relation('public', 'customers')?.temporary).toBe(false);
    expect(own.relation(undefined, 'pg_class')?.temporary).toBe(true);
    expect(own.isAmbiguous('customers')).toBe(true);
    expect(own.sessionKey).not.toBe(createScope({ catalog, searchPath: ['public'], user: 'x' }).sessionKey);
    const last = createScope({ catalog, searchPath: ['public', 'pg_temp'], user: 'x', temporary });
    expect(last.relation(undefined, 'customers')?.temporary).toBe(false);
    expect(last.relation(undefined, 'pg_class')?.temporary).toBe(false);
    // Other sessions do not see them, and the snapshot leaves them out.
    expect((await client.query({ text: sessionRelationsQuery(), rowMode: 'array' })).rows).toEqual([]);
    expect((await loader.load()).relationsNamed('customers').every(({ temporary: t }) => !t)).toBe(true);
  });

  it("finds what the session's own open transaction made, whatever its path and settings", async () => {
    const session = await database.client();
    await session.query(`CREATE SCHEMA evil; CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
      CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
      CREATE TABLE evil.pg_class (x int); SET search_path = evil, pg_catalog; SET standard_conforming_strings = off`);
    await session.query('BEGIN');
    await session.query(`CREATE TABLE public."it's \\ new" (id int); CREATE TABLE public.unasked (id int)`);
    const names = [`it's \\ new`, 'public.missing'];
    const { rows } = await session.query({ text: sessionRelationsQuery(names), rowMode: 'array' });
    expect(relationsFromRows(rows).map(({ id }) => id)).toEqual([`public.it's \\ new`]);
    await session.query('ROLLBACK; DROP SCHEMA evil CASCADE');
  });

  it('has the same key for the same view of names, and another for any other', () => {
    expect(scope(['public']).sessionKey).toBe(scope(['public'], 'bob').sessionKey);
    expect(scope(['$user']).sessionKey).not.toBe(scope(['$user'], 'bob').sessionKey);
    expect(scope(['a,b']).sessionKey).not.toBe(scope(['a', 'b']).sessionKey);
  });
});

describe('parseSearchPath', () => {
  it.each([
    ['"$user", public', ['$user', 'public']],
    ['public', ['public']],
    ['', []],
    ['""', ['']],
    ['Public, "Mixed Case", "a,b", "q""q"', ['public', 'Mixed Case', 'a,b', 'q"q']],
    [' a ,b', ['a', 'b']],
    ['pg_catalog,pg_temp', ['pg_catalog', 'pg_temp']],
  ])('%s', (text, expected) => {
    expect(parseSearchPath(text)).toEqual(expected);
  });

  it('agrees with the server', async () => {
    for (const path of [`"$user", public`, `other, "Odd ""x"""`, `Public`, `'a,b', c`]) {
      const session = await database.client();
      await session.query(`SET search_path = ${path}`);
      const { rows } = await session.query(
        `SELECT current_setting('search_path') AS path, array_agg(s::text ORDER BY i) AS names FROM unnest(current_schemas(false)) WITH ORDINALITY u(s, i)`,
      );
      const ours = parseSearchPath(rows[0].path).filter((name) => catalog.schemas.has(name));
      expect(ours).toEqual(rows[0].names?.map(String) ?? []);
      await session.end();
    }
  });
});
