/**
 * FROM: its items, what they yield, and what they read on the way.
 *
 * @see https://www.postgresql.org/docs/18/queries-table-expressions.html
 */
import {
  type Binder,
  findCte,
  noteOperator,
  noteType,
  type Place,
  read,
  referTo,
  useRelation,
} from './binder.ts';
import { spendEffort } from './effort.ts';
import { bindExpression, bindExpressions, EQUALS, filtering, noteSyntaxFunction } from './expressions.ts';
import {
  derivedItem,
  type Item,
  joinItem,
  type Namespace,
  type Output,
  type OutputColumn,
  relationItem,
  type Source,
  withVisibility,
} from './namespace.ts';
import { outputName } from './output-names.ts';
import { bindQuery } from './queries.ts';
import { settingsItem } from './settings-function.ts';
import {
  type Alias,
  as,
  bodyOf,
  type ColumnDef,
  type FuncCall,
  itemsOf,
  type JoinExpr,
  type JsonTable,
  type JsonTableColumn,
  type Node,
  type RangeFunction,
  type RangeSubselect,
  type RangeTableFunc,
  type RangeTableFuncCol,
  type RangeTableSample,
  type RangeVar,
  stringsOf,
  tagOf,
} from './tree.ts';

/** Binds the items of a FROM list. `place.namespace` is the level around the query. */
export function bindFrom(
  b: Binder,
  nodes: readonly Node[] | undefined,
  place: Place,
  before: readonly Item[] = [],
): Item[] {
  const items: Item[] = [...before];
  for (const node of nodes ?? []) {
    spendEffort(1);
    items.push(...bindItem(b, node, place, items));
  }
  return items;
}

/** @param siblings what LATERAL items may refer to */
function bindItem(b: Binder, node: Node, place: Place, siblings: readonly Item[]): Item[] {
  switch (tagOf(node)) {
    case 'RangeVar':
      return [bindRangeVar(b, bodyOf(node) as RangeVar, place)];
    case 'RangeTableSample':
      return [bindSample(b, bodyOf(node) as RangeTableSample, place, siblings)];
    case 'RangeSubselect':
      return [bindSubselect(b, bodyOf(node) as RangeSubselect, place, siblings)];
    case 'RangeFunction':
      return [bindFunction(b, bodyOf(node) as RangeFunction, lateral(place, siblings))];
    case 'RangeTableFunc':
      return [bindXmlTable(b, bodyOf(node) as RangeTableFunc, lateral(place, siblings))];
    case 'JsonTable':
      return [bindJsonTable(b, bodyOf(node) as JsonTable, lateral(place, siblings))];
    case 'JoinExpr':
      return bindJoin(b, bodyOf(node) as JoinExpr, place, siblings);
  }
  b.sheet.hide('statement', `FROM item ${tagOf(node)}`);
  return [];
}

/** The level that LATERAL items, and all functions, see: their siblings stand around them, not in them. */
function lateral(place: Place, siblings: readonly Item[]): Place {
  return { ...place, namespace: { items: [], parent: { items: siblings, parent: place.namespace } } };
}

function aliasesOf(alias: Alias | undefined): string[] {
  return stringsOf(alias?.colnames);
}

function bindRangeVar(b: Binder, node: RangeVar, place: Place): Item {
  const cte = node.schemaname === undefined ? findCte(place.ctes, node.relname ?? '') : undefined;
  if (cte) return derivedItem(node.alias?.aliasname ?? node.relname, cte.output(), aliasesOf(node.alias));
  return bindRelation(b, node, undefined);
}

function bindRelation(b: Binder, node: RangeVar, sample: RangeTableSample | undefined): Item {
  const reference = referTo(b, node, 'source', sample);
  useRelation(b, reference, 'Read');
  return relationItem(reference, node.alias?.aliasname, aliasesOf(node.alias));
}

