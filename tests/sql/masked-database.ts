/**
 * Two databases that are equal but for the values of masked columns, and sessions on them as a restricted principal would have
 * them: whatever such a session can observe must be the same on both.
 */
import type pg from 'pg';
import { SluiceError } from '../../src/errors/sluice-error.ts';
import type { ColumnMask, Mask } from '../../src/model/labels.ts';
import {
  BUILTIN_LABELS,
  createCatalogLoader,
  createParser,
  createPostgresDialect,
  createScope,
  flowLabels,
  type Parser,
  type PostgresScope,
  parseSearchPath,
  relationsFromRows,
  sessionRelationsQuery,
} from '../../src/sql/postgres/index.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

export const MASKS: Readonly<Record<string, Mask>> = {
  email: { kind: 'email' },
  national_id: { kind: 'redact' },
  card: { kind: 'last', n: 4 },
  salary: { kind: 'bucket', size: 10_000 },
  birth_date: { kind: 'date', unit: 'year' },
  name: { kind: 'partial', n: 1 },
};

const LABELS = [
  ...BUILTIN_LABELS,
  ...Object.entries({
    email: 'email',
    ssn: 'national_id',
    card: 'card',
    salary: 'salary',
    born: 'birth_date',
    name: 'name',
    tags: 'national_id',
    doc: 'national_id',
  }).map(([column, label]) => ({ relation: 'public.customers', column, label })),
  { relation: 'public.leads', column: 'ssn', label: 'national_id' },
  { relation: 'public.leads', column: 'mail', label: 'email' },
];

/** What one step of a visit showed. */
export interface Observation {
  readonly rows: unknown;
  readonly error?: string;
  readonly notices: readonly string[];
  readonly refused?: string;
}

/** One of the twin databases, with a connection of its own. */
export class MaskedDatabase {
  readonly database: TestDatabase;
  readonly #client: pg.Client;
  readonly #catalogClient: pg.Client;
  readonly #parser: Parser;
  readonly #notices: string[] = [];
  readonly #copied: string[] = [];
  #frozen: PostgresScope | undefined;

