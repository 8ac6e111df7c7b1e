/**
 * What is dangerous about statements that define: what is lost for good, what is rewritten or checked row by row while others
 * wait, who may do what afterwards, and what reaches the server.
 *
 * @see https://www.postgresql.org/docs/18/sql-altertable.html#SQL-ALTERTABLE-NOTES
 */
import type { HazardSheet } from './hazards.ts';
import { objectKind, objectName } from './object-names.ts';
import type { ColumnInfo, RelationInfo } from './relation-info.ts';
import type { PostgresScope } from './scope.ts';
import type { AlterTableCmd, Constraint } from './table-locks.ts';
import {
  as,
  type Body,
  type ColumnDef,
  type Node,
  type RangeVar,
  stringOf,
  stringsOf,
  type TypeName,
} from './tree.ts';

export type HazardReader = (sheet: HazardSheet, body: Body, scope: PostgresScope) => void;

const nodes = (body: Body, field: string): readonly Node[] => (body[field] ?? []) as Node[];
const text = (body: Body, field: string): string =>
  typeof body[field] === 'string' ? (body[field] as string) : '';

const INSTEAD_OF: Readonly<Record<string, string | undefined>> = {
  index: 'Use DROP INDEX CONCURRENTLY, outside of a transaction.',
  table: 'Rename it first, and drop it once nothing has missed it.',
};
const IN_BATCHES =
  'DELETE with a WHERE clause, in batches, can be taken back until it commits and lets others read.';
const BESIDE =
  'Make the new name beside the old one (a view, or a second column), move what uses it, then drop the old one.';
const FILL_LATER =
  'Add the column without the default, set the default for new rows, and fill the old ones in batches.';
const NEW_COLUMN = 'Add a column of the new type, fill it in batches, and let the names change places.';
const STOP_USING = 'Deploy what no longer uses the column first, and drop it with a later release.';
const CHECK_FIRST =
  'Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it, then SET NOT NULL, which then needs no scan, and drop the check.';
const VALIDATE_LATER =
  'Add it NOT VALID, and VALIDATE CONSTRAINT in a transaction of its own, while others write.';
const INDEX_FIRST = 'Build the index by CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.';
const BY_INDEX: ReadonlySet<string> = new Set(['CONSTR_PRIMARY', 'CONSTR_UNIQUE']);

/** A relation as it is called to people: its id if it is known. */
function named(scope: PostgresScope, node: RangeVar | undefined): string {
  const relation = relationOf(scope, node);
  return relation?.id ?? objectName({ RangeVar: node ?? {} });
}

function relationOf(scope: PostgresScope, node: RangeVar | undefined): RelationInfo | undefined {
  return node?.relname === undefined ? undefined : scope.relation(node.schemaname, node.relname);
}

function drop(sheet: HazardSheet, body: Body): void {
  const kind = objectKind(text(body, 'removeType'));
  const cascade = body.behavior === 'DROP_CASCADE' ? ' and everything that depends on it' : '';
  const objects = nodes(body, 'objects');
  for (const [part, object] of objects.entries()) {
    const spot = { part, of: objects.length };
    sheet.note('drops-object', `drops ${kind} ${objectName(object)}${cascade}`, INSTEAD_OF[kind], spot);
  }
}

const dropNamed =
  (kind: string, field: string): HazardReader =>
  (sheet, body) =>
    sheet.note('drops-object', `drops ${kind} ${text(body, field)}`);

function truncate(sheet: HazardSheet, body: Body, scope: PostgresScope): void {
  const cascade = body.behavior === 'DROP_CASCADE' ? ' and every table that refers to it' : '';
  const relations = nodes(body, 'relations');
  for (const [part, node] of relations.entries())
    sheet.note(
      'empties-table',
      `empties ${named(scope, as<RangeVar>(node, 'RangeVar'))}${cascade}`,
      IN_BATCHES,
      { part, of: relations.length },
    );
}

function rename(sheet: HazardSheet, body: Body, scope: PostgresScope): void {
  const kind = objectKind(text(body, 'renameType'));
  const range = body.relation as RangeVar | undefined;
  const owner = range ? named(scope, range) : objectName(body.object as Node | undefined);
  const part = text(body, 'subname');
  const what =
    text(body, 'renameType') === 'OBJECT_COLUMN' ? `column ${part} of ${owner}` : `${kind} ${part || owner}`;
  sheet.note('renames', `renames ${what} to ${text(body, 'newname')}`, BESIDE);
}

