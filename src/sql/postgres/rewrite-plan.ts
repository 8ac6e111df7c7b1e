/**
 * What has to change in one statement: which relations become subqueries, which names get their schema. Decides nothing about
 * whether the statement may be answered; `rewrite-checks.ts` did that.
 */
import type { Splice } from '../../model/dialect.ts';
import type { PostgresStatement } from './analysis.ts';
import { type BlindLookup, blindLookups } from './blind-lookups.ts';
import { runsPlan } from './explain-checks.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import { narrowedReferences, type TellingOrders, tellingOrders } from './index-orders.ts';
import type { MaskIndex } from './mask-index.ts';
import type { RelationReference } from './namespace.ts';
import { maskRefused } from './refusal.ts';
import { relationFragment } from './relation-fragment.ts';
import { planColumns } from './rewrite-columns.ts';
import type { Places } from './rewrite-places.ts';
import type { Change } from './rewrite-proof.ts';
import { isCountColumn } from './row-traces.ts';
import { type PostgresScope, TEMPORARY_SCHEMA } from './scope.ts';
import { as, type CopyStmt, type RangeTableSample, type RangeVar, stringsOf, tagOf } from './tree.ts';
import { copiedColumns } from './utility-statements.ts';

export interface StatementPlan {
  readonly splices: readonly Splice[];
  /** Changes by the body of the node they apply to, but for those in `fragments`. */
  readonly changes: ReadonlyMap<object, Change>;
  /** Bodies of nodes, and the text that takes their place or joins them. */
  readonly fragments: ReadonlyMap<object, Fragment>;
  /** Comparisons that are answered on real values. */
  readonly lookups: readonly BlindLookup[];
}

/**
 * A text that was made for one place.
 * - `subquery` in place of a relation, `copy` in place of that of a COPY: a query in parentheses
 * - `expression` in place of a column, `targets` in place of an entry of a target list, `keys` in front of those of a GROUP BY:
 *   a list as it stands behind SELECT
 */
export interface Fragment {
  readonly kind: 'subquery' | 'copy' | 'expression' | 'targets' | 'keys';
  readonly text: string;
}

export function planStatement(
  statement: PostgresStatement,
  masks: MaskIndex,
  scope: PostgresScope,
  places: Places,
): StatementPlan {
  const plan = {
    splices: [] as Splice[],
    changes: new Map<object, Change>(),
    fragments: new Map<object, Fragment>(),
    writtenOut: new Set<object>(),
    isCertain: statement.binder.columnUses.every(({ certain }) => certain),
    lookups: blindLookups(statement, masks, scope.catalog),
    ...ordersOf(statement, masks, scope),
  };
  planColumns(plan, statement, masks, scope.catalog, places);
  for (const reference of statement.binder.references) {
    if (reference.role === 'source' && masks.isMasked(reference) && !isShownWhole(plan, reference, masks))
      substitute(plan, reference, masks, scope, places);
    else if (reference.role === 'copy' && masks.isMasked(reference)) {
      substituteCopy(plan, statement, reference, masks, scope, places);
    } else qualify(plan, reference, places);
  }
  for (const lookup of plan.lookups) lookUp(plan, lookup, places);
  return plan;
}

/** What the order of rows must not tell, by relation. */
function ordersOf(
  { binder, tree }: PostgresStatement,
  masks: MaskIndex,
  { catalog }: PostgresScope,
): Pick<Plan, 'orders' | 'narrowed'> {
  const orders = new Map<RangeVar, TellingOrders>();
  for (const reference of binder.references) {
    const { node, role, relation, sample, isSearched } = reference;
    if (relation === undefined || !(role === 'source' || isSearched)) continue;
    const telling = tellingOrders(catalog, relation, masks.of(reference), !node.inh);
    // A sample is read from no index.
    if (telling && (telling.isSorted || !sample)) orders.set(node, telling);
  }
  const narrowed = narrowedReferences(tree, orders);
  // Which blocks were read one after the other, and how often, follows the order of the index.
  if (narrowed.size > 0 && runsPlan(tree)) {
    throw maskRefused(
      'running the plan would tell in what order an index holds masked values',
      'Use EXPLAIN without ANALYZE.',
    );
  }
  return { orders, narrowed };
}

/** The real value takes the place of the masked one in this comparison. */
function lookUp(plan: Plan, { node, alias }: BlindLookup, places: Places): void {
  const qualifiers = stringsOf(node.fields).slice(0, -1);
  const text = [...qualifiers, alias].map(quoteName).join('.');
  plan.splices.push({ ...places.column(node), text });
  plan.fragments.set(node, { kind: 'expression', text });
}

/** A plan in the making. */
export interface Plan {
  readonly splices: Splice[];
  readonly changes: Map<object, Change>;
  readonly fragments: Map<object, Fragment>;
  /** Stars that were replaced by lists. */
  readonly writtenOut: Set<object>;
  /** True if there is no doubt what any column reference means. */
  readonly isCertain: boolean;
  readonly lookups: readonly BlindLookup[];
  /** By relation that is read, or searched for what to change: what indexes must not be read by. */
  readonly orders: ReadonlyMap<RangeVar, TellingOrders>;
  /** Those of which the rows may be sorted instead. */
  readonly narrowed: ReadonlySet<RangeVar>;
}

