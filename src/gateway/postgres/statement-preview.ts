/**
 * Exact previews: a held statement is run as it would run for whoever asked, in a transaction that is rolled back, and what it did is
 * read as whoever reviews it may see it. Nothing of it stays but what a rollback leaves behind: dead rows, and the locks while it lasts.
 */
import { performance } from 'node:perf_hooks';
import type { DatabaseConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { ColumnMask } from '../../model/labels.ts';
import type { AffectedRows, Preview, PreviewedRow, TableCounts } from '../../model/preview.ts';
import type { Plan } from '../../session/plan.ts';
import { runnablePart } from '../../session/plan-text.ts';
import {
  CHANGED_ROWS,
  keyColumns,
  rowsAfter,
  rowsBefore,
  rowsInserted,
  runAndExplain,
  runOutcome,
  type ShownRows,
  shownColumns,
  typeNamesQuestion,
  typesOfParameters,
} from '../../sql/postgres/preview-queries.ts';
import { previewSafety, sequenceDefaultsQuestion } from '../../sql/postgres/preview-safety.ts';
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import { affectedQuery, NO_ROWS, type RowChange, rowChangeOf } from '../../sql/postgres/row-changes.ts';
import type { PostgresScope } from '../../sql/postgres/scope.ts';
import { boundAgain } from './bound-parameters.ts';
import type { BoundValues } from './own-questions.ts';
import { keyedDigest } from './row-digest.ts';
import type { AskAside, SideConnection } from './side-connection.ts';
import type { Row } from './sql-client.ts';

const LOCK_TIMEOUT_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 8_000;

export interface PreviewOptions {
  readonly request: ApprovalRequest;
  /** Of the statement now, for whoever asked. */
  readonly plan: Plan;
  readonly scope: PostgresScope;
  readonly searchPath: readonly string[];
  readonly side: SideConnection;
  readonly place: Preview['place'];
  /** What the reviewer sees masked; undefined if they may not read the table at all. */
  readonly masksOf: (relation: RelationInfo) => Promise<readonly ColumnMask[] | undefined>;
  readonly config: Pick<DatabaseConfig, 'rowKey'>;
  readonly now: () => number;
}

/** @throws {SluiceError} preview_refused, preview_failed, conflict, upstream_* */
export async function previewStatement(options: PreviewOptions): Promise<Preview> {
  const ready = readyToRun(options);
  const masks = await options.masksOf(ready.relation);
  const { searchPath, side } = options;
  const how = { searchPath, lockTimeoutMs: LOCK_TIMEOUT_MS, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  try {
    return await side.inTransaction(how, (ask) => run(options, ready, masks, ask));
  } catch (thrown) {
    throw failureOf(thrown);
  }
}

interface Ready {
  readonly change: RowChange;
  readonly relation: RelationInfo;
  /** None if it has no parameters. */
  readonly bound: BoundValues | undefined;
  readonly inserted: readonly RelationInfo[];
}

/** What can be said before the database is asked. @throws {SluiceError} preview_refused */
function readyToRun({ request, plan, scope }: PreviewOptions): Ready {
  const [statement] = plan.statements;
  if (statement === undefined) throw refused('There is no statement to run.');
  if (plan.statements.length > 1) throw refused('It holds several statements.');
  if (statement.analyzed.sessionObject !== undefined)
    throw refused('It uses a prepared statement or cursor of its session.');
  const { astDigests, objectsDigests, parameters } = request.binding;
  if (
    statement.analyzed.astDigest !== astDigests[0] ||
    statement.analyzed.objectsDigest !== objectsDigests[0]
  )
    throw refused(
      'What it touches has changed since it was asked for, or means something else outside of its session.',
    );
  const { obstacle, inserted } = previewSafety(statement.facts, scope);
  if (obstacle !== undefined) throw refused(obstacle);
  const change = rowChangeOf(runnablePart(plan, statement.analyzed));
  if (typeof change === 'string') throw refused(change);
  const action = change.kind === 'INSERT' ? 'Insert' : change.kind === 'UPDATE' ? 'Update' : 'Delete';
  const [use] = statement.facts.relations.filter((one) => one.action === action);
  const [relation, ...others] = scope.catalog.relationsById(use?.relation ?? '');
  if (relation === undefined || others.length > 0) throw refused('The table that it changes is not certain.');
  const values = boundAgain(parameters, request.names?.parameterTypes ?? []);
  if (values === undefined) throw refused('A parameter is too long to have been kept.');
  return { change, relation, inserted, bound: parameters.length === 0 ? undefined : values };
}

async function run(
  { request, scope, place, config, now }: PreviewOptions,
  { change, relation, bound, inserted }: Ready,
  masks: readonly ColumnMask[] | undefined,
  ask: AskAside,
): Promise<Preview> {
  await refuseSequences(inserted, ask);
  const values = await typed(bound, change, ask);
  const isInsert = change.kind === 'INSERT';
  const affected = isInsert ? NO_ROWS : affectedIn(await ask(affectedQuery(change), values));
  const shown: ShownRows = { catalog: scope.catalog, relation, masks: masks ?? [] };
  const showsRows = masks !== undefined;
  const before = isInsert || !showsRows ? [] : await ask(rowsBefore(shown, change), values);
  const counted = await ask(CHANGED_ROWS);
  await ask('SAVEPOINT sluice_preview');
  const startedAt = performance.now();
  const [plan] = await ask(runAndExplain(change.text), values);
  const durationMs = performance.now() - startedAt;
  const outcome = runOutcome(plan?.['QUERY PLAN'] ?? undefined);
  if (!isInsert && !change.joins && outcome.rows !== affected.count)
    throw refused('Which rows it changes cannot be told apart.');
  const notes = await deferredNotes(ask);
  const tables = countsOf(counted, await ask(CHANGED_ROWS));
  const after = await rowsThen({ shown, change, values, before, showsRows }, ask);
  return {
    ...{ request: request.id, at: now(), place, durationMs: Math.round(durationMs), relation: relation.id },
    affected: {
      count: isInsert ? outcome.rows : affected.count,
      digest: keyedDigest(config, affected.digest),
    },
    parameterTypes: values?.parameterTypes ?? [],
    ...{ tables, triggers: outcome.triggers, columns: shownColumns(relation).map(({ name }) => name) },
    masked: (masks ?? []).map(({ column }) => column),
    rows: after.rows,
    notes: [...notes, ...after.notes],
  };
}

/** A part of the statement may not mention a parameter, whose type nobody could find then. */
async function typed(
  bound: BoundValues | undefined,
  { text }: RowChange,
  ask: AskAside,
): Promise<BoundValues | undefined> {
  if (bound === undefined) return undefined;
  const [declared] = await ask(typeNamesQuestion(bound.parameterTypes));
  const [prepare, types, deallocate] = typesOfParameters(text, declared?.types ?? '');
  await ask(prepare);
  const [found] = await ask(types);
  await ask(deallocate);
  return { ...bound, parameterTypes: JSON.parse(found?.types ?? '[]') as number[] };
}

async function refuseSequences(inserted: readonly RelationInfo[], ask: AskAside): Promise<void> {
  if (inserted.length === 0) return;
  const [row] = await ask(sequenceDefaultsQuestion(inserted.map(({ oid }) => oid)));
  if (row !== undefined)
    throw refused(`Rows of ${row.relation} take values of a sequence, which do not come back.`);
}

/** Constraints and triggers that wait for the end of the transaction, which never comes here. */
async function deferredNotes(ask: AskAside): Promise<string[]> {
  await ask('SAVEPOINT sluice_deferred');
  try {
    await ask('SET CONSTRAINTS ALL IMMEDIATE');
    return [];
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code !== 'upstream_unavailable') throw thrown;
    await ask('ROLLBACK TO SAVEPOINT sluice_deferred');
    return [
      `A deferred constraint would refuse it at the end of the transaction (SQLSTATE ${thrown.sqlstate}).`,
    ];
  }
}

interface Then {
  readonly shown: ShownRows;
  readonly change: RowChange;
  readonly values: BoundValues | undefined;
  readonly before: readonly Row[];
  readonly showsRows: boolean;
}

/** The rows afterwards, each beside what it was. */
async function rowsThen(
  { shown, change, values, before, showsRows }: Then,
  ask: AskAside,
): Promise<Pick<Preview, 'rows' | 'notes'>> {
  const width = shownColumns(shown.relation).length;
  const cells = (row: Row) => Array.from({ length: width }, (_, i) => row[`c${i}`] ?? null);
  if (!showsRows)
    return { rows: [], notes: [`You may not read ${shown.relation.id}: its rows are not shown.`] };
  if (change.kind === 'INSERT') {
    await ask('ROLLBACK TO SAVEPOINT sluice_preview');
    const rows = await ask(rowsInserted(shown, change), values);
    return { rows: rows.map((row) => ({ after: cells(row) })), notes: [] };
  }
  const key = keyColumns(shown.relation);
  if (change.kind === 'DELETE' || before.length === 0)
    return { rows: before.map((row) => ({ before: cells(row) })), notes: [] };
  if (key.length === 0) {
    const notes = [`${shown.relation.id} has no primary key: what rows become cannot be told.`];
    return { rows: before.map((row) => ({ before: cells(row) })), notes };
  }
  const keyOf = (row: Row) => key.map((_, i) => row[`k${i}`] ?? null);
  const found = await ask(rowsAfter(shown, before.map(keyOf)));
  const byKey = new Map(found.map((row) => [JSON.stringify(keyOf(row)), row]));
  const rows = before.map((row): PreviewedRow => {
    const became = byKey.get(JSON.stringify(keyOf(row)));
    return { before: cells(row), ...(became === undefined ? {} : { after: cells(became) }) };
  });
  return { rows, notes: [] };
}

function affectedIn(rows: readonly Row[]): AffectedRows {
  return { count: Number(rows[0]?.count ?? 0), digest: rows[0]?.digest ?? '' };
}

function countsOf(before: readonly Row[], after: readonly Row[]): readonly TableCounts[] {
  const earlier = new Map(before.map((row) => [row.relation, row]));
  const sorted = [...after].sort((a, b) => ((a.relation ?? '') < (b.relation ?? '') ? -1 : 1));
  return sorted.flatMap((row) => {
    const since = (name: string) =>
      Number(row[name] ?? 0) - Number(earlier.get(row.relation ?? '')?.[name] ?? 0);
    const counts = {
      ...{ relation: row.relation ?? '', inserted: since('inserted') },
      ...{ updated: since('updated'), deleted: since('deleted') },
    };
    return counts.inserted + counts.updated + counts.deleted === 0 ? [] : [counts];
  });
}

function refused(why: string): SluiceError {
  return new SluiceError('preview_refused', why);
}

const FAILURES: Readonly<Record<string, string>> = {
  '55P03': `A lock was not to be had within ${LOCK_TIMEOUT_MS / 1000} s: somebody else changes these rows or their table.`,
  '57014': `It did not come to its end within ${STATEMENT_TIMEOUT_MS / 1000} s.`,
  '25006': 'The database takes no changes: a preview needs one that does.',
};

/** The database's message may quote values that the reviewer may not see; its code does not. */
function failureOf(thrown: unknown): unknown {
  if (!(thrown instanceof SluiceError) || thrown.code !== 'upstream_unavailable') return thrown;
  const { sqlstate } = thrown;
  if (sqlstate.startsWith('08')) return thrown;
  const why = FAILURES[sqlstate] ?? `The database would refuse it (SQLSTATE ${sqlstate}).`;
  return new SluiceError('preview_failed', why);
}
