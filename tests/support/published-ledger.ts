/** Publishes what the lanes of a ledger have, as the sequencer of a gateway would, and lets go of it. */
import type { LedgerFileSystem } from '../../src/ledger/file-system.ts';
import { Sequencer } from '../../src/ledger/sequencer.ts';
import { type VerifyReport, verifyLedger } from '../../src/ledger/verify.ts';

export async function publishLedger(directory: string, fileSystem?: LedgerFileSystem): Promise<void> {
  const sequencer = await Sequencer.open(
    fileSystem === undefined
      ? { directory }
      : { directory, fileSystem, lock: (held) => ({ directory: held, release: () => {} }) },
  );
  try {
    while ((await sequencer.round()).more);
  } finally {
    sequencer.close();
  }
}

/** Publishes and verifies. */
export async function verifyPublished(
  directory: string,
  fileSystem?: LedgerFileSystem,
): Promise<VerifyReport> {
  await publishLedger(directory, fileSystem);
  return verifyLedger(directory, fileSystem === undefined ? {} : { fileSystem });
}
