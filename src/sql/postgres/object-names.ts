/**
 * The objects of DDL: what the grammar calls their kinds, what we and the command tags call them, and how their names stand in
 * the tree. Pure.
 */
import { as, type Node, type RangeVar, stringOf, stringsOf, type TypeName } from './tree.ts';

/** Kinds of objects as facts name them. Upper-cased they are the second half of command tags, with a few exceptions. */
const KINDS: Readonly<Record<string, string>> = {
  OBJECT_ACCESS_METHOD: 'access method',
  OBJECT_AGGREGATE: 'aggregate',
  OBJECT_ATTRIBUTE: 'type',
  OBJECT_CAST: 'cast',
  OBJECT_COLLATION: 'collation',
  OBJECT_COLUMN: 'table',
  OBJECT_CONVERSION: 'conversion',
  OBJECT_DATABASE: 'database',
  OBJECT_DEFAULT: 'table',
  OBJECT_DOMAIN: 'domain',
  OBJECT_DOMCONSTRAINT: 'domain',
  OBJECT_EVENT_TRIGGER: 'event trigger',
  OBJECT_EXTENSION: 'extension',
  OBJECT_FDW: 'foreign data wrapper',
  OBJECT_FOREIGN_SERVER: 'server',
  OBJECT_FOREIGN_TABLE: 'foreign table',
  OBJECT_FUNCTION: 'function',
  OBJECT_INDEX: 'index',
  OBJECT_LANGUAGE: 'language',
  OBJECT_LARGEOBJECT: 'large object',
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_OPCLASS: 'operator class',
  OBJECT_OPERATOR: 'operator',
  OBJECT_OPFAMILY: 'operator family',
  OBJECT_PARAMETER_ACL: 'parameter',
  OBJECT_POLICY: 'policy',
  OBJECT_PROCEDURE: 'procedure',
  OBJECT_PUBLICATION: 'publication',
  OBJECT_ROLE: 'role',
  OBJECT_ROUTINE: 'routine',
  OBJECT_RULE: 'rule',
  OBJECT_SCHEMA: 'schema',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_STATISTIC_EXT: 'statistics',
  OBJECT_SUBSCRIPTION: 'subscription',
  OBJECT_TABCONSTRAINT: 'table',
  OBJECT_TABLE: 'table',
  OBJECT_TABLESPACE: 'tablespace',
  OBJECT_TRANSFORM: 'transform',
  OBJECT_TRIGGER: 'trigger',
  OBJECT_TSCONFIGURATION: 'text search configuration',
  OBJECT_TSDICTIONARY: 'text search dictionary',
  OBJECT_TSPARSER: 'text search parser',
  OBJECT_TSTEMPLATE: 'text search template',
  OBJECT_TYPE: 'type',
  OBJECT_USER_MAPPING: 'user mapping',
  OBJECT_VIEW: 'view',
};

/** Kinds whose objects can be read or written as relations. */
const RELATION_KINDS: ReadonlySet<string> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
  'OBJECT_COLUMN',
]);

/** Kinds that belong to a relation and are named after it: `[schema, relation, name]`. */
const PARTS_OF_RELATIONS: ReadonlySet<string> = new Set([
  'OBJECT_POLICY',
  'OBJECT_RULE',
  'OBJECT_TRIGGER',
  'OBJECT_TABCONSTRAINT',
]);

/** Kinds that change what runs in, or who reaches, the database beyond its schemas. */
const ADMINISTRATIVE: ReadonlySet<string> = new Set([
  'access method',
  'cast',
  'conversion',
  'database',
  'event trigger',
  'extension',
  'foreign data wrapper',
  'language',
  'parameter',
  'publication',
  'server',
  'subscription',
  'tablespace',
  'transform',
  'user mapping',
]);

export function objectKind(type: string | undefined): string {
  return KINDS[type ?? ''] ?? 'object';
}

export function isRelationKind(type: string | undefined): boolean {
  return RELATION_KINDS.has(type ?? '');
}

export function isPartOfRelation(type: string | undefined): boolean {
  return PARTS_OF_RELATIONS.has(type ?? '');
}

export function isAdministrative(kind: string): boolean {
  return ADMINISTRATIVE.has(kind);
}

/** An object's name, however the grammar wraps it: dotted, without quoting. */
export function objectName(node: Node | undefined): string {
  const range = as<RangeVar>(node, 'RangeVar');
  if (range)
    return range.schemaname === undefined ? (range.relname ?? '') : `${range.schemaname}.${range.relname}`;
  const withArgs = as<{ objname?: Node[] }>(node, 'ObjectWithArgs');
  if (withArgs) return stringsOf(withArgs.objname).join('.');
  const type = as<TypeName>(node, 'TypeName');
  if (type) return stringsOf(type.names).join('.');
  const role = as<{ rolename?: string; roletype?: string }>(node, 'RoleSpec');
  if (role) return role.rolename ?? (role.roletype ?? '').replace(/^ROLESPEC_/, '').toLowerCase();
  const list = as<{ items?: Node[] }>(node, 'List');
  if (list === undefined) return stringOf(node) ?? '';
  return (list.items ?? [])
    .map(objectName)
    .filter((name) => name !== '')
    .join('.');
}

/** A relation's name written as a list of strings, as a RangeVar. */
export function rangeVarOf(names: readonly string[]): RangeVar {
  const [relname, schemaname] = names.toReversed();
  return { relname: relname ?? '', ...(schemaname === undefined ? {} : { schemaname }), inh: true };
}
