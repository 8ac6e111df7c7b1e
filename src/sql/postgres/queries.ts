/**
 * Queries: SELECT, VALUES, set operations, WITH. A data-modifying WITH query goes to `modifications.ts`.
 *
 * @see https://www.postgresql.org/docs/18/sql-select.html
 */
import { type Binder, type CteFrame, type Place, read, readColumns, sourcesOf } from './binder.ts';
import { noteLockBelow } from './cascades.ts';
import { bindExpression, bindExpressions, filtering, noteInert, noteItemUse } from './expressions.ts';
import { bindFrom, starOutput } from './from-clause.ts';
import { noteGrouping } from './groupings.ts';
import { bindModification, isModification } from './modifications.ts';
import {
  boundedColumns,
  distinctSources,
  findColumn,
  findItem,
  type Item,
  type Namespace,
  NO_OUTPUT,
  type Output,
  type OutputColumn,
  type Source,
} from './namespace.ts';
import { outputName } from './output-names.ts';
import {
  as,
  bodyOf,
  type ColumnRef,
  type CommonTableExpr,
  constantOf,
  type GroupingSet,
  type IntoClause,
  itemsOf,
  type LockingClause,
  type Node,
  type RangeVar,
  type ResTarget,
  type RowExpr,
  type SelectStmt,
  type SortBy,
  stringOf,
  stringsOf,
  tagOf,
  type WithClause,
} from './tree.ts';
import { isColumn } from './value-flows.ts';

/** Binds a query that stands in a larger one, or on its own. `parent` is the level around it. */
export function bindQuery(
  b: Binder,
  node: Node,
  parent: Namespace | undefined,
  ctes: CteFrame | undefined,
): Output {
  if (tagOf(node) === 'SelectStmt') return bindSelect(b, bodyOf(node) as SelectStmt, parent, ctes);
  if (isModification(node)) return bindModification(b, node, parent, ctes);
  b.sheet.hide('statement', `query ${tagOf(node)}`);
  return NO_OUTPUT;
}

export function bindSelect(
  b: Binder,
  select: SelectStmt,
  parent: Namespace | undefined,
  ctes: CteFrame | undefined,
  onFirstArm?: (output: Output) => void,
): Output {
  const place: Place = {
    namespace: parent,
    ctes: bindWith(b, select.withClause, parent, ctes),
    filter: false,
    sink: undefined,
  };
  if (select.larg) return bindSetOperation(b, select, place, onFirstArm);
  if (select.valuesLists) return bindValues(b, select, place);
  return bindPlainSelect(b, select, place);
}

function bindPlainSelect(b: Binder, select: SelectStmt, outer: Place): Output {
  const items = bindFrom(b, select.fromClause, outer);
  const within: Place = { ...outer, namespace: { items, parent: outer.namespace } };
  if (select.whereClause) bindExpression(b, select.whereClause, filtering(within));
  const grouping = select.groupClause && { select, items, keys: [], bare: [] };
  const place: Place = grouping ? { ...within, grouping } : within;
  const output = bindTargets(b, select.targetList, place);
  bindKeys(b, select.groupClause, within, output, true);
  if (grouping) noteGrouping(b, grouping, within);
  if (select.havingClause) bindExpression(b, select.havingClause, filtering(place));
  bindExpressions(b, select.windowClause, filtering(place));
  if (select.distinctClause) bindDistinct(b, select.distinctClause, place, output);
  bindTail(b, select, place, output, items);
  if (select.intoClause) noteInto(b, select.intoClause);
  return output;
}

function bindValues(b: Binder, select: SelectStmt, place: Place): Output {
  const columns: { name: string; sources: Source[] }[] = [];
  for (const row of select.valuesLists ?? []) {
    itemsOf(row).forEach((value, i) => {
      columns[i] ??= { name: `column${i + 1}`, sources: [] };
      bindExpression(b, value, { ...place, sink: columns[i].sources });
    });
  }
  const output: Output = {
    columns: columns.map(({ name, sources }) => ({ name, sources: distinctSources(sources) })),
    open: false,
  };
  bindTail(b, select, place, output, []);
  return output;
}

