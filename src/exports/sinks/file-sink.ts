/**
 * JSON lines in a file, on stable storage before they count. The file is renamed when it is large (`.1`, `.2`, …, the oldest goes), and
 * opened anew when somebody else renamed it.
 */
import { chmod, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ExportSink } from '../../config/config.ts';
import type { ExportItem, Sink, SinkLimits } from './sink.ts';

type FileConfig = Extract<ExportSink, { kind: 'file' }>;

const NEWLINE = 0x0a;
const TAIL_BYTES = 64 * 1024;

export class FileSink implements Sink {
  readonly limits: SinkLimits = { maxItems: 2000, maxBytes: 1024 * 1024, lingerMs: 0, settleMs: 0 };
  readonly #config: FileConfig;
  #file: { readonly handle: FileHandle; readonly inode: bigint; size: number } | undefined;

  constructor(config: FileConfig) {
    this.#config = config;
  }

  async send(items: readonly ExportItem[]): Promise<void> {
    const bytes = Buffer.from(`${items.map(({ json }) => json).join('\n')}\n`);
    try {
      const file = await this.#current(bytes.length);
      await file.handle.appendFile(bytes);
      await file.handle.datasync();
      file.size += bytes.length;
    } catch (cause) {
      // Nobody knows what was written: the file is looked at again.
      await this.#forget();
      throw new Error(`cannot write ${this.#config.path}: ${(cause as NodeJS.ErrnoException).code}`, {
        cause,
      });
    }
  }

  async close(): Promise<boolean> {
    await this.#forget();
    return true;
  }

  async #current(more: number) {
    const { path, maxBytes } = this.#config;
    const there = await stat(path, { bigint: true }).catch(() => undefined);
    if (this.#file !== undefined && there?.ino !== this.#file.inode) await this.#forget();
    this.#file ??= await this.#open();
    if (this.#file.size > 0 && this.#file.size + more > maxBytes) {
      await this.#forget();
      await this.#rotate();
      this.#file = await this.#open();
    }
    return this.#file;
  }

  async #open() {
    const { path } = this.#config;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(path, 'a+', 0o600);
    try {
      const { ino, size } = await handle.stat({ bigint: true });
      const whole = await cutTornLine(handle, Number(size));
      return { handle, inode: ino, size: whole };
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#config;
    if (keep === 0) return rm(path, { force: true });
    await rm(`${path}.${keep}`, { force: true });
    for (let number = keep - 1; number >= 1; number--)
      await renameIfThere(`${path}.${number}`, `${path}.${number + 1}`);
    await renameIfThere(path, `${path}.1`);
    await chmod(`${path}.1`, 0o400);
  }

  async #forget(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close().catch(() => {});
  }
}

/** What a crash left of an unfinished write is no line. @returns the size then */
async function cutTornLine(handle: FileHandle, size: number): Promise<number> {
  let end = size;
  const tail = Buffer.alloc(TAIL_BYTES);
  while (end > 0) {
    const from = Math.max(0, end - TAIL_BYTES);
    const { bytesRead } = await handle.read(tail, 0, end - from, from);
    const at = tail.lastIndexOf(NEWLINE, bytesRead - 1);
    end = at >= 0 ? from + at + 1 : from;
    if (at >= 0) break;
  }
  if (end < size) await handle.truncate(end);
  return end;
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}
