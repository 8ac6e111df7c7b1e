/** Budgets: how much of something may be used within some time. Pure types. */
import type { ApprovalRule } from './decision.ts';
import type { Label } from './labels.ts';
import type { PrincipalKind } from './principal.ts';
import type { BudgetCount } from './standing.ts';

/** What has a budget of its own. */
export type BudgetScope = 'principal' | 'session' | 'database' | 'label';

/** Whom a budget counts: whoever one of these names; everybody if all are empty. */
export interface BudgetHolders {
  readonly kinds: readonly PrincipalKind[];
  readonly groups: readonly string[];
  readonly principals: readonly string[];
}

/** One entry of `budgets`. */
export interface Budget {
  readonly name: string;
  readonly for: BudgetHolders;
  /** Empty for all. */
  readonly databases: readonly string[];
  readonly count: BudgetCount;
  /** Of values read unmasked, those of these labels; empty for all. */
  readonly labels: readonly Label[];
  readonly limit: number;
  /** No period of this length sees more than `limit`. */
  readonly windowMs: number;
  readonly per: readonly BudgetScope[];
  /** What somebody does on behalf of others counts for them as well. */
  readonly onBehalfOf: boolean;
  /** What happens to a statement when nothing is left: it is refused, or it needs this approval. */
  readonly exceeded: 'deny' | ApprovalRule;
}

/** Whose share of a budget: as far as the budget tells them apart. */
export interface BudgetSubject {
  readonly principal?: string;
  readonly session?: string;
  readonly database?: string;
  readonly label?: Label;
}

/** A share of a budget as it is now. */
export interface BudgetStatus extends BudgetSubject {
  readonly budget: string;
  readonly count: BudgetCount;
  readonly limit: number;
  readonly windowMs: number;
  /** What was used within the window; statements that were approved may have used more than the limit. */
  readonly used: number;
  readonly left: number;
  /** When more is left again, in milliseconds since the epoch; absent if nothing is used. */
  readonly refillsAt?: number;
}
