/** The id of an entry, from its bytes: nearly every one has it at its very beginning, and needs no parsing. Pure. */

export interface EntryId {
  readonly lane: number;
  /** The entry's number in its lane. */
  readonly seq: number;
}

const AT = Buffer.from('{"at":');
const ID = Buffer.from(',"id":"');
const BYTES = Buffer.from(',"bytes":');
const KIND = Buffer.from('","kind":"');
const MAX_LANE_DIGITS = 4;
/** Every number of so many digits is a safe integer. */
const MAX_DIGITS = 15;

/** The id of the entry in `bytes[start, end)`; undefined if it has none. Total: whatever the bytes are. */
export function readId(bytes: Buffer, start: number, end: number): EntryId | undefined {
  return leadingId(bytes, start, end) ?? parsedId(bytes.toString('utf8', start, end));
}

/** Of `{"at":…,["bytes":…,]"id":"<lane>.<number>","kind":…`. */
function leadingId(bytes: Buffer, start: number, end: number): EntryId | undefined {
  let at = pastNumber(bytes, past(bytes, start, AT));
  const afterBytes = past(bytes, at, BYTES);
  if (afterBytes >= 0) at = pastNumber(bytes, afterBytes);
  const lane = past(bytes, at, ID);
  const dot = pastNumber(bytes, lane);
  if (dot < 0 || dot - lane > MAX_LANE_DIGITS || bytes[dot] !== 0x2e) return undefined;
  const quote = pastNumber(bytes, dot + 1);
  const kind = past(bytes, quote, KIND);
  if (quote - dot - 1 > MAX_DIGITS || kind < 0 || kind > end) return undefined;
  return { lane: numberIn(bytes, lane, dot), seq: numberIn(bytes, dot + 1, quote) };
}

function parsedId(text: string): EntryId | undefined {
  try {
    const { id } = JSON.parse(text) as { id?: unknown };
    const parts = typeof id === 'string' ? /^(\d{1,4})\.(\d{1,15})$/.exec(id) : null;
    return parts === null ? undefined : { lane: Number(parts[1]), seq: Number(parts[2]) };
  } catch {
    return undefined;
  }
}

/** Where `bytes` go on after `wanted`; -1 if that is not what stands at `at`, or `at` is -1. */
function past(bytes: Buffer, at: number, wanted: Buffer): number {
  if (at < 0) return -1;
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return -1;
  return at + wanted.length;
}

/** Where `bytes` go on after one digit or more; -1 if there is none, or `at` is -1. */
function pastNumber(bytes: Buffer, at: number): number {
  if (at < 0) return -1;
  let next = at;
  while (isDigit(bytes[next])) next++;
  return next === at ? -1 : next;
}

function numberIn(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 10 + (bytes[at] as number) - 0x30;
  return value;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
