/**
 * The DETAIL of every refusal of the gate: one JSON object that an agent can act on. docs/errors.md describes it. Bounded, and without
 * a value of the database or the statement.
 */
import type { ErrorCode } from '../errors/error-table.ts';
import type { PolicyRef } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';

export interface RefusalParticulars {
  /** The approval request, if there is one. */
  readonly request?: string;
  /** The grant of a shape, if one would hold. */
  readonly grant?: string;
  readonly policies: readonly Pick<PolicyRef, 'id'>[];
  /** Absent where nobody knows any more, or yet. */
  readonly facts?: readonly Facts[];
  /** Milliseconds since the epoch: until when the request waits. */
  readonly expiresAt?: number;
}

/** What may be done next: the very same again when somebody has approved or its time has come; the very same as a new request; something else. */
const NEXT_STEPS = {
  statement_held: 'retry-identical-once-approved',
  approval_not_now: 'retry-identical-at-its-time',
  approval_expired: 'retry-identical-as-new-request',
  approval_drifted: 'retry-identical-as-new-request',
  cancelled: 'retry-identical-as-new-request',
  approval_denied: 'ask-the-reviewer',
  statement_denied: 'send-another-statement',
  not_understood: 'send-another-statement',
  mask_refused: 'send-another-statement',
  row_limit_exceeded: 'send-another-statement',
  personal_data_found: 'send-another-statement',
  lookups_exhausted: 'wait',
  budget_exceeded: 'wait',
} as const satisfies Partial<Record<ErrorCode, string>>;

export type TaughtCode = keyof typeof NEXT_STEPS;

const MAX_LISTED = 20;
const MAX_PHRASE_LENGTH = 200;

/** @param more of what is told for this code alone */
export function refusalDetail(
  code: TaughtCode,
  { request, grant, policies, facts, expiresAt }: RefusalParticulars,
  more: Readonly<Record<string, string | number>> = {},
): string {
  return JSON.stringify({
    ...(request === undefined ? {} : { request }),
    ...(grant === undefined ? {} : { grant }),
    policies: some(policies.map(({ id }) => id)),
    ...(facts === undefined ? {} : { facts: factsOf(facts) }),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
    ...more,
    next: NEXT_STEPS[code],
  });
}

function factsOf(facts: readonly Facts[]) {
  return {
    commands: some(facts.map(({ command }) => command)),
    actions: some(facts.flatMap(({ actions }) => actions)),
    relations: some(facts.flatMap(({ relations }) => relations.map(({ relation }) => relation))),
    hazards: some(facts.flatMap(({ hazards = [] }) => hazards.map(({ kind }) => kind))),
    notUnderstood: some(facts.flatMap(({ opaque }) => opaque.map(({ what }) => what))),
  };
}

function some(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
    .slice(0, MAX_LISTED)
    .map((text) => text.slice(0, MAX_PHRASE_LENGTH).toWellFormed());
}
