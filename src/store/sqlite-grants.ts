/** Grants in SQLite: the grant as JSON, what is searched for beside it. The contract is `GrantStore`'s. */
import type { Grant } from '../model/grant.ts';
import type { Row, SqliteDatabase } from './sqlite-database.ts';
import type { GrantRecord, GrantStore } from './store.ts';

const COLUMNS = 'revision, subject_digest, content';

export class SqliteGrants implements GrantStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async insert({ grant, revision, subjectDigest }: GrantRecord): Promise<void> {
    this.#database.run(
      `INSERT INTO grants (id, revision, state, subject_digest, created_at, content) VALUES (?, ?, ?, ?, ?, ?)`,
      grant.id,
      revision,
      grant.state,
      subjectDigest,
      grant.createdAt,
      JSON.stringify(grant),
    );
  }

  async byId(id: string): Promise<GrantRecord | undefined> {
    const row = this.#database.first(`SELECT ${COLUMNS} FROM grants WHERE id = ?`, id);
    return row === undefined ? undefined : recordOf(row);
  }

  async replace({ grant, revision }: GrantRecord): Promise<boolean> {
    const changed = this.#database.run(
      'UPDATE grants SET revision = ?, state = ?, content = ? WHERE id = ? AND revision = ?',
      revision,
      grant.state,
      JSON.stringify(grant),
      grant.id,
      revision - 1,
    );
    return changed > 0;
  }

  async activeBySubject(subjectDigest: string): Promise<readonly GrantRecord[]> {
    const rows = this.#database.all(
      `SELECT ${COLUMNS} FROM grants WHERE subject_digest = ? AND state = 'active' ORDER BY created_at, rowid`,
      subjectDigest,
    );
    return rows.map(recordOf);
  }

  async active(): Promise<readonly GrantRecord[]> {
    const rows = this.#database.all(
      `SELECT ${COLUMNS} FROM grants WHERE state = 'active' ORDER BY created_at, rowid`,
    );
    return rows.map(recordOf);
  }

  async list(limit: number): Promise<readonly GrantRecord[]> {
    const rows = this.#database.all(
      `SELECT ${COLUMNS} FROM grants ORDER BY created_at DESC, rowid DESC LIMIT ?`,
      limit,
    );
    return rows.map(recordOf);
  }

  async prune(before: number): Promise<number> {
    return this.#database.run(`DELETE FROM grants WHERE created_at < ? AND state <> 'active'`, before);
  }
}

function recordOf(row: Row): GrantRecord {
  return {
    grant: JSON.parse(row.content as string) as Grant,
    revision: row.revision as number,
    subjectDigest: row.subject_digest as string,
  };
}
