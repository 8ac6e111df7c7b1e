/** What PostgreSQL itself records about a query: a view over it depends on exactly the columns it reads. */
import type pg from 'pg';

export interface Recorded {
  /** `schema.relation.column`, sorted. */
  readonly columns: readonly string[];
  /** Whether the query uses a row as a whole, of which PostgreSQL records the relation only. */
  readonly usesWholeRow: boolean;
}

/**
 * Undefined if PostgreSQL does not take the query for a view.
 * @param client in no transaction; the view is rolled back
 */
export async function recordedReads(client: pg.Client, query: string): Promise<Recorded | undefined> {
  await client.query('BEGIN');
  try {
    await client.query(`CREATE VIEW public.probe AS ${query}`);
  } catch {
    await client.query('ROLLBACK');
    return undefined;
  }
  const { rows } = await client.query(`
    SELECT r.ev_action::text ~ ':varattno 0 ' AS whole, ARRAY(
      SELECT DISTINCT pg_catalog.format('%s.%s.%s', n.nspname, c.relname, a.attname)
      FROM pg_depend d
        JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
        AND c.oid <> r.ev_class AND c.relkind <> 'c' AND a.attnum > 0) AS columns
    FROM pg_rewrite r WHERE r.ev_class = 'public.probe'::regclass`);
  await client.query('ROLLBACK');
  return { columns: (rows[0].columns as string[]).sort(), usesWholeRow: rows[0].whole };
}
