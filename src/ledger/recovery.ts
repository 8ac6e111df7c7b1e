/**
 * Finds where a lane goes on. What a crash can leave behind its head (a torn line, pages or segments that never
 * reached the disk) is cut off; anything else that does not verify is `ledger_corrupt` and nothing is touched.
 *
 * Checks from the segment of the head on; the sequencer checks each entry, and `verify` all of the log.
 */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from './file-system.ts';
import type { LaneHead } from './head.ts';
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
import type { SequencedLane } from './sequencer-state.ts';
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

export interface RecoverySubject {
  readonly fileSystem: LedgerFileSystem;
  /** The lane's. */
  readonly directory: string;
  readonly lane: number;
  readonly head: LaneHead | undefined;
  /** How far the lane is in the log, which never loses an entry again. */
  readonly sequenced: SequencedLane | undefined;
}

/**
 * Recovers a lane, whose lock the caller holds. What it returns is on stable storage, here or in the log.
 * @throws {SluiceError} ledger_corrupt; else the file system's own errors.
 */
export async function recover(subject: RecoverySubject): Promise<Recovered> {
  const { fileSystem, directory, sequenced } = subject;
  const names = segmentsOf(fileSystem.list(directory));
  const walk = names.length === 0 ? EMPTY : walkSegments(subject, names);
  const last = walk.segments.at(-1);
  if (sequenced !== undefined && (last?.position.seq ?? 0) < sequenced.seq)
    return restart(subject, sequenced, names);
  refuseCorruption(fileSystem, walk, subject.head);
  const extra = names.slice(last === undefined ? 0 : names.indexOf(nameOf(last.path)) + 1);
  let tornBytes = 0;
  for (const name of extra.toReversed()) tornBytes += removeSegment(fileSystem, join(directory, name));
  for (const segment of walk.segments) tornBytes += await settle(fileSystem, segment);
  await fileSystem.syncDirectory(directory);
  if (last === undefined) return { start: ORIGIN, bytes: 0, position: ORIGIN, tornBytes };
  if (last.goodBytes === 0) removeSegment(fileSystem, last.path);
  return { start: last.start, bytes: last.goodBytes, position: last.position, tornBytes };
}

/**
 * The log has more of the lane than the lane itself: entries were sequenced from the page cache before the power went. All that is
 * left of it is in the log, so the lane goes on where the log stands.
 */
async function restart(
  { fileSystem, directory, head }: RecoverySubject,
  sequenced: SequencedLane,
  names: readonly string[],
): Promise<Recovered> {
  if (head !== undefined && head.seq >= sequenced.seq) {
    const reason = `${directory} ends before entry ${head.seq}, which its head covers`;
    throw new SluiceError('ledger_corrupt', reason, { hint: HINT });
  }
  for (const name of names.toReversed()) removeSegment(fileSystem, join(directory, name));
  await fileSystem.syncDirectory(directory);
  return { start: sequenced, bytes: 0, position: sequenced, tornBytes: 0 };
}

const EMPTY: Walk = { segments: [], headSeen: false };

function walkSegments(subject: RecoverySubject, names: readonly string[]): Walk {
  const { fileSystem, directory, lane, head, sequenced } = subject;
  refuseGap(directory, names, sequenced);
  const from = firstToCheck(names, head);
  const segments: Walked[] = [];
  let start = startOf(subject, names[from] as string);
  // What the head covers may have gone into the log, segment by segment, and the lane begin right behind it.
  let headSeen = start.seq - 1 === head?.seq && start.hash === head.hash;
  for (let index = from; index < names.length; index++) {
    const path = join(directory, names[index] as string);
    if (firstSeqOf(nameOf(path)) !== start.seq) {
      const reason = `entry ${start.seq} is missing`;
      return { segments, headSeen, fault: { path, offset: 0, reason, orphan: true } };
    }
    let uncovered = 0;
    const scan = scanFile(fileSystem, path, lane, start, (position, endOffset) => {
      if (position.seq === sequenced?.seq && position.hash !== sequenced.hash)
        throw corrupt(path, endOffset, `the log holds another entry ${position.seq - 1}`);
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
  lane: number,
  start: ChainPosition,
  visit: (position: ChainPosition, endOffset: number) => void,
) {
  const fd = fileSystem.open(path, 'r', 0);
  try {
    return runScan(scanSegment(fileSystem, fd, lane, start, visit));
  } finally {
    fileSystem.close(fd);
  }
}

/** What came before the first segment must be in the log. */
function refuseGap(directory: string, names: readonly string[], sequenced: SequencedLane | undefined): void {
  const first = firstSeqOf(names[0] as string) as number;
  if (first <= (sequenced?.seq ?? 0)) return;
  const reason = `${directory} begins with entry ${first}, and what came before is not in the log`;
  throw new SluiceError('ledger_corrupt', reason, { hint: HINT });
}

/** The segment of the head's entry; what came before was checked when it was sequenced, or will be. */
function firstToCheck(names: readonly string[], head: LaneHead | undefined): number {
  return Math.max(
    0,
    names.findLastIndex((name) => (firstSeqOf(name) as number) <= (head?.seq ?? 0)),
  );
}

/** Where a segment begins: as its header says, or, without one, at its name's number; then nothing in it is good. */
function startOf({ fileSystem, directory, lane, sequenced }: RecoverySubject, name: string): ChainPosition {
  const seq = firstSeqOf(name) as number;
  if (seq === sequenced?.seq) return sequenced;
  const fd = fileSystem.open(join(directory, name), 'r', 0);
  try {
    const reader = new LineReader(fileSystem, fd);
    const header = reader.fill() && reader.next() ? parseHeader(reader.text()) : undefined;
    const stated = header !== undefined && header.firstSeq === seq && header.lane === lane;
    return stated ? { seq, hash: header.previousHash, at: 0 } : { ...ORIGIN, seq };
  } finally {
    fileSystem.close(fd);
  }
}

/** A lane may be longer than its head, never shorter; and only one that never got past its first entry has none. */
function refuseCorruption(fileSystem: LedgerFileSystem, walk: Walk, head: LaneHead | undefined): void {
  const { fault, segments } = walk;
  const covered = head !== undefined && !walk.headSeen;
  if (fault !== undefined && (covered || !isCrash(fileSystem, fault))) {
    throw corrupt(fault.path, fault.offset, fault.reason);
  }
  if (covered) {
    const reason = `the lane ends before entry ${head.seq}, which its head covers, or holds another one there`;
    throw new SluiceError('ledger_corrupt', reason, { hint: HINT });
  }
  if (head === undefined && (segments.length > 1 || fault?.orphan || (segments[0]?.position.seq ?? 0) > 1)) {
    throw new SluiceError('ledger_corrupt', 'the head of a lane is missing', { hint: HINT });
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
