/** Labels that were learned, in SQLite. The contract is `LabelStore`'s. */
import type { SqliteDatabase } from './sqlite-database.ts';
import type { LabelStore, StoredLabel } from './store.ts';

export class SqliteLabels implements LabelStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async all(): Promise<readonly StoredLabel[]> {
    const rows = this.#database.all('SELECT database, key, label, since FROM labels ORDER BY since, key');
    return rows.map((row) => ({
      database: row.database as string,
      key: row.key as string,
      label: row.label as string,
      since: row.since as number,
    }));
  }

  async put(labels: readonly StoredLabel[]): Promise<void> {
    this.#database.together(() => {
      for (const { database, key, label, since } of labels)
        this.#database.run(
          `INSERT INTO labels (database, key, label, since) VALUES (?, ?, ?, ?)
           ON CONFLICT (database, key) DO UPDATE SET label = excluded.label`,
          ...[database, key, label, since],
        );
    });
  }

  async remove(database: string, keys: readonly string[]): Promise<void> {
    this.#database.run(
      'DELETE FROM labels WHERE database = ? AND key IN (SELECT value FROM json_each(?))',
      ...[database, JSON.stringify(keys)],
    );
  }
}
