/**
 * Which answers fit which expectation. Pure.
 *
 * Source: PostgreSQL's manual, 54.2 "Message Flow".
 */
import type { Plan } from '../../session/plan.ts';
import type { Ticket } from '../../session/session.ts';
import { BACKEND_TYPE as B, decodeDataRow } from '../../wire/postgres/index.ts';
import { outOfOrder } from './database-errors.ts';
import type { Completion, Expectation } from './expectations.ts';

/** Which answers may come to which message (54.2 "Message Flow"); errors and what comes of the database's own accord apart. */
export function answers(type: number, head: Expectation): boolean {
  switch (head.kind) {
    case 'parse':
      return type === B.ParseComplete && head.refusal === undefined;
    case 'bind':
      return type === B.BindComplete && head.refusal === undefined;
    case 'close':
    case 'probe':
      return type === B.CloseComplete;
    case 'describe':
      return type === B.ParameterDescription || type === B.RowDescription || type === B.NoData;
    case 'execute':
      return type === B.PortalSuspended || ANSWERS_OF_RUNNING.has(type);
    case 'query':
      if (type === B.ReadyForQuery) return true;
      if (head.isCall) return head.failed !== true && type === B.FunctionCallResponse;
      return head.failed !== true && (type === B.RowDescription || ANSWERS_OF_RUNNING.has(type));
    case 'sync':
      return type === B.ReadyForQuery;
    default:
      return false;
  }
}

const ANSWERS_OF_RUNNING: ReadonlySet<number> = new Set([
  B.CommandComplete,
  B.EmptyQueryResponse,
  B.CopyInResponse,
  B.CopyOutResponse,
  B.CopyDone,
]);

export function planOf(expectation: Expectation | undefined): Plan | undefined {
  return expectation !== undefined && 'plan' in expectation ? expectation.plan : undefined;
}

/** Whether it stands for something that was admitted, and so counted if it redefines. */
export function wasAdmitted(expectation: Expectation): boolean {
  if (expectation.kind === 'query') return true;
  return (expectation.kind === 'execute' || expectation.kind === 'bind') && expectation.ticket !== undefined;
}

export function currentTicket(head: Expectation | undefined): Ticket | undefined {
  if (head?.kind === 'query') return head.failed === true ? undefined : head.tickets[head.next];
  return head?.kind === 'execute' ? head.ticket : undefined;
}

/** Statements that have no outcome yet. */
export function ticketsOwed(expectation: Expectation): readonly Ticket[] {
  if (expectation.kind === 'query') return expectation.tickets.slice(expectation.next);
  return 'ticket' in expectation && expectation.ticket !== undefined ? [expectation.ticket] : [];
}

/** True if an answer is kept from the client: it asked for no such thing, or may not know yet. */
export function isUnseen(type: number, head: Expectation | undefined): boolean {
  if (head === undefined) return false;
  if (head.kind === 'execute') return head.completion?.ended !== undefined;
  return head.kind === 'probe' || ('unseen' in head && type !== B.RowDescription);
}

/** A question of the gate's own. */
export type Own = Extract<Expectation, { kind: 'own' }>;

/** Collects what is answered to one, and says whether that was the last. @throws {SluiceError} upstream_lost if it is no answer */
export function noteOwnAnswer({ answers: own, synced }: Own, type: number, frame: Buffer): boolean {
  switch (type) {
    case B.DataRow:
      own.rows.push([...decodeDataRow(frame.subarray(5)).columns]);
      return false;
    case B.CloseComplete:
      own.closes -= 1;
      return !synced && own.closes === 0;
    case B.CommandComplete:
      own.ends.push(own.rows.length);
      return false;
    case B.ReadyForQuery:
      if (synced) return true;
      break;
    case B.ParseComplete:
    case B.BindComplete:
      return false;
  }
  throw outOfOrder('something else than the answer to a question of the gate');
}

/** Who has to judge how it ends. */
export function completionOf(head: Expectation): Completion | undefined {
  return head.kind === 'execute' ? head.completion : undefined;
}

/** A FunctionCall that has returned its value. */
export function isAnsweredCall(head: Expectation): boolean {
  return head.kind === 'query' && head.isCall === true && head.failed !== true && head.tickets[0]?.rows === 1;
}
