/** Where one session stands. One object as long as the session lasts; what it says grows. */
import type { BudgetCount, Standing } from '../model/standing.ts';

export class SessionStanding implements Standing {
  #taints: readonly string[] = [];

  get taints(): readonly string[] {
    return this.#taints;
  }

  left(_count: BudgetCount): number | undefined {
    return undefined;
  }

  /** Takes in what untrusted text was met, here or elsewhere; returns what of it was news. */
  meet(taints: readonly string[]): readonly string[] {
    const news = taints.filter((one) => !this.#taints.includes(one));
    if (news.length > 0) this.#taints = [...this.#taints, ...news].sort();
    return news;
  }
}
