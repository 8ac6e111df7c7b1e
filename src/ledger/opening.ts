/** What happens before the first entry: the key, the head, the recovery, and the entry that says how it went. */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { readHead } from './head.ts';
import { laneDirectory } from './lane.ts';
import { statedLog } from './ledger-files.ts';
import { createLedgerKey, type LedgerKey, publishKey, readLedgerKey, readPublicKey } from './ledger-key.ts';
import { type Recovered, recover } from './recovery.ts';
import { segmentName, segmentsOf } from './segment-format.ts';

export interface Opening {
  readonly key: LedgerKey;
  readonly recovered: Recovered;
  /** To be appended first: the log was made, or a torn end was cut off. */
  readonly event: LedgerEvent | undefined;
}

/**
 * Prepares a lane, whose lock the caller holds. Lane 0 makes a new ledger's key; the other ones wait for it.
 * @throws {SluiceError} ledger_corrupt, ledger_unavailable without a key; else the file system's own errors.
 */
export async function prepareOpening(
  fileSystem: LedgerFileSystem,
  directory: string,
  lane: number,
  version: string,
): Promise<Opening> {
  const files = laneDirectory(directory, lane);
  fileSystem.makeDirectory(files);
  refuseOldFormat(fileSystem.list(directory), directory);
  const key = await openKey(fileSystem, directory, lane);
  const recovered = await recover(fileSystem, files, readHead(fileSystem, files, key.publicKey));
  if (recovered.position.seq > 0) refuseForeignKey(fileSystem, files, key.log);
  return { key, recovered, event: openingEvent(recovered, key.log, version) };
}

/** Before lanes, the segments lay in the ledger's own directory. */
function refuseOldFormat(names: readonly string[], directory: string): void {
  if (!names.includes('head.json') && segmentsOf(names).length === 0) return;
  throw new SluiceError(
    'ledger_corrupt',
    `${directory} holds a ledger of an older format, which cannot be continued`,
    {
      hint: 'Keep it as it is and give the gateway a new data directory.',
    },
  );
}

async function openKey(fileSystem: LedgerFileSystem, directory: string, lane: number): Promise<LedgerKey> {
  const key = readLedgerKey(fileSystem, directory);
  if (key === undefined) {
    if (lane !== 0) throw new SluiceError('ledger_unavailable', 'lane 0 has not made the ledger yet');
    if (segmentsOf(fileSystem.list(laneDirectory(directory, 0))).length === 0)
      return createLedgerKey(fileSystem, directory);
    throw new SluiceError('ledger_corrupt', `the key of the ledger in ${directory} is missing`);
  }
  if (readPublicKey(fileSystem, directory) === undefined)
    await publishKey(fileSystem, directory, key.publicKey);
  return key;
}

function refuseForeignKey(fileSystem: LedgerFileSystem, directory: string, log: string): void {
  const stated = statedLog(fileSystem, join(directory, segmentName(0)));
  if (stated === log) return;
  throw new SluiceError(
    'ledger_corrupt',
    `the key in ${directory} is that of ledger ${log}, not of ${stated}`,
  );
}

function openingEvent(recovered: Recovered, log: string, version: string): LedgerEvent | undefined {
  if (recovered.position.seq === 0) return { kind: 'log-opened', log, version };
  return recovered.tornBytes > 0 ? { kind: 'log-recovered', tornBytes: recovered.tornBytes } : undefined;
}
