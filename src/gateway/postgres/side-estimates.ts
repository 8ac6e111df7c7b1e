/** Estimates of statements that no session has sent: for whoever checks them. */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Estimate } from '../../model/blast-radius.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import { runnablePart } from '../../session/plan-text.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import {
  estimateIn,
  estimateQuestion,
  plannedRows,
  sizedRelations,
  sizeQuestion,
} from '../../sql/postgres/row-estimates.ts';
import { mayRunWhenPlanned } from './plan-use.ts';
import type { AskAside, SideConnection } from './side-connection.ts';

/** Of one text: migrations can be long. */
const MAX_STATEMENTS = 50;

/** One a statement, undefined where nobody can say. Never rejects. */
export async function estimatesAside(
  side: SideConnection,
  plan: Plan,
  catalog: CatalogSnapshot,
  searchPath: readonly string[],
): Promise<readonly (Estimate | undefined)[]> {
  const estimates: (Estimate | undefined)[] = [];
  for (const statement of plan.statements) {
    const wanted = estimates.length < MAX_STATEMENTS && statement.decision.outcome !== 'deny';
    estimates.push(wanted ? await estimateAside(side, plan, statement, catalog, searchPath) : undefined);
  }
  return estimates;
}

async function estimateAside(
  side: SideConnection,
  plan: Plan,
  { facts, analyzed }: PlannedStatement,
  catalog: CatalogSnapshot,
  searchPath: readonly string[],
): Promise<Estimate | undefined> {
  const text = estimateQuestion(runnablePart(plan, analyzed), facts, analyzed.sessionObject);
  if (text === undefined || mayRunWhenPlanned(facts, catalog)) return undefined;
  const how = { searchPath, lockTimeoutMs: 500, statementTimeoutMs: 2000 };
  try {
    return await side.inTransaction(how, async (ask) => {
      const json = await answerOf(ask, text);
      const sizes = new Map();
      for (const relation of sizedRelations(facts, catalog)) {
        const rows = plannedRows(await answerOf(ask, sizeQuestion(relation)));
        if (rows !== undefined) sizes.set(relation, rows);
      }
      return estimateIn(json, facts, sizes);
    });
  } catch (thrown) {
    // It may need what an earlier statement of the text makes, or parameters; or the database is down.
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}

async function answerOf(ask: AskAside, sql: string): Promise<string | undefined> {
  const [row] = await ask(sql);
  return row?.['QUERY PLAN'] ?? undefined;
}
