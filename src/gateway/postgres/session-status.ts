/** What a session is doing, for those who watch over sessions. Shows what a statement looks like, never what values it holds. */
import type { SessionInfo, SessionState, SessionStatus } from '../../model/session.ts';
import type { Plan } from '../../session/plan.ts';
import type { Session } from '../../session/session.ts';
import { textWithoutLiterals } from '../../sql/postgres/shape.ts';
import { currentTicket, planOf } from './expected-answers.ts';
import type { RequestRelay } from './request-relay.ts';
import type { ResponseRelay } from './response-relay.ts';

const MAX_SHOWN_LENGTH = 1_000;

export function statusOf(
  info: SessionInfo,
  session: Session,
  requests: RequestRelay,
  responses: ResponseRelay,
): SessionStatus {
  const { actor } = info;
  const { held } = requests.admission;
  const head = responses.expectations.head();
  const ticket = currentTicket(head);
  const plan = held ?? planOf(head);
  const { statements, rows, bytes } = session.counts;
  return {
    id: info.id,
    principal: actor.principal.id,
    onBehalfOf: actor.onBehalfOf.map(({ id }) => id),
    ...(actor.purpose === undefined ? {} : { purpose: actor.purpose }),
    database: info.database.name,
    clientAddress: info.clientAddress,
    applicationName: info.applicationName,
    tls: info.tls,
    startedAt: info.startedAt,
    state: stateOf(held, requests, responses),
    ...(plan === undefined ? {} : { statement: shownText(plan) }),
    ...(session.standing.taints.length === 0 ? {} : { taints: session.standing.taints }),
    statements,
    rows: rows + (ticket?.rows ?? 0),
    bytes: bytes + (ticket?.bytes ?? 0),
  };
}

function stateOf(held: Plan | undefined, requests: RequestRelay, responses: ResponseRelay): SessionState {
  if (held !== undefined) return 'held';
  if (!requests.idle) return 'running';
  return responses.transactionStatus === 'I' ? 'idle' : 'idle in transaction';
}

function shownText({ text, statements }: Plan): string {
  const shown = textWithoutLiterals(text) ?? statements.map(({ facts }) => facts.command).join('; ');
  return shown.length > MAX_SHOWN_LENGTH ? `${shown.slice(0, MAX_SHOWN_LENGTH - 1)}…` : shown;
}
