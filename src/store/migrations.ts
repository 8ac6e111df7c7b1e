/**
 * The schema, as numbered steps. A step that was released is never edited: its checksum is kept in every store. All times
 * are milliseconds since the epoch.
 */

/** One step of the schema. */
export interface Migration {
  /** From 1, without gaps. */
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'tokens',
    sql: `
      CREATE TABLE tokens (
        id           TEXT    NOT NULL PRIMARY KEY,
        principal    TEXT    NOT NULL,
        on_behalf_of TEXT    NOT NULL CHECK (json_valid(on_behalf_of)),
        purpose      TEXT,
        salt         BLOB    NOT NULL,
        iterations   INTEGER NOT NULL CHECK (iterations > 0),
        stored_key   BLOB    NOT NULL CHECK (length(stored_key) = 32),
        server_key   BLOB    NOT NULL CHECK (length(server_key) = 32),
        created_at   INTEGER NOT NULL,
        expires_at   INTEGER NOT NULL,
        revoked_at   INTEGER
      ) STRICT;
      CREATE INDEX tokens_by_principal ON tokens (principal, created_at);
    `,
  },
  {
    number: 2,
    name: 'approvals',
    sql: `
      CREATE TABLE approvals (
        id             TEXT    NOT NULL PRIMARY KEY,
        revision       INTEGER NOT NULL,
        state          TEXT    NOT NULL,
        principal      TEXT    NOT NULL,
        subject_digest TEXT    NOT NULL CHECK (length(subject_digest) = 64),
        created_at     INTEGER NOT NULL,
        request        TEXT    NOT NULL CHECK (json_valid(request))
      ) STRICT;
      CREATE INDEX approvals_by_state ON approvals (state, created_at);
      CREATE INDEX approvals_by_subject ON approvals (subject_digest, state);
      CREATE INDEX approvals_by_principal ON approvals (principal, state);
      CREATE INDEX approvals_by_age ON approvals (created_at);
    `,
  },
  {
    number: 3,
    name: 'notices',
    sql: `
      CREATE TABLE notices (
        number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        target     TEXT    NOT NULL,
        id         TEXT    NOT NULL,
        request    TEXT    NOT NULL,
        body       TEXT    NOT NULL,
        attempts   INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        next_at    INTEGER NOT NULL,
        UNIQUE (target, id)
      ) STRICT;
      CREATE INDEX notices_by_request ON notices (target, request, number);
      CREATE INDEX notices_by_time ON notices (target, next_at);
    `,
  },
  {
    number: 4,
    name: 'taints',
    sql: `
      CREATE TABLE taints (
        reader TEXT    NOT NULL PRIMARY KEY,
        taints TEXT    NOT NULL CHECK (json_valid(taints)),
        until  INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    number: 5,
    name: 'message-places',
    sql: `
      CREATE TABLE message_places (
        target  TEXT NOT NULL,
        request TEXT NOT NULL,
        place   TEXT NOT NULL,
        PRIMARY KEY (target, request)
      ) STRICT;
    `,
  },
  {
    number: 6,
    name: 'grants',
    sql: `
      CREATE TABLE grants (
        id             TEXT    NOT NULL PRIMARY KEY,
        revision       INTEGER NOT NULL,
        state          TEXT    NOT NULL,
        subject_digest TEXT    NOT NULL CHECK (length(subject_digest) = 64),
        created_at     INTEGER NOT NULL,
        content        TEXT    NOT NULL CHECK (json_valid(content))
      ) STRICT;
      CREATE INDEX grants_by_subject ON grants (subject_digest, state);
      CREATE INDEX grants_by_state ON grants (state, created_at);
      CREATE INDEX grants_by_age ON grants (created_at);
    `,
  },
  {
    number: 7,
    name: 'labels',
    sql: `
      CREATE TABLE labels (
        database TEXT    NOT NULL,
        key      TEXT    NOT NULL,
        label    TEXT    NOT NULL CHECK (json_valid(label)),
        since    INTEGER NOT NULL,
        PRIMARY KEY (database, key)
      ) STRICT;
    `,
  },
  {
    number: 8,
    name: 'budgets',
    sql: `
      CREATE TABLE budget_usage (
        share    TEXT    NOT NULL PRIMARY KEY,
        slots    TEXT    NOT NULL CHECK (json_valid(slots)),
        reserved INTEGER NOT NULL
      ) STRICT;
    `,
  },
];
