/**
 * What the order of rows tells. A scan of an index yields them in its order: of an index on `(plan, email)`, rows of one plan come in
 * the order of their real e-mails, wherever the statement itself does not order them. So no index in whose order a masked column has a part
 * is read for who sees the mask:
 *
 * - its other columns are *guarded*: they become an expression that the planner takes for no column of an index;
 * - what it *stores* is not read from it alone: a condition that holds for every row asks for what stands in the table only.
 *
 * Never keeps other indexes of the relation from being read, but for those on guarded columns.
 *
 * @see https://www.postgresql.org/docs/18/indexes-ordering.html
 */
import type { Mask } from '../../model/labels.ts';
import { eachChild } from './binder.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { columnComparedWithConstant, conjuncts } from './constant-comparison.ts';
import { quoteName } from './identifiers.ts';
import { ORDER } from './label-places.ts';
import type { IndexInfo, RelationInfo } from './relation-info.ts';
import {
  type A_Expr,
  as,
  bodyOf,
  type ColumnRef,
  type Node,
  type RangeVar,
  type SelectStmt,
  stringsOf,
} from './tree.ts';
import { viewOrders } from './view-orders.ts';

export interface TellingOrders {
  /** Unmasked columns by which such an index could be picked. */
  readonly guarded: ReadonlySet<string>;
  /** Columns, masked ones included, that could be read from such an index without its table. */
  readonly stored: ReadonlySet<string>;
  /** False if some of the rows come from elsewhere, and lie at no place. */
  readonly hasPlaces: boolean;
  /** True if nothing but sorting them helps. */
  readonly isSorted: boolean;
  /** Of a view: columns that have to be read from the tables below. */
  readonly anchors: readonly string[];
}

const NOTHING: ReadonlySet<string> = new Set();
const NONE: readonly never[] = [];

/** By catalog, relation and mask of each column: tables of thousands of partitions have as many indexes. */
const KNOWN = new WeakMap<CatalogSnapshot, WeakMap<RelationInfo, Map<string, TellingOrders | undefined>>>();
/** How many different masks of a relation are remembered. */
const MAX_KNOWN = 100;

/**
 * Undefined if no order tells anything.
 * @param only without partitions and children
 */
export function tellingOrders(
  catalog: CatalogSnapshot,
  root: RelationInfo,
  masks: ReadonlyMap<string, Mask>,
  only = false,
): TellingOrders | undefined {
  if (masks.size === 0 || root.system) return undefined;
  const relations = KNOWN.get(catalog) ?? new WeakMap();
  KNOWN.set(catalog, relations);
  const known = relations.get(root) ?? new Map<string, TellingOrders | undefined>();
  relations.set(root, known);
  const key = JSON.stringify([only, ...[...masks].map(([name, mask]) => [name, showsNothing(mask)])]);
  if (known.has(key)) return known.get(key);
  if (known.size >= MAX_KNOWN) known.clear();
  const orders = findOrders(catalog, root, masks, only);
  known.set(key, orders);
  return orders;
}

function findOrders(
  catalog: CatalogSnapshot,
  root: RelationInfo,
  masks: ReadonlyMap<string, Mask>,
  only: boolean,
): TellingOrders | undefined {
  if (masks.has(ORDER)) {
    const all = new Set(root.columns.map(({ name }) => name));
    return { guarded: all, stored: NOTHING, hasPlaces: false, isSorted: true, anchors: NONE };
  }
  if (root.kind === 'view') return ordersOfView(catalog, root, masks);
  const guarded = new Set<string>();
  const stored = new Set<string>();
  const family = only ? [root] : catalog.family(root);
  for (const relation of family) {
    for (const index of relation.indexes) {
      const deciding = relation.columnNames(index.deciding);
      if (!tells(relation, index, deciding, masks)) continue;
      for (const name of deciding) if (!masks.has(name)) guarded.add(name);
      for (const name of relation.columnNames(index.stored))
        if (!showsNothing(masks.get(name))) stored.add(name);
    }
  }
  if (guarded.size === 0 && stored.size === 0) return undefined;
  return {
    guarded,
    stored,
    hasPlaces: family.every(({ kind }) => kind !== 'foreign-table'),
    isSorted: false,
    anchors: NONE,
  };
}

