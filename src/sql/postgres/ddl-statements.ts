/**
 * Statements that define, change or drop objects. A table from statement kind to what it does; every kind of PostgreSQL's
 * grammar that is DDL stands in it.
 *
 * @see https://www.postgresql.org/docs/18/sql-commands.html
 */
import type { Action } from '../../model/facts.ts';
import type { Binder } from './binder.ts';
import {
  define,
  mention,
  mentionNames,
  mentionReference,
  nameOf,
  noteNamedFunction,
  walkDefinition,
} from './definitions.ts';
import { bindExpressions } from './expressions.ts';
import { relationItem } from './namespace.ts';
import { isPartOfRelation, isRelationKind, objectKind, objectName, rangeVarOf } from './object-names.ts';
import { PRIVILEGE_STATEMENTS } from './privilege-statements.ts';
import { newRelationName } from './queries.ts';
import {
  as,
  type Body,
  type CreateStmt,
  itemsOf,
  type Node,
  type RangeVar,
  type RoleSpec,
  stringsOf,
} from './tree.ts';
import { noteLikeness, noteNewName } from './value-flows.ts';

/** What one kind of statement does. Sets the command tag, notes the rest. */
export type StatementHandler = (b: Binder, body: Body) => void;

type Fields = Record<string, never> & { readonly [name: string]: unknown };

const range = (body: Body, field: string): RangeVar => (body[field] ?? {}) as RangeVar;
const nodes = (body: Body, field: string): readonly Node[] => (body[field] ?? []) as Node[];
const text = (body: Body, field: string): string =>
  typeof body[field] === 'string' ? (body[field] as string) : '';
const roleName = (body: Body, field: string): string =>
  objectName({ RoleSpec: (body[field] ?? {}) as Fields } as Node);

/** `CREATE KIND name` and the like, with whatever the definition mentions. */
function plain(
  command: string,
  action: Action,
  kind: string,
  nameField: string,
  mentions: Action = 'Alter',
): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    const value = body[nameField];
    const name = typeof value === 'string' ? value : nameOf(value as Node | readonly Node[] | undefined);
    define(b, action, kind, name);
    const rest = Object.fromEntries(Object.entries(body).filter(([field]) => field !== nameField));
    walkDefinition(b, rest, [], mentions);
  };
}

/** A statement about one relation: `CREATE TRIGGER … ON t`, with expressions over its columns. */
function onRelation(
  command: string,
  action: Action,
  kind: string,
  nameField: string,
  field: string,
): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    const reference = mentionReference(b, range(body, field), 'Alter');
    const item = relationItem(reference, undefined, []);
    define(b, action, kind, `${reference.id}.${text(body, nameField)}`);
    walkDefinition(b, without(body, field), [item], 'Alter');
  };
}

function without(body: Body, ...fields: readonly string[]): Body {
  return Object.fromEntries(Object.entries(body).filter(([field]) => !fields.includes(field)));
}

function createTable(b: Binder, body: Body): void {
  const create = body as CreateStmt;
  b.sheet.command = 'CREATE TABLE';
  const id = newRelationName(b, create.relation ?? {});
  define(b, 'Create', 'table', id);
  for (const node of create.inhRelations ?? []) mention(b, as<RangeVar>(node, 'RangeVar'), 'Alter');
  const models = b.references.length;
  walkDefinition(b, without(body, 'relation', 'inhRelations'), [OPEN_TABLE], 'Read');
  noteLikeness(b, id, create, b.references.slice(models));
}

/** The table that is being made: its expressions may name columns that nobody knows yet. */
const OPEN_TABLE = {
  name: undefined,
  schema: undefined,
  relationVisible: false,
  columnsVisible: true,
  open: true,
  reference: undefined,
  find: () => [],
  output: () => ({ columns: [], open: true }),
  direct: () => [],
};

function createForeignTable(b: Binder, body: Body): void {
  createTable(b, (body.base ?? body.base_stmt ?? {}) as Body);
  b.sheet.command = 'CREATE FOREIGN TABLE';
  b.sheet.act('Administer');
}

