/**
 * Reads a file line by line through one buffer: memory stays flat whatever the file's size. Never copies a line; what it
 * points to is valid until the next `fill`.
 */
import type { LedgerFileSystem } from './file-system.ts';
import { MAX_LINE_BYTES } from './segment-format.ts';

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Reads one open file from `offset` on; the descriptor stays the caller's. */
export class LineReader {
  /** Holds the current line at [start, end) after `next()` returned true. */
  buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  start = 0;
  end = 0;
  readonly #fileSystem: LedgerFileSystem;
  readonly #fd: number;
  #bufferOffset: number;
  #filled = 0;
  #next = 0;

  constructor(fileSystem: LedgerFileSystem, fd: number, offset = 0) {
    this.#fileSystem = fileSystem;
    this.#fd = fd;
    this.#bufferOffset = offset;
  }

  /** Moves to the next complete line within what is buffered; false if `fill` is needed. */
  next(): boolean {
    const newline = this.buffer.subarray(0, this.#filled).indexOf(NEWLINE, this.#next);
    if (newline === -1) return false;
    this.start = this.#next;
    this.end = newline;
    this.#next = newline + 1;
    return true;
  }

  /** Reads more, forgetting the lines behind; false at the end of the file or of the longest line allowed. */
  fill(): boolean {
    const rest = this.#filled - this.#next;
    if (rest >= MAX_LINE_BYTES) return false;
    const target = rest > this.buffer.length / 2 ? Buffer.allocUnsafe(this.buffer.length * 2) : this.buffer;
    this.buffer.copy(target, 0, this.#next, this.#filled);
    this.buffer = target;
    this.#bufferOffset += this.#next;
    this.#filled = rest;
    this.#next = 0;
    const position = this.#bufferOffset + rest;
    const read = this.#fileSystem.read(this.#fd, target, rest, target.length - rest, position);
    this.#filled += read;
    return read > 0;
  }

  /** The file offset of the current line. */
  get offset(): number {
    return this.#bufferOffset + this.start;
  }

  /** The file offset after the last line that `next` returned. */
  get nextOffset(): number {
    return this.#bufferOffset + this.#next;
  }

  /** The bytes behind the last line: an unfinished line. Valid until the next `fill`. */
  get remainder(): Buffer {
    return this.buffer.subarray(this.#next, this.#filled);
  }

  /** The current line as text. */
  text(): string {
    return this.buffer.toString('utf8', this.start, this.end);
  }
}
