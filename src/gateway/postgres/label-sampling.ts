/**
 * Samples of a database's columns, for discovering what they hold: some rows a table, read in read-only transactions under a
 * time-out, over a connection of its own. What is read stays in this process.
 */
import type { Upstream } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { SampledColumn } from '../../masking/discovery/discover-labels.ts';
import { quoteName, quoteQualified, quoteText } from '../../sql/postgres/identifiers.ts';
import { SqlClient } from './sql-client.ts';

export interface SamplingOptions {
  /** Rows a table; at most 10,000. */
  readonly rows: number;
  /** Only these schemas; all but those of the system if empty. */
  readonly schemas: readonly string[];
  /** `relation.column` of columns that need no look, such as those that are labelled. */
  readonly skip: ReadonlySet<string>;
}

/** One table, or what kept it from being read. */
export interface SampledTable {
  readonly relation: string;
  readonly columns: readonly SampledColumn[];
  /** Why there are no values: they are judged by name alone. */
  readonly problem?: string;
  /** Tables done, this one included, of how many. */
  readonly done: number;
  readonly total: number;
}

const TABLE_TIMEOUT_MS = 10_000;
const MAX_VALUE_LENGTH = 200;
const MAX_DOCUMENT_LENGTH = 20_000;
/** Tables beyond this many rows are sampled by pages, not read from the start. */
const SAMPLED_FROM_ROWS = 10_000;

interface Table {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly rows: number;
  readonly columns: readonly (readonly [name: string, type: string])[];
}

/**
 * Table by table. Abandoning the iteration ends the connection.
 * @throws {SluiceError} upstream_unavailable if the catalog cannot be read; tables that cannot be read are told as such
 */
export async function* sampleTables(
  upstream: Upstream,
  options: SamplingOptions,
): AsyncGenerator<SampledTable> {
  const client = new SqlClient(upstream, TABLE_TIMEOUT_MS * 2);
  try {
    const tables = await listTables(client, options);
    for (const [index, table] of tables.entries()) {
      const relation = `${table.schema}.${table.name}`;
      yield {
        relation,
        ...(await sampleTable(client, table, options.rows)),
        done: index + 1,
        total: tables.length,
      };
    }
  } finally {
    client.close();
  }
}

async function listTables(client: SqlClient, { schemas, skip }: SamplingOptions): Promise<readonly Table[]> {
  const chosen = schemas.length === 0 ? '' : `AND n.nspname IN (${schemas.map(quoteText).join(', ')})`;
  const rows = await client.query(`
    SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, greatest(c.reltuples, 0)::bigint AS rows,
      jsonb_agg(jsonb_build_array(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)::text AS columns
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ${chosen}
    GROUP BY n.nspname, c.relname, c.relkind, c.reltuples
    ORDER BY n.nspname, c.relname`);
  return rows
    .map(({ schema, name, kind, rows: count, columns }) => ({
      schema: schema ?? '',
      name: name ?? '',
      kind: kind ?? '',
      rows: Number(count),
      columns: (JSON.parse(columns ?? '[]') as [string, string][]).filter(
        ([column]) => !skip.has(`${schema}.${name}.${column}`),
      ),
    }))
    .filter(({ columns }) => columns.length > 0);
}

async function sampleTable(
  client: SqlClient,
  table: Table,
  rows: number,
): Promise<Pick<SampledTable, 'columns' | 'problem'>> {
  const relation = `${table.schema}.${table.name}`;
  const values = table.columns.map((): string[] => []);
  let problem: string | undefined;
  try {
    await client.query(
      `BEGIN READ ONLY; SET LOCAL statement_timeout = ${TABLE_TIMEOUT_MS}; SET LOCAL lock_timeout = 1000`,
    );
    for (const row of await client.query(sampleQuery(table, rows)))
      for (const [index, sink] of values.entries()) {
        const value = row[`c${index}`];
        if (value !== null && value !== undefined) sink.push(value);
      }
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    problem = thrown.message;
  }
  await client.query('ROLLBACK').catch(() => undefined);
  const columns = table.columns.map(([column, type], index) => ({
    relation,
    column,
    type,
    values: values[index]!,
  }));
  return { columns, ...(problem === undefined ? {} : { problem }) };
}

/** Only tables and materialized views have pages to sample. */
function sampleQuery({ schema, name, kind, rows: count, columns }: Table, rows: number): string {
  const list = columns.map(([column, type], index) => {
    const length = /^jsonb?$/.test(type) ? MAX_DOCUMENT_LENGTH : MAX_VALUE_LENGTH;
    return `pg_catalog.left(${quoteName(column)}::text, ${length}) AS c${index}`;
  });
  const percent = Math.min(100, Math.max(0.01, (rows * 300) / count));
  const sample =
    count > SAMPLED_FROM_ROWS && 'rpm'.includes(kind) ? ` TABLESAMPLE SYSTEM (${percent.toFixed(4)})` : '';
  return `SELECT ${list.join(', ')} FROM ${quoteQualified(schema, name)}${sample} LIMIT ${rows}`;
}
