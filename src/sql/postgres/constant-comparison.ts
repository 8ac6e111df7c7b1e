/** Comparisons of a column with a constant, `column = $1`, by an equality of the server's own. */
import { type A_Expr, as, type ColumnRef, type Node, stringsOf, type TypeCast, tagOf } from './tree.ts';

/**
 * Types whose equality says no more than that two values are the same: bool, bytea, int8, int2, int4, text, inet, bpchar, varchar, date,
 * time, timestamp, timestamptz, numeric, uuid.
 */
export const COMPARABLE: ReadonlySet<number> = new Set([
  16, 17, 20, 21, 23, 25, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1700, 2950,
]);

/** To these a constant may be cast: what they are compared by is told above. */
const CASTS: ReadonlySet<string> = new Set([
  ...[
    'bool',
    'bytea',
    'int2',
    'int4',
    'int8',
    'text',
    'inet',
    'bpchar',
    'varchar',
    'date',
    'time',
    'timestamp',
  ],
  ...['timestamptz', 'numeric', 'uuid'],
]);

/**
 * The column of `column = constant`, either way round.
 * @param hasForeignEquals whether the database has operators `=` of its own: then only the qualified one is known
 */
export function columnComparedWithConstant(node: Node, hasForeignEquals: boolean): ColumnRef | undefined {
  const { kind, name, lexpr, rexpr } = as<A_Expr>(node, 'A_Expr') ?? {};
  if (kind !== 'AEXPR_OP') return undefined;
  const [operator, schema] = stringsOf(name).toReversed();
  if (operator !== '=' || (schema !== 'pg_catalog' && (schema !== undefined || hasForeignEquals)))
    return undefined;
  if (isConstant(rexpr)) return as<ColumnRef>(lexpr, 'ColumnRef');
  return isConstant(lexpr) ? as<ColumnRef>(rexpr, 'ColumnRef') : undefined;
}

/** What is joined by AND. */
export function conjuncts(node: Node): readonly Node[] {
  const { boolop, args = [] } = as<{ boolop?: string; args?: Node[] }>(node, 'BoolExpr') ?? {};
  return boolop === 'AND_EXPR' ? args.flatMap(conjuncts) : [node];
}

/** One value for all rows, which nothing of the database decides. */
function isConstant(node: Node | undefined): boolean {
  const cast = as<TypeCast>(node, 'TypeCast');
  if (cast?.arg && cast.typeName) {
    const names = stringsOf(cast.typeName.names);
    const isPlain = names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog');
    const { arrayBounds, setof } = cast.typeName;
    return isPlain && CASTS.has(names.at(-1)!) && !arrayBounds && !setof && isConstant(cast.arg);
  }
  return node !== undefined && (tagOf(node) === 'A_Const' || tagOf(node) === 'ParamRef');
}
