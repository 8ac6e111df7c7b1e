/**
 * The subquery that stands in for a masked relation: the same columns under the same names and types, masked values where
 * the principal may not see the real ones.
 */
import { type Mask, strictestMask } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { COMPARABLE } from './constant-comparison.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import { guardedColumn, readFromTable, type TellingOrders } from './index-orders.ts';
import { maskExpression } from './mask-expressions.ts';
import type { ColumnInfo, RelationInfo } from './relation-info.ts';
import { countMask } from './row-traces.ts';
import { settingsMask } from './settings-mask.ts';

export interface FragmentOptions {
  readonly catalog: CatalogSnapshot;
  readonly relation: RelationInfo;
  readonly masks: ReadonlyMap<string, Mask>;
  /** The columns to yield, in order; all by default. */
  readonly columns?: readonly string[];
  readonly systemColumns?: Iterable<string>;
  /** Columns whose real values it yields besides, under names that nobody knows. */
  readonly lookups?: ReadonlyMap<string, string>;
  /** `ONLY`: without children. */
  readonly only: boolean;
  /** The TABLESAMPLE clause, as it stands in the text. */
  readonly sample?: string;
  /** What indexes must not be read by, or from. */
  readonly orders?: TellingOrders | undefined;
  /** Rows come as they lie in the table: then every index may be read. */
  readonly asStored?: boolean;
}

/** `(SELECT … FROM …)`, parentheses included. */
export function relationFragment(options: FragmentOptions): string {
  const { catalog, relation, masks, only, sample, asStored } = options;
  const isSorted = options.orders?.isSorted === true;
  const orders = asStored || isSorted ? undefined : options.orders;
  const columns = options.columns?.map((name) => relation.column(name)) ?? relation.columns;
  const list = columns.map((info) => {
    if (info === undefined) return 'NULL';
    return orders?.guarded.has(info.name)
      ? `${guardedColumn(quoteName(info.name))} AS ${quoteName(info.name)}`
      : columnText(catalog, relation, info, masks);
  });
  for (const column of options.systemColumns ?? []) list.push(column);
  for (const [alias, column] of options.lookups ?? [])
    list.push(`${quoteName(column)} AS ${quoteName(alias)}`);
  const from = `${only ? 'ONLY ' : ''}${quoteQualified(relation.schema, relation.name)}`;
  const parts = [
    'SELECT',
    ...(list.length === 0 ? [] : [list.join(', ')]),
    `FROM ${from}`,
    ...(sample === undefined ? [] : [sample]),
    ...(orders && columns.some((info) => info && orders.stored.has(info.name))
      ? [`WHERE ${readFromTable(orders)}`]
      : []),
    ...(asStored ? ['ORDER BY tableoid, ctid'] : []),
  ];
  const subquery = `(${parts.join(' ')})`;
  const keys = columns.flatMap((info) => (info === undefined ? [] : [sortKey(info)]));
  return isSorted && keys.length > 0
    ? `(SELECT * FROM ${subquery} AS s ORDER BY ${keys.join(', ')})`
    : subquery;
}

/** Rows that show the same may come in any order. Not every type can be sorted; every value has a text. */
function sortKey({ name, typeOid }: ColumnInfo): string {
  return COMPARABLE.has(typeOid) ? quoteName(name) : `${quoteName(name)}::pg_catalog.text`;
}

function columnText(
  catalog: CatalogSnapshot,
  relation: RelationInfo,
  info: ColumnInfo,
  masks: ReadonlyMap<string, Mask>,
): string {
  const mask = masks.get(info.name);
  const name = quoteName(info.name);
  const counts = mask === undefined ? countMask(relation, info, masks.keys()) : undefined;
  if (counts !== undefined) return `${counts} AS ${name}`;
  return mask === undefined ? name : `${columnExpression(catalog, relation, info, mask, name)} AS ${name}`;
}

/**
 * The masked value of one column.
 * @param reference how SQL refers to the column where the expression will stand
 */
export function columnExpression(
  catalog: CatalogSnapshot,
  relation: RelationInfo,
  info: ColumnInfo,
  mask: Mask,
  reference: string,
): string {
  const fitting = catalog.isComputed(relation, info.name) ? strictestMask(mask) : mask;
  return settingsMask(relation, info) ?? maskExpression(catalog, info, fitting, reference);
}
