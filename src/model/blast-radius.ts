/** How far a statement reaches, as far as that can be known before it runs. Pure types. */
import type { Action, LockUse, RelationId } from './facts.ts';

/** What the database's planner expects of one statement. Absent where it does not say. */
export interface Estimate {
  /** Rows it changes, if it changes any; else rows it returns. */
  readonly rows?: number;
  /** 0 to 100: of the rows that the table has which it changes most of; for a read, of the largest table that it reads. */
  readonly sharePercent?: number;
  /** Those whose rows it changes itself, with the rows they have. */
  readonly tables: readonly EstimatedTable[];
}

export interface EstimatedTable {
  readonly relation: RelationId;
  readonly rows: number;
  /** Absent if nobody knows. */
  readonly of?: number;
}

/** What a change sets off in a table that the statement does not name. */
export interface Reach {
  readonly relation: RelationId;
  readonly action: Action;
}

/** One statement of a text. */
export interface BlastRadius {
  /** The whole in words, for people: one or more sentences. Holds no value of the database. */
  readonly sentence: string;
  /** Absent if nothing could be estimated. */
  readonly estimate?: Estimate;
  /** By foreign keys. */
  readonly cascades: readonly Reach[];
  /** As phrases: `trigger t on public.orders`. */
  readonly triggers: readonly string[];
  readonly locks: readonly LockUse[];
  /** Indexes of the tables it changes; absent if that is not known. */
  readonly indexes?: number;
  /** Servers and subscriptions that follow those changes; absent if that is not known. */
  readonly replicas?: number;
}
