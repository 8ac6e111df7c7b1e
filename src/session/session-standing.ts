/** Where one session stands. One object as long as the session lasts; what it says grows. */
import type { SessionBudgets } from '../budgets/session-budgets.ts';
import type { BudgetCount, Standing } from '../model/standing.ts';

export class SessionStanding implements Standing {
  readonly #budgets: SessionBudgets | undefined;
  readonly #deviations: () => readonly string[];
  #taints: readonly string[] = [];

  /** @param deviations of the session's principal, whenever asked */
  constructor(budgets: SessionBudgets | undefined, deviations: () => readonly string[]) {
    this.#budgets = budgets;
    this.#deviations = deviations;
  }

  get taints(): readonly string[] {
    return this.#taints;
  }

  get deviations(): readonly string[] {
    return this.#deviations();
  }

  left(count: BudgetCount): number | undefined {
    return this.#budgets?.left(count);
  }

  /** Takes in what untrusted text was met, here or elsewhere; returns what of it was news. */
  meet(taints: readonly string[]): readonly string[] {
    const news = taints.filter((one) => !this.#taints.includes(one));
    if (news.length > 0) this.#taints = [...this.#taints, ...news].sort();
    return news;
  }

  /** Forgets what was met. False if there was nothing. */
  clear(): boolean {
    const had = this.#taints.length > 0;
    this.#taints = [];
    return had;
  }
}
