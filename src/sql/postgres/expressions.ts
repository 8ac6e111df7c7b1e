/**
 * Expressions: which columns they read, which functions, operators and types they use.
 *
 * Every node of the grammar that can stand in an expression is listed here; one that is not makes the statement opaque.
 */
import {
  type Binder,
  type ColumnUse,
  correlate,
  directOf,
  eachChild,
  noteOperator,
  noteType,
  type Place,
  read,
  readEverything,
  readItem,
  readName,
  sourcesOf,
} from './binder.ts';
import { noteCall } from './calls.ts';
import { findItem, type Item, type Source } from './namespace.ts';
import { bindQuery } from './queries.ts';
import {
  type A_Const,
  type A_Expr,
  type A_Indirection,
  as,
  bodyOf,
  type CaseExpr,
  type ColumnRef,
  type FuncCall,
  itemsOf,
  type Node,
  type SortBy,
  type SubLink,
  stringOf,
  stringsOf,
  type TypeCast,
  type TypeName,
  tagOf,
} from './tree.ts';

/** Nodes without names in them. */
const LEAVES: ReadonlySet<string> = new Set([
  'A_Const',
  'A_Star',
  'BitString',
  'Boolean',
  'CurrentOfExpr',
  'Float',
  'Integer',
  'JsonFormat',
  'MergeSupportFunc',
  'ParamRef',
  'SQLValueFunction',
  'SetToDefault',
  'String',
]);

/** Nodes that do nothing but hold others. */
const HOLDERS: ReadonlySet<string> = new Set([
  'A_ArrayExpr',
  'A_Indices',
  'BoolExpr',
  'BooleanTest',
  'CaseExpr',
  'CaseWhen',
  'CoalesceExpr',
  'CollateClause',
  'GroupingFunc',
  'GroupingSet',
  'JsonAggConstructor',
  'JsonArgument',
  'JsonArrayAgg',
  'JsonArrayConstructor',
  'JsonArrayQueryConstructor',
  'JsonBehavior',
  'JsonFuncExpr',
  'JsonIsPredicate',
  'JsonKeyValue',
  'JsonObjectAgg',
  'JsonObjectConstructor',
  'JsonOutput',
  'JsonParseExpr',
  'JsonReturning',
  'JsonScalarExpr',
  'JsonSerializeExpr',
  'JsonTablePathSpec',
  'JsonValueExpr',
  'List',
  'MinMaxExpr',
  'MultiAssignRef',
  'NamedArgExpr',
  'NullTest',
  'ResTarget',
  'RowExpr',
  'WindowDef',
  'XmlExpr',
  'XmlSerialize',
]);

/** What the grammar compares with where no operator is written. */
export const EQUALS: readonly Node[] = [{ String: { sval: '=' } }];

/** Names of functions that later versions spell as syntax: an older server calls what has that name. */
const SYNTAX_FUNCTIONS: Readonly<Record<string, string>> = {
  JsonArrayAgg: 'json_arrayagg',
  JsonArrayConstructor: 'json_array',
  JsonArrayQueryConstructor: 'json_array',
  JsonObjectAgg: 'json_objectagg',
  JsonObjectConstructor: 'json_object',
  JsonParseExpr: 'json',
  JsonScalarExpr: 'json_scalar',
  JsonSerializeExpr: 'json_serialize',
  MergeSupportFunc: 'merge_action',
};

/** Notes what an expression does. */
export function bindExpression(b: Binder, node: Node, place: Place): void {
  const tag = tagOf(node);
  switch (tag) {
    case 'ColumnRef':
      bindColumn(b, bodyOf(node) as ColumnRef, place);
      return;
    case 'A_Expr':
      bindOperation(b, bodyOf(node) as A_Expr, place);
      return;
    case 'FuncCall':
      bindCall(b, bodyOf(node) as FuncCall, place);
      return;
    case 'TypeCast': {
      const { arg, typeName } = bodyOf(node) as TypeCast;
      noteType(b, typeName);
      if (arg) bindExpression(b, arg, place);
      return;
    }
    case 'TypeName':
      noteType(b, bodyOf(node) as TypeName);
      return;
    case 'SubLink':
      bindSubLink(b, bodyOf(node) as SubLink, place);
      return;
    case 'SelectStmt':
      collect(bindQuery(b, node, place.namespace, place.ctes).columns, place);
      return;
    case 'JsonFuncExpr':
      noteSyntaxFunction(b, jsonFunctionName(node));
      break;
    case 'A_Indirection':
      bindIndirection(b, bodyOf(node) as A_Indirection, place);
      return;
    case 'CaseExpr':
      if ((bodyOf(node) as CaseExpr).arg) noteOperator(b, EQUALS);
      break;
    case 'SortBy': {
      const sort = bodyOf(node) as SortBy;
      noteOperator(b, sort.useOp);
      if (sort.node) bindExpression(b, sort.node, place);
      return;
    }
  }
  noteSyntaxFunction(b, SYNTAX_FUNCTIONS[tag]);
  if (LEAVES.has(tag) || tag === '') return;
  if (!HOLDERS.has(tag)) b.sheet.hide('statement', `expression ${tag}`);
  eachChild(bodyOf(node), (child, key) => bindExpression(b, child, placeOf(key, place)));
}

