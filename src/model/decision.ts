/** Decisions. Pure types. */
import type { ColumnMask, Label } from './labels.ts';

export type Outcome = 'allow' | 'hold' | 'deny';

/** So many distinct people, each a member of any of the groups. */
export interface Seats {
  readonly groups: readonly string[];
  /** At least 1. */
  readonly count: number;
}

/** Times of the week, such as Monday to Friday from nine to five in Berlin. */
export interface TimeWindow {
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  readonly days: readonly number[];
  /** Minutes since midnight, [from, to). Over midnight if `to` is not larger than `from`; the day is that of `from`. */
  readonly from: number;
  readonly to: number;
  /** A name of the IANA time zone database, or `UTC`. */
  readonly zone: string;
}

/** Who must agree before a held statement may run; from the `@approval` annotations of the determining policies. */
export interface ApprovalRule {
  /** Groups whose members may answer. Empty: nobody can, which is a deny. */
  readonly groups: readonly string[];
  /** How many distinct people must approve; at least 1. */
  readonly quorum: number;
  /** How long the request waits for an answer. */
  readonly expiresMs: number;
  /** Present if not just any `quorum` members of `groups` will do: all seats must be taken, each person takes one. */
  readonly seats?: readonly Seats[];
  /** How long an approval is good for, from the moment it is complete; without it, as long as the request. */
  readonly validMs?: number;
  /** Nobody approves before somebody has seen an exact preview. */
  readonly previewRequired?: true;
  /** People on whose behalf it is asked may answer, too. */
  readonly behalfMayAnswer?: true;
  /** Answers count, and what was approved may run, only while all of these windows are open. */
  readonly answerWithin?: readonly TimeWindow[];
  readonly runWithin?: readonly TimeWindow[];
  /** If nothing is settled by then, members of these groups may answer in anybody's place. */
  readonly escalation?: { readonly groups: readonly string[]; readonly afterMs: number };
}

/** How many rows, and by which policy. */
export interface RowLimit {
  readonly rows: number;
  readonly policy: string;
}

/** A statement that returns or changes more rows is stopped, and what it changed rolled back. */
export interface RowLimits {
  readonly returned?: RowLimit;
  readonly written?: RowLimit;
}

/** One policy that took part, as `id@version` would name it. */
export interface PolicyRef {
  readonly id: string;
  readonly effect: 'permit' | 'forbid' | 'builtin';
}

/**
 * What was decided and why. `policies` holds the determining ones: for `allow` the permits, for `deny` and `hold` the
 * forbids, or empty for a default deny (nothing permitted it), and then `reason` says so.
 */
export interface Decision {
  readonly outcome: Outcome;
  readonly policies: readonly PolicyRef[];
  /** The version of the whole policy set: hex SHA-256 over its sources, the first 16 digits. */
  readonly policyVersion: string;
  /** One sentence for people. Never holds a value of the database. */
  readonly reason: string;
  /** The nearest thing that would be allowed. */
  readonly hint?: string;
  /** Columns the statement reaches that must be masked. Holds for `allow` and `hold`. */
  readonly masks: readonly ColumnMask[];
  /** Labels the statement reads and the principal may see. */
  readonly unmasked: readonly Label[];
  /** Present if policies limit how many rows it may touch. Holds for `allow` and `hold`. */
  readonly rowLimits?: RowLimits;
  /** Present exactly if `outcome` is `hold`. */
  readonly approval?: ApprovalRule;
}
