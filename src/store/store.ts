/**
 * What must be found again: tokens, approval requests and what is to be sent about them, labels that were learned. The interface is asynchronous and says nothing of SQL, so that a
 * shared database can be a second implementation; the one that ships is embedded and needs nothing installed.
 *
 * Never on a statement's path, and no record: what happened, and in which order, the ledger says.
 */
import type { TokenStore } from '../identity/token.ts';
import type { ApprovalRequest, ApprovalState } from '../model/approval.ts';
import type { Grant } from '../model/grant.ts';
import { SqliteApprovals } from './sqlite-approvals.ts';
import { SqliteBudgets } from './sqlite-budgets.ts';
import { openSqlite } from './sqlite-database.ts';
import { SqliteGrants } from './sqlite-grants.ts';
import { SqliteLabels } from './sqlite-labels.ts';
import { SqliteNotices } from './sqlite-notices.ts';
import { SqliteTaints } from './sqlite-taints.ts';
import { SqliteTokens } from './sqlite-tokens.ts';

/** An approval request as stored. */
export interface ApprovalRecord {
  readonly request: ApprovalRequest;
  /** Counts changes, from 0; a change names the one it is based on. */
  readonly revision: number;
  /** Hex digest of what is asked, whatever the objects are: what stays the same when an object changes. */
  readonly subjectDigest: string;
}

/** A message that is to be sent because a request was made or changed. */
export interface NewNotice {
  /** To whom: the name of a receiver. */
  readonly target: string;
  /** Unique with `target`; the same step never makes two. */
  readonly id: string;
  readonly request: string;
  readonly body: string;
}

