/** A statement as a row of a report. */
import type { StatementRow } from './evidence.ts';
import { type Asked, whoOf } from './walk.ts';

const MAX_TEXT_LENGTH = 400;

export function statementRow({ seq, at, session, event }: Asked): StatementRow {
  const { command, decision, policies, text, reason, approval } = event;
  return {
    ...{ seq, at, who: whoOf(session), database: session.database, command, decision, policies },
    text: cut(text),
    ...(reason === undefined ? {} : { reason: cut(reason) }),
    ...(approval === undefined ? {} : { approval }),
  };
}

function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${text.slice(0, MAX_TEXT_LENGTH - 1).toWellFormed()}…`;
}
