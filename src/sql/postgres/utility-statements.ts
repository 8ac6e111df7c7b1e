/**
 * Statements that neither query nor define: settings, transactions, cursors, prepared statements, COPY, …
 *
 * @see https://www.postgresql.org/docs/18/sql-commands.html
 */
import type { TransactionControl } from '../../model/facts.ts';
import { type Binder, type Place, read, referTo, useRelation } from './binder.ts';
import { SECRET_SETTINGS } from './builtin-functions.ts';
import { noteCall } from './calls.ts';
import { noteCatalogChange, noteTriggers } from './cascades.ts';
import type { StatementHandler } from './ddl-statements.ts';
import { define, isOn, optionsOf } from './definitions.ts';
import { bindExpression, bindExpressions, filtering } from './expressions.ts';
import { MAINTENANCE_STATEMENTS } from './maintenance-statements.ts';
import { refuseOwnSetting } from './mask-key.ts';
import { NO_OUTPUT, type Output, type RelationReference, relationItem } from './namespace.ts';
import { bindQuery, newRelationName, noteInto } from './queries.ts';
import { noteSetting } from './settings.ts';
import { bindStatement } from './statements.ts';
import {
  as,
  type Body,
  type CopyStmt,
  type CreateTableAsStmt,
  constantOf,
  type ExecuteStmt,
  type ExplainStmt,
  type FuncCall,
  type Node,
  type RangeVar,
  stringsOf,
  type TransactionStmt,
  type VariableSetStmt,
  type ViewStmt,
} from './tree.ts';
import { noteNewTable } from './value-flows.ts';

const NOWHERE: Place = { namespace: undefined, ctes: undefined, filter: false, sink: undefined };

const names = (body: Body, field: string): readonly Node[] => (body[field] ?? []) as Node[];

function copy(b: Binder, body: Body): void {
  const { relation, query, attlist, is_from, is_program, filename, whereClause } = body as CopyStmt;
  b.sheet.command = 'COPY';
  if (is_program || filename !== undefined) {
    b.sheet.act('Administer');
    b.sheet.hide(
      'statement',
      is_program ? 'COPY with a program of the server' : 'COPY with a file of the server',
    );
  }
  if (is_from) {
    copyFrom(b, relation ?? {}, stringsOf(attlist), whereClause);
    return;
  }
  b.sheet.act('Read');
  if (query) bindQuery(b, query, undefined, undefined);
  if (relation) copyTo(b, relation, stringsOf(attlist));
  exportReads(b);
}

function copyTo(b: Binder, relation: RangeVar, columns: readonly string[]): void {
  const reference = referTo(b, relation, 'copy');
  useRelation(b, reference, 'Read');
  read(
    copiedColumns(reference, columns).map((column) => ({ reference, column })),
    NOWHERE,
  );
}

/** Without a list, COPY leaves out generated columns. */
export function copiedColumns(
  { relation }: RelationReference,
  columns: readonly string[],
): readonly string[] {
  if (columns.length > 0) return columns;
  return (relation?.columns ?? []).filter(({ generated }) => generated === '').map(({ name }) => name);
}

/** What COPY … TO reads also leaves. */
function exportReads(b: Binder): void {
  b.sheet.act('Export');
  for (const { id, relation, role } of b.references)
    if (role !== 'target') b.sheet.use(id, relation, 'Export');
}

function copyFrom(b: Binder, relation: RangeVar, columns: readonly string[], where: Node | undefined): void {
  b.sheet.writes = true;
  const reference = referTo(b, relation, 'target');
  const use = useRelation(b, reference, 'Insert');
  for (const column of copiedColumns(reference, columns)) use.writes.add(column);
  if (reference.relation) noteCatalogChange(b, reference.relation);
  if (reference.relation) noteTriggers(b, reference.relation);
  const item = relationItem(reference, undefined, []);
  if (where)
    bindExpression(b, where, filtering({ ...NOWHERE, namespace: { items: [item], parent: undefined } }));
}

