/**
 * Data keys on disk: one file each, the key wrapped. Whoever removes the file has destroyed the key, and with it everything that was
 * encrypted under it. Never in the log: what is in the log cannot be taken out.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerFileSystem } from './file-system.ts';
import type { KeyWrapper } from './key-wrapper.ts';
import { readWholeFile, replaceWholeFile, writeAll } from './whole-file.ts';

/** Whose values a key is for. */
export interface KeyScope {
  readonly database: string;
  /** `YYYY-MM`, UTC. */
  readonly month: string;
  /** A group of people. */
  readonly subject: string;
}

/** A key as its file has it. */
export interface StoredKey extends KeyScope {
  /** Twelve hex digits; random. */
  readonly id: string;
  /** The wrapper's name. */
  readonly wrapper: string;
  /** In base64. */
  readonly wrapped: string;
}

const KEY_BYTES = 32;
const NAME = /^([0-9a-f]{12})\.json$/;
const DIRECTORY = 'keys';

/** All keys of a ledger's directory. @throws {SluiceError} ledger_corrupt if a file holds none; else the file system's own errors. */
export function listKeys(fileSystem: LedgerFileSystem, directory: string): StoredKey[] {
  const names = listed(fileSystem, join(directory, DIRECTORY)).filter((name) => NAME.test(name));
  return names.sort().flatMap((name) => readKey(fileSystem, join(directory, DIRECTORY, name)) ?? []);
}

/** The ids of all keys that are there. */
export function listKeyIds(fileSystem: LedgerFileSystem, directory: string): ReadonlySet<string> {
  return new Set(
    listed(fileSystem, join(directory, DIRECTORY)).flatMap((name) => NAME.exec(name)?.[1] ?? []),
  );
}

/** Whether a key is there: one that was overwritten is not, even if whoever did so did not live to remove its file. */
export function hasKey(fileSystem: LedgerFileSystem, directory: string, id: string): boolean {
  return readKey(fileSystem, pathOf(directory, id)) !== undefined;
}

/** Makes a key and keeps it; on stable storage when it resolves. */
export async function makeKey(
  fileSystem: LedgerFileSystem,
  directory: string,
  wrapper: KeyWrapper,
  { database, month, subject }: KeyScope,
): Promise<{ readonly stored: StoredKey; readonly key: Buffer }> {
  const [id, key] = [randomBytes(6).toString('hex'), randomBytes(KEY_BYTES)];
  const wrapped = (await wrapper.wrap(key, contextOf({ id, database, month, subject }))).toString('base64');
  const stored = { id, database, month, subject, wrapper: wrapper.name, wrapped };
  fileSystem.makeDirectory(join(directory, DIRECTORY));
  await replaceWholeFile(fileSystem, pathOf(directory, id), `${canonicalJson(stored)}\n`, 0o600);
  return { stored, key };
}

/** @throws {SluiceError} ledger_unavailable if the wrapper cannot, or is another one */
export async function unwrapKey(stored: StoredKey, wrapper: KeyWrapper): Promise<Buffer> {
  try {
    const key = await wrapper.unwrap(Buffer.from(stored.wrapped, 'base64'), contextOf(stored));
    // A service may answer anything: with a key of another length, nothing could be encrypted later.
    if (key.length === KEY_BYTES) return key;
    throw new RangeError(`the key has ${key.length} bytes`);
  } catch (cause) {
    const whose =
      stored.wrapper === wrapper.name ? '' : `: it was wrapped by ${stored.wrapper}, not by ${wrapper.name}`;
    throw new SluiceError(
      'ledger_unavailable',
      `data key ${stored.id} of the ledger cannot be unwrapped${whose}`,
      { cause },
    );
  }
}

/** Destroys a key: overwrites its file, then removes it. Done when it resolves, as far as the medium lets anyone overwrite. */
export async function destroyKey(fileSystem: LedgerFileSystem, directory: string, id: string): Promise<void> {
  const path = pathOf(directory, id);
  const fd = fileSystem.open(path, 'r+', 0o600);
  try {
    writeAll(fileSystem, fd, Buffer.alloc(fileSystem.size(fd)), 0);
    await fileSystem.sync(fd);
  } finally {
    fileSystem.close(fd);
  }
  fileSystem.remove(path);
  await fileSystem.syncDirectory(join(directory, DIRECTORY));
}

function pathOf(directory: string, id: string): string {
  return join(directory, DIRECTORY, `${id}.json`);
}

const contextOf = ({ id, database, month, subject }: KeyScope & { readonly id: string }): string =>
  canonicalJson(['sluice data key', id, database, month, subject]);

function listed(fileSystem: LedgerFileSystem, directory: string): readonly string[] {
  try {
    return fileSystem.list(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}

/** Undefined if it was destroyed a moment ago. */
function readKey(fileSystem: LedgerFileSystem, path: string): StoredKey | undefined {
  const text = readWholeFile(fileSystem, path);
  if (text === undefined || /^\0*$/.test(text)) return undefined;
  try {
    const { id, database, month, subject, wrapper, wrapped } = JSON.parse(text) as StoredKey;
    const stored = { id, database, month, subject, wrapper, wrapped };
    const isWhole = Object.values(stored).every((value) => typeof value === 'string');
    // Under another name, it would outlive its own destruction.
    if (isWhole && path.endsWith(`/${id}.json`)) return stored;
  } catch {
    // Said below.
  }
  throw new SluiceError('ledger_corrupt', `${path} is not a data key`);
}
