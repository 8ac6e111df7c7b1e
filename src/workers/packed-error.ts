/** Errors on their way between processes: everything a client may be told, and no cause, which is logged where it happened. */
import { ERROR_TABLE, type ErrorCode } from '../errors/error-table.ts';
import { SluiceError } from '../errors/sluice-error.ts';

export interface PackedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly sqlstate: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly position: number | undefined;
  readonly policies: readonly string[];
}

export function packError({
  code,
  message,
  sqlstate,
  detail,
  hint,
  position,
  policies,
}: SluiceError): PackedError {
  return { code, message, sqlstate, detail, hint, position, policies };
}

/** Total: what is no packed error becomes `internal`. */
export function unpackError(packed: unknown): SluiceError {
  const { code, message, sqlstate, detail, hint, position, policies } = (packed ??
    {}) as Partial<PackedError>;
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_TABLE, code) || typeof message !== 'string') {
    return new SluiceError('internal', 'internal error in the gateway');
  }
  return new SluiceError(code, message, {
    ...(typeof sqlstate === 'string' && /^[0-9A-Z]{5}$/.test(sqlstate) ? { sqlstate } : {}),
    ...(typeof detail === 'string' ? { detail } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(typeof position === 'number' ? { position } : {}),
    ...(Array.isArray(policies) ? { policies } : {}),
  });
}
