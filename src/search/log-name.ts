/** Which log an index is of. */
import { nodeFileSystem } from '../ledger/file-system.ts';
import { readVkey } from '../ledger/ledger-key.ts';
import { formatVkey } from '../ledger/signed-note.ts';

/** What the log in a directory is called, by its key; empty before it has one. Throws as reading files does. */
export function logName(directory: string): string {
  const key = readVkey(nodeFileSystem, directory);
  return key === undefined ? '' : formatVkey(key);
}
