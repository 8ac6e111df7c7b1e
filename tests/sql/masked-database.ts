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
import { rowsOf, SCHEMA } from './twin-schema.ts';

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

/** Schema and rows of a twin. */
export function seedOf(variant: 'a' | 'b'): string {
  return `${SCHEMA}\n${rowsOf(variant)}`;
}