function alterTable(b: Binder, body: Body): void {
  const kind = objectKind(text(body, 'objtype'));
  b.sheet.command = `ALTER ${kind.toUpperCase()}`;
  const node = range(body, 'relation');
  if (!isRelationKind(text(body, 'objtype'))) {
    define(b, 'Alter', kind, objectName({ RangeVar: node }));
    walkDefinition(b, without(body, 'relation'), [OPEN_TABLE], 'Alter');
    return;
  }
  const item = mention(b, node, 'Alter');
  walkDefinition(b, without(body, 'relation'), [item, OPEN_TABLE], 'Alter');
  for (const command of nodes(body, 'cmds')) {
    const owner = as<{ newowner?: RoleSpec }>(command, 'AlterTableCmd')?.newowner;
    if (owner) define(b, 'Grant', 'role', objectName({ RoleSpec: owner }));
  }
}

function createIndex(b: Binder, body: Body): void {
  b.sheet.command = 'CREATE INDEX';
  const reference = mentionReference(b, range(body, 'relation'), 'Alter');
  const item = relationItem(reference, undefined, []);
  define(b, 'Create', 'index', `${reference.relation?.schema ?? ''}.${text(body, 'idxname')}`);
  const place = {
    namespace: { items: [item], parent: undefined },
    ctes: undefined,
    filter: true,
    sink: undefined,
  };
  for (const node of nodes(body, 'indexParams')) {
    const name = as<{ name?: string }>(node, 'IndexElem')?.name;
    if (name !== undefined)
      bindExpressions(b, [{ ColumnRef: { fields: [{ String: { sval: name } }] } }], place);
  }
  walkDefinition(b, without(body, 'relation'), [item], 'Alter');
}

/** DROP of a list of objects. */
function drop(b: Binder, body: Body): void {
  const type = text(body, 'removeType');
  const kind = objectKind(type);
  b.sheet.command = `DROP ${kind.toUpperCase()}`;
  for (const object of nodes(body, 'objects')) {
    if (isRelationKind(type)) mentionNames(b, stringsOf(itemsOf(object)), 'Drop');
    else dropPart(b, type, kind, object);
  }
}

function dropPart(b: Binder, type: string, kind: string, object: Node): void {
  if (!isPartOfRelation(type)) {
    define(b, 'Drop', kind, objectName(object));
    return;
  }
  const names = stringsOf(itemsOf(object));
  const { id } = mentionReference(b, rangeVarOf(names.slice(0, -1)), 'Alter');
  define(b, 'Drop', kind, `${id}.${names.at(-1)}`);
}

/** ALTER of any object by name: RENAME, SET SCHEMA, OWNER TO, DEPENDS ON, COMMENT ON, SECURITY LABEL. */
function alterObject(command: (kind: string) => string, typeField: string): StatementHandler {
  return (b, body) => {
    const type = text(body, typeField);
    const kind = objectKind(type);
    b.sheet.command = command(kind.toUpperCase());
    const relation = body.relation as RangeVar | undefined;
    const object = body.object as Node | undefined;
    if (relation && (isRelationKind(type) || isPartOfRelation(type))) {
      const reference = mentionReference(b, relation, 'Alter');
      noteNewName(b, reference, body);
      if (isPartOfRelation(type))
        define(b, 'Alter', partKind(kind), `${reference.id}.${text(body, 'subname')}`);
    } else if (relation) alterIndex(b, kind, relation);
    else if (isRelationKind(type)) mentionNames(b, relationNames(type, object), 'Alter');
    else if (isPartOfRelation(type)) alterPart(b, kind, stringsOf(itemsOf(object)));
    else define(b, kind === 'role' ? 'Grant' : 'Alter', kind, objectName(object) || text(body, 'subname'));
    // Labels are tied to names: everything in the schema would lose its own.
    if (kind === 'schema' && text(body, 'newname') !== '')
      b.sheet.hide('statement', 'the renaming of a schema');
  };
}

