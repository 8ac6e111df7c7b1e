/** Messages that are certain to fail: they stand in for those that the gate refuses (docs/decisions/0002). Encoded once. */
import { randomBytes } from 'node:crypto';
import { encodeFrontendMessage } from '../../wire/postgres/index.ts';

/** Does not parse, whatever the settings. */
const FAILING_TEXT = Buffer.from('sluice refused this statement');
/** A name no client can guess: messages that use it fail as those with a wrong name do. */
const MISSING_NAME = `_sluice_${randomBytes(12).toString('hex')}`;

export const FAILING_QUERY = encodeFrontendMessage({ type: 'Query', text: FAILING_TEXT });

/** Named, so that the client's unnamed statement survives; it fails before the name is looked at. */
export const FAILING_PARSE = encodeFrontendMessage({
  type: 'Parse',
  statement: MISSING_NAME,
  text: FAILING_TEXT,
  parameterTypes: [],
});

/** In place of a Parse of the unnamed statement, which goes with it. */
export const FAILING_UNNAMED_PARSE = encodeFrontendMessage({
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
