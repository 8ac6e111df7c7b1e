/**
 * The key that signs a log's checkpoints: Ed25519, made with the log, private half 0600. Beside it lies the verifier key (`vkey`): the log's
 * name and the public half in the form every C2SP tool takes. Whoever noted that line has pinned the log.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8032
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { formatVkey, isKeyName, type NoteKey, noteKey, parseVkey } from './signed-note.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

const PRIVATE_NAME = 'key.pem';
const VKEY_NAME = 'vkey';

export interface LogKey {
  /** With the log's origin as its name. */
  readonly note: NoteKey;
  readonly privateKey: KeyObject;
}

/**
 * Opens the key of a directory whose lock the caller holds; makes one if there is neither key nor log.
 * @param origin the log's name; default: the one it has, or, for a new log, one made of the key
 * @throws {SluiceError} ledger_corrupt if the key is missing, malformed or that of another name.
 */
export async function openLogKey(
  fileSystem: LedgerFileSystem,
  directory: string,
  { isNew, origin }: { readonly isNew: boolean; readonly origin?: string | undefined },
): Promise<LogKey> {
  if (origin !== undefined && !isKeyName(origin)) {
    throw new SluiceError('config_invalid', `"${origin}" cannot name a log: no spaces and no +`);
  }
  const privateKey = readPrivateKey(fileSystem, directory);
  if (privateKey !== undefined) return publish(fileSystem, directory, privateKey, origin);
  if (!isNew) throw new SluiceError('ledger_corrupt', `the key of the ledger in ${directory} is missing`);
  const made = generateKeyPairSync('ed25519').privateKey;
  const pem = made.export({ type: 'pkcs8', format: 'pem' }).toString();
  await replaceWholeFile(fileSystem, join(directory, PRIVATE_NAME), pem, 0o600);
  return publish(fileSystem, directory, made, origin);
}

/**
 * The verifier key in a directory; undefined if there is none.
 * @throws {SluiceError} ledger_corrupt if the file holds something else.
 */
export function readVkey(fileSystem: LedgerFileSystem, directory: string): NoteKey | undefined {
  const text = readWholeFile(fileSystem, join(directory, VKEY_NAME));
  if (text === undefined) return undefined;
  const key = parseVkey(text);
  if (key !== undefined) return key;
  throw new SluiceError('ledger_corrupt', `${join(directory, VKEY_NAME)} is not a verifier key`);
}

async function publish(
  fileSystem: LedgerFileSystem,
  directory: string,
  privateKey: KeyObject,
  origin: string | undefined,
): Promise<LogKey> {
  const publicKey = createPublicKey(privateKey);
  const stated = readVkey(fileSystem, directory);
  const name = origin ?? stated?.name ?? defaultOrigin(publicKey);
  const note = noteKey(name, 'log', publicKey);
  if (stated === undefined) {
    await replaceWholeFile(fileSystem, join(directory, VKEY_NAME), `${formatVkey(note)}\n`, 0o644);
  } else if (formatVkey(stated) !== formatVkey(note)) {
    const whose = `the key in ${directory} is not that of the log ${stated.name}, or its name was changed`;
    throw new SluiceError('ledger_corrupt', whose, {
      hint: 'A log keeps its key and its name as long as it lives.',
    });
  }
  return { note, privateKey };
}

function defaultOrigin(publicKey: KeyObject): string {
  const fingerprint = hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex');
  return `sluice.invalid/${fingerprint.slice(0, 16)}`;
}

function readPrivateKey(fileSystem: LedgerFileSystem, directory: string): KeyObject | undefined {
  const path = join(directory, PRIVATE_NAME);
  const pem = readWholeFile(fileSystem, path);
  if (pem === undefined) return undefined;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The parser's own error may quote the file; the message below must not.
  }
  throw new SluiceError('ledger_corrupt', `${path} is not an Ed25519 key`);
}
