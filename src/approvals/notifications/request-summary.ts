/**
 * A request as it is told to the world outside: what somebody needs to judge it, in bounded size. Never a parameter, never the value
 * of a setting, and the statement only where the configuration says so, because it may hold personal data.
 */
import type { WebhookEvent } from '../../config/config.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import { wishText } from '../access.ts';
import { factRows, type TextRow } from '../fact-rows.ts';
import { answeringGroups } from '../quorum.ts';

export interface SummaryOptions {
  readonly includeStatement: boolean;
  /** Where people reach the HTTP API, without a slash at its end. */
  readonly publicUrl?: string;
}

const MAX_LINES = 100;
const MAX_LINE_LENGTH = 300;
const MAX_PURPOSE_LENGTH = 1000;
const MAX_STATEMENT_LENGTH = 16_384;

/** What has just happened to it. */
export function eventOf({ state, votes, escalated }: ApprovalRequest): WebhookEvent {
  if (state !== 'pending') return state;
  const lastVote = votes.at(-1);
  if (escalated !== undefined && (lastVote === undefined || lastVote.at <= escalated.at)) return 'escalated';
  return lastVote === undefined ? 'requested' : 'voted';
}

/** Plain data, to be written as JSON. */
export function summaryOf(request: ApprovalRequest, { includeStatement, publicUrl }: SummaryOptions) {
  const { id, binding, rule } = request;
  const hazards = request.facts.flatMap((facts) => facts.hazards ?? []);
  return {
    request: id,
    state: request.state,
    principal: binding.principal,
    onBehalfOf: binding.onBehalfOf,
    ...(request.purpose === undefined ? {} : { purpose: cut(request.purpose, MAX_PURPOSE_LENGTH) }),
    database: binding.database,
    ...(includeStatement ? { statement: cut(request.statement, MAX_STATEMENT_LENGTH) } : {}),
    facts: factLines(request),
    blastRadius: (request.blastRadius ?? [])
      .slice(0, MAX_LINES)
      .map(({ sentence }) => cut(sentence, MAX_STATEMENT_LENGTH)),
    hazards: hazards.slice(0, MAX_LINES).map(({ kind, what, instead }) => ({
      kind,
      what: cut(what, MAX_LINE_LENGTH),
      ...(instead === undefined ? {} : { instead: cut(instead, MAX_LINE_LENGTH) }),
    })),
    policies: request.policies.slice(0, MAX_LINES).map((policy) => policy.id),
    approvers: {
      groups: answeringGroups(request),
      quorum: rule.quorum,
      ...(rule.seats === undefined ? {} : { seats: rule.seats }),
    },
    // Terms hold values of the statement.
    votes: request.votes.map(({ terms: _, ...vote }) => vote),
    link: `${publicUrl ?? ''}/v1/approvals/${id}`,
    createdAt: new Date(request.createdAt).toISOString(),
    expiresAt: new Date(request.expiresAt).toISOString(),
  };
}

function factLines({ facts, access }: ApprovalRequest): string[] {
  const rows: TextRow[] = facts.flatMap((one) => [
    ...factRows({ ...one, settings: [] }),
    ...one.settings.map(({ name }) => ['sets', name] as const),
  ]);
  if (access !== undefined) rows.push(['asks for', wishText(access)]);
  const lines = rows.map(([label, text]) => cut(`${label}: ${text}`, MAX_LINE_LENGTH));
  return lines.slice(0, MAX_LINES);
}

function cut(text: string, length: number): string {
  const whole = text.toWellFormed();
  return whole.length <= length ? whole : `${whole.slice(0, length - 1).toWellFormed()}…`;
}
