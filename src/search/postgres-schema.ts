/**
 * The index in PostgreSQL: its tables, in a schema of their own. Texts are kept as UTF-8 bytes: they sort as in SQLite whatever the database's
 * collation and encoding are, and may hold what `text` cannot. They may be long, so what is unique is their digest.
 */

/** Each takes the tables one version on; a new one is put at the end. `{s}` is the schema, quoted. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE {s}.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, log text NOT NULL, made uuid NOT NULL,
    next bigint NOT NULL DEFAULT 0, at bigint NOT NULL DEFAULT 0, tip text NOT NULL DEFAULT '', items bigint NOT NULL DEFAULT 0,
    sealed integer NOT NULL DEFAULT 0, terms bigint NOT NULL DEFAULT 0, forms bigint NOT NULL DEFAULT 0,
    sessions bigint NOT NULL DEFAULT 0
  );
  CREATE TABLE {s}.terms (id bigint PRIMARY KEY, field text NOT NULL, value bytea NOT NULL);
  CREATE UNIQUE INDEX terms_by_value ON {s}.terms (field, sha256(value));
  CREATE INDEX terms_by_prefix ON {s}.terms (field, substring(value FROM 1 FOR 256));
  CREATE TABLE {s}.forms (
    id bigint PRIMARY KEY, hash bytea NOT NULL, json bytea NOT NULL, forwarded boolean NOT NULL, terms bytea NOT NULL
  );
  CREATE UNIQUE INDEX forms_by_hash ON {s}.forms (sha256(hash));
  CREATE TABLE {s}.words (term bigint NOT NULL, form bigint NOT NULL, PRIMARY KEY (term, form));
  CREATE TABLE {s}.sessions (id bigint PRIMARY KEY, session bytea NOT NULL, opened bytea NOT NULL, terms bytea NOT NULL);
  CREATE UNIQUE INDEX sessions_by_name ON {s}.sessions (sha256(session));
  CREATE TABLE {s}.items (
    id bigint PRIMARY KEY, seq bigint NOT NULL, at bigint NOT NULL, statement bigint, ended bigint, rows bigint, bytes bigint,
    us bigint, kind bigint NOT NULL, form bigint, session bigint, state smallint NOT NULL, terms bytea
  ) WITH (fillfactor = 95);
  CREATE TABLE {s}.pending (
    session bigint NOT NULL, statement bigint NOT NULL, item bigint NOT NULL, PRIMARY KEY (session, statement)
  );
  CREATE TABLE {s}.chunks (
    chunk integer PRIMARY KEY, "minAt" bigint NOT NULL, "maxAt" bigint NOT NULL, "minSeq" bigint NOT NULL, "maxSeq" bigint NOT NULL
  );
  CREATE TABLE {s}.sets (chunk integer NOT NULL, term bigint NOT NULL, bits bytea NOT NULL, numbers bytea, PRIMARY KEY (chunk, term));
  `,
];

/** The version that these migrations end in. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** All tables, `head` first: who drops it has waited for all who read. */
export const TABLES = [
  'head',
  'terms',
  'forms',
  'words',
  'sessions',
  'items',
  'pending',
  'chunks',
  'sets',
] as const;

export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