/** Chains of set operations lean to the left and may be as deep as they are long: those are walked in a loop. */
function bindSetOperation(
  b: Binder,
  select: SelectStmt,
  place: Place,
  onFirstArm?: (output: Output) => void,
): Output {
  const chain = [select];
  let first = select.larg!;
  while (first.larg && !first.withClause) {
    chain.push(first);
    first = first.larg;
  }
  let output = bindSelect(b, first, place.namespace, place.ctes);
  onFirstArm?.(output);
  for (const each of chain.toReversed()) {
    const right = bindSelect(b, each.rarg!, place.namespace, place.ctes);
    output = unite(output, right);
    if (each.op !== 'SETOP_UNION' || !each.all) markFilters(output, place);
    bindTail(b, each, place, output, []);
  }
  return output;
}

function unite(left: Output, right: Output): Output {
  const columns = left.columns.map(({ name, sources }, i) => ({
    name,
    sources: distinctSources([...sources, ...(right.columns[i]?.sources ?? [])]),
  }));
  return { columns, open: left.open };
}

function markFilters({ columns }: Output, place: Place): void {
  for (const { sources } of columns) read(sources, { ...place, filter: true, sink: undefined });
}

/** ORDER BY, LIMIT, FOR UPDATE. */
function bindTail(b: Binder, select: SelectStmt, place: Place, output: Output, items: readonly Item[]): void {
  bindKeys(b, select.sortClause, place, output, false);
  for (const limit of [select.limitCount, select.limitOffset]) {
    if (limit === undefined) continue;
    noteInert(b, limit);
    bindExpression(b, limit, filtering(place));
  }
  for (const node of select.lockingClause ?? []) noteLock(b, as<LockingClause>(node, 'LockingClause'), items);
}

function noteLock(b: Binder, clause: LockingClause | undefined, items: readonly Item[]): void {
  b.sheet.act('Lock');
  b.sheet.writes = true;
  const named = (clause?.lockedRels ?? []).map((node) => as<RangeVar>(node, 'RangeVar')?.relname);
  for (const item of items) {
    if (item.reference === undefined || (named.length > 0 && !named.includes(item.name))) continue;
    const { id, relation } = item.reference;
    b.sheet.use(id, relation, 'Lock');
    if (relation) noteLockBelow(b, relation);
  }
}

/** The target list of a query or a RETURNING. */
export function bindTargets(
  b: Binder,
  targets: readonly Node[] | undefined,
  place: Place,
  returning = false,
): Output {
  const columns: OutputColumn[] = [];
  let open = false;
  for (const node of targets ?? []) {
    const target = as<ResTarget>(node, 'ResTarget') ?? {};
    const { name, val } = target;
    if (val === undefined) continue;
    const from = b.columnUses.length;
    const star = starOf(val, place.namespace);
    const items = star && bindStar(b, val, place);
    if (star) {
      columns.push(...star.columns);
      open ||= star.open;
    } else {
      const sources: Source[] = [];
      bindExpression(b, val, { ...place, sink: sources });
      const exact = isColumn(val, b.columnUses.slice(from));
      columns.push({ name: name ?? outputName(val), sources: distinctSources(sources), exact });
    }
    b.targetUses.push({ target, from, to: b.columnUses.length, star: items, returning });
  }
  return { columns: boundedColumns(columns), open };
}

