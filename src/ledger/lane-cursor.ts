/**
 * Reads a lane from one entry on, while a process may append to it: only whole lines whose hash is right. What is torn at the end is
 * simply not there yet. Never writes.
 */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { LineReader } from './line-reader.ts';
import {
  type ChainPosition,
  checkLine,
  firstSeqOf,
  HASH_LENGTH,
  isPart,
  parseHeader,
  segmentsOf,
} from './segment-format.ts';

export interface LaneLine {
  readonly lane: number;
  readonly seq: number;
  readonly at: number;
  /** Its bytes, owned. */
  readonly entry: Buffer;
  /** Its leaf hash. */
  readonly hash: Buffer;
  /** The part it gave up, if it was too large: SHA-256 in hex, and the bytes. */
  readonly part?: { readonly hash: string; readonly bytes: Buffer };
}

interface OpenSegment {
  readonly name: string;
  readonly fd: number;
  /** Behind the last entry taken; its parts stand after it. */
  offset: number;
}

export class LaneCursor {
  readonly lane: number;
  readonly #fileSystem: LedgerFileSystem;
  readonly #directory: string;
  /** The first entry wanted. */
  readonly #from: ChainPosition;
  #position: ChainPosition;
  #segment: OpenSegment | undefined;
  #fault: string | undefined;
  #bounded = false;

  /** Begins behind `from`. `directory` is the lane's. */
  constructor(fileSystem: LedgerFileSystem, directory: string, lane: number, from: ChainPosition) {
    this.lane = lane;
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#from = from;
    this.#position = from;
  }

  /** Behind the last entry that `read` gave. */
  get position(): ChainPosition {
    return this.#position;
  }

  /** Why the line behind the last good one is none, after a `read` that stopped there: it may just be on its way. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** True if the last `read` stopped at its bound: there may be more. */
  get bounded(): boolean {
    return this.#bounded;
  }

  /**
   * The entries that are there now, at most some `maxBytes` of them.
   * @throws {SluiceError} ledger_corrupt if entries are missing or are not those the log holds; else the file system's own errors.
   */
  read(maxBytes: number): LaneLine[] {
    const lines: LaneLine[] = [];
    let left = maxBytes;
    while (left > 0 && this.#open()) {
      const before = lines.length;
      left -= this.#readSegment(lines, left);
      if (this.#fault !== undefined || !this.#advance()) break;
      if (lines.length === before && left <= 0) break;
    }
    this.#bounded = left <= 0;
    return lines;
  }

  close(): void {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment === undefined) return;
    try {
      this.#fileSystem.close(segment.fd);
    } catch {
      // It was only read.
    }
  }

  /** Opens the segment that holds the next entry, unless it is open; false if there is none yet. */
  #open(): boolean {
    if (this.#segment !== undefined) return true;
    const names = segmentsOf(this.#fileSystem.list(this.#directory));
    const next = Math.max(this.#position.seq, this.#from.seq);
    const name = names.findLast((one) => (firstSeqOf(one) as number) <= next);
    if (name === undefined) {
      if (names.length === 0) return false;
      throw new SluiceError('ledger_corrupt', `${this.#directory} no longer has entry ${next}`);
    }
    const fd = this.#fileSystem.open(join(this.#directory, name), 'r', 0);
    this.#segment = { name, fd, offset: 0 };
    return true;
  }

  /** Goes on to the next segment, or to the one that took the place of this; false if there is nothing to go on to. */
  #advance(): boolean {
    const names = segmentsOf(this.#fileSystem.list(this.#directory));
    const current = (this.#segment as OpenSegment).name;
    const next = names.find((name) => (firstSeqOf(name) as number) === this.#position.seq);
    if (names.includes(current) && (next === undefined || next === current)) return false;
    this.close();
    return true;
  }

  /** @returns how many bytes of entries it took. */
  #readSegment(lines: LaneLine[], maxBytes: number): number {
    const segment = this.#segment as OpenSegment;
    const reader = new LineReader(this.#fileSystem, segment.fd, segment.offset);
    this.#fault = undefined;
    let bytes = 0;
    let part: LaneLine['part'];
    while (bytes < maxBytes && reader.fill()) {
      while (bytes < maxBytes && reader.next()) {
        if (reader.offset === 0) {
          if (!this.#enter(reader.text())) return bytes;
          segment.offset = reader.nextOffset;
          continue;
        }
        const check = checkLine(reader.buffer, reader.start, reader.end, this.lane, this.#position);
        if ('reason' in check) {
          this.#fault = check.reason;
          return bytes;
        }
        const text = reader.buffer.subarray(reader.start + HASH_LENGTH + 1, reader.end);
        if (isPart(reader.buffer, reader.start)) {
          const hash = reader.buffer.toString('latin1', reader.start, reader.start + HASH_LENGTH);
          part = { hash, bytes: Buffer.from(text.subarray(1)) };
          continue;
        }
        this.#position = check;
        segment.offset = reader.nextOffset;
        if (check.seq > this.#from.seq) {
          lines.push(lineOf(this.lane, check, text, part));
          bytes += text.length + (part?.bytes.length ?? 0);
        } else {
          this.#checkFrom(check);
        }
        part = undefined;
      }
    }
    return bytes;
  }

  /** Takes a segment's header; false if it is not all there yet. */
  #enter(line: string): boolean {
    const header = parseHeader(line);
    const segment = this.#segment as OpenSegment;
    if (header === undefined || header.lane !== this.lane || header.firstSeq !== firstSeqOf(segment.name)) {
      this.#fault = 'not a segment of this lane';
      return false;
    }
    const start = { seq: header.firstSeq, hash: header.previousHash, at: 0 };
    if (start.seq === this.#position.seq && start.hash !== this.#position.hash) {
      throw new SluiceError(
        'ledger_corrupt',
        `${segment.name} of lane ${this.lane} does not follow the entry before it`,
      );
    }
    this.#position = { ...start, at: start.seq === this.#position.seq ? this.#position.at : 0 };
    return true;
  }

  #checkFrom(position: ChainPosition): void {
    if (position.seq !== this.#from.seq || position.hash === this.#from.hash) return;
    const reason = `lane ${this.lane} and the log hold different entries ${position.seq - 1}`;
    throw new SluiceError('ledger_corrupt', reason);
  }
}

function lineOf(lane: number, after: ChainPosition, text: Buffer, part: LaneLine['part']): LaneLine {
  const line = {
    lane,
    seq: after.seq - 1,
    at: after.at,
    entry: Buffer.from(text),
    hash: Buffer.from(after.hash, 'hex'),
  };
  return part === undefined ? line : { ...line, part };
}

/** One list of several lanes' entries: takes the oldest of the lanes' next entries, again and again. */
export function mergeByTime(lanes: readonly LaneLine[][]): LaneLine[] {
  if (lanes.length === 1) return lanes[0] as LaneLine[];
  const merged: LaneLine[] = [];
  const next = lanes.map(() => 0);
  for (;;) {
    let best = -1;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [index, lines] of lanes.entries()) {
      const line = lines[next[index] as number];
      if (line !== undefined && line.at < oldest) [best, oldest] = [index, line.at];
    }
    if (best < 0) return merged;
    const at = next[best] as number;
    merged.push(lanes[best]?.[at] as LaneLine);
    next[best] = at + 1;
  }
}
