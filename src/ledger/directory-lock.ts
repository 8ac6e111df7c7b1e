/**
 * One process per ledger directory. The lock is an exclusive transaction on a tiny SQLite file, which is a lock of the
 * operating system: it dies with the process, however that ends, and leaves nothing stale behind.
 *
 * Never removes the lock file: a lock on a removed file would be no lock. Network file systems whose locks are not
 * honoured between machines are no place for a ledger.
 *
 * @see https://sqlite.org/lockingv3.html
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '../errors/sluice-error.ts';

/** A held lock. */
export interface DirectoryLock {
  readonly directory: string;
  /** Lets go; harmless if repeated. */
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Takes the lock of `directory` at once or not at all; makes the directory (0700) if need be.
 * @throws {SluiceError} ledger_locked if another holder has it, ledger_unavailable if the lock file cannot be used.
 */
export function lockDirectory(directory: string): DirectoryLock {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, 'lock');
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    chmodSync(path, 0o600);
  } catch (cause) {
    database?.close();
    throw lockError(directory, cause);
  }
  const held = database;
  return {
    directory,
    release: () => {
      if (held.isOpen) held.close();
    },
  };
}

function lockError(directory: string, cause: unknown): SluiceError {
  if ((cause as { errcode?: number }).errcode === SQLITE_BUSY) {
    return new SluiceError('ledger_locked', `another process holds ${directory}`, {
      hint: 'Stop the other gateway, or give this one a data directory of its own.',
      cause,
    });
  }
  return new SluiceError('ledger_unavailable', `cannot lock ${directory}`, {
    detail: (cause as Error).message,
    cause,
  });
}
