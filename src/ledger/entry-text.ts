/**
 * An entry's canonical bytes: `{"at":…,"event":{…},"lane":…,"seq":…}` as RFC 8785 has it. Written by hand for the two kinds that
 * every statement makes; a property test holds both ways equal.
 *
 * Never fails on a text: what is no Unicode (a lone surrogate) is recorded as U+FFFD, because a record must be kept.
 */
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import { canonicalJson } from './canonical-json.ts';

type StatementEvent = Extract<LedgerEvent, { kind: 'statement' }>;
type OutcomeEvent = Extract<LedgerEvent, { kind: 'outcome' }>;

/**
 * The canonical JSON of an entry. `lane`, `seq` and `at` are non-negative integers.
 * @throws {TypeError} if a number of the event is not finite: a programming error.
 */
export function entryText(lane: number, seq: number, at: number, event: LedgerEvent): string {
  return `{"at":${at},"event":${eventText(event)},"lane":${lane},"seq":${seq}}`;
}

/** Reads one entry's text back. The text is trusted to have been verified; anything else throws SyntaxError. */
export function parseEntryText(text: string): LedgerEntry {
  return JSON.parse(text) as LedgerEntry;
}

function eventText(event: LedgerEvent): string {
  switch (event.kind) {
    case 'statement':
      return statementText(event);
    case 'outcome':
      return outcomeText(event);
    default:
      return canonicalJson(wellFormed(event));
  }
}

/** Keys in the order of RFC 8785: by code unit, so `policies` comes before `policyVersion`. */
function statementText(event: StatementEvent): string {
  return (
    `{"actions":${strings(event.actions)}` +
    (event.approval === undefined ? '' : `,"approval":${string(event.approval)}`) +
    `,"command":${string(event.command)},"decision":${string(event.decision)}` +
    (event.masked === undefined
      ? `,"kind":"statement"`
      : `,"kind":"statement","masked":${strings(event.masked)}`) +
    (event.parameters === undefined ? '' : `,"parameters":${strings(event.parameters)}`) +
    `,"policies":${strings(event.policies)},"policyVersion":${string(event.policyVersion)}` +
    (event.reason === undefined ? '' : `,"reason":${string(event.reason)}`) +
    `,"relations":${strings(event.relations)},"session":${string(event.session)}` +
    `,"statement":${number(event.statement)},"text":${string(event.text)}}`
  );
}

function outcomeText(event: OutcomeEvent): string {
  return (
    `{"bytes":${number(event.bytes)},"durationUs":${number(event.durationUs)},"kind":"outcome"` +
    `,"rows":${number(event.rows)},"session":${string(event.session)}` +
    (event.sqlstate === undefined ? '' : `,"sqlstate":${string(event.sqlstate)}`) +
    `,"statement":${number(event.statement)}` +
    (event.tag === undefined ? '}' : `,"tag":${string(event.tag)}}`)
  );
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
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, wellFormed(member)]));
}
