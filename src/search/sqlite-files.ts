/** Files of SQLite beside the ledger: they hold nothing that cannot be made anew, so what is damaged is removed. */
import { rmSync } from 'node:fs';
import { SluiceError } from '../errors/sluice-error.ts';

/** Removes the file and what SQLite keeps beside it. */
export function removeIndex(path: string): void {
  for (const ending of ['', '-wal', '-shm']) rmSync(`${path}${ending}`, { force: true });
}

const DAMAGE: readonly unknown[] = [11, 26];

/** True for what says that the file itself is wrong: SQLITE_CORRUPT, SQLITE_NOTADB, or tables that are not there. */
export function isDamage(cause: unknown): boolean {
  const { errcode, message, cause: inner } = cause as { errcode?: number; message?: string; cause?: unknown };
  if (errcode !== undefined)
    return DAMAGE.includes(errcode & 0xff) || /no such (table|column)/.test(message ?? '');
  return inner !== undefined && isDamage(inner);
}

/** @throws {SluiceError} store_unavailable for what SQLite refuses */
export function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    const { errstr, code } = cause as { errstr?: string; code?: string };
    const detail = errstr ?? code;
    throw new SluiceError('store_unavailable', 'the index cannot be used', {
      ...(detail === undefined ? {} : { detail }),
      cause,
    });
  }
}