/** ALTER INDEX … RENAME takes tables and views as well. */
function alterIndex(b: Binder, kind: string, relation: RangeVar): void {
  define(b, 'Alter', kind, objectName({ RangeVar: relation }));
  if (b.scope.relation(relation.schemaname, relation.relname ?? '')) mention(b, relation, 'Alter');
}

/** A table's constraint is called by the table's kind in command tags. */
const partKind = (kind: string): string => (kind === 'table' ? 'constraint' : kind);

function alterPart(b: Binder, kind: string, names: readonly string[]): void {
  const { id } = mentionReference(b, rangeVarOf(names.slice(0, -1)), 'Alter');
  define(b, 'Alter', partKind(kind), `${id}.${names.at(-1)}`);
}

function relationNames(type: string, object: Node | undefined): string[] {
  const names = stringsOf(itemsOf(object));
  return type === 'OBJECT_COLUMN' ? names.slice(0, -1) : names;
}

function createFunction(b: Binder, body: Body): void {
  const kind = body.is_procedure ? 'procedure' : 'function';
  b.sheet.command = `CREATE ${kind.toUpperCase()}`;
  const name = nameOf(nodes(body, 'funcname'));
  define(b, 'Create', kind, name);
  b.sheet.hide('dynamic-sql', `the body of ${kind} ${name}`);
  walkDefinition(b, without(body, 'funcname', 'sql_body'), [], 'Read');
}

function createTrigger(b: Binder, body: Body): void {
  onRelation('CREATE TRIGGER', 'Create', 'trigger', 'trigname', 'relation')(b, without(body, 'funcname'));
  noteNamedFunction(b, nodes(body, 'funcname'));
}

function createRule(b: Binder, body: Body): void {
  b.sheet.command = 'CREATE RULE';
  const { id } = mentionReference(b, range(body, 'relation'), 'Alter');
  define(b, 'Create', 'rule', `${id}.${text(body, 'rulename')}`);
  b.sheet.hide('statement', `the actions of rule ${text(body, 'rulename')}`);
}

const MADE_OF_FUNCTIONS: ReadonlySet<string> = new Set([
  'aggregate',
  'operator',
  'text search parser',
  'text search template',
  'type',
]);

function defineObject(b: Binder, body: Body): void {
  const kind = objectKind(text(body, 'kind'));
  b.sheet.command = `CREATE ${kind.toUpperCase()}`;
  define(b, 'Create', kind, nameOf(nodes(body, 'defnames')));
  // The functions it is made of stand as type names in its definition.
  if (MADE_OF_FUNCTIONS.has(kind))
    b.sheet.hide('dynamic-sql', `the functions of ${kind} ${nameOf(nodes(body, 'defnames'))}`);
}

function createSequence(command: string, action: Action): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    const node = range(body, 'sequence');
    if (action === 'Create') define(b, 'Create', 'sequence', newRelationName(b, node));
    else mention(b, node, action);
  };
}

function publication(command: string, action: Action): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    define(b, action, 'publication', text(body, 'pubname'));
    // What is published leaves the database.
    b.sheet.act('Export');
    walkDefinition(b, body, [OPEN_TABLE], 'Export');
  };
}

function statistics(b: Binder, body: Body): void {
  b.sheet.command = 'CREATE STATISTICS';
  define(b, 'Create', 'statistics', nameOf(nodes(body, 'defnames')));
  const items = nodes(body, 'relations').map((node) => mention(b, as<RangeVar>(node, 'RangeVar'), 'Alter'));
  walkDefinition(b, { exprs: body.exprs }, items, 'Alter');
}

function cast(b: Binder, body: Body): void {
  b.sheet.command = 'CREATE CAST';
  const target = objectName({ TypeName: (body.targettype ?? {}) as Fields } as Node);
  define(b, 'Create', 'cast', target);
  noteNamedFunction(b, (body.func as { objname?: Node[] } | undefined)?.objname);
}

/** A kind that brings code from outside, which nobody here has read. */
function foreignCode(handler: StatementHandler): StatementHandler {
  return (b, body) => {
    handler(b, body);
    b.sheet.hide('dynamic-sql', b.sheet.command);
  };
}

