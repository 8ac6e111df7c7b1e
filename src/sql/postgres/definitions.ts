/**
 * DDL: what statements that define things mention. The bodies of definitions differ so much that they are walked
 * generically; whatever can hold a query, an expression, a type or a relation is found wherever it stands.
 */
import type { Action } from '../../model/facts.ts';
import { type Binder, isNode, noteType, type Place, referTo, useRelation } from './binder.ts';
import { noteCall } from './calls.ts';
import { bindExpression } from './expressions.ts';
import { type Item, type RelationReference, relationItem } from './namespace.ts';
import { isAdministrative, objectName, rangeVarOf } from './object-names.ts';
import { bindQuery, creationSchema } from './queries.ts';
import { as, bodyOf, constantOf, type Node, type RangeVar, stringsOf, type TypeName, tagOf } from './tree.ts';

/** Nodes of expressions: from here on `expressions.ts` knows the way. */
const EXPRESSIONS: ReadonlySet<string> = new Set([
  'A_ArrayExpr',
  'A_Expr',
  'A_Indirection',
  'BoolExpr',
  'BooleanTest',
  'CaseExpr',
  'CoalesceExpr',
  'ColumnRef',
  'FuncCall',
  'JsonArrayAgg',
  'JsonArrayConstructor',
  'JsonArrayQueryConstructor',
  'JsonFuncExpr',
  'JsonIsPredicate',
  'JsonObjectAgg',
  'JsonObjectConstructor',
  'JsonParseExpr',
  'JsonScalarExpr',
  'JsonSerializeExpr',
  'MinMaxExpr',
  'NullTest',
  'RowExpr',
  'SubLink',
  'TypeCast',
  'XmlExpr',
  'XmlSerialize',
]);

const QUERIES: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

/** Kinds whose names are looked up along the search path. */
const IN_SCHEMAS: ReadonlySet<string> = new Set([
  'aggregate',
  'collation',
  'domain',
  'function',
  'index',
  'operator',
  'operator class',
  'operator family',
  'procedure',
  'routine',
  'statistics',
  'text search configuration',
  'text search dictionary',
  'text search parser',
  'text search template',
  'type',
]);

/** Notes an object that is defined, changed or dropped; some kinds are acts of administration. */
export function define(b: Binder, action: Action, kind: string, name: string): void {
  b.sheet.touch(action, kind, qualified(b, action, kind, name));
  if (isAdministrative(kind)) b.sheet.act('Administer');
}

/** With its schema, if it is in one and the catalog, or the path, says which. */
function qualified(b: Binder, action: Action, kind: string, name: string): string {
  if (!IN_SCHEMAS.has(kind) || name.includes('.')) return name;
  if (action === 'Create') return [creationSchema(b) ?? [], name].flat().join('.');
  const { catalog, path } = b.scope;
  const homes = [...catalog.functionsNamed(name), ...catalog.typesNamed(name)].map(({ schema }) => schema);
  return [path.find((schema) => homes.includes(schema)) ?? [], name].flat().join('.');
}

/** Notes a relation that DDL is about. Returns it as an item, for expressions over its columns. */
export function mention(b: Binder, node: RangeVar | undefined, action: Action): Item {
  const reference = mentionReference(b, node, action);
  return relationItem(reference, node?.alias?.aliasname, []);
}

export function mentionReference(b: Binder, node: RangeVar | undefined, action: Action): RelationReference {
  const reference = referTo(b, node ?? {}, 'utility');
  useRelation(b, reference, action);
  return reference;
}

/** A relation that is written as a list of names. */
export function mentionNames(b: Binder, names: readonly string[], action: Action): Item {
  return mention(b, rangeVarOf(names), action);
}

/**
 * Walks the body of a definition.
 * @param items what expressions in it may refer to
 * @param action how other relations it mentions are used
 */
export function walkDefinition(b: Binder, body: object, items: readonly Item[], action: Action): void {
  const place: Place = {
    namespace: { items, parent: undefined },
    ctes: undefined,
    filter: true,
    sink: undefined,
  };
  const walk = (value: unknown, key: string): void => {
    if (Array.isArray(value)) for (const each of value) walk(each, key);
    else if (typeof value !== 'object' || value === null) return;
    else if (isNode(value)) visit(value);
    else if ('relname' in value) mention(b, value as RangeVar, key === 'pktable' ? 'Read' : action);
    else if (key === 'typeName' || key === 'ofTypename') noteType(b, value as TypeName);
    else for (const [field, inner] of Object.entries(value)) walk(inner, field);
  };
  const visit = (node: Node): void => {
    const tag = tagOf(node);
    if (tag === 'RangeVar') mention(b, bodyOf(node) as RangeVar, action);
    else if (tag === 'TypeName') noteType(b, bodyOf(node) as TypeName);
    else if (QUERIES.has(tag)) bindQuery(b, node, place.namespace, undefined);
    else if (EXPRESSIONS.has(tag)) bindExpression(b, node, place);
    else for (const [field, inner] of Object.entries(bodyOf(node))) walk(inner, field);
  };
  for (const [field, inner] of Object.entries(body)) walk(inner, field);
}

/** A function that a definition names: it will be called later, by whoever uses what is defined. */
export function noteNamedFunction(b: Binder, names: readonly Node[] | undefined): void {
  if (names !== undefined) noteCall(b, stringsOf(names), undefined, []);
}

/** The values of all DefElems of that name: where options repeat, what the last says may count, or what any says. */
export function optionsOf(options: readonly Node[] | undefined, name: string): Node[] {
  return (options ?? []).flatMap((node) => {
    const option = as<{ defname?: string; arg?: Node }>(node, 'DefElem');
    return option?.defname === name ? [option.arg ?? { Boolean: { boolval: true } }] : [];
  });
}

/** An option without a value, or with one that is true. */
export function isOn(value: Node): boolean {
  const text =
    objectName(value) || String(constantOf(value) ?? as<{ ival?: number }>(value, 'Integer')?.ival ?? 'on');
  return !['off', 'false', '0'].includes(text.toLowerCase());
}

/** A dotted name from a node or a list of nodes. */
export function nameOf(value: Node | readonly Node[] | undefined): string {
  return Array.isArray(value) ? value.map(objectName).join('.') : objectName(value as Node | undefined);
}
