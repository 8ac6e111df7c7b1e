/**
 * Messages that are certain to fail: they stand in for those that the gate refuses (docs/decisions/0002), and what clients get of the
 * errors that come of them.
 */
import { randomBytes } from 'node:crypto';
import type { SluiceError } from '../../errors/sluice-error.ts';
import { encodeFrontendMessage } from '../../wire/postgres/index.ts';
import { type InClient, type Refusal, refusalFor, syntaxRefusal } from './refusals.ts';

export interface FailingMessage {
  readonly frame: Buffer;
  readonly refusal: Refusal;
}

/** A text of the client, as it came and in characters. */
export interface ClientText {
  readonly bytes: Buffer;
  readonly text: string;
}

/** Does not parse, whatever the settings. */
const FAILING_TEXT = Buffer.from('sluice refused this statement');
/** A name no client can guess: messages that use it fail as those with a wrong name do. */
const MISSING_NAME = `_sluice_${randomBytes(12).toString('hex')}`;

/**
 * A character that begins no token of any grammar, on a line of its own so that no comment and no name takes it in: a text that
 * ends with it never parses, as it does not if it ends within quotes.
 */
const NO_TOKEN = Buffer.from('\n{');

/** Aborts a transaction. */
export const FAILING_QUERY = encodeFrontendMessage({ type: 'Query', text: FAILING_TEXT });

/** Named, so that the client's unnamed statement survives; it fails before the name is looked at. */
export const FAILING_PARSE = encodeFrontendMessage({
  type: 'Parse',
  statement: MISSING_NAME,
  text: FAILING_TEXT,
  parameterTypes: [],
});

/** In place of a Parse of the unnamed statement, which goes with it. */
const FAILING_UNNAMED_PARSE = encodeFrontendMessage({
  type: 'Parse',
  statement: '',
  text: FAILING_TEXT,
  parameterTypes: [],
});

/** Fails as a Bind of a statement that does not exist. */
export const FAILING_BIND = encodeFrontendMessage({
  type: 'Bind',
  portal: MISSING_NAME,
  statement: MISSING_NAME,
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
});

/** Fails as an Execute of a portal that does not exist. */
export const FAILING_EXECUTE = encodeFrontendMessage({ type: 'Execute', portal: MISSING_NAME, maxRows: 0 });

/** Stands in for a Query. @param said its text, if that is what was refused */
export function failingQuery(error: SluiceError, inClient: InClient, said?: ClientText): FailingMessage {
  if (error.code !== 'syntax_error' || said === undefined)
    return { frame: FAILING_QUERY, refusal: refusalFor(error, inClient) };
  const frame = encodeFrontendMessage({ type: 'Query', text: unparsable(said.bytes) });
  return { frame, refusal: syntaxRefusal(error, said.text, inClient) };
}

/**
 * Stands in for a message of the extended protocol.
 * @param statement if that is a Parse, its name: one of the unnamed statement drops that
 * @param said the text, if that is what was refused
 */
export function failingParse(
  error: SluiceError,
  inClient: InClient,
  statement?: string,
  said?: ClientText,
): FailingMessage {
  const unnamed = statement === '';
  if (error.code !== 'syntax_error' || said === undefined)
    return { frame: unnamed ? FAILING_UNNAMED_PARSE : FAILING_PARSE, refusal: refusalFor(error, inClient) };
  const frame = encodeFrontendMessage({
    type: 'Parse',
    statement: unnamed ? '' : MISSING_NAME,
    text: unparsable(said.bytes),
    parameterTypes: [],
  });
  return { frame, refusal: syntaxRefusal(error, said.text, inClient) };
}

/**
 * A text that did not parse here, made certain not to parse there: the database says itself what is wrong with it, in the words of its
 * version, and should it take the text, it stops at the end.
 */
function unparsable(text: Buffer): Buffer {
  return Buffer.concat([text, NO_TOKEN]);
}
