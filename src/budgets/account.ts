/** Which shares of which budgets a session draws on. Pure. */
import type { Budget, BudgetScope, BudgetSubject } from '../model/budget.ts';
import type { Actor, Principal } from '../model/principal.ts';

/** A share of a budget. */
export interface Account {
  readonly budget: Budget;
  readonly subject: BudgetSubject;
  /** One text for one share. */
  readonly key: string;
}

/** Where a session belongs. */
export interface BudgetSession {
  readonly id: string;
  readonly actor: Actor;
  readonly database: string;
}

const SCOPES: readonly BudgetScope[] = ['principal', 'session', 'database', 'label'];

/** The shares that a session draws on, each once. */
export function accountsOf(budgets: readonly Budget[], session: BudgetSession): readonly Account[] {
  const { actor, database } = session;
  const found = new Map<string, Account>();
  for (const budget of budgets) {
    if (budget.databases.length > 0 && !budget.databases.includes(database)) continue;
    const chain = [actor.principal, ...(budget.onBehalfOf ? actor.onBehalfOf : [])];
    for (const principal of chain.filter((one) => holds(budget, one))) {
      const labels = budget.per.includes('label') ? budget.labels : [undefined];
      for (const label of labels) {
        const account = accountOf(budget, { principal: principal.id, session: session.id, database, label });
        found.set(account.key, account);
      }
    }
  }
  return [...found.values()];
}

export function holds({ for: { kinds, groups, principals } }: Budget, principal: Principal): boolean {
  if (kinds.length + groups.length + principals.length === 0) return true;
  return (
    kinds.includes(principal.kind) ||
    principals.includes(principal.id) ||
    principal.groups.some((group) => groups.includes(group))
  );
}

type Everything = { readonly [scope in BudgetScope]: string | undefined };

function accountOf(budget: Budget, all: Everything): Account {
  const told = budget.per.flatMap((scope) =>
    all[scope] === undefined ? [] : [[scope, all[scope]] as const],
  );
  const subject: BudgetSubject = Object.fromEntries(told);
  return { budget, subject, key: keyOf(budget.name, subject) };
}

function keyOf(name: string, subject: BudgetSubject): string {
  return JSON.stringify([name, ...SCOPES.map((scope) => subject[scope] ?? null)]);
}

/** The share of that key; undefined if it is none of these budgets. */
export function accountOfKey(budgets: ReadonlyMap<string, Budget>, key: string): Account | undefined {
  const parts = parsed(key);
  const [name, ...values] = parts ?? [];
  const budget = name === undefined || name === null ? undefined : budgets.get(name);
  if (budget === undefined || values.length !== SCOPES.length) return undefined;
  const told = SCOPES.flatMap((scope, at) => {
    const value = values[at];
    return value === null || value === undefined ? [] : [[scope, value] as const];
  });
  const subject: BudgetSubject = Object.fromEntries(told);
  // A budget that is counted by something else since has other shares.
  const scopes = told.map(([scope]) => scope);
  const asked = SCOPES.filter((scope) => budget.per.includes(scope));
  return JSON.stringify(scopes) === JSON.stringify(asked) ? { budget, subject, key } : undefined;
}

function parsed(key: string): readonly (string | null)[] | undefined {
  try {
    const parts = JSON.parse(key) as unknown;
    const isTexts = (one: unknown) => one === null || typeof one === 'string';
    return Array.isArray(parts) && parts.every(isTexts) ? parts : undefined;
  } catch {
    return undefined;
  }
}
