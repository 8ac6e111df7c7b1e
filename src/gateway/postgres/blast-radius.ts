/** Puts together how far a statement reaches: what the planner expects, what the catalog knows, and who follows. */
import type { BlastRadius, Estimate } from '../../model/blast-radius.ts';
import type { Facts } from '../../model/facts.ts';
import type { EstimateContext } from '../../policy/estimate-probes.ts';
import { blastSentence } from '../../session/blast-sentence.ts';
import type { PlannedStatement } from '../../session/plan.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import { cascadeReach, changedOids, followersQuestion } from '../../sql/postgres/reach.ts';
import type { Row } from './sql-client.ts';

/**
 * What may be told of an estimate to those who see the request, whoever asked included: the planner works with statistics of the real
 * values, under every mask.
 */
export function tellable(
  { facts, decision }: Pick<PlannedStatement, 'facts' | 'decision'>,
  estimate: Estimate | undefined,
): Estimate | undefined {
  const tells = decision.masks.some(({ relation, column }) =>
    facts.relations.some((use) => use.relation === relation && use.reads.includes(column)),
  );
  return tells ? undefined : estimate;
}

/** Never rejects: what cannot be learned is left out. */
export async function blastRadiusOf(
  facts: Facts,
  catalog: CatalogSnapshot,
  estimate: Estimate | undefined,
  ask: (sql: string) => Promise<readonly Row[]>,
): Promise<BlastRadius> {
  const known = {
    ...(estimate === undefined ? {} : { estimate }),
    cascades: cascadeReach(facts, catalog),
    triggers: facts.setsOff ?? [],
    locks: facts.locks ?? [],
    ...(await followersOf(facts, catalog, ask)),
  };
  return { sentence: blastSentence(known, facts), ...known };
}

async function followersOf(
  facts: Facts,
  catalog: CatalogSnapshot,
  ask: (sql: string) => Promise<readonly Row[]>,
): Promise<Pick<BlastRadius, 'indexes' | 'replicas'>> {
  const oids = changedOids(facts, catalog);
  if (oids.length === 0) return {};
  try {
    const [row] = await ask(followersQuestion(oids));
    return { indexes: Number(row?.indexes ?? 0), replicas: Number(row?.replicas ?? 0) };
  } catch {
    // A reviewer is better served without these numbers than with an error.
    return {};
  }
}

/** The worst that policies can be told. */
export const EVERYTHING: EstimateContext = { estimatedRows: Number.MAX_SAFE_INTEGER, estimatedShare: 100 };

/** What policies are told of an estimate. */
export function estimateContext(estimate: Estimate | undefined): EstimateContext | undefined {
  if (estimate === undefined) return undefined;
  const { rows, sharePercent } = estimate;
  return {
    ...(rows === undefined ? {} : { estimatedRows: rows }),
    ...(sharePercent === undefined ? {} : { estimatedShare: sharePercent }),
  };
}