function setVariable(b: Binder, body: Body): void {
  const set = body as VariableSetStmt;
  const resets = set.kind === 'VAR_RESET' || set.kind === 'VAR_RESET_ALL';
  b.sheet.command = resets ? 'RESET' : 'SET';
  noteVariable(b, set);
}

function noteVariable(b: Binder, { kind, name = '', args, is_local }: VariableSetStmt): void {
  const local = is_local ?? false;
  switch (kind) {
    case 'VAR_RESET_ALL':
      b.sheet.set({ name: 'all', value: 'default', local });
      return;
    case 'VAR_RESET':
    case 'VAR_SET_DEFAULT':
      noteSetting(b, name, undefined, local);
      return;
    case 'VAR_SET_MULTI':
      noteTransactionModes(b, name, args ?? []);
      return;
    case 'VAR_SET_VALUE':
      noteSetting(b, name, settingValue(args ?? []), local);
      return;
    default:
      noteSetting(b, name, null, local);
  }
}

/** Of a list, such as that of search_path, the elements are joined. */
function settingValue(args: readonly Node[]): string | null {
  const values = args.map((arg) => constantOf(arg));
  return values.every((value) => typeof value === 'string' || typeof value === 'boolean')
    ? values.join(', ')
    : null;
}

/** SET TRANSACTION …, SET SESSION CHARACTERISTICS AS TRANSACTION … */
function noteTransactionModes(b: Binder, name: string, args: readonly Node[]): void {
  b.sheet.act('Transaction');
  if (name === 'TRANSACTION SNAPSHOT')
    b.sheet.set({ name: 'transaction_snapshot', value: null, local: true });
  for (const arg of args) {
    const mode = as<{ defname?: string; arg?: Node }>(arg, 'DefElem');
    if (mode?.defname === undefined) continue;
    const value = constantOf(mode.arg);
    b.sheet.set({
      name: name === 'SESSION CHARACTERISTICS' ? `default_${mode.defname}` : mode.defname,
      value: value === undefined || value === null ? null : String(value),
      local: name === 'TRANSACTION',
    });
  }
}

function show(b: Binder, body: Body): void {
  b.sheet.command = 'SHOW';
  b.sheet.act('Read');
  const name = String(body.name ?? '').toLowerCase();
  refuseOwnSetting(name);
  if (name === 'all' || SECRET_SETTINGS.includes(name)) b.sheet.act('Administer');
}

const TRANSACTIONS: Readonly<
  Record<string, readonly [command: string, control: TransactionControl, writes: boolean]>
> = {
  TRANS_STMT_BEGIN: ['BEGIN', 'begin', false],
  TRANS_STMT_START: ['START TRANSACTION', 'begin', false],
  TRANS_STMT_COMMIT: ['COMMIT', 'commit', false],
  TRANS_STMT_ROLLBACK: ['ROLLBACK', 'rollback', false],
  TRANS_STMT_SAVEPOINT: ['SAVEPOINT', 'savepoint', false],
  TRANS_STMT_RELEASE: ['RELEASE', 'release', false],
  TRANS_STMT_ROLLBACK_TO: ['ROLLBACK', 'rollback-to', false],
  TRANS_STMT_PREPARE: ['PREPARE TRANSACTION', 'prepare', true],
  TRANS_STMT_COMMIT_PREPARED: ['COMMIT PREPARED', 'none', true],
  TRANS_STMT_ROLLBACK_PREPARED: ['ROLLBACK PREPARED', 'none', true],
};

function transaction(b: Binder, body: Body): void {
  const known = TRANSACTIONS[(body as TransactionStmt).kind ?? ''];
  b.sheet.act('Transaction');
  if (known === undefined) {
    b.sheet.hide('statement', 'transaction statement');
    return;
  }
  [b.sheet.command, b.sheet.transaction] = known;
  b.sheet.writes = known[2];
}

