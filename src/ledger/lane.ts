/** Where the append lanes of a ledger lie. One lane a process; see docs/ledger.md. */
import { join } from 'node:path';
import type { LedgerFileSystem } from './file-system.ts';

const NAME = /^(0|[1-9]\d{0,3})$/;

/** The directory of a lane's segments. `lane` is an integer below 10,000. */
export function laneDirectory(directory: string, lane: number): string {
  const name = String(lane);
  if (!NAME.test(name)) throw new RangeError(`${name} is no lane`);
  return join(directory, 'lanes', name);
}

/** The lanes of a ledger, ascending; none if there is no ledger. Throws the file system's own errors. */
export function lanesOf(fileSystem: LedgerFileSystem, directory: string): readonly number[] {
  try {
    const names = fileSystem.list(join(directory, 'lanes'));
    return names
      .filter((name) => NAME.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}
