/**
 * Which statements can be answered on masked values at all. Everything that is not known to be safe is refused.
 */
import type { PostgresStatement } from './analysis.ts';
import { requireNoEstimate } from './explain-checks.ts';
import { isTrace, ORDER, ROWS } from './label-places.ts';
import type { MaskIndex } from './mask-index.ts';
import type { RelationReference } from './namespace.ts';
import { maskRefused } from './refusal.ts';
import type { PostgresScope } from './scope.ts';
import { as, type CreateTableAsStmt, type ExplainStmt, type Node, type SelectStmt, tagOf } from './tree.ts';
import { requireBlindCascades, requireBlindWrite } from './write-checks.ts';

/** Statements whose reads can be redirected to subqueries. */
const READING: ReadonlySet<string> = new Set([
  'CopyStmt',
  'CreateTableAsStmt',
  'DeclareCursorStmt',
  'DeleteStmt',
  'ExplainStmt',
  'InsertStmt',
  'MergeStmt',
  'PrepareStmt',
  'SelectStmt',
  'UpdateStmt',
]);

/** Statements about relations that neither show nor depend on any value in them. */
const BLIND: ReadonlySet<string> = new Set([
  'CommentStmt',
  'DropStmt',
  'LockStmt',
  'RefreshMatViewStmt',
  'ReindexStmt',
  'TruncateStmt',
  'VacuumStmt',
]);

/** @throws {SluiceError} mask_refused */
export function requireAnswerable(
  statement: PostgresStatement,
  masks: MaskIndex,
  scope: PostgresScope,
): void {
  const { references } = statement.binder;
  for (const reference of references) requireNoHiddenRead(reference, masks);
  requireBlindCascades(statement, masks, scope);
  requireNoHiddenExecution(statement, masks);
  for (const reference of references) if (reference.role === 'body') requireBlindBody(reference, masks);
  const masked = references.filter((reference) => reference.role !== 'body' && masks.isMasked(reference));
  if (masked.length === 0) return;
  const kind = tagOf(statement.tree);
  if (BLIND.has(kind)) {
    requireNoSharedRows(kind, masked, masks);
    return;
  }
  if (!READING.has(kind)) {
    throw maskRefused(
      `${statement.facts.command} on ${masked[0]!.id} cannot be done by who sees masked values`,
    );
  }
  requireNoOrderOfChanges(references, masks);
  for (const reference of masked) {
    if (reference.role === 'target') requireBlindWrite(statement, reference, masks, scope);
    else if (reference.role !== 'returning') requireSubstitutable(reference, statement);
  }
  requireNoCopyOfMasked(statement, masks);
  requireNoEstimate(statement.tree, masked, masks);
}

/** A partition that is gone takes its rows out of the whole, where it shows which those were; and it can be taken back. */
function requireNoSharedRows(kind: string, references: readonly RelationReference[], masks: MaskIndex): void {
  if (kind !== 'DropStmt' && kind !== 'TruncateStmt') return;
  const partition = references.find(
    (reference) => reference.relation?.isPartition && masks.of(reference).has(ROWS),
  );
  if (partition === undefined) return;
  throw maskRefused(
    `which rows ${partition.id} has depends on masked values`,
    `Ask somebody who may see them, or name the partitioned table.`,
  );
}

/** Rows that are changed come back in the order in which they were found, and that cannot be changed. */
function requireNoOrderOfChanges(references: readonly RelationReference[], masks: MaskIndex): void {
  const searched = references.find(
    (reference) =>
      reference.isSearched &&
      masks.of(reference).has(ORDER) &&
      references.some(({ role, id }) => role === 'returning' && id === reference.id),
  );
  if (searched === undefined) return;
  throw maskRefused(
    `in what order rows of ${searched.id} are changed depends on masked values`,
    'Leave the RETURNING out.',
  );
}

/** What a function's body does is done with real values. */
function requireBlindBody(reference: RelationReference, masks: MaskIndex): void {
  const [column] = masks.readThrough(reference);
  const isUsed = reference.isWritten || reference.wholeRow || column !== undefined;
  if (!isUsed || !masks.isMasked(reference)) return;
  throw maskRefused(
    column === undefined
      ? `a function that is called writes ${reference.id}`
      : `a function that is called reads the masked column ${reference.id}.${column}`,
    'Write out what the function does as a plain statement.',
  );
}