function bindSample(b: Binder, sample: RangeTableSample, place: Place, siblings: readonly Item[]): Item {
  bindExpressions(b, sample.args, lateral(place, siblings));
  if (sample.repeatable) bindExpression(b, sample.repeatable, lateral(place, siblings));
  const method = stringsOf(sample.method);
  if (!['system', 'bernoulli'].includes(method.at(-1) ?? '')) {
    b.sheet.hide('function', `sampling method ${method.join('.')}`);
  }
  return bindRelation(b, as<RangeVar>(sample.relation, 'RangeVar') ?? {}, sample);
}

function bindSubselect(b: Binder, node: RangeSubselect, place: Place, siblings: readonly Item[]): Item {
  const outer = node.lateral ? lateral(place, siblings).namespace : place.namespace;
  const output = bindQuery(b, node.subquery ?? ({} as Node), outer, place.ctes);
  return derivedItem(node.alias?.aliasname, output, aliasesOf(node.alias));
}

function bindFunction(b: Binder, node: RangeFunction, place: Place): Item {
  const settings = settingsItem(b, node);
  if (settings !== undefined) return settings;
  const sources: Source[] = [];
  const columns: OutputColumn[] = [];
  let open = false;
  for (const entry of node.functions ?? []) {
    const [call, definitions] = itemsOf(entry);
    if (call === undefined) continue;
    const arrays = unnestedOf(call, definitions);
    for (const each of arrays) bindExpression(b, each, { ...place, sink: sources });
    const defined = definitionsOf(b, itemsOf(definitions), sources);
    columns.push(...defined);
    // A function of one result has one column, named like itself or the alias; others have columns of their own.
    if (defined.length === 0) {
      open = true;
      const name = (arrays.length === 1 && node.alias?.aliasname) || outputName(call);
      columns.push(...arrays.map(() => ({ name, sources })));
    }
  }
  const defined = definitionsOf(b, node.coldeflist ?? [], sources);
  if (defined.length > 0) columns.splice(0, columns.length, ...defined);
  if (node.ordinality) columns.push({ name: 'ordinality', sources: [] });
  const first = node.functions?.length === 1 ? itemsOf(node.functions[0])[0] : undefined;
  const name = node.alias?.aliasname ?? (first && outputName(first));
  return derivedItem(name, { columns, open: open && defined.length === 0 }, aliasesOf(node.alias));
}

/** A bare `unnest` of several arrays is as many calls of the server's own; everything else is the call that it is. */
function unnestedOf(call: Node, definitions: Node | undefined): readonly Node[] {
  const body = as<FuncCall>(call, 'FuncCall');
  const [name, ...more] = stringsOf(body?.funcname);
  const args = body?.args ?? [];
  if (body === undefined || name !== 'unnest' || more.length > 0 || args.length < 2) return [call];
  const isPlain =
    itemsOf(definitions).every((each) => as(each, 'ColumnDef') === undefined) &&
    body.agg_order === undefined &&
    body.agg_filter === undefined &&
    body.over === undefined &&
    !body.agg_star &&
    !body.agg_distinct &&
    !body.func_variadic;
  if (!isPlain) return [call];
  const funcname = ['pg_catalog', 'unnest'].map((sval) => ({ String: { sval } }));
  return args.map((arg) => ({ FuncCall: { ...body, funcname, args: [arg] } }));
}

function definitionsOf(b: Binder, nodes: readonly Node[], sources: readonly Source[]): OutputColumn[] {
  return nodes.flatMap((node) => {
    const definition = as<ColumnDef>(node, 'ColumnDef');
    if (definition === undefined) return [];
    noteType(b, definition.typeName);
    return [{ name: definition.colname ?? '', sources }];
  });
}

function bindXmlTable(b: Binder, node: RangeTableFunc, place: Place): Item {
  const sources: Source[] = [];
  const inner: Place = { ...place, sink: sources };
  for (const expression of [node.docexpr, node.rowexpr])
    if (expression) bindExpression(b, expression, filtering(inner));
  bindExpressions(b, node.namespaces, inner);
  const columns: OutputColumn[] = [];
  for (const entry of node.columns ?? []) {
    const column = as<RangeTableFuncCol>(entry, 'RangeTableFuncCol');
    if (column === undefined) continue;
    noteType(b, column.typeName);
    for (const expression of [column.colexpr, column.coldefexpr]) {
      if (expression) bindExpression(b, expression, inner);
    }
    columns.push({ name: column.colname ?? '', sources });
  }
  return derivedItem(node.alias?.aliasname, { columns, open: false }, aliasesOf(node.alias));
}

