/** What lies in a lane's directory, and whose it says it is. */
import { SluiceError } from '../errors/sluice-error.ts';
import { parseEntryText } from './entry-text.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { LineReader } from './line-reader.ts';
import { firstSeqOf, HASH_LENGTH } from './segment-format.ts';

/**
 * The names in a lane's directory.
 * @throws {SluiceError} not_found if there is no lane; else the file system's own errors.
 */
export function listLane(fileSystem: LedgerFileSystem, directory: string): readonly string[] {
  let names: readonly string[];
  try {
    names = fileSystem.list(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    names = [];
  }
  if (names.some((name) => firstSeqOf(name) !== undefined || name === 'head.json')) return names;
  throw new SluiceError('not_found', `there is no ledger in ${directory}`);
}

/** The ledger's id as its first entry, in the first segment `path`, states it; undefined if it does not. */
export function statedLog(fileSystem: LedgerFileSystem, path: string): string | undefined {
  const fd = fileSystem.open(path, 'r', 0);
  try {
    const reader = new LineReader(fileSystem, fd);
    // The header line, then the entry.
    const found = reader.fill() && reader.next() && reader.next();
    if (!found) return undefined;
    const { event } = parseEntryText(reader.text().slice(HASH_LENGTH + 1));
    return event.kind === 'log-opened' ? event.log : undefined;
  } finally {
    fileSystem.close(fd);
  }
}
