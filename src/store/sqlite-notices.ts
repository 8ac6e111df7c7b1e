/** Messages that wait to be sent, in SQLite. The contract is `NoticeStore`'s. */
import type { Row, SqliteDatabase } from './sqlite-database.ts';
import type { NewNotice, Notice, NoticeStore } from './store.ts';

/** Within the transaction of what they tell. One that is there already is left as it is. */
export function insertNotices(database: SqliteDatabase, notices: readonly NewNotice[], now: number): void {
  for (const { target, id, request, body } of notices) {
    database.run(
      `INSERT INTO notices (target, id, request, body, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (target, id) DO NOTHING`,
      ...[target, id, request, body, now, now],
    );
  }
}

export class SqliteNotices implements NoticeStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async take(target: string, now: number, nextAt: number, limit: number): Promise<readonly Notice[]> {
    const rows = this.#database.all(
      `UPDATE notices SET next_at = ?, attempts = attempts + 1
       WHERE number IN (
         SELECT n.number FROM notices n
         WHERE n.target = ? AND n.next_at <= ?
           AND NOT EXISTS (SELECT 1 FROM notices e WHERE e.target = n.target AND e.request = n.request AND e.number < n.number)
         ORDER BY n.number LIMIT ?)
       RETURNING number, target, id, request, body, attempts, created_at`,
      ...[nextAt, target, now, limit],
    );
    return rows.toSorted((a, b) => Number(a.number) - Number(b.number)).map(noticeOf);
  }

  async putOff(target: string, id: string, nextAt: number): Promise<void> {
    this.#database.run('UPDATE notices SET next_at = ? WHERE target = ? AND id = ?', nextAt, target, id);
  }

  async remove(target: string, id: string): Promise<void> {
    this.#database.run('DELETE FROM notices WHERE target = ? AND id = ?', target, id);
  }

  async place(target: string, request: string): Promise<string | undefined> {
    const sql = 'SELECT place FROM message_places WHERE target = ? AND request = ?';
    return this.#database.first(sql, target, request)?.place as string | undefined;
  }

  async keepPlace(target: string, request: string, place: string): Promise<void> {
    this.#database.run(
      `INSERT INTO message_places (target, request, place) VALUES (?, ?, ?)
       ON CONFLICT (target, request) DO UPDATE SET place = excluded.place`,
      ...[target, request, place],
    );
  }

  async nextDue(target: string): Promise<number | undefined> {
    // Those that follow another of their request wait for that one.
    const row = this.#database.first(
      `SELECT min(n.next_at) AS due FROM notices n
       WHERE n.target = ? AND NOT EXISTS
         (SELECT 1 FROM notices e WHERE e.target = n.target AND e.request = n.request AND e.number < n.number)`,
      target,
    );
    return typeof row?.due === 'number' ? row.due : undefined;
  }

  async count(target: string): Promise<number> {
    return this.#database.first('SELECT count(*) AS n FROM notices WHERE target = ?', target)?.n as number;
  }

  async trim(target: string, limit: number): Promise<number> {
    return this.#database.run(
      `DELETE FROM notices WHERE target = ? AND number <=
         (SELECT number FROM notices WHERE target = ? ORDER BY number DESC LIMIT 1 OFFSET ?)`,
      ...[target, target, limit],
    );
  }

  async keepOnly(targets: readonly string[]): Promise<number> {
    const others = 'target NOT IN (SELECT value FROM json_each(?))';
    this.#database.run(`DELETE FROM message_places WHERE ${others}`, JSON.stringify(targets));
    return this.#database.run(`DELETE FROM notices WHERE ${others}`, JSON.stringify(targets));
  }
}

function noticeOf(row: Row): Notice {
  return {
    target: row.target as string,
    id: row.id as string,
    request: row.request as string,
    body: row.body as string,
    attempts: row.attempts as number,
    createdAt: row.created_at as number,
  };
}
