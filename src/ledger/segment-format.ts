/**
 * What stands in a segment file. One header line, then one line an entry:
 *
 *     sluice-ledger 1 <first seq> <hash of the entry before>\n
 *     <hash> <canonical JSON of the entry>\n
 *
 * `hash` is the lower-case hex SHA-256 of the line with the hash of the entry *before* in its place, so that it commits to
 * everything up to here: hash(n) = SHA-256(hex(hash(n-1)) || " " || json(n)); before the first entry stand 64 zeros.
 * Canonical JSON holds no newline, so lines need no escaping. See docs/ledger.md.
 */
import { hash } from 'node:crypto';

/** The hash before the first entry. */
const ZERO_HASH = '0'.repeat(64);

/** Bytes of a hash as it stands in a line. */
export const HASH_LENGTH = 64;

/** No line is longer; a reader holds one line at a time. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NAME = /^(\d{16})\.log$/;
const HEADER = /^sluice-ledger 1 (\d{1,16}) ([0-9a-f]{64})$/;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const AT_PREFIX = '{"at":';
const AT_START = HASH_LENGTH + 1 + AT_PREFIX.length;

/** A position in the chain: the next entry's seq, the hash and the time of the one before it. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
}

/** The chain before the first entry. */
export const ORIGIN: ChainPosition = { seq: 0, hash: ZERO_HASH, at: 0 };

/** The name of the segment that begins with entry `firstSeq`; names sort as their entries do. */
export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(16, '0')}.log`;
}

/** The first seq of a segment's name; undefined for other files. */
export function firstSeqOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The segments among `names`, ascending. */
export function segmentsOf(names: readonly string[]): readonly string[] {
  return names.filter((name) => NAME.test(name)).sort();
}

/** The header line with its newline. */
export function headerLine(firstSeq: number, previousHash: string): string {
  return `sluice-ledger 1 ${firstSeq} ${previousHash}\n`;
}

/** Reads a header line without its newline; undefined if it is none. */
export function parseHeader(
  line: string,
): { readonly firstSeq: number; readonly previousHash: string } | undefined {
  const match = HEADER.exec(line);
  if (match === null) return undefined;
  return { firstSeq: Number(match[1]), previousHash: match[2] as string };
}

/** The hash of an entry that follows `previousHash`. */
export function entryHash(previousHash: string, json: string): string {
  return hash('sha256', `${previousHash} ${json}`, 'hex');
}

/** What `checkLine` found: where the chain stands now, or why it ends here. */
export type LineCheck = ChainPosition | { readonly reason: string };

/**
 * Checks the line `buffer[start, end)` (without its newline) as the entry at `position`. Overwrites the line's hash in
 * `buffer`.
 */
export function checkLine(buffer: Buffer, start: number, end: number, position: ChainPosition): LineCheck {
  if (end - start <= AT_START || buffer[start + HASH_LENGTH] !== SPACE) return { reason: 'not an entry' };
  const stated = buffer.toString('latin1', start, start + HASH_LENGTH);
  buffer.write(position.hash, start, 'latin1');
  const actual = hash('sha256', buffer.subarray(start, end), 'hex');
  if (actual !== stated) return { reason: 'the hash does not match' };
  const suffix = `,"seq":${position.seq}}`;
  if (buffer.toString('latin1', end - suffix.length, end) !== suffix)
    return { reason: `the entry is not number ${position.seq}` };
  const at = timeOf(buffer, start);
  if (at === undefined) return { reason: 'the entry has no time' };
  if (at < position.at) return { reason: 'the time goes back' };
  return { seq: position.seq + 1, hash: actual, at };
}

/** True if the line looks like an entry, whatever its hash: how a broken middle is told from a torn end. */
export function looksLikeEntry(line: string): boolean {
  return /^[0-9a-f]{64} \{"at":\d+,"event":\{.*\},"lane":\d+,"seq":\d+\}$/.test(line);
}

function timeOf(buffer: Buffer, start: number): number | undefined {
  if (buffer.toString('latin1', start + HASH_LENGTH + 1, start + AT_START) !== AT_PREFIX) return undefined;
  let at = 0;
  let index = start + AT_START;
  for (; index < start + AT_START + 16; index++) {
    const digit = buffer[index] as number;
    if (digit < ZERO || digit > NINE) break;
    at = at * 10 + digit - ZERO;
  }
  return index === start + AT_START ? undefined : at;
}
