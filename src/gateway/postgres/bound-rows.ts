/**
 * An approval that was given on a preview is good for the rows that it showed. They are read again where the statement is about to run, in its
 * transaction, and locked, so that it cannot change others instead.
 */
import type { DatabaseConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { RowBinding } from '../../model/approval.ts';
import type { Facts } from '../../model/facts.ts';
import type { Plan } from '../../session/plan.ts';
import { runnablePart } from '../../session/plan-text.ts';
import { affectedQuery, rowChangeOf } from '../../sql/postgres/row-changes.ts';
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
  readonly config: Pick<DatabaseConfig, 'rowKey'>;
}

/** From here on, all is read as it is now; for what begins a transaction. Outside of a block, the database warns and does it. */
const ONE_SNAPSHOT = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ';
const ISOLATION = `SELECT pg_catalog.current_setting('transaction_isolation')`;

/**
 * Why the statement may not run by the approval, if so. The caller must have forwarded nothing of it, but for its Bind.
 * @throws {SluiceError} where the database does not answer
 */
export async function driftOfRows(
  plan: Plan,
  { binding, values }: BoundRows,
  { channel, responses, reading, config }: BoundRowsOptions,
): Promise<SluiceError | undefined> {
  const [statement] = plan.statements;
  const change = statement && rowChangeOf(runnablePart(plan, statement.analyzed));
  if (change === undefined || typeof change === 'string')
    return drifted(binding, 'its rows cannot be told apart');
  if (reading.encodings.client !== 'UTF8')
    return drifted(binding, 'its rows can be compared only while client_encoding is UTF8');
  await channel.quiet();
  if (!channel.effectsOpen && responses.transactionStatus === 'I')
    await channel.askAll([{ text: Buffer.from(ONE_SNAPSHOT) }], false, false);
  if (change.source === undefined) return undefined;
  const types = { ...values, parameterTypes: binding.parameterTypes };
  const question: OwnQuestion = { text: reading.bytesOf(affectedQuery(change)), values: types };
  const answers = await channel.askAll([question, { text: Buffer.from(ISOLATION) }], false, false);
  const [row] = answers?.[0] ?? [];
  const isolation = answers?.[1]?.[0]?.[0]?.toString('latin1') ?? '';
  const [count, digest] = [row?.[0], row?.[1]].map((value) => value?.toString('latin1'));
  const isSame = keyedDigest(config, digest ?? '') === binding.affected.digest;
  if (Number(count) !== binding.affected.count || !isSame)
    return drifted(binding, 'the rows have changed since they were previewed');
  if (isolation === 'read committed' && readsOthers(statement!.facts))
    return drifted(binding, 'what it reads of other tables may change before it runs', {
      hint: 'Send it by itself, without parameters, or in a transaction of isolation level REPEATABLE READ.',
    });
  return undefined;
}

/** Why it must be taken back, if so. @param rows that it says to have changed */
export function driftOfCount(
  { facts }: Plan['statements'][number],
  binding: RowBinding,
  rows: number,
): SluiceError | undefined {
  const { count } = binding.affected;
  // A trigger may leave rows alone; locked as they are, no others come in their place.
  const fits = rows === count || (rows < count && facts.setsOff !== undefined);
  return fits ? undefined : drifted(binding, `it changes ${rows} rows, and ${count} were previewed`);
}

/** True if which rows it changes depends on more than those themselves. */
function readsOthers({ relations }: Facts): boolean {
  const changed = new Set(
    relations.filter(({ action }) => action !== 'Read').map(({ relation }) => relation),
  );
  return relations.some(({ relation, action }) => action === 'Read' && !changed.has(relation));
}

function drifted({ request }: RowBinding, why: string, more: { hint?: string } = {}): SluiceError {
  return new SluiceError(
    'approval_drifted',
    `request ${request} was approved on a preview, and ${why}`,
    more,
  );
}
