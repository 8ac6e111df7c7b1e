/** Approval requests in SQLite: the request as JSON, what is searched for beside it. The contract is `ApprovalStore`'s. */
import type { ApprovalRequest } from '../model/approval.ts';
import type { Row, SqliteDatabase } from './sqlite-database.ts';
import { insertNotices } from './sqlite-notices.ts';
import type { ApprovalFilter, ApprovalRecord, ApprovalStore, NewNotice } from './store.ts';

const COLUMNS = 'revision, subject_digest, request';

export class SqliteApprovals implements ApprovalStore {
  readonly #database: SqliteDatabase;

  readonly #now: () => number;

  constructor(database: SqliteDatabase, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  async insert(record: ApprovalRecord, notices: readonly NewNotice[] = []): Promise<void> {
    if (notices.length === 0) return this.#insert(record);
    this.#database.together(() => {
      this.#insert(record);
      insertNotices(this.#database, notices, this.#now());
    });
  }

  #insert({ request, revision, subjectDigest }: ApprovalRecord): void {
    this.#database.run(
      `INSERT INTO approvals (id, revision, state, principal, subject_digest, created_at, request)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      request.id,
      revision,
      request.state,
      request.binding.principal,
      subjectDigest,
      request.createdAt,
      JSON.stringify(request),
    );
  }

  async byId(id: string): Promise<ApprovalRecord | undefined> {
    const row = this.#database.first(`SELECT ${COLUMNS} FROM approvals WHERE id = ?`, id);
    return row === undefined ? undefined : recordOf(row);
  }

  async replace(record: ApprovalRecord, notices: readonly NewNotice[] = []): Promise<boolean> {
    if (notices.length === 0) return this.#replace(record);
    return this.#database.together(() => {
      const changed = this.#replace(record);
      if (changed) insertNotices(this.#database, notices, this.#now());
      return changed;
    });
  }

  #replace({ request, revision }: ApprovalRecord): boolean {
    const changed = this.#database.run(
      'UPDATE approvals SET revision = ?, state = ?, request = ? WHERE id = ? AND revision = ?',
      revision,
      request.state,
      JSON.stringify(request),
      request.id,
      revision - 1,
    );
    return changed > 0;
  }

  async list({ state, limit }: ApprovalFilter): Promise<readonly ApprovalRecord[]> {
    const order = 'ORDER BY created_at DESC, rowid DESC LIMIT ?';
    const rows =
      state === undefined
        ? this.#database.all(`SELECT ${COLUMNS} FROM approvals ${order}`, limit)
        : this.#database.all(`SELECT ${COLUMNS} FROM approvals WHERE state = ? ${order}`, state, limit);
    return rows.map(recordOf);
  }

  async ofPrincipal(principal: string, limit: number): Promise<readonly ApprovalRecord[]> {
    const rows = this.#database.all(
      `SELECT ${COLUMNS} FROM approvals WHERE principal = ? ORDER BY created_at DESC, rowid DESC LIMIT ?`,
      principal,
      limit,
    );
    return rows.map(recordOf);
  }

  async bySubject(subjectDigest: string, state: 'pending' | 'approved'): Promise<readonly ApprovalRecord[]> {
    const rows = this.#database.all(
      `SELECT ${COLUMNS} FROM approvals WHERE subject_digest = ? AND state = ? ORDER BY created_at, rowid`,
      subjectDigest,
      state,
    );
    return rows.map(recordOf);
  }

  async unfinished(): Promise<readonly ApprovalRecord[]> {
    const rows = this.#database.all(
      `SELECT ${COLUMNS} FROM approvals WHERE state IN ('pending', 'approved') ORDER BY created_at, rowid`,
    );
    return rows.map(recordOf);
  }

  async countPending(principal: string): Promise<{ all: number; own: number }> {
    const row = this.#database.first(
      `SELECT count(*) AS "all", coalesce(sum(principal = ?), 0) AS own FROM approvals WHERE state = 'pending'`,
      principal,
    ) as Row;
    return { all: row.all as number, own: row.own as number };
  }

  async prune(before: number): Promise<number> {
    const pruned = this.#database.run(
      `DELETE FROM approvals WHERE created_at < ? AND state NOT IN ('pending', 'approved')`,
      before,
    );
    this.#database.run('DELETE FROM message_places WHERE request NOT IN (SELECT id FROM approvals)');
    return pruned;
  }
}

function recordOf(row: Row): ApprovalRecord {
  return {
    request: JSON.parse(row.request as string) as ApprovalRequest,
    revision: row.revision as number,
    subjectDigest: row.subject_digest as string,
  };
}
