/**
 * The signed head: which entry was the last one known to be on stable storage, and its hash. With it a ledger cannot be
 * cut behind an entry the head covers, nor an entry up to it be rewritten, without its key.
 *
 * The ledger may be longer than its head (by at most a second of traffic after a crash), never shorter.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerFileSystem } from './file-system.ts';
import type { LedgerKey } from './ledger-key.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

const NAME = 'head.json';
const CONTEXT = 'sluice-ledger-head 1\n';

export interface LedgerHead {
  /** The last entry covered. */
  readonly seq: number;
  /** Its hash, which commits to every entry before it. */
  readonly hash: string;
  /** The ledger's id. */
  readonly log: string;
  /** When it was signed: milliseconds since the epoch. */
  readonly at: number;
}

/** Signs and replaces the head. On stable storage when it resolves. */
export async function writeHead(
  fileSystem: LedgerFileSystem,
  directory: string,
  head: LedgerHead,
  key: LedgerKey,
): Promise<void> {
  const signature = sign(null, signedBytes(head), key.privateKey).toString('base64');
  await replaceWholeFile(fileSystem, join(directory, NAME), `${canonicalJson({ head, signature })}\n`, 0o600);
}

/**
 * Reads the head and checks its signature; undefined if there is none.
 * @throws {SluiceError} ledger_corrupt if it is malformed or not signed by `publicKey`.
 */
export function readHead(
  fileSystem: LedgerFileSystem,
  directory: string,
  publicKey: KeyObject,
): LedgerHead | undefined {
  const path = join(directory, NAME);
  const text = readWholeFile(fileSystem, path);
  if (text === undefined) return undefined;
  const file = parseHeadFile(text);
  if (file === undefined) throw new SluiceError('ledger_corrupt', `${path} is malformed`);
  if (!verify(null, signedBytes(file.head), publicKey, Buffer.from(file.signature, 'base64'))) {
    throw new SluiceError('ledger_corrupt', `${path} is not signed by the ledger's key`);
  }
  return file.head;
}

function signedBytes(head: LedgerHead): Buffer {
  return Buffer.from(CONTEXT + canonicalJson(head));
}

/** Only the very text that `writeHead` makes is taken, so that each byte of the file counts. */
function parseHeadFile(text: string): { head: LedgerHead; signature: string } | undefined {
  try {
    const file = JSON.parse(text) as { head: LedgerHead; signature: string };
    const { at, hash, log, seq } = file.head;
    const head = { at, hash, log, seq };
    const signature = Buffer.from(file.signature, 'base64').toString('base64');
    const wellTyped = Number.isSafeInteger(seq) && Number.isSafeInteger(at) && typeof hash === 'string';
    if (!wellTyped || `${canonicalJson({ head, signature })}\n` !== text) return undefined;
    return { head, signature };
  } catch {
    return undefined;
  }
}
