/**
 * The secret of one installation: 32 random bytes in the data directory, made on first start. It makes SCRAM salts
 * unpredictable. Losing it makes every token unusable; knowing it tells which user names exist, and nothing else.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { requirePrivateDirectory, writePrivateFile } from './private-file.ts';
import type { RandomBytes } from './token-text.ts';

const FILE_NAME = 'installation.key';
const SECRET_BYTES = 32;

/**
 * Reads it, or makes it. The caller holds the lock of the data directory.
 * @throws {SluiceError} config_invalid if the file is there but damaged
 */
export function loadInstallationSecret(dataDir: string, randomBytes: RandomBytes): Buffer {
  const file = join(dataDir, FILE_NAME);
  const found = readIfPresent(file);
  if (found === undefined) {
    const secret = randomBytes(SECRET_BYTES);
    writePrivateFile(file, secret);
    return secret;
  }
  if (found.length === SECRET_BYTES) return found;
  throw new SluiceError(
    'config_invalid',
    `${file} must hold ${SECRET_BYTES} bytes, but holds ${found.length}`,
    {
      hint: 'Restore it from a backup, or delete it and issue all tokens anew.',
    },
  );
}

/**
 * Makes the data directory if it is missing.
 * @throws {SluiceError} config_invalid if it is of another user, or others may enter it
 */
export function prepareDataDir(dataDir: string): void {
  requirePrivateDirectory(dataDir);
}

function readIfPresent(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}
