/**
 * Finds where a ledger goes on. What a crash can leave behind the signed head (a torn line, pages or segments that never
 * reached the disk) is cut off; anything else that does not verify is `ledger_corrupt` and nothing is touched.
 *
 * Checks the chain from the segment of the head on; `verify` checks all of it.
 */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import type { LedgerHead } from './head.ts';
import { LineReader } from './line-reader.ts';
import {
  type ChainPosition,
  firstSeqOf,
  looksLikeEntry,
  ORIGIN,
  parseHeader,
  segmentsOf,
} from './segment-format.ts';
import { runScan, scanSegment } from './segment-scan.ts';
import type { Resume } from './segment-writer.ts';
import { writeAll } from './whole-file.ts';

const COPY_BYTES = 1024 * 1024;

export interface Recovered extends Resume {
  /** How many bytes were cut off. */
  readonly tornBytes: number;
}

/** One segment as far as it is good. */
interface Walked {
  readonly path: string;
  readonly start: ChainPosition;
  readonly position: ChainPosition;
  readonly goodBytes: number;
  /** Where in it the entries begin that the head does not cover. */
  readonly uncovered: number;
}

interface Fault {
  readonly path: string;
  readonly offset: number;
  readonly reason: string;
  /** True if the segment is whole but what stands before it is not there. */
  readonly orphan?: boolean;
}

/** All that was checked, in order; `fault` is where the chain ends too early. */
interface Walk {
  readonly segments: readonly Walked[];
  readonly headSeen: boolean;
  readonly fault?: Fault;
}

/**
 * Recovers the ledger of `directory`, whose lock the caller holds. What it returns is on stable storage.
 * @throws {SluiceError} ledger_corrupt; else the file system's own errors.
 */
export async function recover(
  fileSystem: LedgerFileSystem,
  directory: string,
  head: LedgerHead | undefined,
): Promise<Recovered> {
  const names = segmentsOf(fileSystem.list(directory));
  const walk = names.length === 0 ? EMPTY : walkSegments(fileSystem, directory, names, head);
  refuseCorruption(fileSystem, walk, head);
  const last = walk.segments.at(-1);
  const extra = names.slice(last === undefined ? 0 : names.indexOf(nameOf(last.path)) + 1);
  let tornBytes = 0;
  for (const name of extra.toReversed()) tornBytes += removeSegment(fileSystem, join(directory, name));
  for (const segment of walk.segments) tornBytes += await settle(fileSystem, segment);
  await fileSystem.syncDirectory(directory);
  if (last === undefined) return { start: ORIGIN, bytes: 0, position: ORIGIN, tornBytes };
  if (last.goodBytes === 0) removeSegment(fileSystem, last.path);
  return { start: last.start, bytes: last.goodBytes, position: last.position, tornBytes };
}

const EMPTY: Walk = { segments: [], headSeen: false };

function walkSegments(
  fileSystem: LedgerFileSystem,
  directory: string,
  names: readonly string[],
  head: LedgerHead | undefined,
): Walk {
  const from = firstToCheck(names, head);
  const segments: Walked[] = [];
  let start = from === 0 ? ORIGIN : startOf(fileSystem, join(directory, names[from] as string));
  let headSeen = false;
  for (let index = from; index < names.length; index++) {
    const path = join(directory, names[index] as string);
    if (firstSeqOf(nameOf(path)) !== start.seq) {
      const reason = `entry ${start.seq} is missing`;
      return { segments, headSeen, fault: { path, offset: 0, reason, orphan: true } };
    }
    let uncovered = 0;
    const scan = scanFile(fileSystem, path, start, (position, endOffset) => {
      if (head === undefined || position.seq !== head.seq + 1 || position.hash !== head.hash) return;
      headSeen = true;
      uncovered = endOffset;
    });
    segments.push({ path, start, position: scan.position, goodBytes: scan.goodBytes, uncovered });
    const reason = scan.broken?.reason ?? (scan.unfinishedBytes > 0 ? 'the line does not end' : undefined);
    if (reason !== undefined) return { segments, headSeen, fault: { path, offset: scan.goodBytes, reason } };
    start = scan.position;
  }
  return { segments, headSeen };
}

function scanFile(
  fileSystem: LedgerFileSystem,
  path: string,
  start: ChainPosition,
  visit: (position: ChainPosition, endOffset: number) => void,
) {
  const fd = fileSystem.open(path, 'r', 0);
  try {
    return runScan(scanSegment(fileSystem, fd, start, visit));
  } finally {
    fileSystem.close(fd);
  }
}