function alterTable(sheet: HazardSheet, body: Body, scope: PostgresScope): void {
  const relation = body.relation as RangeVar | undefined;
  const behind = (relation as { location?: number } | undefined)?.location;
  const commands = nodes(body, 'cmds');
  for (const [part, node] of commands.entries()) {
    const command = as<AlterTableCmd>(node, 'AlterTableCmd') ?? {};
    const reader = Object.hasOwn(ALTERATIONS, command.subtype ?? '')
      ? ALTERATIONS[command.subtype!]
      : undefined;
    sheet.at({ part, of: commands.length, behind }, () =>
      reader?.(sheet, command, named(scope, relation), relationOf(scope, relation)),
    );
  }
}

type AlterationReader = (
  sheet: HazardSheet,
  command: AlterTableCmd,
  table: string,
  relation: RelationInfo | undefined,
) => void;

const rewrites =
  (why: string): AlterationReader =>
  (sheet, _, table) =>
    sheet.note('rewrites-table', `rewrites ${table}: ${why}`);

const lifts =
  (what: string): AlterationReader =>
  (sheet, { name = '' }, table) =>
    sheet.note('lifts-safeguard', `${what.replace('%', name)} of ${table}`);

const ALTERATIONS: Readonly<Record<string, AlterationReader>> = {
  AT_AddColumn: (sheet, { def }, table) => {
    const column = as<ColumnDef>(def, 'ColumnDef') ?? {};
    const why = reasonToFill(column);
    if (why)
      sheet.note('rewrites-table', `rewrites ${table}: column ${column.colname ?? ''} ${why}`, FILL_LATER);
  },
  AT_AddConstraint: (sheet, { def }, table) =>
    noteConstraint(sheet, as<Constraint>(def, 'Constraint') ?? {}, table),
  AT_AlterColumnType: (sheet, { name = '', def }, table, relation) => {
    const column = as<ColumnDef>(def, 'ColumnDef');
    if (!isWidening(relation?.column(name), column))
      sheet.note('rewrites-table', `rewrites ${table}: column ${name} gets another type`, NEW_COLUMN);
  },
  AT_DetachPartition: (sheet, { def }, table) =>
    sheet.note('drops-object', `takes partition ${partitionName(def)} from ${table}`),
  AT_DisableRowSecurity: lifts('switches off row security'),
  AT_DisableRule: lifts('switches off rule %'),
  AT_DisableTrig: lifts('switches off trigger %'),
  AT_DisableTrigAll: lifts('switches off all triggers, foreign keys among them,'),
  AT_DisableTrigUser: lifts('switches off the triggers'),
  AT_DropColumn: (sheet, { name = '', behavior }, table) => {
    const cascade = behavior === 'DROP_CASCADE' ? ' and everything that depends on it' : '';
    sheet.note('drops-column', `drops column ${name} of ${table}${cascade}`, STOP_USING);
  },
  AT_DropConstraint: (sheet, { name = '' }, table) =>
    sheet.note('drops-constraint', `drops constraint ${name} of ${table}`),
  AT_DropNotNull: (sheet, { name = '' }, table) =>
    sheet.note('drops-constraint', `lets ${name} of ${table} be null`),
  AT_NoForceRowSecurity: lifts('exempts the owner from row security'),
  AT_SetAccessMethod: rewrites('it gets another access method'),
  AT_SetLogged: rewrites('it becomes logged'),
  AT_SetNotNull: (sheet, { name = '' }, table) =>
    sheet.note('checks-every-row', `checks every row of ${table}: ${name} must not be null`, CHECK_FIRST),
  AT_SetTableSpace: rewrites('it moves to another tablespace'),
  AT_SetUnLogged: rewrites('it becomes unlogged, and a crash will empty it'),
  AT_ValidateConstraint: (sheet, { name = '' }, table) =>
    sheet.note('checks-every-row', `checks every row of ${table} against constraint ${name}`),
  AT_ChangeOwner: (sheet, { def }, table) =>
    sheet.note('changes-privileges', `gives ${table} to ${objectName(def) || 'another owner'}`),
};

function partitionName(def: Node | undefined): string {
  return objectName({ RangeVar: as<{ name?: RangeVar }>(def, 'PartitionCmd')?.name ?? {} });
}

const CHECKED: Readonly<Record<string, string>> = {
  CONSTR_CHECK: 'a check',
  CONSTR_FOREIGN: 'a foreign key',
  CONSTR_NOTNULL: 'a NOT NULL constraint',
  CONSTR_PRIMARY: 'a primary key',
  CONSTR_UNIQUE: 'a unique constraint',
  CONSTR_EXCLUSION: 'an exclusion constraint',
};

