/**
 * INSERT, UPDATE, DELETE, MERGE: as statements of their own and inside WITH.
 *
 * @see https://www.postgresql.org/docs/18/dml.html
 */
import { type Binder, type CteFrame, type Place, referTo, useRelation } from './binder.ts';
import { isAlwaysTrue } from './bounded.ts';
import { type Change, noteCascades, noteCatalogChange, noteChangeBelow, noteTriggers } from './cascades.ts';
import { bindExpression, filtering, noteInert } from './expressions.ts';
import { bindFrom } from './from-clause.ts';
import {
  derivedItem,
  type Item,
  type Namespace,
  NO_OUTPUT,
  type Output,
  type OutputColumn,
  type RelationReference,
  relationItem,
  type Source,
  withVisibility,
} from './namespace.ts';
import { bindQuery, bindTargets, bindWith } from './queries.ts';
import {
  as,
  bodyOf,
  type DeleteStmt,
  type IndexElem,
  type InsertStmt,
  itemsOf,
  type MergeStmt,
  type MergeWhenClause,
  type Node,
  type OnConflictClause,
  type RangeVar,
  type ResTarget,
  type ReturningClause,
  type ReturningOption,
  type SelectStmt,
  tagOf,
  type UpdateStmt,
} from './tree.ts';
import { isColumn, noteResultFlow, noteValueFlow } from './value-flows.ts';

const MODIFICATIONS: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

export function isModification(node: Node): boolean {
  return MODIFICATIONS.has(tagOf(node));
}

/** Binds it and returns what its RETURNING yields. */
export function bindModification(
  b: Binder,
  node: Node,
  parent: Namespace | undefined,
  ctes: CteFrame | undefined,
): Output {
  b.sheet.writes = true;
  switch (tagOf(node)) {
    case 'InsertStmt':
      return bindInsert(b, bodyOf(node) as InsertStmt, parent, ctes);
    case 'UpdateStmt':
      return bindUpdate(b, bodyOf(node) as UpdateStmt, parent, ctes);
    case 'DeleteStmt':
      return bindDelete(b, bodyOf(node) as DeleteStmt, parent, ctes);
    default:
      return bindMerge(b, bodyOf(node) as MergeStmt, parent, ctes);
  }
}

/** The relation that is changed: never a WITH query, even if one has its name. */
interface Target {
  readonly reference: RelationReference;
  readonly item: Item;
  /** By column: what INSERT was given, which ON CONFLICT calls `excluded`. */
  readonly inserted?: ReadonlyMap<string, OutputColumn>;
}

function bindTarget(b: Binder, node: RangeVar | undefined): Target {
  const reference = referTo(b, node ?? {}, 'target');
  return { reference, item: relationItem(reference, node?.alias?.aliasname, []) };
}

function bindSearchedTarget(b: Binder, node: RangeVar | undefined): Target {
  const target = bindTarget(b, node);
  target.reference.isSearched = true;
  return target;
}

/** Notes one way in which the target is changed. */
function noteChange(b: Binder, { reference }: Target, action: Change, columns: readonly string[]): void {
  const sheet = useRelation(b, reference, action);
  for (const column of columns) sheet.writes.add(column);
  const { relation } = reference;
  if (relation && action !== 'Insert') noteCascades(b, relation, action, columns);
  if (relation) noteCatalogChange(b, relation);
  if (relation) noteTriggers(b, relation);
  if (relation) noteChangeBelow(b, relation, action, columns);
  if (relation && relation.rules.length > 0) b.sheet.hide('statement', `rules on ${relation.id}`);
}

function bindInsert(
  b: Binder,
  insert: InsertStmt,
  parent: Namespace | undefined,
  outer: CteFrame | undefined,
): Output {
  const ctes = bindWith(b, insert.withClause, parent, outer);
  const target = bindTarget(b, insert.relation);
  const columns = namesOf(insert.cols) ?? columnNamesOf(target);
  noteChange(b, target, 'Insert', columns);
  const place: Place = { namespace: parent, ctes, filter: false, sink: undefined };
  const output = insert.selectStmt && bindInsertSource(b, insert.selectStmt, place);
  if (output) noteResultFlow(b, target.reference, columns, output);
  if (output && insert.cols === undefined) noteMissingColumns(b, target, columns, output);
  bindAssignmentSubscripts(b, insert.cols, place);
  const inserted = new Map(output?.columns.map((column, i) => [columns[i] ?? '', column]));
  if (insert.onConflictClause) bindOnConflict(b, insert.onConflictClause, { ...target, inserted }, place);
  return bindReturning(b, insert.returningClause, target, [], place);
}

/** The open transaction may have added columns, or dropped some: then its own connection knows which values go where. */
function noteMissingColumns(
  b: Binder,
  { reference }: Target,
  known: readonly string[],
  { columns, open }: Output,
): void {
  const stores = columns.some(({ sources }) => sources.length > 0);
  if (!open && stores && columns.length !== known.length) b.sheet.miss(reference.id);
}

