/** A lane for a command that has something to record while a gateway may be running: the first of a few that nobody holds. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { nodeFileSystem } from './file-system.ts';
import { lanesOf } from './lane.ts';
import { Ledger } from './ledger.ts';
import { readSequencerState } from './sequencer-state.ts';
import { runSequencer } from './start-sequencer.ts';

/** No process of a gateway has one of these. */
const FIRST_LANE = 9000;
const LANES = 16;

/**
 * Records events of a command; they are on stable storage when it resolves, and published by the gateway that runs, or here.
 * @throws {SluiceError} not_found if there is no ledger; ledger_*
 */
export async function recordCommand(
  directory: string,
  version: string,
  events: readonly LedgerEvent[],
): Promise<void> {
  if (lanesOf(nodeFileSystem, directory).length === 0) {
    throw new SluiceError('not_found', `there is no ledger in ${directory}`);
  }
  const ledger = await openFreeLane(directory, version);
  try {
    for (const event of events) ledger.append(event);
    await ledger.durable(ledger.appendedSeq);
  } finally {
    await ledger.close();
  }
  await publish(directory);
}

async function openFreeLane(directory: string, version: string): Promise<Ledger> {
  for (let lane = FIRST_LANE; ; lane++) {
    try {
      return await Ledger.open({ directory, lane, version });
    } catch (cause) {
      const held = cause instanceof SluiceError && cause.code === 'ledger_locked';
      if (!held || lane === FIRST_LANE + LANES - 1) throw cause;
    }
  }
}

/** A running gateway publishes by itself. */
async function publish(directory: string): Promise<void> {
  // Only the gateway has the keys of an object storage.
  if (readSequencerState(nodeFileSystem, directory)?.place !== undefined) return;
  try {
    const sequencer = await runSequencer({ directory }, () => {});
    await sequencer.close();
  } catch (cause) {
    if (!(cause instanceof SluiceError) || cause.code !== 'ledger_locked') throw cause;
  }
}
