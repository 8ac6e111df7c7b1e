/**
 * A disk with a page cache, as the ledger's file system: writes go to the cache, a sync brings a file's dirty pages to the
 * disk, a failed sync leaves them behind and calls them clean (as Linux does), and a power cut keeps any subset of what was
 * not synced, page by page and name by name.
 */
import type { LedgerFileSystem } from '../../src/ledger/file-system.ts';

const PAGE_BYTES = 512;

interface Inode {
  cache: Buffer;
  disk: Buffer;
  readonly dirty: Set<number>;
}

export type Operation = keyof LedgerFileSystem;

/** What is to go wrong with a call: an error, or writing only so many bytes. */
export type Fault = { readonly error: NodeJS.ErrnoException } | { readonly shortBy: number };

/** Says whether unsynced thing number `index` reached the disk before the power went. */
export type Survives = (index: number) => boolean;

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

export class SimulatedDisk implements LedgerFileSystem {
  /** Asked before each call; how many calls were made before stands in `calls`. */
  fault: (operation: Operation, path: string, call: number) => Fault | undefined = () => undefined;
  calls = 0;
  /** Bytes that still fit; writes beyond it are cut short, then fail. */
  freeBytes = Number.POSITIVE_INFINITY;
  #names = new Map<string, Inode>();
  #diskNames = new Map<string, Inode>();
  readonly #open = new Map<number, { readonly path: string; readonly inode: Inode }>();
  #nextFd = 3;

  /** The process died: what the kernel has stays. */
  afterKill(): SimulatedDisk {
    return this.#successor((inode) => inode.cache, this.#names);
  }

  /** The power went: of what was not synced, only some survives. */
  afterPowerCut(survives: Survives): SimulatedDisk {
    let index = 0;
    const names = new Map(this.#diskNames);
    for (const [path, inode] of this.#names) {
      if (this.#diskNames.get(path) !== inode && survives(index++)) names.set(path, inode);
    }
    for (const path of this.#diskNames.keys()) {
      if (!this.#names.has(path) && survives(index++)) names.delete(path);
    }
    return this.#successor((inode) => {
      const lengthReached = inode.cache.length === inode.disk.length || survives(index++);
      const bytes = Buffer.alloc(lengthReached ? inode.cache.length : inode.disk.length);
      inode.disk.copy(bytes);
      for (const page of inode.dirty) {
        if (survives(index++))
          inode.cache.copy(bytes, page * PAGE_BYTES, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
      }
      return bytes;
    }, names);
  }

  /** The bytes of a file as a process sees them. */
  bytesOf(path: string): Buffer | undefined {
    return this.#names.get(path)?.cache;
  }

  /** All files there are. */
  paths(): readonly string[] {
    return [...this.#names.keys()];
  }

  /** Replaces a file's bytes, on the disk too. */
  plant(path: string, bytes: Buffer): void {
    const inode = { cache: bytes, disk: bytes, dirty: new Set<number>() };
    this.#names.set(path, inode);
    this.#diskNames.set(path, inode);
  }

  makeDirectory(path: string): void {
    this.#check('makeDirectory', path);
  }

  list(path: string): readonly string[] {
    this.#check('list', path);
    const below = [...this.#names.keys()].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(below.map((name) => name.slice(path.length + 1).split('/', 1)[0] as string))];
  }

  open(path: string, flags: 'r' | 'r+' | 'wx+'): number {
    this.#check('open', path);
    let inode = this.#names.get(path);
    if (flags === 'wx+') {
      if (inode !== undefined) throw systemError('EEXIST');
      inode = { cache: Buffer.alloc(0), disk: Buffer.alloc(0), dirty: new Set() };
      this.#names.set(path, inode);
    }
    if (inode === undefined) throw systemError('ENOENT');
    this.#open.set(this.#nextFd, { path, inode });
    return this.#nextFd++;
  }

  size(fd: number): number {
    return this.#use('size', fd).cache.length;
  }

  read(fd: number, buffer: Buffer, start: number, length: number, position: number): number {
    return this.#use('read', fd).cache.copy(buffer, start, position, position + length);
  }

  write(fd: number, buffer: Buffer, start: number, length: number, position: number): number {
    const shortBy = this.#check('write', this.#pathOf(fd));
    const { inode } = this.#opened(fd);
    const wanted = Math.max(1, length - shortBy);
    const end = Math.min(position + wanted, Math.max(position, inode.cache.length) + this.freeBytes);
    const written = end - position;
    if (written <= 0 && length > 0) throw systemError('ENOSPC');
    this.#resize(inode, Math.max(inode.cache.length, end));
    buffer.copy(inode.cache, position, start, start + written);
    markDirty(inode, position, end);
    return written;
  }

  truncate(fd: number, length: number): void {
    const inode = this.#use('truncate', fd);
    const from = Math.min(length, inode.cache.length);
    this.#resize(inode, length);
    markDirty(inode, from, Math.max(from + 1, length));
  }

  async sync(fd: number): Promise<void> {
    const { inode, path } = this.#opened(fd);
    const pages = [...inode.dirty];
    const image = Buffer.from(inode.cache);
    inode.dirty.clear();
    await new Promise((resolve) => setImmediate(resolve));
    this.#check('sync', path);
    const disk = Buffer.alloc(image.length);
    inode.disk.copy(disk);
    for (const page of pages) image.copy(disk, page * PAGE_BYTES, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    inode.disk = disk;
  }

  async syncDirectory(path: string): Promise<void> {
    const image = new Map(this.#names);
    await new Promise((resolve) => setImmediate(resolve));
    this.#check('syncDirectory', path);
    this.#diskNames = image;
  }

  close(fd: number): void {
    const { path } = this.#opened(fd);
    this.#open.delete(fd);
    this.#check('close', path);
  }

  rename(from: string, to: string): void {
    this.#check('rename', from);
    const inode = this.#names.get(from);
    if (inode === undefined) throw systemError('ENOENT');
    this.#names.delete(from);
    this.#names.set(to, inode);
  }

  remove(path: string): void {
    this.#check('remove', path);
    this.#names.delete(path);
  }

  removeTree(path: string): void {
    this.#check('removeTree', path);
    for (const name of [...this.#names.keys()]) if (name.startsWith(`${path}/`)) this.#names.delete(name);
  }

  /** @returns by how much a write is to be cut short. */
  #check(operation: Operation, path: string): number {
    const fault = this.fault(operation, path, this.calls++);
    if (fault === undefined) return 0;
    if ('error' in fault) throw fault.error;
    return fault.shortBy;
  }

  #use(operation: Operation, fd: number): Inode {
    const { path, inode } = this.#opened(fd);
    this.#check(operation, path);
    return inode;
  }

  #pathOf(fd: number): string {
    return this.#opened(fd).path;
  }

  #opened(fd: number): { readonly path: string; readonly inode: Inode } {
    const opened = this.#open.get(fd);
    if (opened === undefined) throw systemError('EBADF');
    return opened;
  }

  #resize(inode: Inode, length: number): void {
    const cache = Buffer.alloc(length);
    inode.cache.copy(cache);
    this.freeBytes -= length - inode.cache.length;
    inode.cache = cache;
  }

  #successor(bytesOf: (inode: Inode) => Buffer, names: ReadonlyMap<string, Inode>): SimulatedDisk {
    const successor = new SimulatedDisk();
    for (const [path, inode] of names) successor.plant(path, Buffer.from(bytesOf(inode)));
    return successor;
  }
}

function markDirty(inode: Inode, from: number, to: number): void {
  for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page++) inode.dirty.add(page);
}
