/** A session and its statements. Pure types. */
import type { Database } from './database.ts';
import type { Actor } from './principal.ts';

/** What a session does when a statement is held: wait in the connection, or fail at once with a structured error. */
export type HoldMode = 'wait' | 'fail';

export interface SessionInfo {
  /** Unique over all time: 26 characters, sortable by start (ULID). */
  readonly id: string;
  readonly actor: Actor;
  readonly database: Database;
  readonly holdMode: HoldMode;
  /** `ip:port` of the client, or `unix`. */
  readonly clientAddress: string;
  /** What the client says of itself; untrusted text, cut to 64 characters. */
  readonly applicationName: string;
  /** Whether the client's connection is encrypted. */
  readonly tls: boolean;
  /** The certificate that the client showed, if it counted: SHA-256 in hex, and whom it names (RFC 4514). */
  readonly certificate?: { readonly fingerprint: string; readonly subject: string };
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** A parameter value as bound: text, `null`, or what is no text as `recorded-parameters.ts` says. */
export type ParameterValue = string | null;

/** `held` waits for an approval; `running` has been asked something and has not answered all of it. */
export type SessionState = 'idle' | 'idle in transaction' | 'running' | 'held';

/** A session as those see it who watch over sessions. Holds no values: neither literals, nor parameters, nor rows. */
export interface SessionStatus {
  readonly id: string;
  readonly principal: string;
  readonly onBehalfOf: readonly string[];
  readonly purpose?: string;
  readonly database: string;
  readonly clientAddress: string;
  readonly applicationName: string;
  readonly tls: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly state: SessionState;
  /** What it runs or is held with, its literals replaced by `?`; only its command if that cannot be done with certainty. */
  readonly statement?: string;
  /** Columns of untrusted text that it, or another of the same reader, has read, if any. */
  readonly taints?: readonly string[];
  /** Statements it has sent so far, refused ones included, and what was answered to them. */
  readonly statements: number;
  readonly rows: number;
  readonly bytes: number;
}