function bindJsonTable(b: Binder, node: JsonTable, place: Place): Item {
  const sources: Source[] = [];
  const inner: Place = { ...place, sink: sources };
  const rows = filtering(inner);
  noteSyntaxFunction(b, 'json_table');
  if (node.context_item) bindExpression(b, { JsonValueExpr: node.context_item }, rows);
  if (node.pathspec) bindExpression(b, { JsonTablePathSpec: node.pathspec }, rows);
  bindExpressions(b, node.passing, rows);
  const columns: OutputColumn[] = [];
  const pending = [...(node.columns ?? [])];
  for (let entry = pending.shift(); entry !== undefined; entry = pending.shift()) {
    const column = as<JsonTableColumn>(entry, 'JsonTableColumn');
    if (column === undefined) continue;
    noteType(b, column.typeName);
    for (const behavior of [column.on_empty, column.on_error]) {
      if (behavior?.expr) bindExpression(b, behavior.expr, inner);
    }
    if (column.name !== undefined) columns.push({ name: column.name, sources });
    pending.unshift(...(column.columns ?? []));
  }
  return derivedItem(node.alias?.aliasname, { columns, open: false }, aliasesOf(node.alias));
}

function bindJoin(b: Binder, node: JoinExpr, place: Place, siblings: readonly Item[]): Item[] {
  const left = node.larg ? bindItem(b, node.larg, place, siblings) : [];
  spendEffort(siblings.length + left.length);
  const right = node.rarg ? bindItem(b, node.rarg, place, [...siblings, ...left]) : [];
  const merged = node.isNatural ? commonColumns(left, right) : stringsOf(node.usingClause);
  if (node.isNatural) markNatural(left, right);
  const joined = joinItem(node.alias?.aliasname, left, right, merged, aliasesOf(node.alias));
  if (merged.length > 0) noteOperator(b, EQUALS);
  for (const column of merged) read(joined.find(column) ?? [], filtering(place));
  if (node.quals) {
    const namespace: Namespace = { items: [...left, ...right], parent: place.namespace };
    bindExpression(b, node.quals, { ...place, namespace, filter: true });
  }
  const hidden = node.alias !== undefined;
  const inner = [...left, ...right].map((item) => withVisibility(item, !hidden, false));
  const using = node.join_using_alias?.aliasname;
  const usingItem = using === undefined ? [] : [usingAlias(using, joined, merged)];
  return [joined, ...inner, ...usingItem];
}

/** `JOIN … USING (a) AS x`: `x.a` is the merged column. */
function usingAlias(name: string, joined: Item, merged: readonly string[]): Item {
  const columns = merged.map((column) => ({ name: column, sources: joined.find(column) ?? [] }));
  return withVisibility(derivedItem(name, { columns, open: false }, []), true, false);
}

function commonColumns(left: readonly Item[], right: readonly Item[]): string[] {
  const names = (items: readonly Item[]): string[] =>
    items
      .filter(({ columnsVisible }) => columnsVisible)
      .flatMap((item) => item.output().columns.map(({ name }) => name));
  const others = new Set(names(right));
  return [...new Set(names(left))].filter((name) => others.has(name));
}

/** Which columns a NATURAL JOIN compares depends on every column that either side has. */
function markNatural(left: readonly Item[], right: readonly Item[]): void {
  for (const item of [...left, ...right]) for (const reference of item.direct()) reference.natural = true;
}

/** What an item list yields for `*`. */
export function starOutput(items: readonly Item[]): Output {
  const visible = items.filter(({ columnsVisible }) => columnsVisible);
  return {
    columns: visible.flatMap((item) => item.output().columns),
    open: visible.some(({ open }) => open),
  };
}
