/** Questions of the gate's own on a session's backend, as messages. */
import { randomBytes } from 'node:crypto';
import { type Bind, encodeFrontendMessage } from '../../wire/postgres/index.ts';

/** Values of `$1`, `$2`, … as a client has bound them. */
export type BoundValues = Pick<Bind, 'parameterFormats' | 'parameters'> & {
  /** Type oids; 0, or left out, where the database finds the type by itself. */
  readonly parameterTypes: readonly number[];
};

export interface OwnQuestion {
  /** In client_encoding. */
  readonly text: Buffer;
  /** None if absent. */
  readonly values?: BoundValues;
}

/** Statement and portal of the gate's own questions, by a name no client can guess. Closed after each. */
const OWN_NAME = `_sluice_${randomBytes(12).toString('hex')}`;
const FLUSH = encodeFrontendMessage({ type: 'Flush' });
export const NO_VALUES: BoundValues = { parameterTypes: [], parameterFormats: [], parameters: [] };

/** Rids the database of a question that failed. */
export const CLOSE_OWN = encodeFrontendMessage({ type: 'Close', target: 'S', name: OWN_NAME });
/** A Close that is answered only by a database that takes messages. */
export const PROBE = Buffer.concat([CLOSE_OWN, FLUSH]);
/** How often each question is answered by CloseComplete. */
export const CLOSES = 2;

const RUN_AND_CLOSE = Buffer.concat([
  encodeFrontendMessage({ type: 'Execute', portal: OWN_NAME, maxRows: 0 }),
  encodeFrontendMessage({ type: 'Close', target: 'P', name: OWN_NAME }),
  CLOSE_OWN,
]);

/** Parse, Bind, Execute and Close of one question. */
export function questionFrames({ text, values = NO_VALUES }: OwnQuestion): readonly Buffer[] {
  const { parameterTypes, parameterFormats, parameters } = values;
  return [
    encodeFrontendMessage({ type: 'Parse', statement: OWN_NAME, text, parameterTypes: [...parameterTypes] }),
    encodeFrontendMessage({
      type: 'Bind',
      portal: OWN_NAME,
      statement: OWN_NAME,
      parameterFormats: [...parameterFormats],
      parameters: [...parameters],
      resultFormats: [],
    }),
    RUN_AND_CLOSE,
  ];
}