/** `JSON_VALUE_OP` → `json_value` */
function jsonFunctionName(node: Node): string {
  const { op = '' } = bodyOf(node) as { op?: string };
  return op.replace(/_OP$/, '').toLowerCase();
}

/** Syntax here may be a call of somebody's function there, if there is one of that name. */
export function noteSyntaxFunction(b: Binder, name: string | undefined): void {
  if (name === undefined) return;
  if (b.scope.catalog.functionsNamed(name).some(({ builtin }) => !builtin))
    noteCall(b, [name], undefined, []);
}

export function bindExpressions(b: Binder, nodes: readonly Node[] | undefined, place: Place): void {
  if (nodes !== undefined) for (const node of nodes) bindExpression(b, node, place);
}

export const filtering = (place: Place): Place => (place.filter ? place : { ...place, filter: true });

/** Fields whose expressions decide which rows count, or in which order. */
const FILTER_FIELDS: ReadonlySet<string> = new Set([
  'agg_filter',
  'agg_order',
  'partitionClause',
  'orderClause',
]);

function placeOf(field: string, place: Place): Place {
  return FILTER_FIELDS.has(field) ? filtering(place) : place;
}

function collect(columns: readonly { sources: Parameters<typeof read>[0] }[], place: Place): void {
  for (const { sources } of columns) read(sources, place);
}

function bindColumn(b: Binder, node: ColumnRef, place: Place): void {
  const fields = node.fields ?? [];
  const names = stringsOf(fields);
  const star = as(fields.at(-1), 'A_Star') !== undefined;
  if (names.length === 1) {
    if (star) for (const item of place.namespace?.items ?? []) if (item.columnsVisible) readItem(item, place);
    if (!star) readName(b, node, names[0]!, place);
    return;
  }
  const [column, relation, schema] = names.toReversed();
  const item = findItem(place.namespace, relation!, schema);
  if (item === undefined) {
    readEverything(place);
    const { namespace } = place;
    b.columnUses.push({
      node,
      kind: 'column',
      fields: names,
      namespace,
      sources: [],
      direct: [],
      certain: false,
    });
    return;
  }
  if (schema !== undefined) item.reference?.qualified.push(node);
  if (star) readItem(item, place);
  else readField(b, item, column!, place);
  const found = star ? undefined : item.find(column!);
  noteItemUse(b, node, item, found ?? sourcesOf(item), found ? 'column' : 'row', place);
}

/** Notes a qualified reference. */
export function noteItemUse(
  b: Binder,
  node: ColumnRef,
  item: Item,
  sources: readonly Source[],
  kind: ColumnUse['kind'],
  { namespace }: Place,
): void {
  if (!namespace?.items.includes(item)) correlate(sources);
  const fields = stringsOf(node.fields);
  const direct = directOf([item]);
  b.columnUses.push({ node, kind, fields, namespace, sources, direct, certain: !item.open });
}

/** `item.field`: a column, or a function of the whole row in the guise of one. */
function readField(b: Binder, item: Item, field: string, place: Place): void {
  const sources = item.find(field);
  if (sources) {
    read(sources, place);
    return;
  }
  if (item.open && item.reference) read([{ reference: item.reference, column: field }], place);
  readItem(item, place);
  noteFieldCall(b, field, item.open);
}

/** A field that is no column may be a function. Where the columns are unknown, only a function of somebody's counts. */
function noteFieldCall(b: Binder, field: string, open: boolean): void {
  if (b.scope.catalog.functionsNamed(field).some((one) => !open || !one.builtin)) noteCall(b, [field], 1, []);
}

