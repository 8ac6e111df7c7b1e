/**
 * The names of output columns that have no alias.
 *
 * Follows FigureColnameInternal of parse_target.c. A wrong name would only make a later look-up miss, which is then read as
 * "any column".
 */
import {
  type A_Indirection,
  as,
  bodyOf,
  type CaseExpr,
  type CollateClause,
  type ColumnRef,
  type FuncCall,
  type MinMaxExpr,
  type Node,
  type SelectStmt,
  type SQLValueFunction,
  type SubLink,
  stringOf,
  type TypeCast,
  tagOf,
  type XmlExpr,
} from './tree.ts';

/** How sure a name is: PostgreSQL prefers a name from an argument over one from a type. */
interface Figure {
  readonly name: string;
  readonly strong: boolean;
}

const FIXED: Readonly<Record<string, string>> = {
  A_ArrayExpr: 'array',
  CoalesceExpr: 'coalesce',
  GroupingFunc: 'grouping',
  JsonArrayAgg: 'json_arrayagg',
  JsonArrayConstructor: 'json_array',
  JsonArrayQueryConstructor: 'json_array',
  JsonObjectAgg: 'json_objectagg',
  JsonObjectConstructor: 'json_object',
  JsonParseExpr: 'json',
  JsonScalarExpr: 'json_scalar',
  JsonSerializeExpr: 'json_serialize',
  MergeSupportFunc: 'merge_action',
  RowExpr: 'row',
  XmlSerialize: 'xmlserialize',
};

const JSON_FUNCTIONS: Readonly<Record<string, string>> = {
  JSON_EXISTS_OP: 'json_exists',
  JSON_QUERY_OP: 'json_query',
  JSON_VALUE_OP: 'json_value',
};

export function outputName(node: Node): string {
  return figure(node)?.name ?? '?column?';
}

function figure(node: Node | undefined): Figure | undefined {
  if (node === undefined) return undefined;
  const tag = tagOf(node);
  const fixed = FIXED[tag];
  if (fixed !== undefined) return { name: fixed, strong: true };
  switch (tag) {
    case 'ColumnRef':
      return strong(lastName((bodyOf(node) as ColumnRef).fields));
    case 'A_Indirection': {
      const { arg, indirection } = bodyOf(node) as A_Indirection;
      return strong(lastName(indirection)) ?? figure(arg);
    }
    case 'FuncCall':
      return strong(lastName((bodyOf(node) as FuncCall).funcname));
    case 'A_Expr':
      return (bodyOf(node) as { kind?: string }).kind === 'AEXPR_NULLIF' ? strong('nullif') : undefined;
    case 'TypeCast': {
      const { arg, typeName } = bodyOf(node) as TypeCast;
      const inner = figure(arg);
      const type = lastName(typeName?.names);
      return inner?.strong ? inner : type === undefined ? inner : { name: type, strong: false };
    }
    case 'CollateClause':
      return figure((bodyOf(node) as CollateClause).arg);
    case 'CaseExpr': {
      const inner = figure((bodyOf(node) as CaseExpr).defresult);
      return inner?.strong ? inner : { name: 'case', strong: false };
    }
    case 'MinMaxExpr':
      return strong((bodyOf(node) as MinMaxExpr).op === 'IS_LEAST' ? 'least' : 'greatest');
    case 'SQLValueFunction':
      return strong(valueFunctionName((bodyOf(node) as SQLValueFunction).op ?? ''));
    case 'XmlExpr':
      return strong(xmlName((bodyOf(node) as XmlExpr).op ?? ''));
    case 'JsonFuncExpr':
      return strong(JSON_FUNCTIONS[(bodyOf(node) as { op?: string }).op ?? '']);
    case 'SubLink':
      return subLinkFigure(bodyOf(node) as SubLink);
  }
  return undefined;
}

function strong(name: string | undefined): Figure | undefined {
  return name === undefined ? undefined : { name, strong: true };
}

function lastName(nodes: readonly Node[] | undefined): string | undefined {
  for (let i = (nodes?.length ?? 0) - 1; i >= 0; i--) {
    const name = stringOf(nodes![i]);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** `SVFOP_CURRENT_TIMESTAMP_N` → `current_timestamp` */
function valueFunctionName(op: string): string {
  return op
    .replace(/^SVFOP_/, '')
    .replace(/_N$/, '')
    .toLowerCase();
}

/** `IS_XMLELEMENT` → `xmlelement` */
function xmlName(op: string): string | undefined {
  return op === 'IS_DOCUMENT' ? undefined : op.replace(/^IS_/, '').toLowerCase();
}

function subLinkFigure({ subLinkType, subselect }: SubLink): Figure | undefined {
  if (subLinkType === 'EXISTS_SUBLINK') return strong('exists');
  if (subLinkType === 'ARRAY_SUBLINK') return strong('array');
  if (subLinkType !== 'EXPR_SUBLINK') return undefined;
  let select = as<SelectStmt>(subselect, 'SelectStmt');
  while (select?.larg) select = select.larg;
  const target = as<{ name?: string; val?: Node }>(select?.targetList?.[0], 'ResTarget');
  if (target === undefined) return select?.valuesLists ? strong('column1') : undefined;
  return target.name === undefined ? (figure(target.val) ?? strong('?column?')) : strong(target.name);
}
