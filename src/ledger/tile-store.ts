/**
 * Where the parts of a log are kept: by name, written once. A directory is one; object storage (`s3-store.ts`) and, for readers, a web
 * server (`http-source.ts`) are others.
 */
import { dirname, join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { replaceWholeBytes, writeAll } from './whole-file.ts';

/** No part of a log is larger: 256 entries of 64 KiB, or a part of 16 Mi characters. */
export const MAX_TILE_BYTES = 64 * 1024 * 1024;

/** Reads what is there. */
export interface TileSource {
  /** For people: the directory or address. */
  readonly name: string;
  /** The bytes under a name; undefined if there are none. Throws what the medium throws. */
  read(path: string): Promise<Buffer | undefined>;
}

export interface TileStore extends TileSource {
  /**
   * Writes parts that no checkpoint names yet. All of them are on stable storage when it resolves; what stood there before is of no
   * account.
   */
  write(parts: ReadonlyMap<string, Buffer>): Promise<void>;
  /** Replaces what changes (the checkpoint): a reader sees the old or the new one. On stable storage when it resolves. */
  replace(path: string, bytes: Buffer): Promise<void>;
  /** Removes what was published before, or is no part of the log; it may be missing. Gone when it resolves. */
  destroy(path: string): Promise<void>;
  /** Removes what nobody needs any more, now or later: a part, or, for a directory of partial tiles, all that is in it. It may be missing. */
  remove(path: string): Promise<void>;
}

/** How many files are synced at a time. */
const SYNCS = 8;

export class DirectoryStore implements TileStore {
  readonly name: string;
  readonly #fileSystem: LedgerFileSystem;
  readonly #directory: string;
  /** Directories that are known to be there, names and all. */
  readonly #made = new Set<string>();

  constructor(fileSystem: LedgerFileSystem, directory: string) {
    this.name = directory;
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** @throws {SluiceError} ledger_corrupt if it is larger than a part of a log may be; else the file system's own errors */
  async read(path: string, maxBytes = MAX_TILE_BYTES): Promise<Buffer | undefined> {
    let fd: number;
    try {
      fd = this.#fileSystem.open(join(this.#directory, path), 'r', 0);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cause;
    }
    try {
      const size = this.#fileSystem.size(fd);
      if (size > maxBytes)
        throw new SluiceError('ledger_corrupt', `${path} is too large: it has ${size} bytes`);
      const buffer = Buffer.allocUnsafe(size);
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = this.#fileSystem.read(fd, buffer, length, buffer.length - length, length);
      }
      return buffer.subarray(0, length);
    } finally {
      this.#fileSystem.close(fd);
    }
  }

  async write(parts: ReadonlyMap<string, Buffer>): Promise<void> {
    const changed = new Set<string>();
    const waiting = [...parts];
    for (const [path] of waiting) this.#makeDirectories(dirname(join(this.#directory, path)), changed);
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const path = join(this.#directory, next[0]);
        await this.#writeOne(path, next[1]);
        changed.add(dirname(path));
      }
    };
    await Promise.all(Array.from({ length: SYNCS }, work));
    for (const directory of changed) await this.#fileSystem.syncDirectory(directory);
    for (const directory of changed) this.#made.add(directory);
  }

  async replace(path: string, bytes: Buffer): Promise<void> {
    await replaceWholeBytes(this.#fileSystem, join(this.#directory, path), bytes, 0o600);
  }

  async remove(path: string): Promise<void> {
    this.#made.delete(join(this.#directory, path));
    this.#fileSystem.removeTree(join(this.#directory, path));
  }

  async destroy(path: string): Promise<void> {
    this.#fileSystem.remove(join(this.#directory, path));
  }

  async #writeOne(path: string, bytes: Buffer): Promise<void> {
    const fd = this.#create(path);
    try {
      writeAll(this.#fileSystem, fd, bytes, 0);
      await this.#fileSystem.sync(fd);
    } finally {
      this.#fileSystem.close(fd);
    }
  }

  #create(path: string): number {
    try {
      return this.#fileSystem.open(path, 'wx+', 0o600);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      // What a crash left under this name was never published.
      this.#fileSystem.remove(path);
      return this.#fileSystem.open(path, 'wx+', 0o600);
    }
  }

  /** Makes a directory and notes all those whose names then have to be synced. */
  #makeDirectories(directory: string, changed: Set<string>): void {
    if (this.#made.has(directory) || changed.has(directory)) return;
    this.#fileSystem.makeDirectory(directory);
    for (let at = directory; at.length > this.#directory.length; at = dirname(at)) {
      if (!this.#made.has(at)) changed.add(dirname(at));
    }
    changed.add(directory);
  }
}
