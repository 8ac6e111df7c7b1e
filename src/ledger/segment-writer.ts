/**
 * Puts the window's bytes into segment files and on stable storage. Knows positions and files; nothing of entries' content,
 * timers or who waits.
 *
 * After a failed sync it trusts nothing the kernel still holds: the kernel may have dropped the pages and called them clean.
 * `repair` opens the files anew, checks what was synced before against the chain and writes everything since again.
 *
 * @see https://wiki.postgresql.org/wiki/Fsync_Errors
 */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import type { LogWindow } from './log-window.ts';
import { type ChainPosition, headerLine, segmentName } from './segment-format.ts';
import { scanSegment } from './segment-scan.ts';
import { writeAll } from './whole-file.ts';

interface OpenSegment {
  readonly path: string;
  /** The chain before its first entry. */
  readonly start: ChainPosition;
  /** The window's position of the file's first byte; negative if the file is older than the window. */
  readonly base: number;
  fd: number | undefined;
  /** True once the directory that names it was synced. */
  named: boolean;
}

/** Where a recovered ledger goes on. */
export interface Resume {
  readonly start: ChainPosition;
  readonly bytes: number;
  readonly position: ChainPosition;
}

export class SegmentWriter {
  /** The chain as far as it was written and as far as it is on stable storage. */
  written: ChainPosition;
  durable: ChainPosition;
  readonly #fileSystem: LedgerFileSystem;
  readonly #directory: string;
  readonly #lane: number;
  readonly #window: LogWindow;
  /** Those not wholly on stable storage, oldest first; the last one is written to. */
  #segments: OpenSegment[] = [];
  #writtenTo = 0;
  #durableTo = 0;

  /** Goes on at the end of a recovered segment, which is on stable storage; without bytes it makes the file. */
  constructor(
    fileSystem: LedgerFileSystem,
    directory: string,
    lane: number,
    window: LogWindow,
    resume: Resume,
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#lane = lane;
    this.#window = window;
    this.written = resume.position;
    this.durable = resume.position;
    if (resume.bytes === 0) this.startSegment(resume.start);
    else this.#segments.push(this.#segment(resume.start, -resume.bytes, true));
  }

  /** The length of the current segment with all that is in the window. */
  get segmentBytes(): number {
    return this.#window.end - (this.#segments.at(-1) as OpenSegment).base;
  }

  /** Lets the next entry begin a new segment. Everything in the window must have been written. */
  startSegment(start: ChainPosition): void {
    this.#segments.push(this.#segment(start, this.#window.end, false));
    this.#window.push(headerLine(this.#lane, start.seq, start.hash));
  }

  /**
   * Writes what the window holds; the chain then stands at `position`. On failure the file is as it was before, or at
   * worst longer by bytes that the next attempt overwrites.
   * @throws the file system's own errors.
   */
  write(position: ChainPosition): void {
    const segment = this.#segments.at(-1) as OpenSegment;
    const fd = this.#opened(segment);
    const offset = this.#writtenTo - segment.base;
    try {
      writeAll(this.#fileSystem, fd, this.#window.bytes(this.#writtenTo, this.#window.end), offset);
    } catch (cause) {
      this.#cutBack(fd, offset);
      throw cause;
    }
    this.#writtenTo = this.#window.end;
    this.written = position;
  }

  /**
   * Resolves when all that was written before the call is on stable storage. Not to be called while another one runs.
   * @throws the file system's own errors; then only `repair` may follow.
   */
  async sync(): Promise<void> {
    const position = this.written;
    const to = this.#writtenTo;
    for (const segment of [...this.#segments]) {
      if (segment.fd === undefined) continue;
      await this.#fileSystem.sync(segment.fd);
      if (segment.named) continue;
      await this.#fileSystem.syncDirectory(this.#directory);
      segment.named = true;
    }
    this.#settle(position, to);
  }

  /**
   * Writes everything since the last good sync again, through new descriptors, and syncs it.
   * @throws the file system's own errors; SluiceError ledger_corrupt if what was synced before is no longer there.
   */
  async repair(): Promise<void> {
    for (const [index, segment] of this.#segments.entries()) {
      const end = Math.min(this.#segments[index + 1]?.base ?? this.#writtenTo, this.#writtenTo);
      if (end > segment.base) await this.#rewrite(segment, end);
    }
    await this.sync();
  }

  /** Closes the files; nothing can be written afterwards. */
  close(): void {
    for (const segment of this.#segments) this.#release(segment);
  }

  async #rewrite(segment: OpenSegment, end: number): Promise<void> {
    this.#release(segment);
    const fd = this.#fileSystem.open(segment.path, 'r+', 0o600);
    segment.fd = fd;
    segment.named = false;
    if (this.durable.seq > segment.start.seq) await this.#verifyDurable(segment, fd);
    const from = Math.max(this.#durableTo, segment.base);
    writeAll(this.#fileSystem, fd, this.#window.bytes(from, end), from - segment.base);
    this.#fileSystem.truncate(fd, end - segment.base);
  }

  async #verifyDurable(segment: OpenSegment, fd: number): Promise<void> {
    let found = false;
    const scan = scanSegment(this.#fileSystem, fd, this.#lane, segment.start, (position) => {
      found ||= position.seq === this.durable.seq && position.hash === this.durable.hash;
    });
    while (!scan.next().done) await nextTurn();
    if (found) return;
    throw new SluiceError('ledger_corrupt', `${segment.path} no longer holds what was synced to it`);
  }

  #settle(position: ChainPosition, to: number): void {
    this.durable = position;
    this.#durableTo = to;
    this.#window.release(to);
    while (this.#segments.length > 1 && (this.#segments[1] as OpenSegment).base <= to) {
      this.#release(this.#segments.shift() as OpenSegment);
    }
  }

  #segment(start: ChainPosition, base: number, named: boolean): OpenSegment {
    return { path: join(this.#directory, segmentName(start.seq)), start, base, fd: undefined, named };
  }

  #opened(segment: OpenSegment): number {
    segment.fd ??= this.#fileSystem.open(segment.path, segment.base < 0 ? 'r+' : 'wx+', 0o600);
    return segment.fd;
  }

  #cutBack(fd: number, length: number): void {
    try {
      this.#fileSystem.truncate(fd, length);
    } catch {
      // The next attempt writes the same bytes at the same place, and recovery cuts a torn end.
    }
  }

  #release(segment: OpenSegment): void {
    if (segment.fd === undefined) return;
    try {
      this.#fileSystem.close(segment.fd);
    } catch {
      // Whatever close could report, the sync before it has reported.
    }
    segment.fd = undefined;
  }
}