function declareCursor(b: Binder, body: Body): void {
  b.sheet.command = 'DECLARE CURSOR';
  b.sessionObject = { kind: 'cursor', verb: 'create', name: String(body.portalname ?? '') };
  b.sheet.act('Read');
  bindQuery(b, body.query as Node, undefined, undefined);
}

function fetch(b: Binder, body: Body): void {
  b.sheet.command = body.ismove ? 'MOVE' : 'FETCH';
  b.sheet.act('Read');
  b.sessionObject = { kind: 'cursor', verb: 'use', name: String(body.portalname ?? '') };
}

function closeCursor(b: Binder, body: Body): void {
  const name = body.portalname;
  b.sheet.command = typeof name === 'string' ? 'CLOSE CURSOR' : 'CLOSE CURSOR ALL';
  b.sheet.act('Transaction');
  b.sessionObject =
    typeof name === 'string'
      ? { kind: 'cursor', verb: 'drop', name }
      : { kind: 'cursor', verb: 'drop-all', name: '' };
}

function prepare(b: Binder, body: Body): void {
  bindExpressions(b, names(body, 'argtypes'), NOWHERE);
  bindStatement(b, body.query as Node);
  b.sheet.command = 'PREPARE';
  b.sessionObject = { kind: 'prepared', verb: 'create', name: String(body.name ?? '') };
}

/** What it does shows when the session looks the name up: until then it may do anything. */
function execute(b: Binder, body: Body): void {
  const { name, params } = body as ExecuteStmt;
  b.sheet.command = 'EXECUTE';
  b.sheet.writes = true;
  bindExpressions(b, params, NOWHERE);
  b.sessionObject = { kind: 'prepared', verb: 'use', name: name ?? '' };
}

function deallocate(b: Binder, body: Body): void {
  const name = body.name;
  b.sheet.command = typeof name === 'string' ? 'DEALLOCATE' : 'DEALLOCATE ALL';
  b.sheet.act('Transaction');
  b.sessionObject =
    typeof name === 'string'
      ? { kind: 'prepared', verb: 'drop', name }
      : { kind: 'prepared', verb: 'drop-all', name: '' };
}

/** Without ANALYZE nothing runs: what the statement would change is only read about. */
function explain(b: Binder, body: Body): void {
  const { query, options } = body as ExplainStmt;
  const runs = optionsOf(options, 'analyze').some(isOn);
  bindStatement(b, query ?? ({} as Node));
  b.sheet.command = 'EXPLAIN';
  b.sheet.act('Read');
  // EXPLAIN DECLARE makes no cursor.
  if (b.sessionObject?.verb === 'create') b.sessionObject = undefined;
  if (runs) return;
  b.sheet.demoteToReads();
  b.flows.length = 0;
}

function createTableAs(b: Binder, body: Body): void {
  const { query, into, objtype, is_select_into } = body as CreateTableAsStmt;
  const isMaterialized = objtype === 'OBJECT_MATVIEW';
  const output = createdRows(b, query ?? ({} as Node));
  b.sheet.command = isMaterialized
    ? 'CREATE MATERIALIZED VIEW'
    : is_select_into
      ? 'SELECT INTO'
      : 'CREATE TABLE AS';
  if (isMaterialized) define(b, 'Create', 'materialized view', newRelationName(b, into?.rel ?? {}));
  else if (into) noteInto(b, into);
  // What a materialized view holds, its definition says.
  if (!isMaterialized && into?.rel)
    noteNewTable(b, newRelationName(b, into.rel), stringsOf(into.colNames), output);
  markDefinition(b);
}

/** What an EXECUTE yields is not known here. */
function createdRows(b: Binder, query: Node): Output {
  if (as(query, 'SelectStmt') === undefined) {
    bindStatement(b, query);
    return NO_OUTPUT;
  }
  b.sheet.act('Read');
  return bindQuery(b, query, undefined, undefined);
}

function createView(b: Binder, body: Body): void {
  const { view, query } = body as ViewStmt;
  b.sheet.act('Read');
  bindQuery(b, query ?? ({} as Node), undefined, undefined);
  b.sheet.command = 'CREATE VIEW';
  define(b, 'Create', 'view', newRelationName(b, view ?? {}));
  markDefinition(b);
}

