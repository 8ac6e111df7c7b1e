/** Frontend messages as frames, for tests that speak the protocol message by message. */
import {
  encodeFrontendMessage as encode,
  encodeQuery,
  type FrontendMessage,
} from '../../src/wire/postgres/index.ts';

const bare = (type: 'Sync' | 'Flush' | 'CopyDone' | 'Terminate'): Buffer =>
  encode({ type } as FrontendMessage);

export const sync = bare('Sync');
export const flush = bare('Flush');
export const copyDone = bare('CopyDone');
export const terminate = bare('Terminate');

export const query = (text: string): Buffer => encodeQuery(text);

export const parse = (text: string, statement = '', parameterTypes: number[] = []): Buffer =>
  encode({ type: 'Parse', statement, text: Buffer.from(text), parameterTypes });

export const bind = (
  parameters: (string | null)[] = [],
  statement = '',
  portal = '',
  resultFormats: number[] = [],
): Buffer =>
  encode({
    type: 'Bind',
    portal,
    statement,
    parameterFormats: [],
    parameters: parameters.map((one) => (one === null ? null : Buffer.from(one))),
    resultFormats,
  });

export const execute = (maxRows = 0, portal = ''): Buffer => encode({ type: 'Execute', portal, maxRows });
export const describePortal = (name = ''): Buffer => encode({ type: 'Describe', target: 'P', name });
export const describeStatement = (name = ''): Buffer => encode({ type: 'Describe', target: 'S', name });
export const close = (target: 'S' | 'P', name = ''): Buffer => encode({ type: 'Close', target, name });
export const copyData = (text: string): Buffer => encode({ type: 'CopyData', data: Buffer.from(text) });
export const copyFail = (reason = 'changed my mind'): Buffer =>
  encode({ type: 'CopyFail', reason: Buffer.from(reason) });

/** A statement by the extended protocol, without Sync. */
export const run = (text: string, ...parameters: string[]): Buffer =>
  Buffer.concat([parse(text), bind(parameters), execute()]);
