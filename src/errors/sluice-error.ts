/**
 * The one error type of Sluice. Every failure that a client, an operator or a test can see is an instance with a
 * stable `code`; the table beside it says which SQLSTATE and HTTP status that code becomes.
 *
 * It never carries a secret: messages, details and hints are shown to clients and written to logs as they are.
 */
import { ERROR_TABLE, type ErrorCode, type SqlState } from './error-table.ts';

/** What a `SluiceError` may carry besides its message. */
export interface SluiceErrorOptions {
  /** A second sentence with the particulars; shown to the client as DETAIL. */
  readonly detail?: string;
  /** The nearest thing that would be accepted; shown to the client as HINT. Defaults to the table's hint. */
  readonly hint?: string;
  /** 1-based character offset into the statement's text, as PostgreSQL's error field `P`. */
  readonly position?: number;
  /** The ids of the policies that decided, if a policy did. */
  readonly policies?: readonly string[];
  readonly cause?: unknown;
  /** Overrides the table's SQLSTATE; only for errors that quote the database's own parser or catalog. */
  readonly sqlstate?: string;
}

/** A failure with a stable code. `instanceof SluiceError` and `error.code` are the public way to tell them apart. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly sqlstate: SqlState;
  readonly httpStatus: number;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly position: number | undefined;
  readonly policies: readonly string[];

  constructor(code: ErrorCode, message: string, options: SluiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const row = ERROR_TABLE[code];
    this.name = 'SluiceError';
    this.code = code;
    this.sqlstate = options.sqlstate === undefined ? row.sqlstate : asSqlState(options.sqlstate);
    this.httpStatus = row.httpStatus;
    this.detail = options.detail;
    this.hint = options.hint ?? row.hint;
    this.position = options.position;
    this.policies = options.policies ?? [];
  }
}

/** Brands a five-character SQLSTATE. Throws TypeError for anything else: a wrong one is a programming error. */
export function asSqlState(text: string): SqlState {
  if (!/^[0-9A-Z]{5}$/.test(text)) throw new TypeError(`not a SQLSTATE: ${JSON.stringify(text)}`);
  return text as SqlState;
}

/** Wraps whatever was thrown: a `SluiceError` as it is, anything else as `internal` without its text. */
export function asSluiceError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  return new SluiceError('internal', 'internal error in the gateway', { cause: thrown });
}