/** A message that waits to be sent. */
export interface Notice extends NewNotice {
  /** How often it was tried. */
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Messages that wait to be sent, in order. They are put in with the approvals; every change is durable when its promise resolves. */
export interface NoticeStore {
  /**
   * Takes up to `limit` messages that are due, oldest first and of each request only the oldest, and puts them off until
   * `nextAt`: no other process takes them before.
   */
  take(target: string, now: number, nextAt: number, limit: number): Promise<readonly Notice[]>;
  /** Puts a message off after a failed attempt. */
  putOff(target: string, id: string, nextAt: number): Promise<void>;
  remove(target: string, id: string): Promise<void>;
  /** Where the message about a request stands at a receiver, in the receiver's words; undefined if there is none. */
  place(target: string, request: string): Promise<string | undefined>;
  /** Keeps it, for as long as the request is kept. */
  keepPlace(target: string, request: string, place: string): Promise<void>;
  /** When the next one is due; undefined if none waits. */
  nextDue(target: string): Promise<number | undefined>;
  count(target: string): Promise<number>;
  /** Removes the oldest beyond `limit`; returns how many. */
  trim(target: string, limit: number): Promise<number>;
  /** Forgets those of any other target, and where they stand; returns how many messages. */
  keepOnly(targets: readonly string[]): Promise<number>;
}

/** Which requests to list. */
export interface ApprovalFilter {
  readonly state?: ApprovalState;
  /** At most this many, the newest first. */
  readonly limit: number;
}

/** Keeps approval requests. Every promise of a change resolves when the change is durable. */
export interface ApprovalStore {
  /** Both or neither are kept. @throws {SluiceError} conflict if the id exists */
  insert(record: ApprovalRecord, notices?: readonly NewNotice[]): Promise<void>;
  byId(id: string): Promise<ApprovalRecord | undefined>;
  /**
   * Replaces the request if it is still at `record.revision - 1`; at most one of several competing changes wins.
   * With it, the notices are kept; without it, none.
   * @returns whether this one did.
   */
  replace(record: ApprovalRecord, notices?: readonly NewNotice[]): Promise<boolean>;
  list(filter: ApprovalFilter): Promise<readonly ApprovalRecord[]>;
  /** Those of one principal, at most `limit`, the newest first. */
  ofPrincipal(principal: string, limit: number): Promise<readonly ApprovalRecord[]>;
  /** Those in one of two states that ask the same, whatever the objects, oldest first. */
  bySubject(subjectDigest: string, state: 'pending' | 'approved'): Promise<readonly ApprovalRecord[]>;
  /** All that are pending or approved, oldest first. */
  unfinished(): Promise<readonly ApprovalRecord[]>;
  /** How many are pending, of everyone and of `principal`. */
  countPending(principal: string): Promise<{ readonly all: number; readonly own: number }>;
  /** Forgets finished requests made before `before`; returns how many. */
  prune(before: number): Promise<number>;
}

/** Who has met what untrusted text, and until when that counts, in milliseconds since the epoch. */
export interface StoredTaint {
  readonly reader: string;
  readonly taints: readonly string[];
  readonly until: number;
}

/** Every promise of a change resolves when the change is durable. */
export interface TaintStore {
  /** In place of what was kept of the same reader. */
  keep(taint: StoredTaint): Promise<void>;
  all(): Promise<readonly StoredTaint[]>;
  /** Forgets what does not count after `before`; returns how many. */
  prune(before: number): Promise<number>;
}

/** A grant as stored. */
export interface GrantRecord {
  readonly grant: Grant;
  /** Counts changes, from 0; a change names the one it is based on. */
  readonly revision: number;
  /** Hex digest of what is granted to whom, by which it is found. */
  readonly subjectDigest: string;
}

/** Keeps grants. Every promise of a change resolves when the change is durable. */
export interface GrantStore {
  /** @throws {SluiceError} conflict if the id exists */
  insert(record: GrantRecord): Promise<void>;
  byId(id: string): Promise<GrantRecord | undefined>;
  /** Replaces it if it is still at `record.revision - 1`; returns whether it was. */
  replace(record: GrantRecord): Promise<boolean>;
  /** Those that are active, oldest first. */
  activeBySubject(subjectDigest: string): Promise<readonly GrantRecord[]>;
  active(): Promise<readonly GrantRecord[]>;
  /** At most `limit`, the newest first. */
  list(limit: number): Promise<readonly GrantRecord[]>;
  /** Forgets those that have ended and were given before `before`; returns how many. */
  prune(before: number): Promise<number>;
}

/** What is remembered of a database's columns. What it says is for those who keep it to know. */
export interface StoredLabel {
  readonly database: string;
  /** Unique in the database. */
  readonly key: string;
  /** JSON. */
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Keeps labels that no configuration names. Every change is durable when its promise resolves. */
export interface LabelStore {
  all(): Promise<readonly StoredLabel[]>;
  /** All or none. One that is there is replaced, and keeps its time. */
  put(labels: readonly StoredLabel[]): Promise<void>;
  remove(database: string, keys: readonly string[]): Promise<void>;
}

/** What is used of one share of a budget. */
export interface StoredUsage {
  readonly key: string;
  /** When, in milliseconds since the epoch, and how much. */
  readonly slots: readonly { readonly at: number; readonly amount: number }[];
  /** What is handed out, and of which nobody has said whether it was spent. */
  readonly reserved: number;
}

/** Every promise of a change resolves when the change is durable. */
export interface BudgetStore {
  /** All or none, each in place of what was kept of the same share. */
  keep(usages: readonly StoredUsage[]): Promise<void>;
  all(): Promise<readonly StoredUsage[]>;
  /** These, and no others. */
  replaceAll(usages: readonly StoredUsage[]): Promise<void>;
}

export interface Store {
  readonly labels: LabelStore;
  readonly tokens: TokenStore;
  readonly approvals: ApprovalStore;
  readonly grants: GrantStore;
  readonly notices: NoticeStore;
  readonly taints: TaintStore;
  readonly budgets: BudgetStore;
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
    approvals: new SqliteApprovals(sqlite, options.now ?? Date.now),
    grants: new SqliteGrants(sqlite),
    notices: new SqliteNotices(sqlite),
    taints: new SqliteTaints(sqlite),
    labels: new SqliteLabels(sqlite),
    budgets: new SqliteBudgets(sqlite),
    close: async () => sqlite.close(),
  };
}
