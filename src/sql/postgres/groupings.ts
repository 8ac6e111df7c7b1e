/**
 * GROUP BY: which keys are columns as they are. PostgreSQL lets columns stand beside a key that is the primary key of their
 * table; a subquery in its place has none.
 *
 * @see https://www.postgresql.org/docs/18/sql-select.html#SQL-GROUPBY
 */
import type { Binder, Grouping, Place } from './binder.ts';
import { findColumn, findItem, type Namespace, type Source } from './namespace.ts';
import { as, type ColumnRef, constantOf, type Node, type ResTarget, stringsOf } from './tree.ts';

/** Notes which columns are keys as they are: written out, or as the name or number of an output column that is nothing else. */
export function noteGrouping(b: Binder, grouping: Grouping, { namespace }: Place): void {
  const { targetList = [], groupClause = [] } = grouping.select;
  const targets = targetList.map((node) => as<ResTarget>(node, 'ResTarget'));
  for (const key of groupClause) {
    const number = Number(constantOf(key));
    const names = namesOf(key);
    const isStarBefore = targets.slice(0, number).some((target) => namesOf(target?.val).includes('*'));
    const target = isStarBefore ? undefined : targets[number - 1];
    const named = names.length === 1 ? targets.find((each) => each?.name === names[0]) : undefined;
    grouping.keys.push(
      ...(columnSources(names, namespace) ?? columnSources(namesOf((named ?? target)?.val), namespace) ?? []),
    );
  }
  b.groupings.push(grouping);
}

/** The parts of a column reference; none for anything else. */
function namesOf(node: Node | undefined): readonly string[] {
  return stringsOf(as<ColumnRef>(node, 'ColumnRef')?.fields);
}

/** The columns that a reference means at its own level. */
function columnSources(
  names: readonly string[],
  namespace: Namespace | undefined,
): readonly Source[] | undefined {
  const [column, relation, schema] = names.toReversed();
  const local = namespace && { items: namespace.items, parent: undefined };
  if (column === undefined || local === undefined) return undefined;
  if (relation !== undefined) return findItem(local, relation, schema)?.find(column);
  const { found, sources } = findColumn(local, column);
  return found ? sources : undefined;
}
