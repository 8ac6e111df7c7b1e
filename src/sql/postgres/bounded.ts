/**
 * Does a predicate exclude anything? A small constant folder: it says "always true" only where that is certain, but knows
 * the ways in which people and programs write it.
 */
import { spendEffort } from './effort.ts';
import { findColumn, findItem, type Namespace, type Source } from './namespace.ts';
import {
  type A_Expr,
  as,
  type BoolExpr,
  bodyOf,
  type ColumnRef,
  constantOf,
  type Node,
  type NullTest,
  type SelectStmt,
  type SubLink,
  stringOf,
  stringsOf,
  type TypeCast,
  tagOf,
} from './tree.ts';

/** True if the predicate holds for every row, or for every row but those with a null in some column. */
export function isAlwaysTrue(node: Node | undefined, namespace: Namespace | undefined): boolean {
  return node !== undefined && truth(node, namespace) === true;
}

/** true, false, or undefined if it depends. */
function truth(node: Node, namespace: Namespace | undefined): boolean | undefined {
  switch (tagOf(node)) {
    case 'A_Const':
      return constantTruth(node);
    case 'TypeCast':
      return truthOf((bodyOf(node) as TypeCast).arg, namespace);
    case 'BoolExpr':
      return boolTruth(bodyOf(node) as BoolExpr, namespace);
    case 'A_Expr':
      return comparisonTruth(bodyOf(node) as A_Expr);
    case 'NullTest':
      return nullTruth(bodyOf(node) as NullTest, namespace);
    case 'BooleanTest': {
      const { arg, booltesttype } = bodyOf(node) as { arg?: Node; booltesttype?: string };
      const inner = truthOf(arg, namespace);
      if (inner === undefined) return undefined;
      if (booltesttype === 'IS_TRUE' || booltesttype === 'IS_NOT_FALSE') return inner;
      if (booltesttype === 'IS_FALSE' || booltesttype === 'IS_NOT_TRUE') return !inner;
      return booltesttype === 'IS_NOT_UNKNOWN';
    }
    case 'SubLink':
      return existsTruth(bodyOf(node) as SubLink);
  }
  return undefined;
}

function truthOf(node: Node | undefined, namespace: Namespace | undefined): boolean | undefined {
  return node === undefined ? undefined : truth(node, namespace);
}

function constantTruth(node: Node): boolean | undefined {
  const value = constantOf(node);
  if (typeof value === 'boolean') return value;
  if (value === null) return false;
  if (value === undefined) return undefined;
  const text = value.trim().toLowerCase();
  if (
    text === '1' ||
    (text !== '' && ['true', 'yes', 'on'].some((word) => word.startsWith(text) && text !== 'o'))
  ) {
    return true;
  }
  return undefined;
}

function boolTruth({ boolop, args = [] }: BoolExpr, namespace: Namespace | undefined): boolean | undefined {
  const values = args.map((arg) => truth(arg, namespace));
  if (boolop === 'NOT_EXPR') return values[0] === undefined ? undefined : !values[0];
  const decisive = boolop === 'OR_EXPR';
  if (values.includes(decisive)) return decisive;
  if (values.every((value) => value === !decisive)) return !decisive;
  // `id = 1 OR id <> 1` and its kin
  if (decisive && args.length > 1 && hasComplement(args)) return true;
  return undefined;
}

const NEGATIONS: Readonly<Record<string, string>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
};

/** True if one arm of an OR is the negation of another. */
function hasComplement(args: readonly Node[]): boolean {
  const seen = new Set<string>();
  for (const arg of args) {
    if (seen.has(complementOf(arg))) return true;
    seen.add(spelling(arg));
  }
  return false;
}

function complementOf(node: Node): string {
  const bool = as<BoolExpr>(node, 'BoolExpr');
  if (bool?.boolop === 'NOT_EXPR' && bool.args?.[0]) return spelling(bool.args[0]);
  const test = as<NullTest>(node, 'NullTest');
  if (test) {
    const nulltesttype = test.nulltesttype === 'IS_NULL' ? 'IS_NOT_NULL' : 'IS_NULL';
    return spelling({ NullTest: { ...test, nulltesttype } });
  }
  const operation = as<A_Expr>(node, 'A_Expr');
  const negated = NEGATIONS[stringOf(operation?.name?.[0]) ?? ''];
  if (operation && negated)
    return spelling({ A_Expr: { ...operation, name: [{ String: { sval: negated } }] } });
  return spelling({ BoolExpr: { boolop: 'NOT_EXPR', args: [node] } });
}

