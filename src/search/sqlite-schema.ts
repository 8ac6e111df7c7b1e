/** The index in SQLite: its tables. There are no steps from one version to the next: an index of another version is made anew. */

/** Part of what an index must match; raised with every change of tables, terms or sets. */
export const INDEX_VERSION = 2;

export const SETTINGS = `
  PRAGMA page_size = 8192;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
  PRAGMA cache_size = -16384;
`;

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT NOT NULL PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE terms (id INTEGER PRIMARY KEY, field TEXT NOT NULL, value TEXT NOT NULL) STRICT;
  CREATE UNIQUE INDEX terms_by_value ON terms (field, value);
  CREATE TABLE forms (
    id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, json TEXT NOT NULL, forwarded INTEGER NOT NULL, terms BLOB NOT NULL
  ) STRICT;
  CREATE TABLE words (term INTEGER NOT NULL, form INTEGER NOT NULL, PRIMARY KEY (term, form)) STRICT, WITHOUT ROWID;
  CREATE TABLE sessions (id INTEGER PRIMARY KEY, session TEXT NOT NULL UNIQUE, opened TEXT NOT NULL, terms BLOB NOT NULL) STRICT;
  CREATE TABLE items (
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL, form INTEGER, session INTEGER,
    statement INTEGER, state INTEGER NOT NULL, ended INTEGER, rows INTEGER, bytes INTEGER, us INTEGER, terms BLOB
  ) STRICT;
  CREATE TABLE pending (
    session INTEGER NOT NULL, statement INTEGER NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (session, statement)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE chunks (
    chunk INTEGER PRIMARY KEY, minAt INTEGER NOT NULL, maxAt INTEGER NOT NULL, minSeq INTEGER NOT NULL, maxSeq INTEGER NOT NULL
  ) STRICT;
  -- place = chunk * 2^32 + term: a chunk is written from beginning to end.
  CREATE TABLE sets (place INTEGER PRIMARY KEY, bits BLOB NOT NULL, numbers BLOB) STRICT;
`;

/** Terms that a chunk has room for. */
export const PLACES_OF_A_CHUNK = 2 ** 32;
