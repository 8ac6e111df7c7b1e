/**
 * The key that signs a ledger's heads: Ed25519, made with the ledger, private half 0600. The ledger's id is the key's
 * fingerprint and stands in its first entry, so that neither can be exchanged without the other: whoever noted the id has
 * pinned the key.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8032
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

const PRIVATE_NAME = 'key.pem';
const PUBLIC_NAME = 'key.pub.pem';

export interface LedgerKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The ledger's id: the first 32 hex digits of the SHA-256 of the public key's DER (SubjectPublicKeyInfo). */
  readonly log: string;
}

/** The id of the ledger whose heads `publicKey` signs. */
export function logIdOf(publicKey: KeyObject): string {
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 32);
}

/**
 * Reads the key of a directory; undefined if there is none.
 * @throws {SluiceError} ledger_corrupt if the file is no Ed25519 key.
 */
export function readLedgerKey(fileSystem: LedgerFileSystem, directory: string): LedgerKey | undefined {
  const pem = readWholeFile(fileSystem, join(directory, PRIVATE_NAME));
  if (pem === undefined) return undefined;
  const privateKey = parseKey(() => createPrivateKey(pem), join(directory, PRIVATE_NAME));
  const publicKey = createPublicKey(privateKey);
  return { privateKey, publicKey, log: logIdOf(publicKey) };
}

/**
 * Reads the public key of a directory, which is all that verifying takes; undefined if there is none.
 * @throws {SluiceError} ledger_corrupt if the file is no Ed25519 key.
 */
export function readPublicKey(fileSystem: LedgerFileSystem, directory: string): KeyObject | undefined {
  const pem = readWholeFile(fileSystem, join(directory, PUBLIC_NAME));
  if (pem === undefined) return undefined;
  return parseKey(() => createPublicKey(pem), join(directory, PUBLIC_NAME));
}

/** Makes the key of a new ledger. On stable storage when it resolves. */
export async function createLedgerKey(fileSystem: LedgerFileSystem, directory: string): Promise<LedgerKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await replaceWholeFile(fileSystem, join(directory, PRIVATE_NAME), pem, 0o600);
  await publishKey(fileSystem, directory, publicKey);
  return { privateKey, publicKey, log: logIdOf(publicKey) };
}

/** Writes the public half beside the private one. */
export async function publishKey(
  fileSystem: LedgerFileSystem,
  directory: string,
  publicKey: KeyObject,
): Promise<void> {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await replaceWholeFile(fileSystem, join(directory, PUBLIC_NAME), pem, 0o644);
}

function parseKey(parse: () => KeyObject, path: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = parse();
  } catch {
    // The parser's own error may quote the file; the message below must not.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new SluiceError('ledger_corrupt', `${path} is not an Ed25519 key`);
}
