/**
 * Queries that are long and asked often: prepared on the connection, where planning them takes longer than running them.
 *
 * @see https://www.postgresql.org/docs/18/sql-prepare.html
 */
import type { CatalogQuery } from './catalog-loader.ts';

/** A query with one parameter, `$1`. */
export interface PreparedQuery {
  readonly name: string;
  /** Its type. */
  readonly parameter: string;
  readonly sql: string;
}

/** invalid_sql_statement_name: another connection than the one on which it was prepared. */
const NOT_PREPARED = '26000';

/**
 * Runs it, and prepares it first where that has not been done.
 * @param value as a literal without quotes: digits, or an array of them
 * @throws TypeError if the value is anything else
 */
export async function runPrepared(
  query: CatalogQuery,
  { name, parameter, sql }: PreparedQuery,
  value: string,
): ReturnType<CatalogQuery> {
  if (!/^[0-9{},]*$/.test(value)) throw new TypeError(`no value of ${parameter}: ${value}`);
  const execute = `EXECUTE ${name}('${value}')`;
  try {
    return await query(execute);
  } catch (error) {
    if (sqlstateOf(error) !== NOT_PREPARED) throw error;
    await query(`PREPARE ${name} (${parameter}) AS ${sql}`);
    return query(execute);
  }
}

/** SQLSTATE of what a `CatalogQuery` was refused with. */
export function sqlstateOf(error: unknown): unknown {
  const { code, sqlstate } = error as { code?: unknown; sqlstate?: unknown };
  return sqlstate ?? code;
}
