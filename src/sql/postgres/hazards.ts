/**
 * What makes a statement dangerous, in words: read from its tree and from the facts that were found. Never decides anything, and
 * never looks at values of literals, so that statements of one shape have the same hazards; what depends on how many rows there
 * are is left to estimates.
 */
import type { Facts, Hazard, HazardKind, LockUse } from '../../model/facts.ts';
import type { Binder } from './binder.ts';
import { DDL_HAZARDS, type HazardReader } from './ddl-hazards.ts';
import { FUNCTION_HAZARDS } from './function-hazards.ts';
import type { Locate, Spot } from './hazard-places.ts';
import { as, type Body, bodyOf, constantOf, type Node, type SelectStmt, tagOf } from './tree.ts';

/** Settings under which statements run as somebody else. */
const IDENTITY_SETTINGS: ReadonlySet<string> = new Set(['role', 'session_authorization']);

/** Settings that switch off what protects the data: triggers and foreign keys, row security, event triggers, checksums. */
const SAFEGUARDS: ReadonlySet<string> = new Set([
  'session_replication_role',
  'row_security',
  'event_triggers',
  'allow_system_table_mods',
  'ignore_system_indexes',
  'ignore_checksum_failure',
  'zero_damaged_pages',
]);

/** Collects hazards; each (kind, text) once. */
export class HazardSheet {
  readonly #found = new Map<string, Hazard>();
  readonly #locate: Locate | undefined;
  #spot: Spot | undefined;

  /** @param locate none if nobody wants to know where they stand */
  constructor(locate: Locate | undefined) {
    this.#locate = locate;
  }

  /** @param spot where it was found, if not in the statement as such; asked for only if somebody wants to know */
  note(kind: HazardKind, what: string, instead?: string, spot?: Spot | (() => Spot | undefined)): void {
    const found = () => (typeof spot === 'function' ? spot() : spot) ?? this.#spot;
    const place = this.#locate?.(found());
    this.#found.set(`${kind} ${what}`, {
      ...{ kind, what },
      ...(instead === undefined ? {} : { instead }),
      ...(place === undefined ? {} : { place }),
    });
  }

  /** What `read` notes was found there. */
  at(spot: Spot, read: () => void): void {
    const outer = this.#spot;
    this.#spot = spot;
    read();
    this.#spot = outer;
  }

  hazards(): readonly Hazard[] {
    return [...this.#found.values()];
  }
}

/**
 * The hazards of one statement. `locks` are those that `locksOf` found for it; `endsTransaction` says that it ends one that began
 * outside of its text. `locate` finds where they stand.
 */
export function hazardsOf(
  statement: Node,
  facts: Facts,
  binder: Binder,
  locks: readonly LockUse[],
  endsTransaction: boolean,
  locate: Locate | undefined,
): readonly Hazard[] {
  const sheet = new HazardSheet(locate);
  noteStatement(sheet, statement, binder, true);
  noteWrites(sheet, facts, binder, statement);
  noteSettings(sheet, facts);
  noteCalls(sheet, facts, statement);
  for (const { relation, mode, blocks } of locks) {
    if (blocks === 'definitions') continue;
    const whom = blocks === 'writes' ? 'everyone who writes' : 'everyone who reads or writes';
    sheet.note('blocks-others', `makes ${whom} ${relation} wait (${mode} lock)`, milderLock(statement));
  }
  if (endsTransaction) sheet.note('ends-transaction', 'ends a transaction that began before this text');
  return sheet.hazards();
}

const MILDER_LOCKS: Readonly<Record<string, string>> = {
  IndexStmt: 'Use CREATE INDEX CONCURRENTLY, outside of a transaction.',
  RefreshMatViewStmt: 'Use REFRESH MATERIALIZED VIEW CONCURRENTLY; it needs a unique index.',
  ReindexStmt: 'Use REINDEX … CONCURRENTLY, outside of a transaction.',
  VacuumStmt: 'Use plain VACUUM, or a tool that rewrites the table online.',
  ClusterStmt: 'Use a tool that rewrites the table online.',
  LockStmt: 'Use SELECT … FOR UPDATE, or a weaker lock mode.',
};

/** Whatever waits for a strong lock makes everybody behind it wait as well. */
const GIVE_UP_EARLY =
  'SET lock_timeout first, so that it gives up instead of letting others queue behind it.';