/** Binds `*` or `item.*` as what it stands for; undefined if that is not known. */
function bindStar(b: Binder, val: Node, place: Place): readonly Item[] | undefined {
  const column = as<ColumnRef>(val, 'ColumnRef');
  const [relation, schema] = stringsOf(column?.fields?.slice(0, -1)).toReversed();
  const item = relation === undefined ? undefined : findItem(place.namespace, relation, schema);
  if (column === undefined || (relation !== undefined && item === undefined)) {
    bindExpression(b, val, place);
    return undefined;
  }
  if (item && schema !== undefined) item.reference?.qualified.push(column);
  const items = item ? [item] : (place.namespace?.items ?? []).filter(({ columnsVisible }) => columnsVisible);
  for (const each of items) {
    readColumns(each, place);
    noteItemUse(b, column, each, sourcesOf(each), 'star', place);
  }
  return items;
}

/** What `*` or `item.*` yields; undefined if the expression is no star. */
function starOf(node: Node, namespace: Namespace | undefined): Output | undefined {
  const fields = as<ColumnRef>(node, 'ColumnRef')?.fields;
  if (fields === undefined) {
    // `(row).*` yields columns that only its type knows.
    const indirection = as<{ indirection?: Node[] }>(node, 'A_Indirection')?.indirection;
    return as(indirection?.at(-1), 'A_Star') ? NO_OUTPUT : undefined;
  }
  if (as(fields.at(-1), 'A_Star') === undefined) return undefined;
  if (fields.length === 1) return starOutput(namespace?.items ?? []);
  const [relation, schema] = stringsOf(fields.slice(0, -1)).toReversed();
  return findItem(namespace, relation!, schema)?.output() ?? NO_OUTPUT;
}

/**
 * ORDER BY, GROUP BY and DISTINCT ON: an ordinal or the name of an output column, or else an expression. GROUP BY prefers
 * a column of FROM to an output column of the same name.
 */
function bindKeys(
  b: Binder,
  nodes: readonly Node[] | undefined,
  place: Place,
  output: Output,
  inputFirst: boolean,
): void {
  for (const node of nodes ?? []) {
    const set = as<GroupingSet>(node, 'GroupingSet')?.content ?? as<RowExpr>(node, 'RowExpr')?.args;
    if (set) {
      bindKeys(b, set, place, output, inputFirst);
      continue;
    }
    const key = as<SortBy>(node, 'SortBy')?.node ?? node;
    const sources = keySources(key, place, output, inputFirst);
    if (sources) read(sources, { ...place, filter: true });
    if (!sources || as<SortBy>(node, 'SortBy')?.useOp) bindExpression(b, node, filtering(place));
  }
}

function keySources(
  key: Node,
  place: Place,
  output: Output,
  inputFirst: boolean,
): readonly Source[] | undefined {
  const ordinal = constantOf(key);
  if (typeof ordinal === 'string' && /^\d+$/.test(ordinal))
    return output.columns[Number(ordinal) - 1]?.sources;
  const fields = as<ColumnRef>(key, 'ColumnRef')?.fields;
  const name = fields?.length === 1 ? stringOf(fields[0]) : undefined;
  if (name === undefined) return undefined;
  const local = place.namespace && { items: place.namespace.items, parent: undefined };
  if (inputFirst && findColumn(local, name).found) return undefined;
  const hits = output.columns.filter((column) => column.name === name);
  return hits.length === 0 ? undefined : hits.flatMap(({ sources }) => [...sources]);
}

function bindDistinct(b: Binder, clause: readonly Node[], place: Place, output: Output): void {
  const on = clause.filter((node) => tagOf(node) !== '');
  if (on.length === 0) markFilters(output, place);
  else bindKeys(b, on, place, output, false);
}

/** SELECT … INTO, CREATE TABLE AS: the relation they make. */
export function noteInto(b: Binder, { rel, options }: IntoClause): void {
  b.sheet.writes = true;
  b.sheet.changesCatalog = true;
  if (rel) b.sheet.touch('Create', 'table', newRelationName(b, rel));
  if (options)
    for (const option of options)
      bindExpression(b, as<{ arg?: Node }>(option, 'DefElem')?.arg ?? option, NOWHERE);
}

