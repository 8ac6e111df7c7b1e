/**
 * A request in words, for messages to people. Everything in it that somebody else wrote (purpose, statement, reasons, names in facts)
 * is text without characters that could hide or reorder what stands beside it; whoever shows it must still show it as text.
 */
import { printable, printableLine } from '../../html/visible-text.ts';
import type { ApprovalRequest, ApprovalState, ApprovalVote } from '../../model/approval.ts';
import { reachRows, type TextRow } from '../fact-rows.ts';
import { ruleText } from '../quorum.ts';
import { summaryOf } from './request-summary.ts';

export interface WordsOptions {
  readonly includeStatement: boolean;
  readonly publicUrl?: string;
}

export interface RequestWords {
  readonly id: string;
  /** One line, of what the configuration and the gate wrote only. */
  readonly title: string;
  readonly state: ApprovalState;
  /** Whether it can still be answered. */
  readonly isOpen: boolean;
  /** `[what, text]`, each in one line. */
  readonly rows: readonly (readonly [label: string, text: string])[];
  /** May have several lines. */
  readonly statement?: string;
  /** Where people see and answer it, if the gate knows its own address. */
  readonly link?: string;
  readonly expiresAt: number;
}

const MAX_ROWS = 20;
const MAX_ROW_LENGTH = 300;
const MAX_STATEMENT_LENGTH = 2500;
const MAX_POLICIES = 10;

const TITLES: Readonly<Record<ApprovalState, string>> = {
  pending: 'Approval needed',
  approved: 'Approved',
  used: 'Approved, and it ran',
  denied: 'Denied',
  expired: 'Nobody answered in time',
  drifted: 'Changed after its approval; did not run',
  cancelled: 'Taken back',
};

const VERDICTS: Readonly<Record<ApprovalVote['verdict'], string>> = {
  approve: 'approved by',
  deny: 'denied by',
  escalate: 'left to people by',
};

/** For places where nobody knows who reads: without the values that not every reviewer may see. */
export function wordsForAll(request: ApprovalRequest, options: WordsOptions): RequestWords {
  return wordsOf({ ...request, statement: request.hidden?.statement ?? request.statement }, options);
}

export function wordsOf(request: ApprovalRequest, options: WordsOptions): RequestWords {
  const { id, state, binding, expiresAt } = request;
  const summary = summaryOf(request, options);
  const rows: [string, string][] = [
    ['who', [binding.principal, ...binding.onBehalfOf.map((one) => `for ${one}`)].join(' ')],
    ['why', summary.purpose ?? 'no purpose was given'],
    ['database', binding.database],
    ...summary.facts.slice(0, MAX_ROWS).map(rowOf),
    ...(request.blastRadius ?? []).flatMap(reachRows).slice(0, MAX_ROWS).map(cutRow),
    ['policies', summary.policies.slice(0, MAX_POLICIES).join(', ')],
    ['needs', ruleText(request.rule)],
    ...(request.escalated === undefined
      ? []
      : [['escalated', `to ${request.escalated.groups.join(', ')}`] satisfies [string, string]]),
    ...request.votes.map((vote): [string, string] => [
      VERDICTS[vote.verdict],
      [vote.principal, ...(vote.reason === undefined ? [] : [`(${vote.reason})`])].join(' '),
    ]),
  ];
  return {
    ...{ id, state, isOpen: state === 'pending', expiresAt },
    title: `${TITLES[state]}: ${request.facts[0]?.command ?? (request.access === undefined ? 'a statement' : 'access')} on ${binding.database}`,
    rows: rows.map(([label, text]) => [label, printableLine(text)] as const),
    ...(summary.statement === undefined ? {} : { statement: cut(printable(summary.statement)) }),
    ...(options.publicUrl === undefined ? {} : { link: `${options.publicUrl}/approvals/${id}` }),
  };
}

function rowOf(line: string): [string, string] {
  const at = line.indexOf(': ');
  return at < 0 ? ['', line] : [line.slice(0, at), line.slice(at + 2)];
}

function cutRow([label, text]: TextRow): [string, string] {
  return [
    label,
    text.length <= MAX_ROW_LENGTH ? text : `${text.slice(0, MAX_ROW_LENGTH - 1).toWellFormed()}…`,
  ];
}

function cut(text: string): string {
  if (text.length <= MAX_STATEMENT_LENGTH) return text;
  return `${text.slice(0, MAX_STATEMENT_LENGTH - 1).toWellFormed()}…`;
}
