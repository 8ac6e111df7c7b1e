/** What happens before a lane's first entry: its head, what the log has of it, the recovery, and the entry that says how it went. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { readLaneHead } from './head.ts';
import { laneDirectory } from './lane.ts';
import { type Recovered, recover } from './recovery.ts';
import { segmentsOf } from './segment-format.ts';
import { readSequencerState } from './sequencer-state.ts';

/** The version of the entries that are written: schemas/ledger-entry.json describes it. */
export const ENTRY_SCHEMA = 1;

export interface Opening {
  readonly recovered: Recovered;
  /** To be appended first: the lane was made, or a torn end was cut off. */
  readonly event: LedgerEvent | undefined;
}

/**
 * Prepares a lane, whose lock the caller holds.
 * @throws {SluiceError} ledger_corrupt; else the file system's own errors.
 */
export async function prepareOpening(
  fileSystem: LedgerFileSystem,
  directory: string,
  lane: number,
  version: string,
): Promise<Opening> {
  const files = laneDirectory(directory, lane);
  fileSystem.makeDirectory(files);
  refuseOldFormat(fileSystem, directory);
  const recovered = await recover({
    fileSystem,
    directory: files,
    lane,
    head: readLaneHead(fileSystem, files),
    sequenced: readSequencerState(fileSystem, directory)?.lanes[String(lane)],
  });
  return { recovered, event: openingEvent(recovered, version) };
}

/**
 * Refuses a directory that another version's ledger lies in, and leaves it as it is.
 * @throws {SluiceError} ledger_corrupt
 */
export function refuseOldFormat(fileSystem: LedgerFileSystem, directory: string): void {
  const names = fileSystem.list(directory);
  if (!names.includes('head.json') && segmentsOf(names).length === 0) return;
  throw new SluiceError(
    'ledger_corrupt',
    `${directory} holds a ledger of an older format, which cannot be continued`,
    { hint: 'Keep it as it is and give the gateway a new data directory.' },
  );
}

function openingEvent(recovered: Recovered, version: string): LedgerEvent | undefined {
  if (recovered.position.seq === 0) return { kind: 'log-opened', schema: ENTRY_SCHEMA, version };
  return recovered.tornBytes > 0 ? { kind: 'log-recovered', tornBytes: recovered.tornBytes } : undefined;
}