/** The segment of the head's entry: the head's hash commits to what its header says of everything before. */
function firstToCheck(names: readonly string[], head: LedgerHead | undefined): number {
  return Math.max(
    0,
    names.findLastIndex((name) => (firstSeqOf(name) as number) <= (head?.seq ?? 0)),
  );
}

/** What the header of a segment says of the chain before it. */
function startOf(fileSystem: LedgerFileSystem, path: string): ChainPosition {
  const fd = fileSystem.open(path, 'r', 0);
  try {
    const reader = new LineReader(fileSystem, fd);
    const header = reader.fill() && reader.next() ? parseHeader(reader.text()) : undefined;
    if (header === undefined) throw corrupt(path, 0, 'not a segment of a ledger');
    return { seq: header.firstSeq, hash: header.previousHash, at: 0 };
  } finally {
    fileSystem.close(fd);
  }
}

/** A ledger may be longer than its head, never shorter; and only one that never got past its first entry has none. */
function refuseCorruption(fileSystem: LedgerFileSystem, walk: Walk, head: LedgerHead | undefined): void {
  const { fault, segments } = walk;
  const covered = head !== undefined && !walk.headSeen;
  if (fault !== undefined && (covered || !isCrash(fileSystem, fault))) {
    throw corrupt(fault.path, fault.offset, fault.reason);
  }
  if (covered) {
    const reason = `the ledger ends before entry ${head.seq}, which its head covers, or holds another one there`;
    throw new SluiceError('ledger_corrupt', reason, { hint: HINT });
  }
  if (head === undefined && (segments.length > 1 || fault?.orphan || (segments[0]?.position.seq ?? 0) > 1)) {
    throw new SluiceError('ledger_corrupt', 'the head of the ledger is missing', { hint: HINT });
  }
}

/**
 * Whether a fault behind the head is what a crash leaves: segments whose predecessor did not reach the disk; a line after
 * which no other looks like an entry; or one that holds NUL bytes, which stand where a page was never written.
 */
function isCrash(fileSystem: LedgerFileSystem, fault: Fault): boolean {
  if (fault.orphan === true) return true;
  const fd = fileSystem.open(fault.path, 'r', 0);
  try {
    const reader = new LineReader(fileSystem, fd, fault.offset);
    let first = true;
    while (reader.fill()) {
      while (reader.next()) {
        if (first && reader.buffer.subarray(reader.start, reader.end).includes(0)) return true;
        if (!first && looksLikeEntry(reader.text())) return false;
        first = false;
      }
    }
    return true;
  } finally {
    fileSystem.close(fd);
  }
}

/**
 * Cuts the segment to its good bytes and writes those the head does not cover again: a sync may have failed before the
 * crash, and then the kernel shows bytes that are not on the disk and that no later sync would write.
 * @returns how many bytes were cut off.
 */
async function settle(fileSystem: LedgerFileSystem, segment: Walked): Promise<number> {
  const fd = fileSystem.open(segment.path, 'r+', 0);
  try {
    const torn = fileSystem.size(fd) - segment.goodBytes;
    if (torn > 0) fileSystem.truncate(fd, segment.goodBytes);
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (let position = segment.uncovered; position < segment.goodBytes; ) {
      const length = Math.min(COPY_BYTES, segment.goodBytes - position);
      const read = fileSystem.read(fd, buffer, 0, length, position);
      if (read === 0) throw corrupt(segment.path, position, 'the file became shorter');
      writeAll(fileSystem, fd, buffer.subarray(0, read), position);
      position += read;
    }
    await fileSystem.sync(fd);
    return torn;
  } finally {
    fileSystem.close(fd);
  }
}

/** @returns how many bytes it had. */
function removeSegment(fileSystem: LedgerFileSystem, path: string): number {
  const fd = fileSystem.open(path, 'r', 0);
  const size = fileSystem.size(fd);
  fileSystem.close(fd);
  fileSystem.remove(path);
  return size;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

const HINT =
  'Keep the files as they are, run `sluice ledger verify`, and restore the ledger from its backup.';

function corrupt(path: string, offset: number, reason: string): SluiceError {
  return new SluiceError('ledger_corrupt', `${path} is broken at byte ${offset}: ${reason}`, { hint: HINT });
}
