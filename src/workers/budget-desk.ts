/** Looking at budgets: who may, and what there is to see. */
import type { BudgetDesk } from '../api/budget-routes.ts';
import { holds } from '../budgets/account.ts';
import { requirePrincipal } from '../identity/actor-chain.ts';
import type { Budget, BudgetStatus } from '../model/budget.ts';
import type { Principal } from '../model/principal.ts';
import type { SharedServices } from './shared-services.ts';

export function createBudgetDesk({ config, budgetBook, policies }: SharedServices): BudgetDesk {
  return {
    list: async (principal) => {
      const known = principal === undefined ? undefined : requirePrincipal(principal, config.principals);
      const used = await budgetBook.list();
      if (known === undefined) return used;
      return [...config.budgets.values()].flatMap((budget) => sharesOf(known, budget, used));
    },
    seesAll: (actor) => {
      const now = new Date();
      const databases = [...config.databases.values()];
      return databases.every((database) => policies.current().administers(actor, database, { now }));
    },
  };
}

function sharesOf(who: Principal, budget: Budget, used: readonly BudgetStatus[]): readonly BudgetStatus[] {
  if (!holds(budget, who)) return [];
  const shares = used.filter(
    ({ budget: name, principal }) =>
      name === budget.name && (principal === undefined || principal === who.id),
  );
  if (shares.length > 0) return shares;
  const { name, count, limit, windowMs, per } = budget;
  const subject = per.includes('principal') ? { principal: who.id } : {};
  return [{ budget: name, count, limit, windowMs, ...subject, used: 0, left: limit }];
}
