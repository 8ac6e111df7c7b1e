/**
 * Which tables a statement locks so that others wait. Locks that stop nobody (those of queries and of ordinary writes) are
 * left out, and so are those on relations that CASCADE reaches by dependency.
 *
 * @see https://www.postgresql.org/docs/18/explicit-locking.html
 * @see AlterTableGetLockLevel in src/backend/commands/tablecmds.c
 */
import type { Blocking, LockUse } from '../../model/facts.ts';
import { optionsOf } from './definitions.ts';
import { isPartOfRelation, isRelationKind, rangeVarOf } from './object-names.ts';
import type { PostgresScope } from './scope.ts';
import {
  as,
  type Body,
  bodyOf,
  constantOf,
  itemsOf,
  type Node,
  type RangeVar,
  stringOf,
  stringsOf,
  tagOf,
} from './tree.ts';

const BLOCKS = {
  'SHARE UPDATE EXCLUSIVE': 'definitions',
  SHARE: 'writes',
  'SHARE ROW EXCLUSIVE': 'writes',
  EXCLUSIVE: 'writes',
  'ACCESS EXCLUSIVE': 'everything',
} as const satisfies Readonly<Record<string, Blocking>>;

type Mode = keyof typeof BLOCKS;

/** Weakest first, as PostgreSQL numbers them. */
const MODES = Object.keys(BLOCKS) as Mode[];

/** The modes of LOCK TABLE by number; 1 to 3 stop nobody. */
const NUMBERED: Readonly<Record<number, Mode>> = {
  4: 'SHARE UPDATE EXCLUSIVE',
  5: 'SHARE',
  6: 'SHARE ROW EXCLUSIVE',
  7: 'EXCLUSIVE',
  8: 'ACCESS EXCLUSIVE',
};

/** Storage parameters that ALTER TABLE SET changes under the weaker lock. */
const LIGHT_PARAMETERS =
  /^(autovacuum_|toast\.|vacuum_|fillfactor$|log_autovacuum|parallel_workers$|n_distinct)/;

const LIGHT_ALTERATIONS: ReadonlySet<string> = new Set([
  'AT_SetStatistics',
  'AT_ClusterOn',
  'AT_DropCluster',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_ValidateConstraint',
  'AT_AttachPartition',
]);

const TRIGGER_ALTERATIONS: ReadonlySet<string> = new Set([
  'AT_EnableTrig',
  'AT_EnableAlwaysTrig',
  'AT_EnableReplicaTrig',
  'AT_EnableTrigAll',
  'AT_EnableTrigUser',
  'AT_DisableTrig',
  'AT_DisableTrigAll',
  'AT_DisableTrigUser',
]);

/** One command of ALTER TABLE. */
export interface AlterTableCmd {
  readonly subtype?: string;
  readonly name?: string;
  readonly def?: Node;
  readonly behavior?: string;
}

/** A constraint as DDL writes it. */
export interface Constraint {
  readonly contype?: string;
  readonly conname?: string;
  readonly pktable?: RangeVar;
  readonly skip_validation?: boolean;
  readonly indexname?: string;
}

/** The locks of one statement, the strongest of each relation, in order of first mention. */
export function locksOf(statement: Node, scope: PostgresScope): readonly LockUse[] {
  const sheet = new LockSheet(scope);
  sheet.statement(statement);
  return sheet.locks();
}

class LockSheet {
  readonly #scope: PostgresScope;
  readonly #modes = new Map<string, Mode>();

  constructor(scope: PostgresScope) {
    this.#scope = scope;
  }

