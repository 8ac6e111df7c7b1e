/** What happens before the first entry: the key, the head, the recovery, and the entry that says how it went. */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { readHead } from './head.ts';
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
 * Prepares the directory, whose lock the caller holds.
 * @throws {SluiceError} ledger_corrupt; else the file system's own errors.
 */
export async function prepareOpening(
  fileSystem: LedgerFileSystem,
  directory: string,
  version: string,
): Promise<Opening> {
  fileSystem.makeDirectory(directory);
  const key = await openKey(fileSystem, directory);
  const recovered = await recover(fileSystem, directory, readHead(fileSystem, directory, key.publicKey));
  if (recovered.position.seq > 0) refuseForeignKey(fileSystem, directory, key.log);
  return { key, recovered, event: openingEvent(recovered, key.log, version) };
}

async function openKey(fileSystem: LedgerFileSystem, directory: string): Promise<LedgerKey> {
  const key = readLedgerKey(fileSystem, directory);
  if (key === undefined) {
    if (segmentsOf(fileSystem.list(directory)).length === 0) return createLedgerKey(fileSystem, directory);
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