function markDefinition(b: Binder): void {
  b.sheet.writes = true;
  b.sheet.changesCatalog = true;
}

function callProcedure(b: Binder, body: Body): void {
  const { funcname, args } = (body.funccall ?? {}) as FuncCall;
  b.sheet.command = 'CALL';
  b.sheet.act('Execute');
  noteCall(b, stringsOf(funcname), undefined, args ?? [], NOWHERE);
  bindExpressions(b, args, NOWHERE);
}

function runBlock(b: Binder): void {
  b.sheet.command = 'DO';
  b.sheet.act('Execute');
  b.sheet.hide('dynamic-sql', 'a DO block');
}

function notify(command: string, writes: boolean): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    b.sheet.writes = writes;
    b.sheet.touch('Notify', 'channel', String(body.conditionname ?? '*'));
  };
}

const DISCARDS: Readonly<Record<string, string>> = {
  DISCARD_ALL: 'DISCARD ALL',
  DISCARD_PLANS: 'DISCARD PLANS',
  DISCARD_SEQUENCES: 'DISCARD SEQUENCES',
  DISCARD_TEMP: 'DISCARD TEMP',
};

function discard(b: Binder, body: Body): void {
  const target = String(body.target ?? 'DISCARD_ALL');
  b.sheet.command = DISCARDS[target] ?? 'DISCARD';
  b.sheet.act('Set');
  if (target === 'DISCARD_ALL' || target === 'DISCARD_TEMP') b.sheet.changesCatalog = true;
  if (target !== 'DISCARD_ALL') return;
  b.sheet.set({ name: 'all', value: 'default', local: false });
  b.sessionObject = { kind: 'prepared', verb: 'drop-all', name: '' };
}

function alterSystem(b: Binder, body: Body): void {
  b.sheet.command = 'ALTER SYSTEM';
  b.sheet.writes = true;
  b.sheet.act('Administer');
  noteVariable(b, (body.setstmt ?? {}) as VariableSetStmt);
}

function load(b: Binder): void {
  b.sheet.command = 'LOAD';
  b.sheet.act('Administer');
  b.sheet.hide('dynamic-sql', 'a library');
}

function createSchema(b: Binder, body: Body): void {
  const owner = (body.authrole as { rolename?: string } | undefined)?.rolename ?? '';
  const schema = typeof body.schemaname === 'string' ? body.schemaname : owner;
  b.creationSchema = schema;
  for (const node of names(body, 'schemaElts')) bindStatement(b, node);
  b.sheet.command = 'CREATE SCHEMA';
  define(b, 'Create', 'schema', schema);
  markDefinition(b);
}

export const UTILITY_STATEMENTS: Readonly<Record<string, StatementHandler>> = {
  ...MAINTENANCE_STATEMENTS,
  AlterSystemStmt: alterSystem,
  CallStmt: callProcedure,
  ClosePortalStmt: closeCursor,
  ConstraintsSetStmt: (b) => {
    b.sheet.command = 'SET CONSTRAINTS';
    b.sheet.act('Transaction');
  },
  CopyStmt: copy,
  CreateSchemaStmt: createSchema,
  CreateTableAsStmt: createTableAs,
  DeallocateStmt: deallocate,
  DeclareCursorStmt: declareCursor,
  DiscardStmt: discard,
  DoStmt: runBlock,
  ExecuteStmt: execute,
  ExplainStmt: explain,
  FetchStmt: fetch,
  ListenStmt: notify('LISTEN', false),
  LoadStmt: load,
  NotifyStmt: notify('NOTIFY', true),
  PrepareStmt: prepare,
  TransactionStmt: transaction,
  UnlistenStmt: notify('UNLISTEN', false),
  VariableSetStmt: setVariable,
  VariableShowStmt: show,
  ViewStmt: createView,
};
