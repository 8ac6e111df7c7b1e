/**
 * An entry's canonical bytes: the event's members, `at` and `id`, as RFC 8785 has it. Written by hand for the two kinds that
 * every statement makes; a property test holds both ways equal.
 *
 * Never fails on a text: what is no Unicode (a lone surrogate) is recorded as U+FFFD, because a record must be kept.
 */
import { hash } from 'node:crypto';
import type { LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import { canonicalJson } from './canonical-json.ts';
import { entryId } from './segment-format.ts';

export type OutcomeEvent = Extract<LedgerEvent, { kind: 'outcome' }>;

/** A statement as its entry has it: the form by its hash, values in plain or sealed. */
export interface StatementRecord {
  readonly approval?: string;
  readonly literals?: readonly string[];
  readonly of: string;
  readonly parameters?: readonly (string | null)[];
  readonly sealed?: string;
  readonly session: string;
  readonly statement: number;
}

/** A part of an entry that is too large for the log: named by its hash in the entry and kept beside the tiles. */
export interface EntryPart {
  /** SHA-256 in hex. */
  readonly hash: string;
  readonly json: string;
}

/** Entries longer than this give up their members to a part. tlog-tiles has two bytes for a length. */
const MAX_PLAIN_BYTES = 60_000;
const MAX_KEPT_LENGTH = 100;

/**
 * The canonical JSON of an event that is neither a statement nor an outcome, or of a form. `lane`, `seq` and `at` are non-negative
 * integers.
 * @throws {TypeError} if a number of the event is not finite: a programming error.
 */
export function eventText(
  lane: number,
  seq: number,
  at: number,
  event: Exclude<LedgerEvent, { kind: 'statement' | 'outcome' }>,
): string {
  return canonicalJson({ ...(wellFormed(event) as object), at, id: entryId(lane, seq) });
}

/** The entry that keeps a form. `json` is what `formText` made of it. */
export function formEntryText(lane: number, seq: number, at: number, json: string): string {
  return `{"at":${at},"form":${json},"id":"${entryId(lane, seq)}","kind":"form"}`;
}

/** The canonical JSON of a form; its SHA-256 in base64url is what statements refer to it by. */
export function formText(form: StatementForm): string {
  return canonicalJson(wellFormed(form));
}

export function formHash(json: string): string {
  return hash('sha256', json, 'base64url');
}

export function statementText(lane: number, seq: number, at: number, record: StatementRecord): string {
  const { approval, literals, parameters, sealed } = record;
  return (
    (approval === undefined ? '{' : `{"approval":${string(approval)},`) +
    `"at":${at},"id":"${entryId(lane, seq)}","kind":"statement"` +
    (literals === undefined ? '' : `,"literals":${strings(literals)}`) +
    `,"of":"${record.of}"` +
    (parameters === undefined ? '' : `,"parameters":${strings(parameters)}`) +
    (sealed === undefined ? '' : `,"sealed":"${sealed}"`) +
    `,"session":${string(record.session)},"statement":${number(record.statement)}}`
  );
}

/** `durationUs` is `us` in the entry. */
export function outcomeText(lane: number, seq: number, at: number, event: OutcomeEvent): string {
  return (
    `{"at":${at},"bytes":${number(event.bytes)},"id":"${entryId(lane, seq)}","kind":"outcome"` +
    (event.labels === undefined ? '' : `,"labels":${canonicalJson(wellFormed(event.labels))}`) +
    `,"rows":${number(event.rows)},"session":${string(event.session)}` +
    (event.sqlstate === undefined ? '' : `,"sqlstate":${string(event.sqlstate)}`) +
    `,"statement":${number(event.statement)}` +
    (event.tag === undefined ? '' : `,"tag":${string(event.tag)}`) +
    `,"us":${number(event.durationUs)}}`
  );
}

/** True if the text may be too large for the log. */
export function isLarge(text: string): boolean {
  return text.length * 3 > MAX_PLAIN_BYTES && Buffer.byteLength(text) > MAX_PLAIN_BYTES;
}

/** Moves what an entry holds to a part: what is left names it, and what finding the entry takes. */
export function splitEntry(text: string): { readonly text: string; readonly part: EntryPart } {
  const { at, id, kind, ...members } = JSON.parse(text) as Record<string, unknown>;
  const kept: Record<string, unknown> = { at, id, kind };
  for (const name of ['session', 'statement']) {
    if (String(members[name]).length > MAX_KEPT_LENGTH) continue;
    kept[name] = members[name];
    delete members[name];
  }
  const json = canonicalJson(members);
  const part = { hash: hash('sha256', json, 'hex'), json };
  return { text: canonicalJson({ ...kept, part: part.hash }), part };
}

function string(text: string): string {
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed());
}

function strings(items: readonly (string | null)[]): string {
  let text = '[';
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as string | null;
    text += (index > 0 ? ',' : '') + (item === null ? 'null' : string(item));
  }
  return `${text}]`;
}

function number(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`canonical JSON has no ${value}`);
  return Object.is(value, -0) ? '0' : String(value);
}

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key.toWellFormed(), wellFormed(member)]),
  );
}