function noteConstraint(sheet: HazardSheet, constraint: Constraint, table: string): void {
  const { contype = '', skip_validation, indexname } = constraint;
  const what = CHECKED[contype];
  if (what === undefined || skip_validation || indexname !== undefined) return;
  const instead = BY_INDEX.has(contype) ? INDEX_FIRST : VALIDATE_LATER;
  sheet.note('checks-every-row', `checks every row of ${table} for ${what}`, instead);
}

/** Why each row gets a value of its own when a column is added, or undefined if none does. */
function reasonToFill({ raw_default, constraints, typeName }: ColumnDef): string | undefined {
  const type = stringsOf(typeName?.names).at(-1) ?? '';
  if (/^(big|small)?serial\d?$/.test(type)) return 'is a serial';
  for (const node of constraints ?? []) {
    const { contype, raw_expr, generated_kind } =
      as<{ contype?: string; raw_expr?: Node; generated_kind?: string }>(node, 'Constraint') ?? {};
    if (contype === 'CONSTR_IDENTITY') return 'is an identity';
    if (contype === 'CONSTR_GENERATED' && generated_kind !== 'v') return 'is computed for each row';
    if (contype === 'CONSTR_DEFAULT' && mayVary(raw_expr))
      return 'has a default that may differ from row to row';
  }
  return mayVary(raw_default) ? 'has a default that may differ from row to row' : undefined;
}

/** Constants, and now() and its kin, are the same for all rows; a call may be anything. */
function mayVary(expression: Node | undefined): boolean {
  return (
    expression !== undefined &&
    /"FuncCall"/.test(JSON.stringify(expression).replaceAll(/"now"/g, '')) &&
    !isNow(expression)
  );
}

function isNow(expression: Node): boolean {
  const names = stringsOf(as<{ funcname?: Node[] }>(expression, 'FuncCall')?.funcname);
  return ['now', 'transaction_timestamp', 'statement_timestamp'].includes(names.at(-1) ?? '');
}

/** True if a change of type is certain to leave the stored values as they are: a varchar that gets longer, or becomes text. */
function isWidening(from: ColumnInfo | undefined, to: ColumnDef | undefined): boolean {
  const type: TypeName | undefined = to?.typeName;
  if (from === undefined || type === undefined || to?.raw_default !== undefined) return false;
  if (type.arrayBounds !== undefined || to?.collClause !== undefined) return false;
  const name = stringsOf(type.names).at(-1);
  const old = /^character varying\((\d+)\)$/.exec(from.typeText ?? '');
  if (old === null) return false;
  if (name === 'text' && from.collation === undefined) return true;
  if (name !== 'varchar') return false;
  const size = type.typmods?.[0];
  if (size === undefined) return true;
  const length = as<{ ival?: { ival?: number } }>(size, 'A_Const')?.ival?.ival ?? 0;
  return length >= Number(old[1]);
}

function grant(sheet: HazardSheet, body: Body): void {
  const verb = body.is_grant ? 'grants' : 'revokes';
  const privileges = nodes(body, 'privileges').map(
    (node) => as<{ priv_name?: string }>(node, 'AccessPriv')?.priv_name,
  );
  const what = privileges.length === 0 ? 'all privileges' : privileges.join(', ');
  sheet.note('changes-privileges', `${verb} ${what} on ${nodes(body, 'objects').map(objectName).join(', ')}`);
}

const roles =
  (what: string, field = ''): HazardReader =>
  (sheet, body) => {
    const name =
      typeof body[field] === 'string'
        ? (body[field] as string)
        : objectName({ RoleSpec: body[field] ?? {} } as Node);
    sheet.note('changes-roles', `${what} ${name}`.trim());
  };

const administers =
  (what: string): HazardReader =>
  (sheet) =>
    sheet.note('administers-server', what);

const loads =
  (what: string, field: string): HazardReader =>
  (sheet, body) =>
    sheet.note('loads-code', `${what} ${text(body, field)}`.trim());

function copy(sheet: HazardSheet, body: Body, scope: PostgresScope): void {
  const { is_program, filename, is_from } = body;
  const relation = body.relation as RangeVar | undefined;
  if (!is_from && relation) sheet.note('bulk-read', `reads every row of ${named(scope, relation)}`);
  if (is_program) sheet.note('runs-program', 'runs a program on the database server');
  else if (filename !== undefined) sheet.note('reaches-files', 'reaches a file of the database server');
}

