/**
 * The file system calls the ledger makes, so that a test can break each of them in turn. Nothing else in this room touches
 * a file but the directory lock.
 */
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';

const fdatasyncAsync = promisify(fdatasync);
const fsyncAsync = promisify(fsync);

/** Every call throws (or rejects with) the system's own error, with its `code`. */
export interface LedgerFileSystem {
  /** Makes the directory and its parents, 0700, unless it exists. */
  makeDirectory(path: string): void;
  /** The names in a directory, in no order. */
  list(path: string): readonly string[];
  /** `r` to read, `r+` to read and write, `wx+` to make a file that must not exist yet. Mode as for open(2). */
  open(path: string, flags: 'r' | 'r+' | 'wx+', mode: number): number;
  /** Length in bytes. */
  size(fd: number): number;
  /** Reads up to `length` bytes to `buffer[start…]`; 0 at the end of the file. */
  read(fd: number, buffer: Buffer, start: number, length: number, position: number): number;
  /** Writes `buffer[start, start + length)` at `position`; returns how much it wrote, which may be less. */
  write(fd: number, buffer: Buffer, start: number, length: number, position: number): number;
  truncate(fd: number, length: number): void;
  /** Resolves when the file's bytes and length are on stable storage. */
  sync(fd: number): Promise<void>;
  /** Resolves when the directory's names are on stable storage. */
  syncDirectory(path: string): Promise<void>;
  close(fd: number): void;
  /** Replaces `to`, atomically. */
  rename(from: string, to: string): void;
  /** Removes a file; it may be missing. */
  remove(path: string): void;
  /** Removes a directory with all that is in it; it may be missing. */
  removeTree(path: string): void;
}

/** The real one. */
export const nodeFileSystem: LedgerFileSystem = {
  makeDirectory: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
  list: (path) => readdirSync(path),
  open: (path, flags, mode) => openSync(path, flags, mode),
  size: (fd) => fstatSync(fd).size,
  read: (fd, buffer, start, length, position) => readSync(fd, buffer, start, length, position),
  write: (fd, buffer, start, length, position) => writeSync(fd, buffer, start, length, position),
  truncate: (fd, length) => ftruncateSync(fd, length),
  sync: (fd) => fdatasyncAsync(fd),
  syncDirectory: async (path) => {
    const fd = openSync(path, 'r');
    try {
      await fsyncAsync(fd);
    } finally {
      closeSync(fd);
    }
  },
  close: (fd) => closeSync(fd),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  removeTree: (path) => rmSync(path, { force: true, recursive: true }),
};
