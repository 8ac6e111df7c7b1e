/**
 * What must be found again: tokens and approval requests. The interface is asynchronous and says nothing of SQL, so that a
 * shared database can be a second implementation; the one that ships is embedded and needs nothing installed.
 *
 * Never on a statement's path, and no record: what happened, and in which order, the ledger says.
 */
import type { TokenStore } from '../identity/token.ts';
import type { ApprovalRequest, ApprovalState } from '../model/approval.ts';
import { SqliteApprovals } from './sqlite-approvals.ts';
import { openSqlite } from './sqlite-database.ts';
import { SqliteTokens } from './sqlite-tokens.ts';

/** An approval request as stored. */
export interface ApprovalRecord {
  readonly request: ApprovalRequest;
  /** Counts changes, from 0; a change names the one it is based on. */
  readonly revision: number;
  /** Hex digest of what is asked, whatever the objects are: what stays the same when an object changes. */
  readonly subjectDigest: string;
}

/** Which requests to list. */
export interface ApprovalFilter {
  readonly state?: ApprovalState;
  /** At most this many, the newest first. */
  readonly limit: number;
}

/** Keeps approval requests. Every promise of a change resolves when the change is durable. */
export interface ApprovalStore {
  /** @throws {SluiceError} conflict if the id exists */
  insert(record: ApprovalRecord): Promise<void>;
  byId(id: string): Promise<ApprovalRecord | undefined>;
  /**
   * Replaces the request if it is still at `record.revision - 1`; at most one of several competing changes wins.
   * @returns whether this one did.
   */
  replace(record: ApprovalRecord): Promise<boolean>;
  list(filter: ApprovalFilter): Promise<readonly ApprovalRecord[]>;
  /** Those in one of two states that ask the same, whatever the objects, oldest first. */
  bySubject(subjectDigest: string, state: 'pending' | 'approved'): Promise<readonly ApprovalRecord[]>;
  /** All that are pending or approved, oldest first. */
  unfinished(): Promise<readonly ApprovalRecord[]>;
  /** How many are pending, of everyone and of `principal`. */
  countPending(principal: string): Promise<{ readonly all: number; readonly own: number }>;
  /** Forgets finished requests made before `before`; returns how many. */
  prune(before: number): Promise<number>;
}

export interface Store {
  readonly tokens: TokenStore;
  readonly approvals: ApprovalStore;
  /** Nothing may be asked afterwards. Harmless if repeated. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How long to wait for another process that writes. Default 2000. */
  readonly busyTimeoutMs?: number;
}

/**
 * Opens the embedded store in the file `path`, or makes it (0600). Several processes may have it open.
 * @throws {SluiceError} store_unavailable
 */
export async function openStore(path: string, options: StoreOptions = {}): Promise<Store> {
  const sqlite = openSqlite(path, options.busyTimeoutMs ?? 2000, (options.now ?? Date.now)());
  return {
    tokens: new SqliteTokens(sqlite),
    approvals: new SqliteApprovals(sqlite),
    close: async () => sqlite.close(),
  };
}
