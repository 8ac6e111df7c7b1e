/**
 * Brings a store's schema up to date in one transaction, or changes nothing. Refuses a store of a newer version and one
 * whose past steps are not those of this version.
 */
import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Migration } from './migrations.ts';

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * Applies what is missing. Several processes may do this at once.
 * @throws {SluiceError} store_unavailable if the store is newer or was made by other steps; SQLite's own errors.
 */
export function migrate(database: DatabaseSync, migrations: readonly Migration[], now: number): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(`
      CREATE TABLE IF NOT EXISTS migrations (
        number     INTEGER NOT NULL PRIMARY KEY,
        name       TEXT    NOT NULL,
        checksum   TEXT    NOT NULL,
        applied_at INTEGER NOT NULL
      ) STRICT`);
    const rows = database.prepare('SELECT number, name, checksum FROM migrations ORDER BY number').all();
    const applied = rows as unknown as readonly AppliedRow[];
    refuseStrangers(applied, migrations);
    const insert = database.prepare('INSERT INTO migrations VALUES (?, ?, ?, ?)');
    for (const migration of migrations.slice(applied.length)) {
      database.exec(migration.sql);
      insert.run(migration.number, migration.name, checksumOf(migration), now);
    }
    database.exec('COMMIT');
  } catch (cause) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw cause;
  }
}

function refuseStrangers(applied: readonly AppliedRow[], migrations: readonly Migration[]): void {
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index];
    if (migration === undefined) {
      throw new SluiceError(
        'store_unavailable',
        `the store was made by a newer version (its schema is at ${row.number})`,
        {
          hint: 'Start that version, or restore the data directory from a backup made before the upgrade.',
        },
      );
    }
    if (row.number !== migration.number || row.checksum !== checksumOf(migration)) {
      throw new SluiceError(
        'store_unavailable',
        `step ${row.number} (${row.name}) of the store's schema is not ours`,
      );
    }
  }
}

function checksumOf({ number, name, sql }: Migration): string {
  return hash('sha256', `${number} ${name}\n${sql}`, 'hex');
}
