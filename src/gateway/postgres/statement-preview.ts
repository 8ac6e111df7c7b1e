/**
 * Exact previews: a held statement is run as it would run for whoever asked, in a transaction that is rolled back, and what it did is
 * read as whoever reviews it may see it. Nothing of it stays but what a rollback leaves behind: dead rows, and the locks while it lasts.
 */
import { performance } from 'node:perf_hooks';
import type { DatabaseConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { ColumnMask } from '../../model/labels.ts';
import type { Preview, PreviewedRow, TableCounts } from '../../model/preview.ts';
import type { Plan } from '../../session/plan.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import {
  CHANGED_ROWS,
  MERGE_RETURNS,
  rowsAfter,
  rowsBefore,
  rowsInserted,
  rowsMerged,
  runAndExplain,
  runOutcome,
  type ShownRows,
  shownColumns,
  typeNamesQuestion,
  typesOfParameters,
} from '../../sql/postgres/preview-queries.ts';
import { drawnSequencesQuestion, previewSafety } from '../../sql/postgres/preview-safety.ts';
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import { keyColumns } from '../../sql/postgres/row-keys.ts';
import { affectedQuery, leftQuery, MAX_BOUND_ROWS, NO_ROWS } from '../../sql/postgres/row-sources.ts';
import type { PostgresScope } from '../../sql/postgres/scope.ts';
import { boundAgain } from './bound-parameters.ts';
import { type ChangedRows, changedRowsOf } from './changed-rows.ts';
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
  const masks = await options.masksOf(ready.table);
  const { searchPath, side } = options;
  const how = { searchPath, lockTimeoutMs: LOCK_TIMEOUT_MS, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  try {
    return await side.inTransaction(how, (ask) => run(options, ready, masks, ask));
  } catch (thrown) {
    throw failureOf(thrown);
  }
}

interface Ready extends ChangedRows {
  /** None if it has no parameters. */
  readonly bound: BoundValues | undefined;
  readonly inserted: readonly RelationInfo[];
  /** True if it may change more rows of the table than it says. */
  readonly setsOff: boolean;
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
  const changed = changedRowsOf(plan, scope.catalog);
  if (typeof changed === 'string') throw refused(changed);
  const values = boundAgain(parameters, request.names?.parameterTypes ?? []);
  if (values === undefined)
    throw refused(
      'A parameter is too long to have been kept, or in an encoding that the gate does not read.',
    );
  return {
    ...changed,
    inserted,
    setsOff: setsOffMore(statement, changed),
    bound: parameters.length === 0 ? undefined : values,
  };
}

async function run(
  { request, scope: { catalog }, place, config, now }: PreviewOptions,
  ready: Ready,
  masks: readonly ColumnMask[] | undefined,
  ask: AskAside,
): Promise<Preview> {
  const { change, relation, table, source } = ready;
  const drawn = await sequenceNotes(ready.inserted, ask);
  const values = await typed(ready.bound, change.text, ask);
  const [bound] = source === undefined ? [] : await ask(affectedQuery(source, catalog), values);
  const count = Number(bound?.count ?? 0);
  if (count > MAX_BOUND_ROWS)
    throw refused(
      `It may change more than ${MAX_BOUND_ROWS} rows of ${table.id}: too many to be bound one by one.`,
    );
  const shown: ShownRows = { catalog, relation: table, masks: masks ?? [] };
  const showsRows = masks !== undefined;
  const before = source && showsRows ? await ask(rowsBefore(shown, source), values) : [];
  const counted = await ask(CHANGED_ROWS);
  await ask('SAVEPOINT sluice_preview');
  const startedAt = performance.now();
  const [plan] = await ask(runAndExplain(change.text), values);
  const durationMs = performance.now() - startedAt;
  const outcome = runOutcome(plan?.['QUERY PLAN'] ?? undefined);
  if (bound !== undefined) await refuseOthers(ready, bound, outcome.rows, catalog, ask);
  const notes = [...drawn, ...(await deferredNotes(ask))];
  const tables = countsOf(counted, await ask(CHANGED_ROWS));
  const after = await rowsThen({ ...ready, shown, values, before, showsRows }, ask);
  const own = source?.exceeds
    ? changesOf(table, tables, catalog)
    : source === undefined
      ? outcome.rows
      : count;
  return {
    ...{ request: request.id, at: now(), place, durationMs: Math.round(durationMs), relation: relation.id },
    affected: { count: own, digest: keyedDigest(config, bound?.digest ?? NO_ROWS.digest) },
    parameterTypes: values?.parameterTypes ?? [],
    ...{ tables, triggers: outcome.triggers, columns: shownColumns(table).map(({ name }) => name) },
    masked: (masks ?? []).map(({ column }) => column),
    rows: after.rows,
    notes: [...notes, ...after.notes],
  };
}

