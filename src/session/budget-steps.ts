/** What a plan takes of its session's budgets before it runs, and what becomes of it if there is not enough. */
import { budgetError, budgetPolicy, type Excess, limitText } from '../budgets/excess.ts';
import type { ParameterValue } from '../model/session.ts';
import { countingWrites } from './counted-writes.ts';
import type { Plan } from './plan.ts';
import type { Session } from './session.ts';
import { held, refused } from './statement-record.ts';

/**
 * Takes what it uses by running at all.
 * @returns the plan as it may run now: as it was, held until somebody approves, or refused
 * @throws {SluiceError} if the book of budgets cannot be asked
 */
export function takeBudgets(session: Session, plan: Plan): Plan | Promise<Plan> {
  const { budgets } = session;
  if (budgets === undefined) return plan;
  const used = plan.statements.map(({ facts, decision }) => ({ facts, unmasked: decision.unmasked }));
  const excess = budgets.take(used);
  if (excess instanceof Promise) return excess.then((found) => afterTaking(session, plan, found));
  return afterTaking(session, plan, excess);
}

function afterTaking(session: Session, plan: Plan, excess: Excess | undefined): Plan {
  if (excess === undefined) return boundWrites(session, plan);
  session.exceeded(excess);
  const { budget } = excess.account;
  const policy = budgetPolicy(budget);
  return budget.exceeded === 'deny'
    ? refused(plan, budgetError(excess), policy)
    : held(boundWrites(session, plan), budget.exceeded, policy, limitText(excess.account));
}

/** What it writes is counted before it is kept, if a budget counts that. */
export function boundWrites({ budgets }: Session, plan: Plan): Plan {
  return budgets?.countsWrites === true && plan.writes ? countingWrites(plan) : plan;
}

/** A request for an approval is about to be made. @throws {SluiceError} budget_exceeded; the plan is recorded as refused then */
export async function takeRequest(
  session: Session,
  plan: Plan,
  parameters: readonly ParameterValue[],
): Promise<void> {
  const excess = await session.budgets?.takeRequest();
  if (excess === undefined) return;
  session.exceeded(excess);
  const error = budgetError(excess);
  session.refuse(refused(plan, error, budgetPolicy(excess.account.budget)), parameters, 'deny');
  throw error;
}