function bindInsertSource(b: Binder, source: Node, place: Place): Output {
  for (const row of as<SelectStmt>(source, 'SelectStmt')?.valuesLists ?? []) {
    for (const value of itemsOf(row)) noteInert(b, value);
  }
  return bindQuery(b, source, place.namespace, place.ctes);
}

function bindOnConflict(b: Binder, clause: OnConflictClause, target: Target, outer: Place): void {
  const { infer, targetList, whereClause } = clause;
  const own: Place = { ...outer, namespace: { items: [target.item], parent: outer.namespace } };
  for (const node of infer?.indexElems ?? []) bindIndexElement(b, as<IndexElem>(node, 'IndexElem'), own);
  if (infer?.whereClause) bindExpression(b, infer.whereClause, filtering(own));
  if (clause.action !== 'ONCONFLICT_UPDATE') return;
  // The row that was to be inserted: nothing of it comes from the table.
  const proposed = target.item.output().columns.map(({ name }) => ({ name, sources: [] }));
  const excluded = derivedItem('excluded', { columns: proposed, open: target.item.open }, []);
  const place: Place = { ...outer, namespace: { items: [target.item, excluded], parent: outer.namespace } };
  noteChange(b, target, 'Update', bindAssignments(b, targetList, target, place));
  if (whereClause) bindExpression(b, whereClause, filtering(place));
}

function bindIndexElement(b: Binder, element: IndexElem | undefined, place: Place): void {
  if (element?.name !== undefined) {
    const column: Node = { ColumnRef: { fields: [{ String: { sval: element.name } }] } };
    bindExpression(b, column, filtering(place));
  }
  if (element?.expr) bindExpression(b, element.expr, filtering(place));
}

function bindUpdate(
  b: Binder,
  update: UpdateStmt,
  parent: Namespace | undefined,
  outer: CteFrame | undefined,
): Output {
  const ctes = bindWith(b, update.withClause, parent, outer);
  const target = bindSearchedTarget(b, update.relation);
  const around: Place = { namespace: parent, ctes, filter: false, sink: undefined };
  const items = bindFrom(b, update.fromClause, around, [target.item]);
  const place: Place = { ...around, namespace: { items, parent } };
  noteChange(b, target, 'Update', bindAssignments(b, update.targetList, target, place));
  bindPredicate(b, update.whereClause, target, place);
  return bindReturning(b, update.returningClause, target, items.slice(1), around);
}

function bindDelete(
  b: Binder,
  del: DeleteStmt,
  parent: Namespace | undefined,
  outer: CteFrame | undefined,
): Output {
  const ctes = bindWith(b, del.withClause, parent, outer);
  const target = bindSearchedTarget(b, del.relation);
  noteChange(b, target, 'Delete', []);
  const around: Place = { namespace: parent, ctes, filter: false, sink: undefined };
  const items = bindFrom(b, del.usingClause, around, [target.item]);
  bindPredicate(b, del.whereClause, target, { ...around, namespace: { items, parent } });
  return bindReturning(b, del.returningClause, target, items.slice(1), around);
}

/**
 * The WHERE of an UPDATE or DELETE: its effect has no bound without one, with one that excludes nothing, or with one that does
 * not look at the rows and so takes all of them or none (`WHERE $1`, `WHERE now() > …`).
 */
function bindPredicate(b: Binder, where: Node | undefined, { reference }: Target, place: Place): void {
  if (where === undefined) {
    b.sheet.bounded = false;
    return;
  }
  const looks = looksAt(reference, () => bindCondition(b, where, filtering(place)));
  const isCurrentRow = tagOf(where) === 'CurrentOfExpr';
  if (!(looks || isCurrentRow) || isAlwaysTrue(where, place.namespace)) b.sheet.bounded = false;
}

/** True if a condition, bound meanwhile, looks at the rows of a relation. */
function looksAt({ filters, systemColumns }: RelationReference, bind: () => void): boolean {
  const before = [filters, systemColumns].map((names) => [names, [...names]] as const);
  for (const [names] of before) names.clear();
  bind();
  const looks = filters.size + systemColumns.size > 0;
  for (const [names, seen] of before) for (const name of seen) names.add(name);
  return looks;
}

/**
 * `x LIKE 'a'` excludes something and `x LIKE '%'` nothing, `x = 1 OR x <> 2` depends on its numbers: constants of such a
 * condition are not all alike.
 */
function bindCondition(b: Binder, condition: Node, place: Place): void {
  const before = new Set(b.inertConstants);
  bindExpression(b, condition, place);
  if (!/"(?:OR_EXPR|AEXPR_I?LIKE)"/.test(JSON.stringify(condition))) return;
  for (const location of b.inertConstants) if (!before.has(location)) b.inertConstants.delete(location);
}

