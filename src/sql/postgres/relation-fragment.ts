/**
 * The subquery that stands in for a masked relation: the same columns under the same names and types, masked values where
 * the principal may not see the real ones.
 */
import { type Mask, strictestMask } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import { maskExpression } from './mask-expressions.ts';
import type { ColumnInfo, RelationInfo } from './relation-info.ts';
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
}

/** `(SELECT … FROM …)`, parentheses included. */
export function relationFragment(options: FragmentOptions): string {
  const { catalog, relation, masks, only, sample } = options;
  const columns = options.columns?.map((name) => relation.column(name)) ?? relation.columns;
  const list = columns.map((info) =>
    info ? columnText(catalog, relation, info, masks.get(info.name)) : 'NULL',
  );
  for (const column of options.systemColumns ?? []) list.push(column);
  for (const [alias, column] of options.lookups ?? [])
    list.push(`${quoteName(column)} AS ${quoteName(alias)}`);
  const from = `${only ? 'ONLY ' : ''}${quoteQualified(relation.schema, relation.name)}`;
  return `(SELECT ${list.join(', ')}${list.length === 0 ? '' : ' '}FROM ${from}${sample === undefined ? '' : ` ${sample}`})`;
}

function columnText(
  catalog: CatalogSnapshot,
  relation: RelationInfo,
  info: ColumnInfo,
  mask: Mask | undefined,
): string {
  const name = quoteName(info.name);
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
