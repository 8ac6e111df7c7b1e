/**
 * What plans tell. The planner works with statistics of the real values, under every mask: it expects so many groups, so wide
 * rows, and an executed plan says how much memory they took. Never looks at a plan: it judges by what is asked for.
 *
 * @see https://www.postgresql.org/docs/18/sql-explain.html
 */
import { isOn, optionsOf } from './definitions.ts';
import { ORDER } from './label-places.ts';
import type { MaskIndex } from './mask-index.ts';
import type { RelationReference } from './namespace.ts';
import { maskRefused } from './refusal.ts';
import { as, type ExplainStmt, type Node } from './tree.ts';

/**
 * @param references those of masked relations
 * @throws {SluiceError} mask_refused
 */
export function requireNoEstimate(
  tree: Node,
  references: readonly RelationReference[],
  masks: MaskIndex,
): void {
  const explain = as<ExplainStmt>(tree, 'ExplainStmt');
  if (explain === undefined) return;
  for (const reference of references) {
    requireNoOrder(reference, masks);
    requireNoGuess(reference, masks);
  }
  const costs = optionsOf(explain.options, 'costs');
  const runs = runsPlan(tree);
  if (costs.length > 0 && !costs.some(isOn) && !runs) return;
  for (const reference of references) requireNoWidth(reference, masks, runs);
}

/** How many rows each partition has, and in what order an index led to them: executed or not. */
function requireNoOrder(reference: RelationReference, masks: MaskIndex): void {
  if (!masks.of(reference).has(ORDER)) return;
  throw maskRefused(
    `the plan would tell where the rows of ${reference.id} come from`,
    'Run the statement itself.',
  );
}

/** True if the statement is an EXPLAIN that runs what it explains. */
export function runsPlan(tree: Node): boolean {
  const explain = as<ExplainStmt>(tree, 'ExplainStmt');
  return explain !== undefined && optionsOf(explain.options, 'analyze').some(isOn);
}

/** How many rows or groups the planner expects, and which plan it picks for them. */
function requireNoGuess(reference: RelationReference, masks: MaskIndex): void {
  for (const column of [...reference.filters, ...reference.correlated]) {
    const mask = masks.of(reference).get(column);
    if (mask === undefined || mask.kind === 'null') continue;
    throw maskRefused(
      `the plan would tell about the values of ${reference.id}.${column}`,
      'Run the statement itself, or explain one that does not compare, sort or group by masked columns.',
    );
  }
}

/** How wide values are: on average where costs are shown, in memory and in the log where the plan is run. */
function requireNoWidth(reference: RelationReference, masks: MaskIndex, runs: boolean): void {
  if (reference.role === 'target') {
    if (!runs) return;
    throw maskRefused(
      `running the plan would tell how long the rows of ${reference.id} are`,
      'Use EXPLAIN without ANALYZE.',
    );
  }
  const column = masks.readThrough(reference).find((name) => masks.of(reference).get(name)?.kind !== 'null');
  if (column === undefined) return;
  throw maskRefused(
    `the plan would tell how long the values of ${reference.id}.${column} are`,
    `Use EXPLAIN (COSTS OFF), without ANALYZE, or leave ${column} out.`,
  );
}
