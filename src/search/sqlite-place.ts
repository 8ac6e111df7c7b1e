/** The embedded index: one file beside the ledger. One of another log, of another version or a damaged one is thrown away when it is opened to write. */
import type { IndexPlace } from './index-storage.ts';
import { guard, isDamage, removeIndex } from './sqlite-files.ts';
import { SqliteIndex } from './sqlite-index.ts';

export function embeddedPlace(path: string): IndexPlace {
  return {
    name: 'embedded',
    openToWrite: async (log) => SqliteIndex.openToWrite(path, log),
    openToRead: async (log) => SqliteIndex.openToRead(path, log),
    clear: async () => guard(() => removeIndex(path)),
    isDamage,
  };
}
