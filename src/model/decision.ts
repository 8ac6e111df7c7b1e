/** Decisions. Pure types. */
import type { ColumnMask, Label } from './labels.ts';

export type Outcome = 'allow' | 'hold' | 'deny';

/** Who must agree before a held statement may run; from the `@approval` annotations of the determining policies. */
export interface ApprovalRule {
  /** Groups whose members may answer. Empty: nobody can, which is a deny. */
  readonly groups: readonly string[];
  /** How many distinct people must approve; at least 1. */
  readonly quorum: number;
  /** How long the request waits for an answer. */
  readonly expiresMs: number;
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
  /** Present exactly if `outcome` is `hold`. */
  readonly approval?: ApprovalRule;
}
