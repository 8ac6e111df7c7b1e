/**
 * What stands in a segment file of a lane. One header line, then one line an entry:
 *
 *     sluice-lane 1 <lane> <first number> <hash of the entry before>\n
 *     <hash> <canonical JSON of the entry>\n
 *
 * `hash` is the entry's leaf hash in the log, SHA-256(0x00 || entry), in lower-case hex; before the first entry stand 64 zeros. An
 * entry names its lane and its number in it (`"id":"<lane>.<number>"`). Canonical JSON holds no newline, so lines need no escaping.
 * In front of an entry may stand a part of it that is too large for the log: `<SHA-256 in hex> =<canonical JSON>`. See docs/ledger.md.
 */
import { hash } from 'node:crypto';

/** The hash before the first entry. */
const ZERO_HASH = '0'.repeat(64);

/** Bytes of a hash as it stands in a line. */
export const HASH_LENGTH = 64;

/** No line is longer; a reader holds one line at a time. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NAME = /^(\d{16})\.log$/;
const HEADER = /^sluice-lane 1 (\d{1,4}) (\d{1,16}) ([0-9a-f]{64})$/;
const SPACE = 0x20;
const EQUALS = 0x3d;
const TIME = /^\{"at":(\d{1,16}),/;

/** A position in a lane: the next entry's number, the hash and the time of the one before it. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
}

/** The lane before its first entry. */
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
export function headerLine(lane: number, firstSeq: number, previousHash: string): string {
  return `sluice-lane 1 ${lane} ${firstSeq} ${previousHash}\n`;
}

/** Reads a header line without its newline; undefined if it is none. */
export function parseHeader(
  line: string,
): { readonly lane: number; readonly firstSeq: number; readonly previousHash: string } | undefined {
  const match = HEADER.exec(line);
  if (match === null) return undefined;
  return { lane: Number(match[1]), firstSeq: Number(match[2]), previousHash: match[3] as string };
}

/** The line of an entry. */
export function entryLine(hash: string, json: string): string {
  return `${hash} ${json}\n`;
}

/** The line of a part that is too large for the log; it stands in front of its entry's line. */
export function partLine(hash: string, json: string): string {
  return `${hash} =${json}\n`;
}

/** The leaf hash of an entry, in hex. */
export function entryHash(json: string): string {
  return hash('sha256', `\0${json}`, 'hex');
}

/** The number in its lane of the entry that a text begins or ends with; how entries are named everywhere. */
export function entryId(lane: number, seq: number): string {
  return `${lane}.${seq}`;
}

/** True if the line holds a part, not an entry. */
export function isPart(buffer: Buffer, start: number): boolean {
  return buffer[start + HASH_LENGTH + 1] === EQUALS;
}

/** What `checkLine` found: where the lane stands now (as before, behind a part), or why it ends here. */
export type LineCheck = ChainPosition | { readonly reason: string };

/** Checks the line `buffer[start, end)` (without its newline) as the entry at `position` of a lane, or as a part of it. */
export function checkLine(
  buffer: Buffer,
  start: number,
  end: number,
  lane: number,
  position: ChainPosition,
): LineCheck {
  const textStart = start + HASH_LENGTH + 1;
  if (end <= textStart || buffer[textStart - 1] !== SPACE) return { reason: 'not an entry' };
  const stated = buffer.toString('latin1', start, start + HASH_LENGTH);
  if (isPart(buffer, start)) {
    const same = hash('sha256', buffer.subarray(textStart + 1, end), 'hex') === stated;
    return same ? position : { reason: 'the hash does not match' };
  }
  // The space before the text makes room for the byte that RFC 6962 wants in front of it.
  buffer[textStart - 1] = 0;
  const actual = hash('sha256', buffer.subarray(textStart - 1, end), 'hex');
  buffer[textStart - 1] = SPACE;
  if (actual !== stated) return { reason: 'the hash does not match' };
  if (!buffer.subarray(textStart, end).includes(`"id":"${entryId(lane, position.seq)}"`))
    return { reason: `the entry is not number ${position.seq} of lane ${lane}` };
  const at = timeOf(buffer, textStart, end);
  if (at === undefined) return { reason: 'the entry has no time' };
  if (at < position.at) return { reason: 'the time goes back' };
  return { seq: position.seq + 1, hash: actual, at };
}

/** True if the line looks like an entry, whatever its hash: how a broken middle is told from a torn end. */
export function looksLikeEntry(line: string): boolean {
  return /^[0-9a-f]{64} \{.*"id":"\d+\.\d+".*\}$/.test(line);
}

function timeOf(buffer: Buffer, start: number, end: number): number | undefined {
  const match = TIME.exec(buffer.toString('latin1', start, Math.min(end, start + 24)));
  if (match !== null) return Number(match[1]);
  try {
    const { at } = JSON.parse(buffer.toString('utf8', start, end)) as { at?: unknown };
    return Number.isSafeInteger(at) ? (at as number) : undefined;
  } catch {
    return undefined;
  }
}