function milderLock(statement: Node): string {
  const tag = tagOf(statement);
  return Object.hasOwn(MILDER_LOCKS, tag) ? MILDER_LOCKS[tag]! : GIVE_UP_EARLY;
}

/** Statements that hold others are as dangerous as those; an EXPLAIN that runs nothing is not. */
function noteStatement(sheet: HazardSheet, node: Node, binder: Binder, top: boolean): void {
  const tag = tagOf(node);
  const body = bodyOf(node);
  if (Object.hasOwn(DDL_HAZARDS, tag)) (DDL_HAZARDS[tag] as HazardReader)(sheet, body, binder.scope);
  if (Object.hasOwn(INNER, tag)) {
    for (const inner of INNER[tag]!(body)) noteStatement(sheet, inner, binder, false);
  }
  if (tag === 'SelectStmt') noteQuery(sheet, body as SelectStmt, binder);
  else if (!top && Object.hasOwn(COMMANDS, tag))
    sheet.note(
      'hidden-write',
      `holds ${COMMANDS[tag]} inside another statement`,
      undefined,
      targetOf(tag, body),
    );
  const withClause = body.withClause as { ctes?: Node[] } | undefined;
  if (withClause) noteWith(sheet, withClause.ctes ?? [], binder);
}

const COMMANDS: Readonly<Record<string, string>> = {
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
};

/** What a command does to a relation. */
function targetOf(tag: string, { relation }: Body): Spot {
  return { ...locationOf(relation), verb: COMMANDS[tag]?.toLowerCase() };
}

const locationOf = (body: unknown): { readonly location: number | undefined } => ({
  location: (body as { location?: number } | undefined)?.location,
});

const only = (field: string) => (body: Body) => (body[field] === undefined ? [] : [body[field] as Node]);

/** What runs inside a statement. */
const INNER: Readonly<Record<string, (body: Body) => readonly Node[]>> = {
  CopyStmt: only('query'),
  CreateSchemaStmt: (body) => (body.schemaElts ?? []) as Node[],
  CreateTableAsStmt: only('query'),
  DeclareCursorStmt: only('query'),
  ExplainStmt: (body) => (/"analyze"/i.test(JSON.stringify(body.options ?? [])) ? only('query')(body) : []),
  PrepareStmt: only('query'),
};

function noteWith(sheet: HazardSheet, ctes: readonly Node[], binder: Binder): void {
  for (const node of ctes) {
    const { ctename = '', ctequery } =
      as<{ ctename?: string; ctequery?: Node }>(node, 'CommonTableExpr') ?? {};
    if (ctequery === undefined) continue;
    const tag = tagOf(ctequery);
    if (Object.hasOwn(COMMANDS, tag)) {
      const what = `hides ${COMMANDS[tag]} in WITH ${ctename}`;
      sheet.note('hidden-write', what, undefined, targetOf(tag, bodyOf(ctequery)));
    }
    noteStatement(sheet, ctequery, binder, true);
  }
}

/** A query that returns whole tables: nothing in it limits the rows. Whether they are many is left to estimates. */
function noteQuery(sheet: HazardSheet, select: SelectStmt, binder: Binder): void {
  const { larg, rarg, fromClause, whereClause, groupClause, limitCount, targetList } = select;
  if (larg && rarg) {
    for (const arm of [larg, rarg]) noteQuery(sheet, arm, binder);
    return;
  }
  if (limitCount !== undefined && constantOf(limitCount) !== null) return;
  if (fromClause === undefined || groupClause !== undefined || isAggregated(targetList, binder)) return;
  if (whereClause !== undefined && /"ColumnRef"|"SubLink"|"ParamRef"/.test(JSON.stringify(whereClause)))
    return;
  for (const { relation, id, role, node } of binder.references) {
    if (role === 'target' || relation?.system || !isNamedIn(fromClause, relation?.name ?? id)) continue;
    const instead = 'Add a WHERE clause or a LIMIT, or aggregate.';
    sheet.note('bulk-read', `reads every row of ${id}`, instead, locationOf(node));
  }
}

/** True if a FROM list names the relation on its own level. */
function isNamedIn(fromClause: readonly Node[], name: string): boolean {
  return fromClause.some((node) => {
    const range = as<{ relname?: string }>(node, 'RangeVar');
    if (range) return range.relname === name;
    const join = as<{ larg?: Node; rarg?: Node; quals?: Node }>(node, 'JoinExpr');
    return join !== undefined && isNamedIn([join.larg ?? {}, join.rarg ?? {}] as Node[], name);
  });
}