/**
 * The columns that the subquery of a relation has to yield: masks are long texts, and each is parsed twice here and once by the
 * database. Undefined, for all, wherever there is the least doubt which those are.
 */
function neededColumns(
  { isCertain }: Plan,
  { node, relation, reads, wholeRow, natural }: RelationReference,
): readonly string[] | undefined {
  if (!isCertain || wholeRow || natural || node.alias?.colnames !== undefined) return undefined;
  return relation?.columns.map(({ name }) => name).filter((name) => reads.has(name));
}

/** Of the system's own catalogs, few columns tell anything: where none is used, the statement stays as it is. */
function isShownWhole(plan: Plan, reference: RelationReference, masks: MaskIndex): boolean {
  const { relation } = reference;
  const columns = relation?.schema === 'pg_catalog' ? neededColumns(plan, reference) : undefined;
  const masked = masks.of(reference);
  return columns?.every((name) => !masked.has(name) && !isCountColumn(relation!, name)) === true;
}

function substitute(
  plan: Plan,
  reference: RelationReference,
  masks: MaskIndex,
  scope: PostgresScope,
  places: Places,
): void {
  const { node, relation, sample, systemColumns, qualified } = reference;
  const { start, end, isTableCommand } = places.relation(node);
  const sampleExtent = sample && places.sample(sample);
  const columns = neededColumns(plan, reference);
  const lookups = plan.lookups.filter(({ from }) => from === node);
  const orders = plan.orders.get(node);
  const text = relationFragment({
    catalog: scope.catalog,
    relation: relation!,
    masks: masks.of(reference),
    ...(columns === undefined ? {} : { columns }),
    systemColumns,
    lookups: new Map(lookups.map(({ alias, column }) => [alias, column])),
    only: !node.inh,
    orders,
    asStored: plan.narrowed.has(node) && orders?.hasPlaces === true,
    ...(sampleExtent && sample ? { sample: sampleText(sample, places.slice(sampleExtent)) } : {}),
  });
  const alias = node.alias === undefined ? ` AS ${quoteName(node.relname ?? '')}` : '';
  plan.splices.push({ start, end, text: `${isTableCommand ? 'SELECT * FROM ' : ''}${text}${alias}` });
  if (sampleExtent) plan.splices.push({ ...sampleExtent, text: '' });
  plan.fragments.set(node, { kind: 'subquery', text });
  for (const column of qualified) {
    if (plan.writtenOut.has(column)) continue;
    plan.splices.push({ ...places.qualification(column), text: '' });
    plan.changes.set(column, { kind: 'unqualify', node: column });
  }
}

/** Inside the subquery nothing of the statement is in scope: only constants and parameters may stand there. */
function sampleText(sample: RangeTableSample, text: string): string {
  const inputs = [...(sample.args ?? []), ...(sample.repeatable ? [sample.repeatable] : [])];
  const isPlain = inputs.every((node) => {
    const inner = as<{ arg?: typeof node }>(node, 'TypeCast')?.arg ?? node;
    return tagOf(inner) === 'A_Const' || tagOf(inner) === 'ParamRef';
  });
  if (isPlain) return text;
  throw maskRefused(
    'the sample of a masked relation is computed',
    'Use constants or parameters in the TABLESAMPLE clause.',
  );
}

function substituteCopy(
  plan: Plan,
  statement: PostgresStatement,
  reference: RelationReference,
  masks: MaskIndex,
  scope: PostgresScope,
  places: Places,
): void {
  const body = as<CopyStmt>(statement.tree, 'CopyStmt');
  if (body === undefined) throw maskRefused('COPY of a masked relation stands inside another statement');
  const listed = stringsOf(body.attlist);
  const { relation } = reference;
  // COPY of a table leaves its children out.
  const only = relation!.kind === 'table' || relation!.kind === 'foreign-table';
  const text = relationFragment({
    catalog: scope.catalog,
    relation: relation!,
    masks: masks.of(reference),
    columns: copiedColumns(reference, listed),
    only,
    orders: tellingOrders(scope.catalog, relation!, masks.of(reference), only),
  });
  plan.splices.push({ ...places.copied(reference.node, listed.length > 0), text });
  plan.fragments.set(body, { kind: 'copy', text });
}

/** What was resolved is what must run: bare names of relations are spelled with their schema. */
function qualify(plan: Plan, { node, relation, role }: RelationReference, places: Places): void {
  if (relation === undefined || node.schemaname !== undefined) return;
  if (role === 'utility' || role === 'returning' || role === 'body') return;
  const schema = relation.temporary ? TEMPORARY_SCHEMA : relation.schema;
  plan.splices.push({ ...places.name(node), text: quoteQualified(schema, relation.name) });
  plan.changes.set(node, { kind: 'qualify', schema });
}
