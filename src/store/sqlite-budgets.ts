/** What is used of budgets, in SQLite. The contract is `BudgetStore`'s. */
import type { SqliteDatabase } from './sqlite-database.ts';
import type { BudgetStore, StoredUsage } from './store.ts';

export class SqliteBudgets implements BudgetStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async keep(usages: readonly StoredUsage[]): Promise<void> {
    if (usages.length > 0) this.#database.together(() => this.#put(usages));
  }

  async all(): Promise<readonly StoredUsage[]> {
    return this.#database.all('SELECT share, slots, reserved FROM budget_usage').map((row) => ({
      key: row.share as string,
      slots: (JSON.parse(row.slots as string) as [number, number][]).map(([at, amount]) => ({ at, amount })),
      reserved: row.reserved as number,
    }));
  }

  async replaceAll(usages: readonly StoredUsage[]): Promise<void> {
    this.#database.together(() => {
      this.#database.run('DELETE FROM budget_usage');
      this.#put(usages);
    });
  }

  #put(usages: readonly StoredUsage[]): void {
    for (const { key, slots, reserved } of usages) {
      this.#database.run(
        `INSERT INTO budget_usage (share, slots, reserved) VALUES (?, ?, ?)
         ON CONFLICT (share) DO UPDATE SET slots = excluded.slots, reserved = excluded.reserved`,
        ...[key, JSON.stringify(slots.map(({ at, amount }) => [at, amount])), reserved],
      );
    }
  }
}
