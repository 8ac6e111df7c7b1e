/** Who has met untrusted text, in SQLite. The contract is `TaintStore`'s. */
import type { SqliteDatabase } from './sqlite-database.ts';
import type { StoredTaint, TaintStore } from './store.ts';

export class SqliteTaints implements TaintStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async keep({ reader, taints, until }: StoredTaint): Promise<void> {
    this.#database.run(
      `INSERT INTO taints (reader, taints, until) VALUES (?, ?, ?)
       ON CONFLICT (reader) DO UPDATE SET taints = excluded.taints, until = excluded.until`,
      ...[reader, JSON.stringify(taints), until],
    );
  }

  async all(): Promise<readonly StoredTaint[]> {
    return this.#database.all('SELECT reader, taints, until FROM taints').map((row) => ({
      reader: row.reader as string,
      taints: JSON.parse(row.taints as string) as string[],
      until: row.until as number,
    }));
  }

  async prune(before: number): Promise<number> {
    return this.#database.run('DELETE FROM taints WHERE until <= ?', before);
  }
}