const NOWHERE: Place = { namespace: undefined, ctes: undefined, filter: false, sink: undefined };

/** How a relation that is about to be made will be called. */
export function newRelationName(b: Binder, rel: RangeVar): string {
  const name = rel.relname ?? '';
  if (rel.relpersistence === 't') return `pg_temp.${name}`;
  const schema = rel.schemaname ?? creationSchema(b);
  return schema === undefined ? name : `${schema}.${name}`;
}

/** Where things are made whose schema is not written: in the first of the path that exists. */
export function creationSchema(b: Binder): string | undefined {
  if (b.creationSchema !== undefined) return b.creationSchema;
  return b.scope.path.find((each, i) => !isImplicit(each, i) && b.scope.catalog.schemas.has(each));
}

/** pg_temp and pg_catalog at the head of the path are not where things are made. */
function isImplicit(schema: string, position: number): boolean {
  return position < 2 && (schema === 'pg_temp' || schema === 'pg_catalog');
}

/** Binds the queries of a WITH clause and puts them in scope. */
export function bindWith(
  b: Binder,
  clause: WithClause | undefined,
  parent: Namespace | undefined,
  outer: CteFrame | undefined,
): CteFrame | undefined {
  if (clause === undefined) return outer;
  const expressions = (clause.ctes ?? []).map((node) => as<CommonTableExpr>(node, 'CommonTableExpr') ?? {});
  if (!clause.recursive) {
    let scope = outer;
    for (const expression of expressions) scope = bindCte(b, expression, parent, scope, scope);
    return scope;
  }
  // Each may refer to itself and to any other, in whatever order they are written.
  let scope = outer;
  const chain: { frame: CteFrame | undefined } = { frame: outer };
  const frames = expressions.map((expression) => {
    scope = lazyFrame(b, expression, parent, () => chain.frame, scope);
    return scope;
  });
  chain.frame = scope;
  for (const frame of frames) frame.output();
  return scope;
}

function bindCte(
  b: Binder,
  expression: CommonTableExpr,
  parent: Namespace | undefined,
  visible: CteFrame | undefined,
  next: CteFrame | undefined,
): CteFrame {
  const output = cteOutput(expression, bindQuery(b, expression.ctequery ?? ({} as Node), parent, visible));
  return { name: expression.ctename ?? '', next, output: () => output };
}

/** A WITH query bound when first referred to; while it is being bound, a reference to itself sees its first arm. */
function lazyFrame(
  b: Binder,
  expression: CommonTableExpr,
  parent: Namespace | undefined,
  visible: () => CteFrame | undefined,
  next: CteFrame | undefined,
): CteFrame {
  let output: Output | undefined;
  const bind = (): Output => {
    output = NO_OUTPUT;
    const query = expression.ctequery ?? ({} as Node);
    const select = as<SelectStmt>(query, 'SelectStmt');
    const onFirstArm = (first: Output): void => {
      output = cteOutput(expression, first);
    };
    const result = select
      ? bindSelect(b, select, parent, visible(), onFirstArm)
      : bindQuery(b, query, parent, visible());
    output = cteOutput(expression, result);
    return output;
  };
  return { name: expression.ctename ?? '', next, output: () => output ?? bind() };
}

/** With its column aliases, and the columns that SEARCH and CYCLE add. */
function cteOutput({ aliascolnames, search_clause, cycle_clause }: CommonTableExpr, output: Output): Output {
  const aliases = stringsOf(aliascolnames);
  const columns = output.columns.map((column, i) => ({ ...column, name: aliases[i] ?? column.name }));
  const added = [
    search_clause?.search_seq_column,
    cycle_clause?.cycle_mark_column,
    cycle_clause?.cycle_path_column,
  ];
  for (const name of added) {
    if (name !== undefined) columns.push({ name, sources: columns.flatMap(({ sources }) => [...sources]) });
  }
  return { columns, open: output.open };
}