  locks(): readonly LockUse[] {
    return [...this.#modes].map(([relation, mode]) => ({ relation, mode, blocks: BLOCKS[mode] }));
  }

  statement(node: Node): void {
    const tag = tagOf(node);
    if (Object.hasOwn(LOCKS, tag)) LOCKS[tag]!(this, bodyOf(node));
  }

  take(mode: Mode, node: RangeVar | undefined): void {
    if (node?.relname === undefined) return;
    const { schemaname: schema, relname: name } = node;
    const known = this.#scope.relation(schema, name);
    this.#note(mode, known?.id ?? (schema === undefined ? name : `${schema}.${name}`));
  }

  takeNamed(mode: Mode, names: readonly string[]): void {
    if (names.length > 0) this.take(mode, rangeVarOf(names));
  }

  #note(mode: Mode, relation: string): void {
    const held = this.#modes.get(relation);
    if (held === undefined || MODES.indexOf(held) < MODES.indexOf(mode)) this.#modes.set(relation, mode);
  }
}

type LockReader = (locks: LockSheet, body: Body) => void;

const range = (body: Body, field: string): RangeVar | undefined => body[field] as RangeVar | undefined;
const nodes = (body: Body, field: string): readonly Node[] => (body[field] ?? []) as Node[];

const on =
  (field: string, mode: Mode): LockReader =>
  (locks, body) =>
    locks.take(mode, range(body, field));

/** True if an option is given without a value, or with one that is true. */
function isSet(options: readonly Node[], name: string): boolean {
  return optionsOf(options, name).some((value) => {
    const text = stringOf(value) ?? constantOf(value) ?? as<{ boolval?: boolean }>(value, 'Boolean')?.boolval;
    return !['off', 'false', '0', 'no', 'false'].includes(String(text ?? 'on').toLowerCase());
  });
}

function alterTable(locks: LockSheet, body: Body): void {
  const relation = range(body, 'relation');
  if (!isRelationKind(String(body.objtype ?? ''))) return;
  for (const node of nodes(body, 'cmds')) {
    const command = as<AlterTableCmd>(node, 'AlterTableCmd') ?? {};
    locks.take(modeOfAlteration(command), relation);
    lockOthers(locks, command);
  }
}

function modeOfAlteration({ subtype = '', def }: AlterTableCmd): Mode {
  if (LIGHT_ALTERATIONS.has(subtype)) return 'SHARE UPDATE EXCLUSIVE';
  if (TRIGGER_ALTERATIONS.has(subtype)) return 'SHARE ROW EXCLUSIVE';
  if (subtype === 'AT_DetachPartition') {
    const { concurrent } = as<{ concurrent?: boolean }>(def, 'PartitionCmd') ?? {};
    return concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE';
  }
  if (subtype === 'AT_SetRelOptions' || subtype === 'AT_ResetRelOptions') {
    const names = itemsOf(def).map((item) => as<{ defname?: string }>(item, 'DefElem')?.defname ?? '');
    return names.every((name) => LIGHT_PARAMETERS.test(name)) ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE';
  }
  const { contype } = as<Constraint>(def, 'Constraint') ?? {};
  if (subtype === 'AT_AddConstraint' && contype === 'CONSTR_FOREIGN') return 'SHARE ROW EXCLUSIVE';
  return 'ACCESS EXCLUSIVE';
}

/** Tables that a command names besides its own. */
function lockOthers(locks: LockSheet, { subtype, def }: AlterTableCmd): void {
  const { pktable } = as<Constraint>(def, 'Constraint') ?? {};
  locks.take('SHARE ROW EXCLUSIVE', pktable);
  for (const node of as<{ constraints?: Node[] }>(def, 'ColumnDef')?.constraints ?? [])
    locks.take('SHARE ROW EXCLUSIVE', as<Constraint>(node, 'Constraint')?.pktable);
  const partition = as<{ name?: RangeVar }>(def, 'PartitionCmd')?.name;
  locks.take('ACCESS EXCLUSIVE', partition);
  if (subtype === 'AT_AddInherit') locks.take('SHARE UPDATE EXCLUSIVE', as<RangeVar>(def, 'RangeVar'));
}

