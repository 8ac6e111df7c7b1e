/** On what the reading of names and texts in a session depends, and how its backend is asked. */

/** Settings on which the meaning of names and texts depends; `all` is RESET ALL. */
export const READING_SETTINGS = new Set([
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
/**
 * The schemas that names are looked up in are asked for as the backend resolved them: a search_path may spell the session's
 * temporary schema in several ways, and name schemas that are passed over because they are missing or forbidden.
 */
export const READING_QUERY = `SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text,
  current_user::pg_catalog.text, pg_catalog.current_setting('client_encoding'),
  pg_catalog.current_setting('standard_conforming_strings'),
  (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())`;

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