function bindIndirection(b: Binder, { arg, indirection }: A_Indirection, place: Place): void {
  if (arg) bindExpression(b, arg, place);
  for (const step of indirection ?? []) {
    const field = stringOf(step);
    if (field === undefined) bindExpression(b, step, place);
    else noteFieldCall(b, field, true);
  }
}

function bindSubLink(b: Binder, { testexpr, operName, subselect }: SubLink, place: Place): void {
  noteOperator(b, operName ?? EQUALS);
  const inner = testexpr === undefined ? place : filtering(place);
  if (testexpr) bindExpression(b, testexpr, inner);
  if (subselect) collect(bindQuery(b, subselect, place.namespace, place.ctes).columns, inner);
}

function bindCall(b: Binder, call: FuncCall, place: Place): void {
  const args = call.args ?? [];
  const count = call.func_variadic ? undefined : countOf(call);
  const yieldsRows = noteCall(b, stringsOf(call.funcname), count, args, place);
  const inner = isAggregate(b, call) ? { ...place, grouping: undefined } : place;
  bindExpressions(b, args, yieldsRows || call.agg_distinct ? filtering(inner) : inner);
  bindExpressions(b, call.agg_order, call.agg_within_group ? inner : filtering(inner));
  if (call.agg_filter) bindExpression(b, call.agg_filter, filtering(inner));
  if (call.over) eachChild(call.over, (child) => bindExpression(b, child, filtering(place)));
}

/** Over a window, an aggregate sees the grouped rows. */
function isAggregate({ scope }: Binder, { funcname, over }: FuncCall): boolean {
  if (over !== undefined) return false;
  const overloads = scope.catalog.functionsNamed(stringOf(funcname?.at(-1)) ?? '');
  return overloads.length > 0 && overloads.every(({ kind }) => kind === 'a');
}

/** Ordered-set aggregates take their sort keys as arguments too. */
function countOf(call: FuncCall): number {
  return (call.args?.length ?? 0) + (call.agg_within_group ? (call.agg_order?.length ?? 0) : 0);
}

function bindOperation(b: Binder, operation: A_Expr, place: Place): void {
  noteOperator(b, operation.name);
  noteImplicitOperators(b, operation);
  const { lexpr, rexpr } = operation;
  if (lexpr && rexpr && COMPARING.has(operation.kind ?? '')) noteInertConstants(b, operation);
  if (lexpr) bindExpression(b, lexpr, place);
  if (rexpr) bindExpression(b, rexpr, place);
}

/** BETWEEN is spelled by its own name, but means two comparisons. */
function noteImplicitOperators(b: Binder, { kind }: A_Expr): void {
  if (!kind?.includes('BETWEEN')) return;
  for (const sval of ['<', '>', '<=', '>=']) noteOperator(b, [{ String: { sval } }]);
}

const COMPARING: ReadonlySet<string> = new Set([
  'AEXPR_OP',
  'AEXPR_IN',
  'AEXPR_LIKE',
  'AEXPR_ILIKE',
  'AEXPR_BETWEEN',
  'AEXPR_NOT_BETWEEN',
]);
const COMPARISONS: ReadonlySet<string> = new Set([
  '=',
  '<>',
  '<',
  '>',
  '<=',
  '>=',
  '~~',
  '!~~',
  '~~*',
  '!~~*',
]);

/**
 * `column = 5`, `count(*) > 5`: whatever the constant, the statement does the same. Two constants may exclude everything, or
 * nothing.
 */
function noteInertConstants(b: Binder, { kind, name, lexpr, rexpr }: A_Expr): void {
  const operator = stringOf(name?.[0]) ?? '';
  if (name?.length !== 1 || (!kind?.includes('BETWEEN') && !COMPARISONS.has(operator))) return;
  if (!isConstant(lexpr)) for (const node of itemsOf(rexpr)) noteInert(b, node);
  else if (!isConstant(rexpr)) noteInert(b, lexpr);
}

function isConstant(node: Node | undefined): boolean {
  const cast = as<TypeCast>(node, 'TypeCast');
  return cast
    ? isConstant(cast.arg)
    : node === undefined || tagOf(node) === 'List' || as(node, 'A_Const') !== undefined;
}

/** Notes a constant, if it is one, as one whose value changes nothing. */
export function noteInert(b: Binder, node: Node | undefined): void {
  const constant = as<A_Const>(node, 'A_Const');
  if (constant) b.inertConstants.add(constant.location ?? 0);
}