function bindMerge(
  b: Binder,
  merge: MergeStmt,
  parent: Namespace | undefined,
  outer: CteFrame | undefined,
): Output {
  const ctes = bindWith(b, merge.withClause, parent, outer);
  const target = bindSearchedTarget(b, merge.relation);
  const around: Place = { namespace: parent, ctes, filter: false, sink: undefined };
  const sources = bindFrom(b, merge.sourceRelation ? [merge.sourceRelation] : [], around);
  const place: Place = { ...around, namespace: { items: [target.item, ...sources], parent } };
  const { joinCondition } = merge;
  const looks = looksAt(target.reference, () => {
    if (joinCondition) bindCondition(b, joinCondition, filtering(place));
  });
  const matchesAll = !looks || isAlwaysTrue(joinCondition, place.namespace);
  for (const node of merge.mergeWhenClauses ?? []) {
    bindMergeAction(b, as<MergeWhenClause>(node, 'MergeWhenClause') ?? {}, target, place, matchesAll);
  }
  return bindReturning(b, merge.returningClause, target, sources, around);
}

function bindMergeAction(
  b: Binder,
  when: MergeWhenClause,
  target: Target,
  place: Place,
  matchesAll: boolean,
): void {
  if (when.condition) bindCondition(b, when.condition, filtering(place));
  const changes = when.commandType === 'CMD_UPDATE' || when.commandType === 'CMD_DELETE';
  const unmatched = when.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE';
  const open = when.condition === undefined || isAlwaysTrue(when.condition, place.namespace);
  if (changes && (matchesAll || unmatched) && open) b.sheet.bounded = false;
  const inserted = namesOf(when.targetList) ?? columnNamesOf(target);
  when.values?.forEach((value, i) => {
    bindValue(b, target, inserted[i], value, place);
  });
  if (when.commandType === 'CMD_DELETE') noteChange(b, target, 'Delete', []);
  if (when.commandType === 'CMD_UPDATE')
    noteChange(b, target, 'Update', bindAssignments(b, when.targetList, target, place));
  if (when.commandType === 'CMD_INSERT') {
    noteChange(b, target, 'Insert', inserted);
    bindAssignmentSubscripts(b, when.targetList, place);
  }
}

/** `SET column = value, …`. Returns the columns. */
function bindAssignments(
  b: Binder,
  targets: readonly Node[] | undefined,
  target: Target,
  place: Place,
): string[] {
  for (const node of targets ?? []) {
    const { name, val } = as<ResTarget>(node, 'ResTarget') ?? {};
    noteInert(b, val);
    if (val) bindValue(b, target, name, val, place);
  }
  bindAssignmentSubscripts(b, targets, place);
  return namesOf(targets) ?? [];
}

/** An expression whose value goes into a column. */
function bindValue(
  b: Binder,
  { reference, inserted }: Target,
  column: string | undefined,
  value: Node,
  place: Place,
): void {
  const sources: Source[] = [];
  const from = b.columnUses.length;
  bindExpression(b, value, { ...place, sink: sources });
  for (const { fields } of inserted ? b.columnUses.slice(from) : [])
    if (fields[0] === 'excluded') sources.push(...(inserted?.get(fields[1] ?? '')?.sources ?? []));
  const exact = isColumn(value, b.columnUses.slice(from));
  if (column !== undefined) noteValueFlow(b, reference, column, { sources, exact });
}

/** `SET column[expression] = …` */
function bindAssignmentSubscripts(b: Binder, targets: readonly Node[] | undefined, place: Place): void {
  for (const node of targets ?? []) {
    for (const step of as<ResTarget>(node, 'ResTarget')?.indirection ?? []) bindExpression(b, step, place);
  }
}

/** The columns named by a target list; undefined if there is none. */
function namesOf(targets: readonly Node[] | undefined): string[] | undefined {
  return targets?.map((node) => as<ResTarget>(node, 'ResTarget')?.name ?? '');
}

function columnNamesOf({ reference }: Target): string[] {
  return (reference.relation?.columns ?? [])
    .filter(({ generated }) => generated === '')
    .map(({ name }) => name);
}

/**
 * RETURNING sees the target through a reference of its own: what is read there can be masked, what the change itself reads
 * cannot.
 */
function bindReturning(
  b: Binder,
  clause: ReturningClause | undefined,
  target: Target,
  others: readonly Item[],
  around: Place,
): Output {
  if (clause === undefined) return { ...NO_OUTPUT, open: false };
  const before = new Map(b.references.map((reference) => [reference, new Set(reference.reads)]));
  const { node } = target.reference;
  const reference = referTo(b, node, 'returning');
  const item = relationItem(reference, node.alias?.aliasname, []);
  const options = (clause.options ?? []).map((each) => as<ReturningOption>(each, 'ReturningOption') ?? {});
  const named = (option: string, fallback: string): string =>
    options.find((each) => each.option === option)?.value ?? fallback;
  const rows = [named('RETURNING_OPTION_OLD', 'old'), named('RETURNING_OPTION_NEW', 'new')].map((name) =>
    withVisibility(relationItem(reference, name, []), true, false),
  );
  const place: Place = {
    ...around,
    namespace: { items: [item, ...others, ...rows], parent: around.namespace },
  };
  const result = bindTargets(b, clause.exprs, place, true);
  if (reference.reads.size > 0) b.sheet.use(reference.id, reference.relation, 'Read');
  for (const [each, known] of before) {
    for (const column of each.reads) if (!known.has(column)) each.returned.add(column);
  }
  return result;
}
