/**
 * An approval that was given on a preview is good for the rows that it showed. They are read again where the statement is about to run, in its
 * transaction, and locked; and when it has run, it is compared that these are what it changed, and nothing else.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { RowBinding } from '../../model/approval.ts';
import type { Plan } from '../../session/plan.ts';
import { affectedQuery, leftQuery, type RowPlaces, type RowSource } from '../../sql/postgres/row-sources.ts';
import { changedRowsOf } from './changed-rows.ts';
import type { DatabaseService } from './database-service.ts';
import type { ForwardChannel } from './forward-channel.ts';
import { type BoundValues, NO_VALUES, type OwnQuestion } from './own-questions.ts';
import type { ResponseRelay } from './response-relay.ts';
import { keyedDigest } from './row-digest.ts';
import type { SessionReading } from './session-reading.ts';

/** What a statement may change, and the values it is bound to. */
export interface BoundRows {
  readonly binding: RowBinding;
  readonly values: BoundValues;
}

/** @param values undefined for a statement without any */
export function boundTo(binding: RowBinding | undefined, values?: BoundValues): BoundRows | undefined {
  return binding && { binding, values: values ?? NO_VALUES };
}

export interface BoundRowsOptions {
  readonly channel: ForwardChannel;
  readonly responses: ResponseRelay;
  readonly reading: SessionReading;
  readonly service: Pick<DatabaseService, 'catalog' | 'config'>;
}

/** The rows that a statement may change, locked where they are. */
export interface LockedRows extends RowPlaces {
  readonly source: RowSource;
  readonly count: number;
  /** How many rows of the table had changed before. */
  readonly gone: number;
}

/** From here on, all is read as it is now; for what begins a transaction. Outside of a block, the database warns and does it. */
const ONE_SNAPSHOT = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ';

/**
 * Locks the rows that an approval is good for, where the statement is about to run. The caller must have forwarded nothing of it, but for its
 * Bind.
 * @returns undefined for what only adds rows; the error if it may not run
 * @throws {SluiceError} where the database does not answer
 */
export async function lockRows(
  plan: Plan,
  { binding, values }: BoundRows,
  { channel, responses, reading, service }: BoundRowsOptions,
): Promise<LockedRows | SluiceError | undefined> {
  const changed = changedRowsOf(plan, service.catalog);
  if (typeof changed === 'string') return drifted(binding, 'its rows cannot be told apart');
  if (reading.encodings.client !== 'UTF8')
    return drifted(binding, 'its rows can be compared only while client_encoding is UTF8');
  await channel.quiet();
  if (!channel.effectsOpen && responses.transactionStatus === 'I')
    await channel.askAll([{ text: Buffer.from(ONE_SNAPSHOT) }], false, false);
  const { source } = changed;
  if (source === undefined) return undefined;
  const types = { ...values, parameterTypes: binding.parameterTypes };
  const question: OwnQuestion = {
    text: reading.bytesOf(affectedQuery(source, service.catalog)),
    values: types,
  };
  const [row = []] = (await channel.askAll([question], false, false))?.[0] ?? [];
  const [count, digest, tables, places, gone] = row.map((value) => value?.toString('latin1') ?? null);
  if (keyedDigest(service.config, digest ?? '') !== binding.affected.digest)
    return drifted(binding, 'the rows have changed since they were previewed');
  return { source, count: Number(count), tables: tables ?? null, places: places ?? null, gone: Number(gone) };
}

/**
 * Why what has run must be taken back, if so: it changed others than those that were locked, whatever its text made of them, or another number.
 * @param own rows that it says to have changed
 * @throws {SluiceError} where the database does not answer
 */
export async function driftOfRun(
  { facts }: Plan['statements'][number],
  { binding }: BoundRows,
  locked: LockedRows | undefined,
  own: number,
  { channel, service }: Pick<BoundRowsOptions, 'channel' | 'service'>,
): Promise<SluiceError | undefined> {
  const { count } = binding.affected;
  // A trigger may leave rows alone.
  if (own !== count && !(own < count && facts.setsOff !== undefined))
    return drifted(binding, `it changes ${own} rows, and ${count} were previewed`);
  if (locked === undefined) return undefined;
  const { source } = locked;
  const rows = await channel.askWithin(leftQuery(source.table, locked, service.catalog));
  const [left, gone] = (rows?.[0] ?? []).map((value) => Number(value?.toString('latin1')));
  if (left === undefined || gone === undefined) return drifted(binding, 'its rows cannot be told apart');
  const fits = locked.count - left >= (source.exceeds ? gone - locked.gone : own);
  return fits ? undefined : drifted(binding, 'it changes other rows than were previewed');
}

function drifted({ request }: RowBinding, why: string): SluiceError {
  return new SluiceError('approval_drifted', `request ${request} was approved on a preview, and ${why}`);
}
