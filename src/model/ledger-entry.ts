/**
 * What the ledger holds. Pure types. An entry is canonical JSON (RFC 8785); `seq`, `at` and `prev` are added by the ledger.
 *
 * `statement` and `outcome` are separate: a statement whose outcome is missing was in flight when the process ended.
 */
import type { Action } from './facts.ts';

export type LedgerEvent =
  | {
      readonly kind: 'log-opened';
      /** Identifies this ledger; random. */
      readonly log: string;
      readonly version: string;
    }
  | {
      readonly kind: 'log-recovered';
      /** Bytes of an unfinished write that a crash left at the end and that were cut off. */
      readonly tornBytes: number;
    }
  | {
      readonly kind: 'session-opened';
      readonly session: string;
      readonly principal: string;
      readonly principalKind: string;
      readonly onBehalfOf: readonly string[];
      readonly purpose?: string;
      readonly token?: string;
      readonly database: string;
      readonly environment: string;
      readonly client: string;
      readonly application: string;
      readonly tls: boolean;
      /** SHA-256 of the client's certificate, in hex, and its subject (RFC 4514), if it identified the client. */
      readonly certificate?: string;
      readonly certificateSubject?: string;
    }
  | {
      readonly kind: 'session-closed';
      readonly session: string;
      readonly reason: string;
      readonly statements: number;
    }
  | {
      readonly kind: 'authentication-failed';
      readonly user: string;
      readonly database: string;
      readonly client: string;
      readonly code: string;
    }
  | {
      readonly kind: 'statement';
      readonly session: string;
      /** Unique within the session, counted from 1. */
      readonly statement: number;
      readonly text: string;
      readonly parameters?: readonly (string | null)[];
      readonly command: string;
      readonly actions: readonly Action[];
      /** `action relation(column,…)` of each relation use, as `RelationUse` has them. */
      readonly relations: readonly string[];
      readonly decision: 'allow' | 'hold' | 'deny';
      readonly policies: readonly string[];
      readonly policyVersion: string;
      readonly reason?: string;
      /** `relation.column:label` of each column that was read and is masked. */
      readonly masked?: readonly string[];
      readonly approval?: string;
    }
  | {
      readonly kind: 'outcome';
      readonly session: string;
      readonly statement: number;
      /** The command tag as the database sent it, or absent after an error. */
      readonly tag?: string;
      readonly rows: number;
      readonly bytes: number;
      readonly sqlstate?: string;
      readonly durationUs: number;
    }
  | {
      readonly kind: 'approval';
      readonly request: string;
      readonly step:
        | 'requested'
        | 'vote'
        | 'approved'
        | 'used'
        | 'denied'
        | 'expired'
        | 'drifted'
        | 'cancelled';
      readonly by?: string;
      /** Present exactly if `step` is `vote`. */
      readonly verdict?: 'approve' | 'deny';
      readonly reason?: string;
      readonly binding?: string;
      readonly session?: string;
    }
  | { readonly kind: 'policy-loaded'; readonly version: string; readonly files: readonly string[] }
  | { readonly kind: 'policy-rejected'; readonly files: readonly string[]; readonly error: string }
  | {
      readonly kind: 'token-issued';
      readonly token: string;
      readonly principal: string;
      readonly onBehalfOf: readonly string[];
      readonly purpose?: string;
      readonly expiresAt: number;
    }
  | { readonly kind: 'token-revoked'; readonly token: string }
  | {
      /** Somebody had the session ended; its `session-closed` follows. */
      readonly kind: 'session-killed';
      readonly session: string;
      readonly door: 'admin-socket' | 'http';
      /** The principal who asked; absent for whoever may open the admin socket. */
      readonly by?: string;
      readonly reason?: string;
    };

/** An entry as it stands in the ledger. */
export interface LedgerEntry {
  /** The append lane that took it: one a process. */
  readonly lane: number;
  /** 0-based position within the lane; without gaps. */
  readonly seq: number;
  /** Milliseconds since the epoch; never less than the entry before in its lane. */
  readonly at: number;
  readonly event: LedgerEvent;
}
