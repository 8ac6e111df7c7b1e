/** Views through which PostgreSQL changes the rows of one table: which table, and where its key is seen. */
import type { CatalogSnapshot } from './catalog.ts';
import type { RelationInfo } from './relation-info.ts';
import { keyColumns } from './row-keys.ts';

/** Views upon views. */
const MAX_DEPTH = 16;

/** The table that rows of a relation are of: itself, or what lies below a view of one relation; undefined if there is none. */
export function tableBelow(relation: RelationInfo, catalog: CatalogSnapshot): RelationInfo | undefined {
  let at: RelationInfo | undefined = relation;
  for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth += 1) {
    if (at.kind === 'table' || at.kind === 'partitioned-table') return at;
    at = baseOf(at, catalog);
  }
  return undefined;
}

/** For each column of the table's primary key: the column of the view that shows it, and the key's. Undefined if one is not shown. */
export function keysBelow(
  view: RelationInfo,
  catalog: CatalogSnapshot,
): readonly (readonly [column: string, key: string])[] | undefined {
  const table = tableBelow(view, catalog);
  const keys = table === undefined ? [] : keyColumns(table);
  const shown = keys.map((key) => [
    view.columns.find(({ name }) => copiedFrom(view, name, catalog) === key)?.name,
    key,
  ]);
  const isWhole = keys.length > 0 && shown.every(([column]) => column !== undefined);
  return isWhole ? (shown as [string, string][]) : undefined;
}

function copiedFrom(relation: RelationInfo, column: string, catalog: CatalogSnapshot): string | undefined {
  let name: string | undefined = column;
  let at: RelationInfo | undefined = relation;
  for (let depth = 0; at !== undefined && name !== undefined && depth < MAX_DEPTH; depth += 1) {
    if (at.kind !== 'view') return name;
    name = catalog.viewFlow(at)?.copies.get(name)?.column;
    at = baseOf(at, catalog);
  }
  return undefined;
}

function baseOf(view: RelationInfo, catalog: CatalogSnapshot): RelationInfo | undefined {
  const flow = view.kind === 'view' && view.triggers.length === 0 ? catalog.viewFlow(view) : undefined;
  if (flow === undefined || flow.opaque.length > 0 || flow.bases.length !== 1) return undefined;
  const [base, ...others] = catalog.relationsById(flow.bases[0]!);
  return others.length === 0 ? base : undefined;
}