/** The tree as text, without positions. */
function spelling(node: Node): string {
  const text = JSON.stringify(node, (key, value) =>
    key === 'location' || key.startsWith('rexpr_list_') ? undefined : value,
  );
  // Nested predicates are spelled once a level.
  spendEffort(text.length >> 3);
  return text;
}

const HOLDING_FOR_EQUALS: ReadonlySet<string> = new Set(['=', '<=', '>=']);

function comparisonTruth(operation: A_Expr): boolean | undefined {
  const { kind, name, lexpr, rexpr } = operation;
  const operator = stringOf(name?.at(-1)) ?? '';
  if (lexpr === undefined || rexpr === undefined) return undefined;
  const left = constantOf(plain(lexpr));
  const right = constantOf(plain(rexpr));
  if (kind === 'AEXPR_OP' && left !== undefined && right !== undefined)
    return compareConstants(operator, left, right);
  if ((kind === 'AEXPR_LIKE' || kind === 'AEXPR_ILIKE') && operator.startsWith('~')) {
    return typeof right === 'string' && /^%+$/.test(right) ? true : undefined;
  }
  // `id = id` holds for every row in which it is not null.
  if (kind === 'AEXPR_OP' && HOLDING_FOR_EQUALS.has(operator) && spelling(lexpr) === spelling(rexpr))
    return true;
  if (kind === 'AEXPR_NOT_DISTINCT' && spelling(lexpr) === spelling(rexpr)) return true;
  if (kind === 'AEXPR_IN' && operator === '=') {
    const items = as<{ items?: Node[] }>(rexpr, 'List')?.items ?? [];
    const own = spelling(lexpr);
    return items.some((item) => spelling(item) === own || isEqualConstant(left, item)) ? true : undefined;
  }
  return undefined;
}

function isEqualConstant(left: ReturnType<typeof constantOf>, item: Node): boolean {
  const right = constantOf(item);
  return left !== undefined && left !== null && left === right;
}

function plain(node: Node): Node {
  let inner = node;
  for (let cast = as<TypeCast>(inner, 'TypeCast'); cast?.arg; cast = as<TypeCast>(inner, 'TypeCast'))
    inner = cast.arg;
  return inner;
}

function compareConstants(
  operator: string,
  left: string | boolean | null,
  right: string | boolean | null,
): boolean | undefined {
  if (left === null || right === null) return false;
  const [a, b] = [String(left), String(right)];
  const numeric = a !== '' && b !== '' && Number.isFinite(Number(a)) && Number.isFinite(Number(b));
  const order = numeric ? Number(a) - Number(b) : a === b ? 0 : undefined;
  if (order === undefined) return operator === '<>' ? true : undefined;
  if (operator === '=') return order === 0;
  if (operator === '<>') return order !== 0;
  if (operator === '<') return order < 0;
  if (operator === '>') return order > 0;
  if (operator === '<=') return order <= 0;
  return operator === '>=' ? order >= 0 : undefined;
}

function nullTruth({ arg, nulltesttype }: NullTest, namespace: Namespace | undefined): boolean | undefined {
  const value = constantOf(arg);
  const wantsNull = nulltesttype === 'IS_NULL';
  if (value !== undefined) return (value === null) === wantsNull;
  const fields = as<ColumnRef>(arg, 'ColumnRef')?.fields;
  if (fields === undefined || !isNeverNull(stringsOf(fields), namespace)) return undefined;
  return !wantsNull;
}

function isNeverNull(fields: readonly string[], namespace: Namespace | undefined): boolean {
  const column = fields.at(-1)!;
  const sources: readonly Source[] =
    fields.length === 1
      ? findColumn(namespace, column).sources
      : (findItem(namespace, fields.at(-2)!)?.find(column) ?? []);
  return sources.length === 1 && sources[0]!.reference.relation?.column(column)?.notNull === true;
}

/** `EXISTS (SELECT 1)`: a query without FROM, WHERE and the like has one row. */
function existsTruth({ subLinkType, subselect }: SubLink): boolean | undefined {
  const select = as<SelectStmt>(subselect, 'SelectStmt');
  if (subLinkType !== 'EXISTS_SUBLINK' || select === undefined) return undefined;
  const { fromClause, whereClause, havingClause, limitCount, limitOffset, op, groupClause } = select;
  if (fromClause || havingClause || limitCount || limitOffset || groupClause || op !== 'SETOP_NONE')
    return undefined;
  return whereClause === undefined ? true : truth(whereClause, undefined);
}
