/**
 * Walks one segment of a lane and checks each line. The one walk that recovery, repair and `verify` share.
 */
import type { LedgerFileSystem } from './file-system.ts';
import { LineReader } from './line-reader.ts';
import { type ChainPosition, checkLine, parseHeader } from './segment-format.ts';

/** Where a walk stands or stopped. */
export interface SegmentScan {
  /** The chain after the last good entry. */
  readonly position: ChainPosition;
  /** File offset after the last good line; the length of the file if `broken` and `unfinishedBytes` say so. */
  readonly goodBytes: number;
  /** Bytes of a last line without its newline. */
  readonly unfinishedBytes: number;
  /** The first bad line. */
  readonly broken?: { readonly reason: string; readonly offset: number };
}

/** Called after each good entry with the chain and the file offset behind it. */
export type EntryVisitor = (position: ChainPosition, endOffset: number) => void;

/**
 * Scans the open file `fd`, which must begin with entry `position.seq`. Yields after each chunk so that the caller can let
 * others run; the last value is the result.
 * @throws the file system's own errors.
 */
export function* scanSegment(
  fileSystem: LedgerFileSystem,
  fd: number,
  lane: number,
  start: ChainPosition,
  visit: EntryVisitor = () => {},
): Generator<void, SegmentScan> {
  const reader = new LineReader(fileSystem, fd);
  let position = start;
  let inHeader = true;
  while (reader.fill()) {
    while (reader.next()) {
      if (inHeader) {
        const reason = headerFault(reader.text(), lane, start);
        if (reason !== undefined) return brokenAt(reader.offset, position, reason);
        inHeader = false;
        continue;
      }
      const check = checkLine(reader.buffer, reader.start, reader.end, lane, position);
      if ('reason' in check) return brokenAt(reader.offset, position, check.reason);
      if (check === position) continue;
      position = check;
      visit(position, reader.nextOffset);
    }
    yield;
  }
  return { position, goodBytes: reader.nextOffset, unfinishedBytes: reader.remainder.length };
}

/** Runs a scan without letting anyone else run. */
export function runScan(scan: Generator<void, SegmentScan>): SegmentScan {
  for (;;) {
    const step = scan.next();
    if (step.done) return step.value;
  }
}

function brokenAt(offset: number, position: ChainPosition, reason: string): SegmentScan {
  return { position, goodBytes: offset, unfinishedBytes: 0, broken: { reason, offset } };
}

function headerFault(line: string, lane: number, start: ChainPosition): string | undefined {
  const header = parseHeader(line);
  if (header?.lane !== lane) return `not a segment of lane ${lane}`;
  if (header.firstSeq !== start.seq) return `the segment does not begin with entry ${start.seq}`;
  if (header.previousHash !== start.hash) return 'the segment does not follow the one before';
  return undefined;
}
