/** A request as a reviewer reads it in a terminal. */
import type { Review, SimilarRequest } from '../api/approval-review.ts';
import { factRows, reachRows, type TextRow } from '../approvals/fact-rows.ts';
import { ruleText } from '../approvals/quorum.ts';
import { printable } from '../html/visible-text.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import { printRows } from './check-command.ts';
import { termLines } from './grants-commands.ts';
import { relativeTime } from './table.ts';
import type { Terminal } from './terminal.ts';

/** A request with what helps to judge it. */
export type ReviewedRequest = ApprovalRequest & { readonly review: Review };

/** Of a server that was not set up otherwise. */
const USUAL_PATH = '"$user", public';

/** All there is to know of it. */
export function printRequest(terminal: Terminal, request: ReviewedRequest, now: number): void {
  const { binding, rule, review } = request;
  terminal.out(`${terminal.paint('bold', request.id)}  ${request.state}`);
  terminal.out();
  terminal.out(marked(terminal, review).replaceAll(/^/gm, '  '));
  terminal.out();
  const rows: TextRow[] = [
    ['who', whoText(request)],
    ['purpose', request.purpose ?? 'none given'],
    ['database', binding.database],
    ...binding.parameters.map((value, index): TextRow => [`$${index + 1}`, value ?? 'NULL']),
    ...readWith(binding.meaning?.settings ?? {}),
    ...request.facts.flatMap((facts, i) => [...factRows(facts), ...reachRows(request.blastRadius?.[i])]),
    ['policies', request.policies.map(({ id }) => id).join(', ')],
    ['needs', ruleText(rule)],
    ...(request.escalated === undefined
      ? []
      : [['escalated', `to ${request.escalated.groups.join(', ')}`] satisfies TextRow]),
    ...request.votes.map(
      (one): TextRow => [one.verdict, `${one.principal}${one.reason ? `: ${one.reason}` : ''}`],
    ),
    ...request.votes.flatMap(({ principal, terms }) =>
      terms === undefined ? [] : [[`granted by ${principal}`, termLines(terms).join('; ')] satisfies TextRow],
    ),
    ...(request.grant === undefined ? [] : [['grant', request.grant] satisfies TextRow]),
    ...(request.shape?.literals ?? []).map((text, index): TextRow => [`literal ${index + 1}`, text]),
    ...(request.valuesHidden === true
      ? [['hidden', 'values of labelled columns, which you may not see'] satisfies TextRow]
      : []),
    ...review.similar.map((one): TextRow => ['similar', similarText(one, now)]),
    ['asked', relativeTime(request.createdAt, now)],
    [request.expiresAt > now ? 'expires' : 'expired', relativeTime(request.expiresAt, now)],
  ];
  printRows(terminal, rows);
}

/** What tells a reader which day a date is, and what is unusual about where names are looked up, and as whom. */
function readWith({
  DateStyle,
  TimeZone,
  search_path = USUAL_PATH,
  role = 'none',
}: Readonly<Record<string, string>>): TextRow[] {
  return [
    ...(DateStyle === undefined
      ? []
      : [['read with', `DateStyle ${DateStyle}, TimeZone ${TimeZone}`] satisfies TextRow]),
    ...(search_path === USUAL_PATH ? [] : [['names along', search_path] satisfies TextRow]),
    ...(role === 'none' ? [] : [['as role', role] satisfies TextRow]),
  ];
}

/** The statement with what is risky in it painted. */
function marked(terminal: Terminal, { statement, marks }: Review): string {
  let text = '';
  let from = 0;
  for (const { start, end } of marks) {
    text +=
      printable(statement.slice(from, start)) + terminal.paint('red', printable(statement.slice(start, end)));
    from = end;
  }
  return (text + printable(statement.slice(from))).trim();
}

function similarText({ id, state, createdAt, votes }: SimilarRequest, now: number): string {
  const last = votes.at(-1);
  const by =
    last === undefined ? '' : ` by ${last.principal}${last.reason === undefined ? '' : `: ${last.reason}`}`;
  return `${id} ${relativeTime(createdAt, now)}, ${state}${by}`;
}

/** `report-bot for bob`. */
export function whoText({ binding }: ApprovalRequest): string {
  return [binding.principal, ...binding.onBehalfOf].join(' for ');
}
