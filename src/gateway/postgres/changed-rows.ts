/** Which rows a planned statement changes, as far as its text and the catalog tell. */
import type { Action } from '../../model/facts.ts';
import type { Plan } from '../../session/plan.ts';
import { runnablePart } from '../../session/plan-text.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import { type RowChange, rowChangeOf } from '../../sql/postgres/row-changes.ts';
import { type RowSource, rowSourceOf } from '../../sql/postgres/row-sources.ts';
import { tableBelow } from '../../sql/postgres/updatable-views.ts';

export interface ChangedRows {
  readonly change: RowChange;
  /** What the statement names: a table, or a view of one. */
  readonly relation: RelationInfo;
  /** Whose rows they are. */
  readonly table: RelationInfo;
  /** Undefined if it only adds rows. */
  readonly source: RowSource | undefined;
}

const CHANGES: ReadonlySet<Action> = new Set(['Insert', 'Update', 'Delete']);

/** Of the first statement of a plan; a sentence if nobody can tell. */
export function changedRowsOf(plan: Plan, catalog: CatalogSnapshot): ChangedRows | string {
  const [statement] = plan.statements;
  if (statement === undefined) return 'There is no statement to run.';
  const change = rowChangeOf(runnablePart(plan, statement.analyzed));
  if (typeof change === 'string') return change;
  // What a statement changes by itself is noted before what that sets off.
  const use = statement.facts.relations.find(({ action }) => CHANGES.has(action));
  const [relation, ...others] = catalog.relationsById(use?.relation ?? '');
  const table = relation && tableBelow(relation, catalog);
  if (relation === undefined || table === undefined || others.length > 0 || relation.name !== change.name)
    return 'The table that it changes is not certain.';
  const source = rowSourceOf(change, relation, table, catalog);
  return typeof source === 'string' ? source : { change, relation, table, source };
}
