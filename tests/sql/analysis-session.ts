/** A database with a schema of its own, and the analysis of texts against it. */
import type { Facts } from '../../src/model/facts.ts';
import {
  type CatalogSnapshot,
  createCatalogLoader,
  createParser,
  createPostgresDialect,
  createScope,
  type Parser,
  type PostgresAnalysis,
  type PostgresDialect,
  type PostgresScope,
} from '../../src/sql/postgres/index.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

export interface AnalysisSession {
  readonly database: TestDatabase;
  readonly parser: Parser;
  readonly dialect: PostgresDialect;
  readonly catalog: CatalogSnapshot;
  readonly scope: PostgresScope;
  analyze(text: string, scope?: PostgresScope): Promise<PostgresAnalysis>;
  close(): Promise<void>;
}

export async function openAnalysisSession(
  seed: string,
  searchPath = ['$user', 'public'],
): Promise<AnalysisSession> {
  const database = await createDatabase('analysis');
  await database.query(seed);
  const parser = await createParser();
  const client = await database.client();
  const catalog = await createCatalogLoader(async (sql) => (await client.query(sql)).rows, parser).load();
  const scope = createScope({ catalog, searchPath, user: 'postgres' });
  const dialect = createPostgresDialect(parser);
  return {
    database,
    parser,
    dialect,
    catalog,
    scope,
    analyze: async (text, other = scope) => dialect.analyze(text, other),
    close: async () => {
      await parser.close();
      await database.drop();
    },
  };
}

/**
 * Facts as one line: command, uses as `Action relation(reads;filters;writes)`, objects, functions of note, settings, and
 * flags: `writes`, `ddl`, `unbounded`, the transaction control. `!` marks what is not transparent, `?` what is unknown.
 */
export function brief(facts: Facts): string {
  const uses = facts.relations.map(({ action, relation, known, reads, filters, writes }) => {
    const lists = [reads, filters, writes].map((names) => names.join());
    return `${action} ${relation}${known ? '' : '?'}(${lists.join(';').replace(/;+$/, '')})`;
  });
  const objects = facts.objects.map(({ action, type, name }) => `${action} ${type} ${name}`);
  const functions = facts.functions.map(({ name, transparent }) => `${name}()${transparent ? '' : '!'}`);
  const settings = facts.settings.map(({ name, value, local }) => `${local ? 'local ' : ''}${name}=${value}`);
  const covered = new Set([...facts.relations, ...facts.objects].map(({ action }) => action));
  const actions = facts.actions.filter(
    (action) => !covered.has(action) && !(settings.length > 0 && action === 'Set'),
  );
  const flags = [
    ...(facts.writes ? ['writes'] : []),
    ...(facts.changesCatalog ? ['ddl'] : []),
    ...(facts.bounded ? [] : ['unbounded']),
    ...(facts.transaction === 'none' ? [] : [facts.transaction]),
  ];
  const opaque = facts.opaque.map(({ kind, what }) => `<${kind}: ${what}>`);
  return [
    facts.command,
    ...actions,
    ...uses,
    ...objects,
    ...functions,
    ...settings,
    ...flags,
    ...opaque,
  ].join(' · ');
}
