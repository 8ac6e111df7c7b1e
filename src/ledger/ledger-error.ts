/** What a failed file system call means for those who wait for the ledger. */
import { SluiceError } from '../errors/sluice-error.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A `SluiceError` as it is; anything else as ledger_full or ledger_unavailable with the system's code as its detail. */
export function ledgerError(cause: unknown, what: string): SluiceError {
  if (cause instanceof SluiceError) return cause;
  const code = (cause as { code?: unknown } | null)?.code;
  const detail = typeof code === 'string' ? { detail: code } : {};
  if (typeof code === 'string' && FULL.has(code)) {
    return new SluiceError('ledger_full', `${what}: the disk is full`, { ...detail, cause });
  }
  return new SluiceError('ledger_unavailable', what, { ...detail, cause });
}
