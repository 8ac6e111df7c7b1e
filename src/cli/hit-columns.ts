/** A hit of a search as a row: for tables and for CSV. */

import { printableLine } from '../html/visible-text.ts';
import type { Hit, HitSession } from '../search/hits.ts';
import { eventText } from './ledger-text.ts';
import { timeText } from './table.ts';

/** Columns of a table for people: the last is the long one. */
export const TABLE_HEADS = ['SEQ', 'TIME', 'WHO', 'DATABASE', 'DID', 'ROWS', 'TOOK', 'WHAT'] as const;

export function tableRow(hit: Hit): readonly string[] {
  const { seq, at, session, outcome, event } = hit;
  return [
    String(seq),
    timeText(at),
    printableLine(whoDid(hit), 40),
    printableLine(session?.database ?? databaseOf(event), 30),
    printableLine(didText(hit), 24),
    outcome === undefined ? '' : String(outcome.rows),
    outcome === undefined ? '' : tookText(outcome.durationUs),
    printableLine(event.kind === 'statement' ? event.text : eventText(event), 2000),
  ];
}

/** Columns for programs: the names of the members they come from. */
export const CSV_HEADS = [
  ...[
    'seq',
    'id',
    'time',
    'kind',
    'principal',
    'onBehalfOf',
    'purpose',
    'database',
    'environment',
    'client',
    'application',
  ],
  ...[
    'session',
    'statement',
    'command',
    'decision',
    'policies',
    'text',
    'masked',
    'unmasked',
    'approval',
    'form',
  ],
  ...['rows', 'bytes', 'durationUs', 'tag', 'sqlstate'],
] as const;

export function csvRow({ seq, id, at, event, session, outcome }: Hit): readonly string[] {
  const statement = event.kind === 'statement' ? event : undefined;
  const list = (items: readonly string[] | undefined) => (items ?? []).join(' ');
  return [
    ...[String(seq), id ?? '', new Date(at).toISOString(), event.kind],
    ...[
      session?.principal ?? '',
      list(session?.onBehalfOf),
      session?.purpose ?? '',
      session?.database ?? databaseOf(event),
    ],
    ...[session?.environment ?? '', session?.client ?? '', session?.application ?? ''],
    ...[
      'session' in event ? String(event.session ?? '') : '',
      statement === undefined ? '' : String(statement.statement),
    ],
    ...[
      statement?.command ?? '',
      statement?.decision ?? '',
      list(statement?.policies),
      statement?.text ?? eventText(event),
    ],
    ...[list(statement?.masked), list(statement?.unmasked), statement?.approval ?? '', statement?.of ?? ''],
    ...[outcome?.rows, outcome?.bytes, outcome?.durationUs].map((number) =>
      number === undefined ? '' : String(number),
    ),
    ...[outcome?.tag ?? '', outcome?.sqlstate ?? ''],
  ];
}

/**
 * One line of CSV (RFC 4180). A cell that a spreadsheet would take for a formula, be it in full-width characters, gets an apostrophe in front:
 * texts here are written by those whom the record is about.
 */
export function csvLine(cells: readonly string[]): string {
  return cells.map(csvCell).join(',');
}

function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function whoDid({ session, event }: Hit): string {
  if (session !== undefined) return chainText(session);
  if ('by' in event && typeof event.by === 'string') return event.by;
  if ('principal' in event) return event.principal;
  return event.kind === 'authentication-failed' ? event.user : '';
}

export function chainText({ principal, onBehalfOf }: Pick<HitSession, 'principal' | 'onBehalfOf'>): string {
  return [principal, ...onBehalfOf].join(' for ');
}

function databaseOf(event: Hit['event']): string {
  return 'database' in event && typeof event.database === 'string' ? event.database : '';
}

/** `UPDATE`, `denied DROP TABLE`, `23505 INSERT`, or the kind of entry. */
function didText({ event, outcome }: Hit): string {
  if (event.kind !== 'statement') return event.kind;
  const command = event.command === '' ? 'statement' : event.command;
  if (event.decision === 'deny') return `denied ${command}`;
  if (event.decision === 'hold') return `held ${command}`;
  if (outcome?.sqlstate !== undefined) return `${outcome.sqlstate} ${command}`;
  return outcome === undefined ? `unfinished ${command}` : command;
}

/** `0.4 ms`, `2.1 s`. */
export function tookText(us: number): string {
  if (us < 1_000_000) return `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
  return us < 60_000_000 ? `${(us / 1_000_000).toFixed(1)} s` : `${Math.round(us / 1_000_000)} s`;
}