/** What was read beforehand must be what it changed. @param rows that it was to change, as far as it joins nothing */
async function refuseOthers(
  { change, table, source, setsOff }: Ready,
  bound: Row,
  rows: number,
  catalog: CatalogSnapshot,
  ask: AskAside,
): Promise<void> {
  const count = Number(bound.count ?? 0);
  const places = { tables: bound.tables ?? null, places: bound.places ?? null };
  const [then] = await ask(leftQuery(table, places, catalog));
  const changed = count - Number(then?.left ?? count);
  const gone = Number(then?.gone ?? 0) - Number(bound.gone ?? 0);
  const asMany = source?.exceeds === true || change.joins || rows === count;
  if (!asMany || (changed < gone && (source?.exceeds === true || !setsOff)))
    throw refused('Which rows it changes cannot be told apart.');
}

/** True if triggers or foreign keys may change more rows of the table itself. */
function setsOffMore({ facts }: Plan['statements'][number], { table }: ChangedRows): boolean {
  return facts.setsOff !== undefined || table.constraints.some(({ references }) => references !== undefined);
}

/** Rows of the table itself that came, changed and went: what a statement says of itself that may do all three. */
function changesOf(table: RelationInfo, tables: readonly TableCounts[], catalog: CatalogSnapshot): number {
  const own = new Set(catalog.family(table).map(({ id }) => id));
  return tables
    .filter(({ relation }) => own.has(relation))
    .reduce((sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted, 0);
}

/** A part of the statement may not mention a parameter, whose type nobody could find then. */
async function typed(
  bound: BoundValues | undefined,
  text: string,
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

/** Values of sequences are no part of a transaction: whoever inserts and rolls back leaves a gap, and so does a preview. */
async function sequenceNotes(inserted: readonly RelationInfo[], ask: AskAside): Promise<string[]> {
  if (inserted.length === 0) return [];
  const rows = await ask(drawnSequencesQuestion(inserted.map(({ oid }) => oid)));
  return rows.map(
    ({ relation }) =>
      `Rows of ${relation} take values of a sequence: those that this preview took are not given again, and the rows will have later ones.`,
  );
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

interface Then extends ChangedRows {
  readonly shown: ShownRows;
  readonly values: BoundValues | undefined;
  readonly before: readonly Row[];
  readonly showsRows: boolean;
}

/** The rows afterwards, each beside what it was, and then those that come. */
async function rowsThen(then: Then, ask: AskAside): Promise<Pick<Preview, 'rows' | 'notes'>> {
  const { shown, change, before, showsRows } = then;
  if (!showsRows)
    return { rows: [], notes: [`You may not read ${shown.relation.id}: its rows are not shown.`] };
  const key = keyColumns(shown.relation);
  if (change.kind === 'DELETE')
    return { rows: before.map((row) => ({ before: cells(shown, row) })), notes: [] };
  const isKeyless = key.length === 0 && before.length > 0;
  const changed = isKeyless
    ? before.map((row) => ({ before: cells(shown, row) }))
    : await rowsBeside(then, ask);
  const note = `${shown.relation.id} has no primary key: what rows become cannot be told.`;
  const added = change.kind === 'UPDATE' ? { rows: [], notes: [] } : await rowsAdded(then, ask);
  return { rows: [...changed, ...added.rows], notes: [...(isKeyless ? [note] : []), ...added.notes] };
}

async function rowsBeside({ shown, before }: Then, ask: AskAside): Promise<readonly PreviewedRow[]> {
  if (before.length === 0) return [];
  const found = await ask(
    rowsAfter(
      shown,
      before.map((row) => keyOf(shown, row)),
    ),
  );
  const byKey = new Map(found.map((row) => [JSON.stringify(keyOf(shown, row)), row]));
  return before.map((row): PreviewedRow => {
    const became = byKey.get(JSON.stringify(keyOf(shown, row)));
    return { before: cells(shown, row), ...(became === undefined ? {} : { after: cells(shown, became) }) };
  });
}

/** Runs it again, this time to see what comes. */
async function rowsAdded(
  { shown, change, relation, table, values, before }: Then,
  ask: AskAside,
): Promise<Pick<Preview, 'rows' | 'notes'>> {
  const untold = (why: string) => ({
    rows: [],
    notes: [`Rows that come are counted, and not shown: ${why}.`],
  });
  if (relation !== table) return untold(`they come through ${relation.id}`);
  const isMerge = change.kind === 'MERGE';
  if (isMerge && (await ask(MERGE_RETURNS))[0]?.yes !== 'true')
    return untold('this server does not tell them');
  await ask('ROLLBACK TO SAVEPOINT sluice_preview');
  const rows = await ask(isMerge ? rowsMerged(shown, change) : rowsInserted(shown, change), values);
  const known = new Set(before.map((row) => JSON.stringify(keyOf(shown, row))));
  const isNew = (row: Row) =>
    keyColumns(shown.relation).length === 0 || !known.has(JSON.stringify(keyOf(shown, row)));
  return { rows: rows.filter(isNew).map((row) => ({ after: cells(shown, row) })), notes: [] };
}

const keyOf = ({ relation }: ShownRows, row: Row) => keyColumns(relation).map((_, i) => row[`k${i}`] ?? null);

const cells = ({ relation }: ShownRows, row: Row) =>
  shownColumns(relation).map((_, i) => row[`c${i}`] ?? null);

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
