/** An entry as Sluice has it: the members of docs/ledger.md, with its place in the log and what its session says. Pure. */
import { jsonLine } from '../html/visible-text.ts';
import type { KnownEntry } from './sinks/sink.ts';

export function sluiceFormat({ entry, context }: KnownEntry): Record<string, unknown> {
  const { seq, id, at, event } = entry;
  return {
    seq,
    id,
    time: new Date(at).toISOString(),
    ...event,
    ...(context === undefined || event.kind === 'session-opened' ? {} : { context }),
  };
}

/** Receivers have limits of their own; the ledger has the whole of it. */
const MAX_JSON_LENGTH = 256 * 1024;
/** Tried one after the other, until the whole is small enough. */
const TEXT_LENGTHS = [8192, 1024, 64, 8];
const MAX_ITEMS = 100;
const MAX_DEPTH = 6;

/** The body as text; one too large has its long texts and lists cut, and says so with `truncated`. */
export function boundedJson(body: Readonly<Record<string, unknown>>): {
  readonly body: Readonly<Record<string, unknown>>;
  readonly json: string;
} {
  let bounded = body;
  let json = jsonLine(body);
  for (const length of TEXT_LENGTHS) {
    if (json.length <= MAX_JSON_LENGTH) break;
    bounded = { ...(shorten(body, length, 0) as Record<string, unknown>), truncated: true };
    json = jsonLine(bounded);
  }
  return { body: bounded, json };
}

function shorten(value: unknown, length: number, depth: number): unknown {
  if (typeof value === 'string')
    return value.length > length ? `${value.slice(0, length).toWellFormed()}\u2026` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return '\u2026';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((one) => shorten(one, length, depth + 1));
  const members = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(members.map(([name, member]) => [name, shorten(member, length, depth + 1)]));
}
