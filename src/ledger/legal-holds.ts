/** Which legal holds are in force, as the log has them: a hold lasts from `hold-placed` to its `hold-released`. */
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { readRawEntries } from './read-entries.ts';
import type { LegalHold } from './retention.ts';
import type { TileSource } from './tile-store.ts';

/** Notes an entry that places or releases a hold; to be given them in the order of the log. */
export function noteHold(holds: LegalHold[], members: Readonly<Record<string, unknown>>): void {
  const event = members as unknown as LedgerEvent;
  if (event.kind === 'hold-placed') {
    const { at, id: _, kind: __, ...hold } = members;
    holds.push({ ...(hold as unknown as LegalHold), placedAt: at as number });
  } else if (event.kind === 'hold-released') {
    const at = holds.findIndex(({ hold }) => hold === event.hold);
    if (at >= 0) holds.splice(at, 1);
  }
}

/** The holds in force. Throws as `readEntries` does. */
export async function readHolds(directory: string, source: TileSource | undefined): Promise<LegalHold[]> {
  const holds: LegalHold[] = [];
  for await (const { bytes } of readRawEntries(directory, source === undefined ? {} : { source })) {
    if (bytes.includes('"kind":"hold-')) noteHold(holds, JSON.parse(bytes.toString('utf8')));
  }
  return holds;
}