function createFunction(sheet: HazardSheet, body: Body): void {
  const language = nodes(body, 'options')
    .map((node) => as<{ defname?: string; arg?: Node }>(node, 'DefElem'))
    .find((option) => option?.defname === 'language')?.arg;
  if (['c', 'internal'].includes((stringOf(language) ?? '').toLowerCase()))
    sheet.note(
      'loads-code',
      `makes a function of compiled code: ${nodes(body, 'funcname').map(objectName).join('.')}`,
    );
}

function vacuum(sheet: HazardSheet, body: Body, scope: PostgresScope): void {
  const full = nodes(body, 'options').some(
    (node) => as<{ defname?: string }>(node, 'DefElem')?.defname === 'full',
  );
  if (!full) return;
  const tables = nodes(body, 'rels').map((node) =>
    named(scope, as<{ relation?: RangeVar }>(node, 'VacuumRelation')?.relation),
  );
  for (const table of tables.length === 0 ? ['every table'] : tables)
    sheet.note('rewrites-table', `rewrites ${table}`);
}

export const DDL_HAZARDS: Readonly<Record<string, HazardReader>> = {
  AlterDatabaseSetStmt: administers('changes settings of a database'),
  AlterDatabaseStmt: administers('changes a database'),
  AlterDefaultPrivilegesStmt: (sheet) =>
    sheet.note('changes-privileges', 'changes the privileges of whatever is created later'),
  AlterExtensionStmt: loads('updates extension', 'extname'),
  AlterOwnerStmt: (sheet, body) =>
    sheet.note('changes-privileges', `gives ${objectName(body.object as Node | undefined)} to another owner`),
  AlterRoleSetStmt: roles('changes settings of role', 'role'),
  AlterRoleStmt: roles('changes role', 'role'),
  AlterSystemStmt: administers('changes the settings of the server'),
  AlterTableStmt: alterTable,
  CheckPointStmt: administers('forces a checkpoint'),
  ClusterStmt: (sheet, body, scope) =>
    sheet.note(
      'rewrites-table',
      `rewrites ${named(scope, body.relation as RangeVar | undefined) || 'every clustered table'}`,
    ),
  CopyStmt: copy,
  CreateExtensionStmt: loads('installs extension', 'extname'),
  CreateForeignServerStmt: (sheet, body) =>
    sheet.note('reaches-other-servers', `makes server ${text(body, 'servername')}`),
  CreateFunctionStmt: createFunction,
  CreatePLangStmt: loads('installs language', 'plname'),
  CreateRoleStmt: roles('creates role', 'role'),
  CreateSubscriptionStmt: (sheet, body) =>
    sheet.note('reaches-other-servers', `makes subscription ${text(body, 'subname')}`),
  DropOwnedStmt: (sheet, body) =>
    sheet.note(
      'drops-object',
      `drops everything that ${nodes(body, 'roles').map(objectName).join(', ')} owns`,
    ),
  DropRoleStmt: (sheet, body) =>
    sheet.note('changes-roles', `drops role ${nodes(body, 'roles').map(objectName).join(', ')}`),
  DropStmt: drop,
  DropSubscriptionStmt: dropNamed('subscription', 'subname'),
  DropTableSpaceStmt: dropNamed('tablespace', 'tablespacename'),
  DropdbStmt: dropNamed('database', 'dbname'),
  GrantRoleStmt: (sheet, body) =>
    sheet.note(
      'changes-roles',
      `${body.is_grant ? 'gives' : 'takes'} memberships ${body.is_grant ? 'to' : 'from'} ${nodes(body, 'grantee_roles').map(objectName).join(', ')}`,
    ),
  GrantStmt: grant,
  ImportForeignSchemaStmt: (sheet, body) =>
    sheet.note('reaches-other-servers', `imports tables of server ${text(body, 'server_name')}`),
  LoadStmt: loads('loads library', 'filename'),
  ReassignOwnedStmt: (sheet, body) =>
    sheet.note(
      'changes-privileges',
      `gives away everything that ${nodes(body, 'roles').map(objectName).join(', ')} owns`,
    ),
  RefreshMatViewStmt: (sheet, body, scope) => {
    const view = named(scope, body.relation as RangeVar | undefined);
    if (!body.concurrent) sheet.note('rewrites-table', `rewrites ${view}: it is computed anew`);
  },
  RenameStmt: rename,
  TruncateStmt: truncate,
  VacuumStmt: vacuum,
};
