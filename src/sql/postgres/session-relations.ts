/**
 * What only one session sees: its temporary relations, and those that its open transaction made.
 */
import { relationsQuery } from './catalog-queries.ts';
import { RelationInfo } from './relation-info.ts';

/**
 * SQL to run on the session's own connection. It lists the session's temporary relations, and every relation that has one
 * of the names: a name that the snapshot lacks may have been created in a transaction which is still open.
 * Independent of the session's search_path and settings; takes no locks on the relations.
 * @param names as they resolved to nothing (`AnalyzedStatement.unresolved`): `name` or `schema.name`
 */
export function sessionRelationsQuery(names: readonly string[] = []): string {
  const own = `(c.relpersistence::pg_catalog.text OPERATOR(pg_catalog.=) 't'
    AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())`;
  const bare = [...new Set(names.map((name) => name.slice(name.lastIndexOf('.') + 1)))];
  if (bare.length === 0) return relationsQuery(own);
  const listed = `(c.relname::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[${bare.map(quoteLiteral).join(', ')}])
    AND c.relpersistence::pg_catalog.text OPERATOR(pg_catalog.<>) 't'
    AND n.nspname::pg_catalog.text OPERATOR(pg_catalog.<>) 'pg_toast')`;
  return relationsQuery(`${own} OR ${listed}`);
}

/** Turns the rows of `sessionRelationsQuery` (one text each) into what `createScope` takes as `temporary`. */
export function relationsFromRows(rows: readonly (readonly (string | null)[])[]): RelationInfo[] {
  return rows.flatMap(([source]) => (source ? [new RelationInfo(source)] : []));
}

/** Safe whatever `standard_conforming_strings` and `backslash_quote` say. */
export function quoteLiteral(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
