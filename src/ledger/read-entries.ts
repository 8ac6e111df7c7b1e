/**
 * Reads entries for people and tools, in either direction, without checking the chain: that is what `verify` does. May run
 * beside the gateway that writes; an unfinished last line is not an entry yet. Memory stays flat.
 */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { parseEntryText } from './entry-text.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { laneDirectory, lanesOf } from './lane.ts';
import { ledgerError } from './ledger-error.ts';
import { listLane } from './ledger-files.ts';
import { LineReader } from './line-reader.ts';
import { firstSeqOf, HASH_LENGTH, MAX_LINE_BYTES, segmentsOf } from './segment-format.ts';

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

export interface ReadOptions {
  /** The first entry wanted of each lane, inclusive. Default 0. */
  readonly fromSeq?: number;
  /** The last entry wanted of each lane, inclusive. Default: to the end. */
  readonly toSeq?: number;
  /** Newest first. */
  readonly reverse?: boolean;
  /** At most so many. */
  readonly limit?: number;
  readonly fileSystem?: LedgerFileSystem;
}

/** An entry with its hash. */
export interface StoredEntry extends LedgerEntry {
  readonly hash: string;
}

/**
 * The entries of the ledger in `directory`, all lanes merged by time, or newest first if `reverse`. Within a lane in order.
 * @throws {SluiceError} not_found if there is no ledger, ledger_corrupt for a line that is no entry, ledger_unavailable.
 */
export async function* readEntries(
  directory: string,
  options: ReadOptions = {},
): AsyncGenerator<StoredEntry, void, void> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const from = options.fromSeq ?? 0;
  const to = options.toSeq ?? Number.POSITIVE_INFINITY;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  try {
    const lanes = lanesOf(fileSystem, directory);
    if (lanes.length === 0) throw new SluiceError('not_found', `there is no ledger in ${directory}`);
    if (left <= 0) return;
    const sources = lanes.map((lane) =>
      laneEntries(fileSystem, laneDirectory(directory, lane), options, from, to),
    );
    for await (const entry of mergedByTime(sources, options.reverse === true)) {
      yield entry;
      if (--left <= 0) return;
    }
  } catch (cause) {
    throw ledgerError(cause, `cannot read the ledger in ${directory}`);
  }
}

/** Takes the oldest (or newest) of the sources' next entries, again and again. Holds one entry a source. */
async function* mergedByTime(
  sources: readonly AsyncGenerator<StoredEntry, void, void>[],
  reverse: boolean,
): AsyncGenerator<StoredEntry, void, void> {
  try {
    const next = await Promise.all(sources.map(async (source) => (await source.next()).value));
    for (;;) {
      let best = -1;
      for (const [index, entry] of next.entries()) {
        if (entry === undefined) continue;
        const held = next[best];
        if (held === undefined || (reverse ? entry.at >= held.at : entry.at < held.at)) best = index;
      }
      const entry = next[best];
      if (entry === undefined) return;
      yield entry;
      next[best] = (await sources[best]?.next())?.value ?? undefined;
    }
  } finally {
    for (const source of sources) await source.return();
  }
}

async function* laneEntries(
  fileSystem: LedgerFileSystem,
  directory: string,
  options: ReadOptions,
  from: number,
  to: number,
): AsyncGenerator<StoredEntry, void, void> {
  for (const name of segmentsBetween(listLane(fileSystem, directory), from, to, options.reverse === true)) {
    yield* segmentEntries(fileSystem, join(directory, name), options, from, to);
  }
}

function segmentsBetween(
  all: readonly string[],
  from: number,
  to: number,
  reverse: boolean,
): readonly string[] {
  const names = segmentsOf(all).filter((name, index, list) => {
    const next = list[index + 1];
    const beginsInTime = (firstSeqOf(name) as number) <= to;
    return beginsInTime && (next === undefined || (firstSeqOf(next) as number) > from);
  });
  return reverse ? names.toReversed() : names;
}

async function* segmentEntries(
  fileSystem: LedgerFileSystem,
  path: string,
  options: ReadOptions,
  from: number,
  to: number,
): AsyncGenerator<StoredEntry, void, void> {
  const fd = fileSystem.open(path, 'r', 0);
  try {
    const reverse = options.reverse === true;
    const lines = reverse ? linesBackward(fileSystem, fd) : linesForward(fileSystem, fd, from, firstOf(path));
    for await (const line of lines) {
      const entry = parseLine(line, path);
      if (entry === undefined || entry.seq < from || entry.seq > to) {
        if (entry !== undefined && (reverse ? entry.seq < from : entry.seq > to)) return;
        continue;
      }
      yield entry;
    }
  } finally {
    fileSystem.close(fd);
  }
}

/** The lines from entry `from` on; those before are skipped unread. */
async function* linesForward(
  fileSystem: LedgerFileSystem,
  fd: number,
  from: number,
  firstSeq: number,
): AsyncGenerator<string, void, void> {
  const reader = new LineReader(fileSystem, fd);
  let seq = firstSeq - 1;
  while (reader.fill()) {
    while (reader.next()) {
      if (seq >= from || seq < firstSeq) yield reader.text();
      seq++;
    }
    await nextTurn();
  }
}

/** All complete lines, last one first. */
async function* linesBackward(fileSystem: LedgerFileSystem, fd: number): AsyncGenerator<string, void, void> {
  let position = fileSystem.size(fd);
  let rest = Buffer.alloc(0);
  let complete = false;
  while (position > 0) {
    const length = Math.min(position, Math.max(CHUNK_BYTES, rest.length));
    const chunk = Buffer.allocUnsafe(length);
    position -= readFully(fileSystem, fd, chunk, position - length);
    rest = Buffer.concat([chunk, rest]);
    for (let newline = rest.lastIndexOf(NEWLINE); newline !== -1; newline = rest.lastIndexOf(NEWLINE)) {
      // What stands behind the last newline of the file is an unfinished line.
      if (complete) yield rest.toString('utf8', newline + 1);
      complete = true;
      rest = rest.subarray(0, newline);
    }
    if (rest.length > MAX_LINE_BYTES)
      throw new SluiceError('ledger_corrupt', 'a line of the ledger is too long');
    await nextTurn();
  }
  if (complete) yield rest.toString('utf8');
}

function readFully(fileSystem: LedgerFileSystem, fd: number, target: Buffer, position: number): number {
  let length = 0;
  while (length < target.length) {
    const read = fileSystem.read(fd, target, length, target.length - length, position + length);
    if (read === 0) throw Object.assign(new Error('the file became shorter'), { code: 'EIO' });
    length += read;
  }
  return length;
}

/** Undefined for the header line. */
function parseLine(line: string, path: string): StoredEntry | undefined {
  if (line.startsWith('sluice-ledger ')) return undefined;
  try {
    return { ...parseEntryText(line.slice(HASH_LENGTH + 1)), hash: line.slice(0, HASH_LENGTH) };
  } catch (cause) {
    throw new SluiceError('ledger_corrupt', `${path} holds a line that is not an entry`, { cause });
  }
}

function firstOf(path: string): number {
  return firstSeqOf(path.slice(path.lastIndexOf('/') + 1)) as number;
}