function ordersOfView(
  catalog: CatalogSnapshot,
  view: RelationInfo,
  masks: ReadonlyMap<string, Mask>,
): TellingOrders | undefined {
  const shown = [...masks].flatMap(([name, mask]) =>
    view.column(name) && !showsNothing(mask) && !catalog.isComputed(view, name) ? [name] : [],
  );
  const { anchors, isSorted } = viewOrders(catalog, view, shown);
  if (anchors.length === 0 && !isSorted) return undefined;
  return { guarded: NOTHING, stored: new Set(shown), hasPlaces: false, isSorted, anchors };
}

/** The columns that indexes in whose order one column has a part hold besides. */
export function columnsBeside(relation: RelationInfo, column: string): ReadonlySet<string> {
  const beside = new Set<string>();
  const masks = new Map<string, Mask>([[column, { kind: 'null' }]]);
  for (const index of relation.indexes) {
    const deciding = relation.columnNames(index.deciding);
    if (!tells(relation, index, deciding, masks)) continue;
    for (const name of [...deciding, ...relation.columnNames(index.stored)]) beside.add(name);
  }
  beside.delete(column);
  return beside;
}

function tells(
  relation: RelationInfo,
  index: IndexInfo,
  deciding: readonly string[],
  masks: ReadonlyMap<string, Mask>,
): boolean {
  if (!index.isOrdered || !deciding.some((name) => masks.has(name))) return false;
  const before: number[] = [];
  for (const attnum of index.leading) {
    if (relation.columnNames([attnum]).some((name) => masks.has(name))) break;
    before.push(attnum);
  }
  // Where those differ in every row, nothing behind them orders anything.
  return !relation.constraints.some(
    ({ kind, columns }) =>
      kind === 'p' && columns.length > 0 && columns.every((attnum) => before.includes(attnum)),
  );
}

function showsNothing(mask: Mask | undefined): boolean {
  return mask?.kind === 'null' || mask?.kind === 'redact' || mask?.kind === 'constant';
}

/**
 * Relations that are the only one their query reads, of which it wants the rows with one value of a guarded column: there it costs least to
 * read by whatever index there is, and to put the rows found in the order of the table.
 */
export function narrowedReferences(
  tree: Node,
  guardedOf: ReadonlyMap<RangeVar, TellingOrders>,
): Set<RangeVar> {
  const narrowed = new Set<RangeVar>();
  const visit = (node: Node): void => {
    const { fromClause, whereClause, lockingClause } = as<SelectStmt>(node, 'SelectStmt') ?? {};
    const only = fromClause?.length === 1 ? as<RangeVar>(fromClause[0], 'RangeVar') : undefined;
    const orders = only && guardedOf.get(only);
    const isNarrow = (conjunct: Node): boolean => {
      const column = stringsOf(columnPicked(conjunct)?.fields).at(-1);
      return column !== undefined && orders?.guarded.has(column) === true;
    };
    if (only && whereClause && lockingClause === undefined && conjuncts(whereClause).some(isNarrow))
      narrowed.add(only);
    eachChild(bodyOf(node), visit);
  };
  if (guardedOf.size > 0) visit(tree);
  return narrowed;
}

/** The column of `column = constant`, `column IN (…)` or `column = ANY (…)`. */
function columnPicked(conjunct: Node): ColumnRef | undefined {
  const { kind, name, lexpr } = as<A_Expr>(conjunct, 'A_Expr') ?? {};
  const isList = (kind === 'AEXPR_IN' || kind === 'AEXPR_OP_ANY') && stringsOf(name).at(-1) === '=';
  return isList ? as<ColumnRef>(lexpr, 'ColumnRef') : columnComparedWithConstant(conjunct, false);
}

/** The same value, but no column to the planner. */
export function guardedColumn(reference: string): string {
  return `CASE WHEN ${NEVER} THEN ${reference} ELSE ${reference} END`;
}

/** Stable, so that the planner does not know. */
const NEVER = '(pg_catalog.now() IS NULL)';

/** True for every row, and known to the planner to be nearly so; no index can tell. */
export function readFromTable({ hasPlaces, anchors }: TellingOrders): string {
  if (anchors.length > 0)
    return anchors
      .map((name) => `(pg_catalog.num_nulls(${quoteName(name)}) OPERATOR(pg_catalog.>=) 0 OR NOT ${NEVER})`)
      .join(' AND ');
  // A system column stands in no index.
  return hasPlaces
    ? `ctid OPERATOR(pg_catalog.<>) '(4294967295,7)'::pg_catalog.tid`
    : `(CASE WHEN tableoid OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN false ELSE true END)`;
}
