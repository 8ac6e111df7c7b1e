/** Files and directories that only their owner may read. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';

/**
 * Writes `content` to `path` with mode 0600: either all of it, durably, or nothing. Replaces what was there. The caller
 * makes sure that nobody else writes the same path.
 */
export function writePrivateFile(path: string, content: string | Buffer): void {
  const draft = `${path}.draft`;
  const file = openSync(draft, 'w', 0o600);
  try {
    const bytes = Buffer.from(content);
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

/**
 * Makes the directory `path` with mode 0700 if it is missing. One that is there stays as it is: it may be somebody else's.
 * @throws {SluiceError} config_invalid if it belongs to another user, or others may enter it
 */
export function requirePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { mode, uid } = statSync(path);
  const user = process.geteuid?.();
  if (user === undefined) return; // Windows: access is a matter of lists that have no mode.
  if (uid !== user) {
    throw new SluiceError(
      'config_invalid',
      `${path} belongs to user ${uid}, but Sluice runs as user ${user}`,
      {
        hint: 'Run the command as the user that owns it, or give it to this one with chown.',
      },
    );
  }
  if ((mode & 0o077) === 0) return;
  throw new SluiceError('config_invalid', `other users may enter ${path}`, {
    hint: `Run chmod 700 ${path}, or name a directory that does not exist yet: it is made closed.`,
  });
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
