/** Small files as a whole: read at once, replaced so that a crash leaves the old or the new one and never a mixture. */
import { dirname } from 'node:path';
import type { LedgerFileSystem } from './file-system.ts';

const MAX_BYTES = 64 * 1024;

/**
 * The text of a file, or undefined if there is none.
 * @throws the file system's own errors; RangeError for a file beyond 64 KiB.
 */
export function readWholeFile(fileSystem: LedgerFileSystem, path: string): string | undefined {
  let fd: number;
  try {
    fd = fileSystem.open(path, 'r', 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
  try {
    const size = fileSystem.size(fd);
    if (size > MAX_BYTES) throw new RangeError(`${path} is larger than ${MAX_BYTES} bytes`);
    const buffer = Buffer.alloc(size);
    let length = 0;
    for (let read = -1; read !== 0 && length < size; length += read) {
      read = fileSystem.read(fd, buffer, length, size - length, length);
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    fileSystem.close(fd);
  }
}

/** Replaces a file by `text`; when it resolves, the new one is on stable storage. */
export async function replaceWholeFile(
  fileSystem: LedgerFileSystem,
  path: string,
  text: string,
  mode: number,
): Promise<void> {
  await replaceWholeBytes(fileSystem, path, Buffer.from(text), mode);
}

/** As `replaceWholeFile`, for bytes. */
export async function replaceWholeBytes(
  fileSystem: LedgerFileSystem,
  path: string,
  bytes: Buffer,
  mode: number,
): Promise<void> {
  const temporary = `${path}.new`;
  fileSystem.remove(temporary);
  const fd = fileSystem.open(temporary, 'wx+', mode);
  try {
    writeAll(fileSystem, fd, bytes, 0);
    await fileSystem.sync(fd);
  } finally {
    fileSystem.close(fd);
  }
  fileSystem.rename(temporary, path);
  await fileSystem.syncDirectory(dirname(path));
}

/** Writes all of `bytes` at `position`, however many calls that takes. */
export function writeAll(fileSystem: LedgerFileSystem, fd: number, bytes: Buffer, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = fileSystem.write(fd, bytes, written, bytes.length - written, position + written);
    if (count === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
    written += count;
  }
}