function createTable(locks: LockSheet, body: Body): void {
  const parent: Mode = body.partbound === undefined ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE';
  for (const node of nodes(body, 'inhRelations')) locks.take(parent, as<RangeVar>(node, 'RangeVar'));
  const constraints = nodes(body, 'tableElts').flatMap((node) => [
    node,
    ...(as<{ constraints?: Node[] }>(node, 'ColumnDef')?.constraints ?? []),
  ]);
  for (const node of constraints)
    locks.take('SHARE ROW EXCLUSIVE', as<Constraint>(node, 'Constraint')?.pktable);
}

function drop(locks: LockSheet, body: Body): void {
  const type = String(body.removeType ?? '');
  for (const object of nodes(body, 'objects')) {
    const names = stringsOf(itemsOf(object));
    if (isRelationKind(type)) locks.takeNamed('ACCESS EXCLUSIVE', names);
    else if (isPartOfRelation(type)) locks.takeNamed('ACCESS EXCLUSIVE', names.slice(0, -1));
  }
}

function rename(locks: LockSheet, body: Body): void {
  const type = String(body.renameType ?? body.objectType ?? '');
  if (isRelationKind(type) || isPartOfRelation(type)) locks.take('ACCESS EXCLUSIVE', range(body, 'relation'));
}

function lockTable(locks: LockSheet, body: Body): void {
  const mode = NUMBERED[Number(body.mode ?? 0)];
  if (mode === undefined) return;
  for (const node of nodes(body, 'relations')) locks.take(mode, as<RangeVar>(node, 'RangeVar'));
}

function vacuum(locks: LockSheet, body: Body): void {
  const full = body.is_vacuumcmd === true && isSet(nodes(body, 'options'), 'full');
  for (const node of nodes(body, 'rels')) {
    const { relation } = as<{ relation?: RangeVar }>(node, 'VacuumRelation') ?? {};
    locks.take(full ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE', relation);
  }
}

function reindex(locks: LockSheet, body: Body): void {
  const concurrently = isSet(nodes(body, 'params'), 'concurrently');
  if (body.kind === 'REINDEX_OBJECT_TABLE')
    locks.take(concurrently ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', range(body, 'relation'));
}

const inner =
  (field: string): LockReader =>
  (locks, body) => {
    const node = body[field] as Node | undefined;
    if (node) locks.statement(node);
  };

const LOCKS: Readonly<Record<string, LockReader>> = {
  AlterPolicyStmt: on('table', 'ACCESS EXCLUSIVE'),
  AlterObjectSchemaStmt: rename,
  AlterTableStmt: alterTable,
  ClusterStmt: on('relation', 'ACCESS EXCLUSIVE'),
  CommentStmt: (locks, body) => {
    const type = String(body.objtype ?? '');
    const names = stringsOf(itemsOf(body.object as Node | undefined));
    if (isRelationKind(type))
      locks.takeNamed('SHARE UPDATE EXCLUSIVE', type === 'OBJECT_COLUMN' ? names.slice(0, -1) : names);
  },
  CreatePolicyStmt: on('table', 'ACCESS EXCLUSIVE'),
  CreateStatsStmt: (locks, body) => {
    for (const node of nodes(body, 'relations'))
      locks.take('SHARE UPDATE EXCLUSIVE', as<RangeVar>(node, 'RangeVar'));
  },
  CreateStmt: createTable,
  CreateTrigStmt: on('relation', 'SHARE ROW EXCLUSIVE'),
  DropStmt: drop,
  ExplainStmt: inner('query'),
  IndexStmt: (locks, body) =>
    locks.take(body.concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', range(body, 'relation')),
  LockStmt: lockTable,
  PrepareStmt: inner('query'),
  RefreshMatViewStmt: (locks, body) =>
    locks.take(body.concurrent ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE', range(body, 'relation')),
  ReindexStmt: reindex,
  RenameStmt: rename,
  RuleStmt: on('relation', 'ACCESS EXCLUSIVE'),
  TruncateStmt: (locks, body) => {
    for (const node of nodes(body, 'relations'))
      locks.take('ACCESS EXCLUSIVE', as<RangeVar>(node, 'RangeVar'));
  },
  VacuumStmt: vacuum,
};