/** True if every output is an aggregate: one row comes out. */
function isAggregated(targets: readonly Node[] | undefined, binder: Binder): boolean {
  return (targets ?? []).every((node) => {
    const value = as<{ val?: Node }>(node, 'ResTarget')?.val;
    const call = as<{ funcname?: Node[]; over?: unknown }>(value, 'FuncCall');
    if (call === undefined || call.over !== undefined) return false;
    const name = as<{ sval?: string }>(call.funcname?.at(-1), 'String')?.sval ?? '';
    return binder.scope.catalog.functionsNamed(name).some(({ kind }) => kind === 'a');
  });
}

function noteWrites(sheet: HazardSheet, facts: Facts, binder: Binder, statement: Node): void {
  let changes: readonly Spot[] | undefined;
  const change = () => {
    changes ??= changesIn(statement);
    return changes[0];
  };
  if (!facts.bounded)
    sheet.note(
      'unbounded-write',
      'changes every row: no condition limits it',
      'Add a WHERE clause that limits the rows; change large tables in batches, by primary key.',
      change,
    );
  for (const what of facts.setsOff ?? []) sheet.note('hidden-write', `sets off ${what}`, undefined, change);
  if (!facts.writes) return;
  for (const cascade of binder.cascades) {
    const does = cascade.change === 'Delete' ? 'deletes from' : 'changes';
    sheet.note('hidden-write', `${does} ${cascade.relation.id} by cascade`, undefined, change);
  }
}

function noteSettings(sheet: HazardSheet, { command, settings }: Facts): void {
  for (const { name, value } of settings) {
    if (command === 'ALTER SYSTEM') sheet.note('administers-server', `sets ${name} for the whole server`);
    else if (value === 'default') continue;
    else if (IDENTITY_SETTINGS.has(name)) sheet.note('acts-as-another', `acts as the role ${value ?? '?'}`);
    else if (SAFEGUARDS.has(name)) sheet.note('lifts-safeguard', `sets ${name} to ${value ?? '?'}`);
  }
}

function noteCalls(sheet: HazardSheet, { functions, opaque }: Facts, statement: Node): void {
  for (const { name } of functions) {
    const bare = name.slice(name.lastIndexOf('.') + 1);
    for (const [kind, names] of FUNCTION_HAZARDS)
      if (names.test(bare)) sheet.note(kind, `calls ${name}`, undefined, () => callOf(statement, bare));
  }
  for (const { kind, what } of opaque) {
    const called = () => callOf(statement, what.slice(what.lastIndexOf('.') + 1));
    if (kind === 'function') sheet.note('runs-unseen-code', `runs ${what}`, undefined, called);
    if (kind === 'dynamic-sql') sheet.note('runs-unseen-code', `runs ${what}`);
  }
}

/** The relations that are changed, at any depth; by UPDATE and DELETE without a WHERE first. */
function changesIn(statement: Node): readonly Spot[] {
  const found: [bounded: boolean, Spot][] = [];
  eachNode(statement, (tag, body) => {
    const isLimited = tag === 'InsertStmt' || body.whereClause !== undefined;
    if (Object.hasOwn(COMMANDS, tag)) found.push([isLimited, targetOf(tag, body)]);
  });
  return found.sort(([a], [b]) => Number(a) - Number(b)).map(([, spot]) => spot);
}

/** The first call of a function of that name. */
function callOf(statement: Node, name: string): Spot | undefined {
  let spot: Spot | undefined;
  eachNode(statement, (tag, body) => {
    if (tag !== 'FuncCall' || spot !== undefined) return;
    const last = as<{ sval?: string }>((body.funcname as Node[] | undefined)?.at(-1), 'String');
    if (last?.sval === name) spot = locationOf(body);
  });
  return spot;
}

/** Visits every node of a tree, outer ones first. */
function eachNode(value: unknown, visit: (tag: string, body: Body) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const isTag = /^[A-Z]/.test(key) && typeof inner === 'object' && !Array.isArray(inner);
    if (isTag && inner !== null) visit(key, inner as Body);
    eachNode(inner, visit);
  }
}
