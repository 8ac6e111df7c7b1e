/**
 * One SQLite file: how it is opened, and how its errors become ours. A commit is on stable storage when `run` returns
 * (write-ahead log, synchronous FULL).
 *
 * @see https://sqlite.org/wal.html
 */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SluiceError } from '../errors/sluice-error.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';

/** A row as SQLite gives it; the statement knows its columns. */
export type Row = Record<string, string | number | Uint8Array | null>;

const SETTINGS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
`;

/** An open file whose schema is up to date. Statements are prepared once. */
export class SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The rows of a query. @throws {SluiceError} store_unavailable */
  all(sql: string, ...parameters: SQLInputValue[]): readonly Row[] {
    return this.#guard(() => this.#prepare(sql).all(...parameters) as unknown as Row[]);
  }

  /** The first row of a query. @throws {SluiceError} store_unavailable */
  first(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...parameters) as Row | undefined);
  }

  /** Changes something, durably; returns how many rows. @throws {SluiceError} store_unavailable, conflict */
  run(sql: string, ...parameters: SQLInputValue[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...parameters).changes));
  }

  /** All of what `work` changes, or nothing. Not to be nested. @throws {SluiceError} store_unavailable, conflict; what `work` throws */
  together<T>(work: () => T): T {
    this.run('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (cause) {
      if (this.#database.isTransaction) this.run('ROLLBACK');
      throw cause;
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw storeError(cause);
    }
  }
}

/**
 * Opens a file, making it and its directory for its owner only.
 * @throws {SluiceError} store_unavailable
 */
export function openSqlite(path: string, busyTimeoutMs: number, now: number): SqliteDatabase {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // SQLite gives its -wal and -shm files the mode of this one.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    database = new DatabaseSync(path, { timeout: busyTimeoutMs, allowExtension: false });
    database.exec(SETTINGS);
    migrate(database, MIGRATIONS, now);
    return new SqliteDatabase(database);
  } catch (cause) {
    database?.close();
    throw storeError(cause, path);
  }
}

const SQLITE_CONSTRAINT = 19;

function storeError(cause: unknown, path?: string): SluiceError {
  if (cause instanceof SluiceError) return cause;
  const { errcode, errstr, code } = cause as { errcode?: number; errstr?: string; code?: string };
  if (errcode !== undefined && (errcode & 0xff) === SQLITE_CONSTRAINT) {
    return new SluiceError('conflict', 'the store holds such a thing already', { cause });
  }
  const where = path === undefined ? 'the store' : `the store ${path}`;
  const detail = errstr ?? code;
  return new SluiceError('store_unavailable', `${where} cannot be used`, {
    ...(detail === undefined ? {} : { detail }),
    cause,
  });
}
