/** On what the reading of names and texts in a session depends, and how its backend is asked. */
import type { Facts } from '../../model/facts.ts';
import { TEMPORARY_SCHEMA } from '../../sql/postgres/scope.ts';
import { parseSearchPath } from '../../sql/postgres/search-path.ts';
import { quoteLiteral } from '../../sql/postgres/session-relations.ts';

/** Settings on which the meaning of names and texts depends; `all` is RESET ALL. */
const READING_SETTINGS = new Set([
  'search_path',
  'role',
  'session_authorization',
  'schema',
  'client_encoding',
  'names',
  'standard_conforming_strings',
  'all',
  '',
]);

/** What a statement may change about how later ones are read. `redefines`: what exists; `ends`: a transaction. */
export function effectOnReading(facts: Facts): { redefines: boolean; changes: boolean; ends: boolean } {
  const { transaction, command } = facts;
  const redefines = facts.changesCatalog || facts.opaque.length > 0;
  const sets = facts.settings.some(({ name }) => READING_SETTINGS.has(name.toLowerCase()));
  return {
    redefines,
    changes: redefines || sets || command.startsWith('DISCARD') || command.startsWith('RESET'),
    // The end of a transaction takes back SET LOCAL, and what a rollback undoes.
    ends: transaction !== 'none' && transaction !== 'begin' && transaction !== 'savepoint',
  };
}

/** A path that names the temporary schema before there is one: to ask for the schemas along it would make it. */
const PENDING_TEMPORARY = `pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid
  AND pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.~*) 'pg_temp'`;
/**
 * The schemas that names are looked up in are asked for as the backend resolved them: a search_path may spell the session's
 * temporary schema in several ways, and name schemas that are passed over because they are missing or forbidden. Null if the
 * question would make the temporary schema; then `schemasQuery` is asked for the last column.
 */
export const READING_QUERY = `SELECT CASE WHEN ${PENDING_TEMPORARY} THEN NULL
    ELSE pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text END,
  current_user::pg_catalog.text, pg_catalog.current_setting('client_encoding'),
  pg_catalog.current_setting('standard_conforming_strings'),
  (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()),
  pg_catalog.current_setting('search_path')`;

/**
 * Asks which schemas of a path the session may look names up in, as a JSON array in the path's order; makes nothing.
 * @param path the setting; undefined if it cannot be read, which has no schemas
 * @param user `current_user`
 */
export function schemasQuery(path: string | undefined, user: string): string {
  const names = parseSearchPath(path ?? '').map((name) => quoteLiteral(name === '$user' ? user : name));
  return `SELECT pg_catalog.array_to_json(ARRAY(
    SELECT p.name FROM pg_catalog.unnest(ARRAY[${names.join(', ')}]::pg_catalog._text) WITH ORDINALITY AS p (name, at)
    WHERE p.name OPERATOR(pg_catalog.=) 'pg_temp' OR EXISTS (SELECT FROM pg_catalog.pg_namespace n
      WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) p.name AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
    ORDER BY p.at))::pg_catalog.text`;
}

/**
 * The path of a scope. One that cannot be read has no names: nothing resolves along it.
 * @param schemas as READING_QUERY or `schemasQuery` gives them
 * @param temporary the session's temporary schema, if it has one
 */
export function pathOf(schemas: string | undefined, temporary: string | undefined): string[] {
  const names = schemas === undefined ? [] : (JSON.parse(schemas) as string[]);
  return names.map((name) => (name === temporary ? TEMPORARY_SCHEMA : name));
}

/** The session's own backend, as far as a planner needs it. */
export interface SessionBackend {
  /** Asks a question in the session's transaction; rows of texts, or undefined if its transaction has failed. */
  ask(sql: string): Promise<(Buffer | null)[][] | undefined>;
  /** Resolves when everything forwarded is answered. */
  quiet(): Promise<void>;
  /** True while forwarded texts may still make or drop prepared statements or cursors. */
  redefining(): boolean;
  /** False while a transaction, be it that of a pipeline, is or may be open. */
  outsideTransaction(): boolean;
}
