/**
 * Views that could be answered from an index on a masked column alone, and so in its order. Another column of the same table that the
 * view shows asks for the table itself; a view that shows none is sorted.
 */
import type { CatalogSnapshot } from './catalog.ts';
import type { RelationInfo } from './relation-info.ts';

export interface ViewOrders {
  /** Columns of the view, one for each such table: none of them stands in an index beside others. */
  readonly anchors: readonly string[];
  /** True if for some table there is none. */
  readonly isSorted: boolean;
}

/** A column of a table or materialized view that a column of a view copies. */
interface Base {
  readonly relation: RelationInfo;
  readonly column: string;
  /** True if a view on the way reads the relation several times: then it is not certain which of them is meant. */
  readonly isRepeated: boolean;
}

/** @param shown masked columns that show a part of what they copy */
export function viewOrders(
  catalog: CatalogSnapshot,
  view: RelationInfo,
  shown: readonly string[],
): ViewOrders {
  const anchors = new Map<RelationInfo, string>();
  for (const name of shown) {
    const base = baseOf(catalog, view, name);
    if (base === undefined || anchors.has(base.relation) || !isIndexed(catalog, base)) continue;
    const anchor = base.isRepeated
      ? undefined
      : view.columns.find((column) => {
          const other = baseOf(catalog, view, column.name);
          return (
            other?.relation === base.relation && other.column !== base.column && standsAlone(catalog, other)
          );
        });
    if (anchor === undefined) return { anchors: [], isSorted: true };
    anchors.set(base.relation, anchor.name);
  }
  return { anchors: [...anchors.values()], isSorted: false };
}

function baseOf(catalog: CatalogSnapshot, view: RelationInfo, name: string): Base | undefined {
  let at: Base = { relation: view, column: name, isRepeated: false };
  while (at.relation.kind === 'view') {
    const flow = catalog.viewFlow(at.relation);
    const origin = flow?.copies.get(at.column);
    const [relation] = origin === undefined ? [] : catalog.relationsById(origin.relation);
    if (flow === undefined || origin === undefined || relation === undefined) return undefined;
    at = { relation, column: origin.column, isRepeated: at.isRepeated || flow.repeated.has(origin.relation) };
  }
  return at;
}

function isIndexed(catalog: CatalogSnapshot, { relation, column }: Base): boolean {
  return catalog
    .family(relation)
    .some((each) =>
      each.indexes.some(
        ({ isOrdered, deciding }) => isOrdered && each.columnNames(deciding).includes(column),
      ),
    );
}

function standsAlone(catalog: CatalogSnapshot, { relation, column }: Base): boolean {
  return catalog.family(relation).every((each) =>
    each.indexes.every(({ isOrdered, deciding, stored }) => {
      const names = new Set(each.columnNames([...deciding, ...stored]));
      return !isOrdered || !names.has(column) || names.size === 1;
    }),
  );
}