export const DDL_STATEMENTS: Readonly<Record<string, StatementHandler>> = {
  ...PRIVILEGE_STATEMENTS,
  AlterCollationStmt: plain('ALTER COLLATION', 'Alter', 'collation', 'collname'),
  AlterDatabaseRefreshCollStmt: plain('ALTER DATABASE', 'Alter', 'database', 'dbname'),
  AlterDatabaseSetStmt: plain('ALTER DATABASE', 'Alter', 'database', 'dbname'),
  AlterDatabaseStmt: plain('ALTER DATABASE', 'Alter', 'database', 'dbname'),
  AlterDomainStmt: plain('ALTER DOMAIN', 'Alter', 'domain', 'typeName'),
  AlterEnumStmt: plain('ALTER TYPE', 'Alter', 'type', 'typeName'),
  AlterEventTrigStmt: plain('ALTER EVENT TRIGGER', 'Alter', 'event trigger', 'trigname'),
  AlterExtensionContentsStmt: plain('ALTER EXTENSION', 'Alter', 'extension', 'extname'),
  AlterExtensionStmt: foreignCode(plain('ALTER EXTENSION', 'Alter', 'extension', 'extname')),
  AlterFdwStmt: plain('ALTER FOREIGN DATA WRAPPER', 'Alter', 'foreign data wrapper', 'fdwname'),
  AlterForeignServerStmt: plain('ALTER SERVER', 'Alter', 'server', 'servername'),
  AlterFunctionStmt: (b, body) => {
    const kind = objectKind(text(body, 'objtype'));
    b.sheet.command = `ALTER ${kind.toUpperCase()}`;
    define(b, 'Alter', kind, objectName({ ObjectWithArgs: (body.func ?? {}) as Fields } as Node));
  },
  AlterObjectDependsStmt: alterObject((kind) => `ALTER ${kind}`, 'objectType'),
  AlterObjectSchemaStmt: alterObject((kind) => `ALTER ${kind}`, 'objectType'),
  AlterOpFamilyStmt: foreignCode(plain('ALTER OPERATOR FAMILY', 'Alter', 'operator family', 'opfamilyname')),
  AlterOperatorStmt: (b, body) => {
    b.sheet.command = 'ALTER OPERATOR';
    define(b, 'Alter', 'operator', objectName({ ObjectWithArgs: (body.opername ?? {}) as Fields } as Node));
  },
  AlterOwnerStmt: (b, body) => {
    alterObject((kind) => `ALTER ${kind}`, 'objectType')(b, body);
    define(b, 'Grant', 'role', roleName(body, 'newowner'));
  },
  AlterPolicyStmt: onRelation('ALTER POLICY', 'Alter', 'policy', 'policy_name', 'table'),
  AlterPublicationStmt: publication('ALTER PUBLICATION', 'Alter'),
  AlterSeqStmt: createSequence('ALTER SEQUENCE', 'Alter'),
  AlterStatsStmt: plain('ALTER STATISTICS', 'Alter', 'statistics', 'defnames'),
  AlterSubscriptionStmt: plain('ALTER SUBSCRIPTION', 'Alter', 'subscription', 'subname'),
  AlterTSConfigurationStmt: plain(
    'ALTER TEXT SEARCH CONFIGURATION',
    'Alter',
    'text search configuration',
    'cfgname',
  ),
  AlterTSDictionaryStmt: plain('ALTER TEXT SEARCH DICTIONARY', 'Alter', 'text search dictionary', 'dictname'),
  AlterTableMoveAllStmt: plain('ALTER TABLE', 'Alter', 'tablespace', 'orig_tablespacename'),
  AlterTableSpaceOptionsStmt: plain('ALTER TABLESPACE', 'Alter', 'tablespace', 'tablespacename'),
  AlterTableStmt: alterTable,
  AlterTypeStmt: plain('ALTER TYPE', 'Alter', 'type', 'typeName'),
  AlterUserMappingStmt: plain('ALTER USER MAPPING', 'Alter', 'user mapping', 'servername'),
  CommentStmt: alterObject(() => 'COMMENT', 'objtype'),
  CompositeTypeStmt: (b, body) => {
    b.sheet.command = 'CREATE TYPE';
    define(b, 'Create', 'type', newRelationName(b, range(body, 'typevar')));
    walkDefinition(b, without(body, 'typevar'), [], 'Read');
  },
  CreateAmStmt: foreignCode(plain('CREATE ACCESS METHOD', 'Create', 'access method', 'amname')),
  CreateCastStmt: cast,
  CreateConversionStmt: foreignCode(plain('CREATE CONVERSION', 'Create', 'conversion', 'conversion_name')),
  CreateDomainStmt: plain('CREATE DOMAIN', 'Create', 'domain', 'domainname'),
  CreateEnumStmt: plain('CREATE TYPE', 'Create', 'type', 'typeName'),
  CreateEventTrigStmt: foreignCode(plain('CREATE EVENT TRIGGER', 'Create', 'event trigger', 'trigname')),
  CreateExtensionStmt: foreignCode(plain('CREATE EXTENSION', 'Create', 'extension', 'extname')),
  CreateFdwStmt: foreignCode(
    plain('CREATE FOREIGN DATA WRAPPER', 'Create', 'foreign data wrapper', 'fdwname'),
  ),
  CreateForeignServerStmt: plain('CREATE SERVER', 'Create', 'server', 'servername'),
  CreateForeignTableStmt: createForeignTable,
  CreateFunctionStmt: createFunction,
  CreateOpClassStmt: foreignCode(plain('CREATE OPERATOR CLASS', 'Create', 'operator class', 'opclassname')),
  CreateOpFamilyStmt: plain('CREATE OPERATOR FAMILY', 'Create', 'operator family', 'opfamilyname'),
  CreatePLangStmt: foreignCode(plain('CREATE LANGUAGE', 'Create', 'language', 'plname')),
  CreatePolicyStmt: onRelation('CREATE POLICY', 'Create', 'policy', 'policy_name', 'table'),
  CreatePublicationStmt: publication('CREATE PUBLICATION', 'Create'),
  CreateRangeStmt: foreignCode(plain('CREATE TYPE', 'Create', 'type', 'typeName')),
  CreateSeqStmt: createSequence('CREATE SEQUENCE', 'Create'),
  CreateStatsStmt: statistics,
  CreateStmt: createTable,
  CreateSubscriptionStmt: plain('CREATE SUBSCRIPTION', 'Create', 'subscription', 'subname'),
  CreateTableSpaceStmt: plain('CREATE TABLESPACE', 'Create', 'tablespace', 'tablespacename'),
  CreateTransformStmt: foreignCode(plain('CREATE TRANSFORM', 'Create', 'transform', 'lang')),
  CreateTrigStmt: createTrigger,
  CreateUserMappingStmt: plain('CREATE USER MAPPING', 'Create', 'user mapping', 'servername'),
  CreatedbStmt: plain('CREATE DATABASE', 'Create', 'database', 'dbname'),
  DefineStmt: defineObject,
  DropStmt: drop,
  DropSubscriptionStmt: plain('DROP SUBSCRIPTION', 'Drop', 'subscription', 'subname'),
  DropTableSpaceStmt: plain('DROP TABLESPACE', 'Drop', 'tablespace', 'tablespacename'),
  DropUserMappingStmt: plain('DROP USER MAPPING', 'Drop', 'user mapping', 'servername'),
  DropdbStmt: plain('DROP DATABASE', 'Drop', 'database', 'dbname'),
  ImportForeignSchemaStmt: plain('IMPORT FOREIGN SCHEMA', 'Create', 'server', 'server_name'),
  IndexStmt: createIndex,
  RenameStmt: alterObject((kind) => `ALTER ${kind}`, 'renameType'),
  RuleStmt: createRule,
  SecLabelStmt: alterObject(() => 'SECURITY LABEL', 'objtype'),
};