/** What a prepared statement yields was masked when it was prepared; where that goes shows only now. */
function requireNoHiddenExecution({ sessionObject, tree }: PostgresStatement, masks: MaskIndex): void {
  if (sessionObject?.kind !== 'prepared' || sessionObject.verb !== 'use' || masks.isEmpty) return;
  if (permanentTarget(tree) !== undefined) {
    throw maskRefused('masked values would be stored in a table', 'Write to a temporary table.');
  }
  if (tagOf(tree) === 'ExplainStmt') {
    throw maskRefused('the plan could tell about masked values', 'Run the prepared statement itself.');
  }
}

/** A view's columns can be masked, but not which rows its definition picks, nor what a write through it meets. */
function requireNoHiddenRead(reference: RelationReference, masks: MaskIndex): void {
  const { relation, role } = reference;
  if (relation === undefined || role === 'utility') return;
  if (masks.of(reference).has(ROWS)) {
    throw maskRefused(
      `which rows ${relation.id} has depends on masked values`,
      relation.isPartition ? 'Query the partitioned table.' : 'Query the tables themselves.',
    );
  }
  requireNoPlace(reference, masks);
  if (relation.kind !== 'view' && relation.kind !== 'materialized-view') return;
  if (role === 'target' && [...masks.of(reference).keys()].some((column) => !isTrace(column))) {
    throw maskRefused(
      `${relation.id} shows masked values and cannot be written`,
      'Write to the table itself.',
    );
  }
}

/** In which partition a row is tells about its partition key. */
function requireNoPlace(reference: RelationReference, masks: MaskIndex): void {
  const { relation, systemColumns } = reference;
  if (relation === undefined || systemColumns.size === 0) return;
  const masked = masks.of(reference);
  if (masked.has(ORDER) && relation.kind === 'materialized-view') {
    throw maskRefused(
      `where a row of ${relation.id} is stored depends on masked values`,
      'Leave the system columns out.',
    );
  }
  if (relation.columnNames(relation.partitionKey).some((name) => masked.has(name))) {
    throw maskRefused(
      `in which partition a row of ${relation.id} is depends on masked values`,
      'Leave the system columns out.',
    );
  }
}

function requireSubstitutable(
  { id, role, systemColumns, wholeRow, natural }: RelationReference,
  { facts }: PostgresStatement,
): void {
  if (role === 'utility')
    throw maskRefused(`${facts.command} on ${id} cannot be done by who sees masked values`);
  if (systemColumns.size === 0 || (!wholeRow && !natural)) return;
  throw maskRefused(
    `system columns of ${id} stand beside a whole row or a NATURAL JOIN`,
    'List the columns instead.',
  );
}

/** Masked values must not be stored where they would pass for real ones. */
function requireNoCopyOfMasked({ binder, tree }: PostgresStatement, masks: MaskIndex): void {
  const written = binder.references.filter(
    ({ role, relation }) => role === 'target' && relation?.temporary !== true,
  );
  const created = permanentTarget(tree);
  if (written.length === 0 && created === undefined) return;
  // What the only change of a statement returns is stored nowhere: it has been made by then.
  const returnsOnly = created === undefined && written.length === 1 && targets(binder.references) === 1;
  for (const reference of binder.references) {
    if (
      reference.role === 'target' ||
      reference.role === 'body' ||
      (returnsOnly && reference.role === 'returning')
    )
      continue;
    const column = masks
      .readThrough(reference)
      .find((name) => !(returnsOnly && reference.returned.has(name)));
    if (column === undefined) continue;
    throw maskRefused(
      `values computed from the masked column ${reference.id}.${column} would be stored in ${written[0]?.id ?? created}`,
      'Write only what does not depend on masked columns, or write to a temporary table.',
    );
  }
}

function targets(references: readonly RelationReference[]): number {
  return references.filter(({ role }) => role === 'target').length;
}

/** What CREATE TABLE AS or SELECT INTO makes, unless it is temporary. */
function permanentTarget(tree: Node): string | undefined {
  const inner =
    as<ExplainStmt>(tree, 'ExplainStmt')?.query ?? as<{ query?: Node }>(tree, 'PrepareStmt')?.query ?? tree;
  const creating = as<CreateTableAsStmt>(inner, 'CreateTableAsStmt');
  let select = as<SelectStmt>(inner, 'SelectStmt');
  while (select?.larg) select = select.larg;
  const into = creating?.into ?? select?.intoClause;
  if (into === undefined || (creating?.objtype !== 'OBJECT_MATVIEW' && into.rel?.relpersistence === 't'))
    return undefined;
  return into.rel?.relname ?? '';
}