  private constructor(database: TestDatabase, client: pg.Client, catalogClient: pg.Client, parser: Parser) {
    this.database = database;
    this.#client = client;
    this.#catalogClient = catalogClient;
    this.#parser = parser;
    // node-postgres drops what COPY TO STDOUT sends.
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
    connection.on('copyData', ({ chunk }: { chunk: Buffer }) => this.#copied.push(chunk.toString()));
    client.on('notice', (notice) => this.#notices.push(`${notice.message} ${notice.detail ?? ''}`));
  }

  static async create(seed: string): Promise<MaskedDatabase> {
    const database = await createDatabase('masked');
    await database.query(seed);
    const parser = await createParser();
    return new MaskedDatabase(database, await database.client(), await database.client(), parser);
  }

  /** Runs a text as it is. */
  async raw(text: string): Promise<Observation> {
    this.#notices.length = 0;
    this.#copied.length = 0;
    try {
      const result = await this.#client.query({ text, rowMode: 'array' });
      const results = Array.isArray(result) ? result : [result];
      const rows = results.map((each: pg.QueryArrayResult) => [each.command, each.rowCount, each.rows]);
      return { rows: [rows, ...this.#copied], notices: [...this.#notices] };
    } catch (error) {
      const { message, detail, code } = error as { message: string; detail?: string; code?: string };
      // Error texts name the rewritten text's parts; what counts is the kind of error and what values it quotes.
      return { rows: [], error: `${code} ${message} ${detail ?? ''}`, notices: [...this.#notices] };
    }
  }

  /** The text that a session which sees masked values would run. */
  async rewritten(text: string): Promise<string> {
    const scope = await this.#scope();
    const dialect = createPostgresDialect(this.#parser);
    return (await dialect.rewrite(await dialect.analyze(text, scope), masksOf(scope), scope)).text;
  }

  /** Runs a text as a session that sees masked values would. */
  async masked(text: string): Promise<Observation> {
    try {
      const scope = await this.#scope();
      const dialect = createPostgresDialect(this.#parser);
      const analysis = await dialect.analyze(text, scope);
      const opaque = analysis.statements.flatMap(({ facts }) => facts.opaque.map(({ what }) => what));
      if (opaque.length > 0) return { rows: [], notices: [], refused: `opaque: ${opaque.join(', ')}` };
      const used = new Set(
        analysis.statements.flatMap(({ facts }) => facts.relations.map(({ relation }) => relation)),
      );
      const masks = masksOf(scope).filter(({ relation }) => used.has(relation));
      const rewrite = await dialect.rewrite(analysis, masks, scope);
      const writes = analysis.statements.some(({ facts }) => facts.writes);
      const seen = await this.raw(rewrite.text);
      // The gateway withholds the texts of errors and notices of writes to masked relations.
      return writes && masks.length > 0 ? { ...seen, notices: [], ...withheld(seen.error) } : seen;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return { rows: [], notices: [], refused: `${error.code}: ${error.message}` };
    }
  }

  async drop(): Promise<void> {
    await this.#parser.close();
    await this.database.drop();
  }

  /** From now on names resolve as they do now: for texts that define nothing. */
  async freeze(): Promise<void> {
    this.#frozen = await this.#scope();
  }

  async #scope(): Promise<PostgresScope> {
    if (this.#frozen) return this.#frozen;
    const query = async (sql: string) => (await this.#catalogClient.query(sql)).rows;
    const catalog = await createCatalogLoader(query, this.#parser).load();
    const { rows } = await this.#client.query({ text: sessionRelationsQuery(), rowMode: 'array' });
    const path = await this.#client.query(`SELECT current_setting('search_path') AS path`);
    return createScope({
      catalog,
      searchPath: parseSearchPath(path.rows[0].path),
      user: 'postgres',
      temporary: relationsFromRows(rows),
    });
  }
}

function withheld(error: string | undefined): { error?: string } {
  return error === undefined ? {} : { error: error.slice(0, 5) };
}

function masksOf(scope: PostgresScope): ColumnMask[] {
  return flowLabels(LABELS, scope.catalog).map((label) => ({
    ...label,
    mask: MASKS[label.label] ?? { kind: 'null' },
  }));
}

/** The same rows in both databases; the secrets differ, but not in what their masks leave. */
export function seedOf(variant: 'a' | 'b'): string {
  const pick = (a: string, b: string): string => (variant === 'a' ? a : b);
  return `
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
CREATE TABLE plans (name text PRIMARY KEY, price int NOT NULL);
INSERT INTO plans VALUES ('free', 0), ('pro', 10);
CREATE TABLE customers (
  id int PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, ssn text, card text, salary numeric(10,2) CHECK (salary > 0),
  born date, name text, tags text[], doc jsonb, plan text REFERENCES plans ON DELETE CASCADE,
  created timestamptz NOT NULL DEFAULT '2024-01-01', note text, cap int, CHECK (cap IS NULL OR cap < salary)
);
INSERT INTO customers
SELECT i,
  'u' || CASE WHEN ${pick('i % 3 = 0', 'i % 3 = 1')} THEN '${pick('alpha', 'gamma')}' ELSE '${pick('delta', 'kappa')}' END || i || '@example.com',
  CASE WHEN i % 10 = 9 THEN NULL ELSE lpad(((i * ${pick('7919', '6131')}) % 1000000)::text, 9, '${pick('4', '8')}') END,
  lpad(((i * ${pick('104729', '96557')}) % 99999999)::text, 12, '${pick('5', '3')}') || lpad((i % 10000)::text, 4, '0'),
  50000 + (i * ${pick('3701', '5113')}) % 9000,
  (1950 + i % 40 || '-${pick('02', '09')}-01')::date + (i * ${pick('3', '5')}) % 25,
  'P${pick('eter', 'aula')} ' || (i * ${pick('13', '17')} % 100),
  ARRAY['${pick('red', 'blue')}', 't' || i],
  jsonb_build_object('${pick('k', 'q')}', i * ${pick('11', '23')}),
  CASE WHEN i % 4 = 0 THEN 'pro' ELSE 'free' END, '2024-01-01'::timestamptz + i * interval '1 hour', 'note ' || i
FROM generate_series(1, 60) i;
CREATE INDEX customers_lower ON customers (lower(email));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric, note text);
INSERT INTO orders SELECT i, 1 + i % 60, (i * 37) % 500, 'order ' || i FROM generate_series(1, 120) i;
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
ALTER TABLE customers ADD COLUMN exact numeric GENERATED ALWAYS AS (salary * 100000) STORED;
CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM customers WHERE id = $1';
CREATE VIEW calling AS SELECT id, mail_of(id) AS m FROM orders;
CREATE VIEW calling_deep AS SELECT * FROM calling;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'saw %', $1; RETURN $1; END$$;
CREATE FUNCTION whole(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn';
CREATE TABLE people (id int, secret_of int) PARTITION BY RANGE (id);
ANALYZE;
`;
}
