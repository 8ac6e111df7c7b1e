/** Where a session stands: what policies may look at that changes while the session lasts. Pure types. */

/** What budgets count. */
export type BudgetCount = 'statements' | 'rows' | 'bytes' | 'unmasked' | 'written' | 'held';

export const BUDGET_COUNTS: readonly BudgetCount[] = [
  'statements',
  'rows',
  'bytes',
  'unmasked',
  'written',
  'held',
];

export interface Standing {
  /**
   * What untrusted text the session has met, sorted: `schema.relation.column`, or `*` for something that nobody could see through.
   * Never shrinks.
   */
  readonly taints: readonly string[];
  /** What was found out of the ordinary of the principal lately: rules, sorted. Comes and goes. */
  readonly deviations: readonly string[];
  /** The least that is left of any budget of this kind that applies; undefined if none does. */
  left(count: BudgetCount): number | undefined;
}

/** Of a session that has done nothing yet, under no budget. */
export const CLEAN_STANDING: Standing = { taints: [], deviations: [], left: () => undefined };
