/** The key that wraps the ledger's data keys, where the configuration names none: a file in the data directory, made on first start. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '../identity/private-file.ts';
import { type KeyWrapper, LocalKeyWrapper } from './key-wrapper.ts';

const NAME = 'ledger-wrapping.key';

/**
 * Opens the wrapper of a data directory.
 * @param secret what the configuration gives, if it does
 * @param make whether to make the file if it is missing; the caller holds the data directory's lock then
 * @returns undefined if there is none and none was to be made
 * @throws {SluiceError} config_invalid if what is there is no key; else the file system's own errors
 */
export function openKeyWrapper(
  dataDir: string,
  secret: string | undefined,
  make: boolean,
): KeyWrapper | undefined {
  if (secret !== undefined) return new LocalKeyWrapper(secret);
  const path = join(dataDir, NAME);
  const found = readIfThere(path);
  if (found !== undefined) return new LocalKeyWrapper(found);
  if (!make) return undefined;
  const made = randomBytes(32).toString('base64');
  writePrivateFile(path, `${made}\n`);
  return new LocalKeyWrapper(made);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
