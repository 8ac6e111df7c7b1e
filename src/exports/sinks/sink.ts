/** A place that entries are handed on to, and what it gets. */
import type { LedgerEntry } from '../../model/ledger-entry.ts';

/** What the ledger says of the session an entry belongs to. */
export interface SessionContext {
  readonly principal: string;
  readonly principalKind: string;
  readonly onBehalfOf: readonly string[];
  readonly purpose?: string;
  readonly database: string;
  readonly environment: string;
  /** `ip:port`, or what else the client is known by. */
  readonly client: string;
  readonly application: string;
}

/** What an outcome takes over from its statement. */
export interface AskedStatement {
  readonly command: string;
  readonly decision: 'allow' | 'hold' | 'deny';
  readonly relations: readonly string[];
}

/** An entry with what other entries say about it; undefined where that is not known. */
export interface KnownEntry {
  readonly entry: LedgerEntry;
  readonly context: SessionContext | undefined;
  readonly statement: AskedStatement | undefined;
}

export interface ExportItem extends KnownEntry {
  /** As the format has it; plain data of JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The same as text, in one line. */
  readonly json: string;
}

export interface SinkLimits {
  /** What one `send` takes. A single item may be larger. */
  readonly maxItems: number;
  readonly maxBytes: number;
  /** How long items may be gathered before they are sent. */
  readonly lingerMs: number;
  /** How long after `send` the connection has to hold until what was sent counts as arrived; for receivers that confirm nothing. */
  readonly settleMs: number;
}

export interface Sink {
  readonly limits: SinkLimits;
  /**
   * Hands items on, in order; one call at a time. They are where they belong when it resolves (see `settleMs`). May be called again with
   * the same ones.
   * @throws {RejectedError} if the receiver will never take them; anything else is tried again. Messages hold no secret.
   */
  send(items: readonly ExportItem[]): Promise<void>;
  /** Whether the connection has broken since `send`: then what was not settled may be lost. Asking makes room for a new one. */
  check?(): Error | undefined;
  /** Ends it. Resolves with whether all that was sent is known to have arrived. Never throws. */
  close(): Promise<boolean>;
}

/** The receiver refuses what it was sent, and would again. */
export class RejectedError extends Error {}
