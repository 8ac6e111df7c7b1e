/** Statements whose changes somebody has to count before they count, because a budget of rows written applies. */
import type { RowLimit } from '../model/decision.ts';
import type { Action } from '../model/facts.ts';
import type { Plan } from './plan.ts';

const CHANGES: ReadonlySet<Action> = new Set(['Insert', 'Update', 'Delete']);
/** How many there may be is known when they are. */
const ANY_NUMBER: RowLimit = { rows: Number.POSITIVE_INFINITY, policy: 'sluice:budgets' };

/** The same plan; what changes rows runs as under a limit. */
export function countingWrites(plan: Plan): Plan {
  const statements = plan.statements.map((statement) => {
    const { decision, facts } = statement;
    const changes = facts.actions.some((action) => CHANGES.has(action));
    if (!changes || decision.rowLimits?.written !== undefined) return statement;
    return {
      ...statement,
      decision: { ...decision, rowLimits: { ...decision.rowLimits, written: ANY_NUMBER } },
    };
  });
  return { ...plan, statements };
}
