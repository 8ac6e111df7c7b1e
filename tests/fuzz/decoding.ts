/**
 * Everything that reads bytes of a peer, without a peer: the frame readers, the decoders, start-up packets, SCRAM from both sides. Any
 * bytes give a value or a SluiceError of the protocol, and never depend on how they were cut.
 */
import fc from 'fast-check';
import { SluiceError } from '../../src/errors/sluice-error.ts';
import {
  type BackendMessage,
  backendFrameLimit,
  decodeBackendMessage,
  decodeFrontendMessage,
  ErrorFields,
  encodeBackendMessage,
  encodeFrontendMessage,
  encodeStartupMessage,
  FrameReader,
  FrameWalker,
  frontendFrameLimit,
  makeVerifier,
  ScramClient,
  ScramServer,
  StartupReader,
  traceFrame,
  wholeFramesExcept,
} from '../../src/wire/postgres/index.ts';
import { bytesOf, NAMES } from './conversations.ts';
import { type Mutation, mutate, mutationsArbitrary, piecesArbitrary, piecesOf } from './mutation.ts';

export interface DecodingCase {
  readonly subject: 'frontend' | 'backend' | 'startup';
  readonly conversations: readonly string[];
  readonly mutations: readonly Mutation[];
  readonly pieces: readonly number[];
}

export const decodingArbitrary: fc.Arbitrary<DecodingCase> = fc.record({
  subject: fc.constantFrom('frontend' as const, 'backend' as const, 'startup' as const),
  conversations: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
  mutations: mutationsArbitrary,
  pieces: piecesArbitrary,
});

export interface ScramCase {
  /** Which of the four messages is changed. */
  readonly message: 0 | 1 | 2 | 3;
  readonly mutations: readonly Mutation[];
}

export const scramArbitrary: fc.Arbitrary<ScramCase> = fc.record({
  message: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
  mutations: mutationsArbitrary,
});

const fields = (text: string): ErrorFields =>
  new ErrorFields([...'SVCMDHPW'].map((code) => ({ code, value: Buffer.from(text) })));
const COLUMN = {
  name: 'n',
  tableOid: 1,
  columnNumber: 2,
  typeOid: 23,
  typeSize: 4,
  typeModifier: -1,
  format: 0,
};
const ANSWERS: readonly BackendMessage[] = [
  { type: 'AuthenticationSASL', mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'] },
  { type: 'AuthenticationMD5Password', salt: Buffer.from([1, 2, 3, 4]) },
  { type: 'NegotiateProtocolVersion', major: 3, minor: 0, unrecognizedOptions: ['_pq_.x'] },
  { type: 'ParameterStatus', name: 'client_encoding', value: 'UTF8' },
  { type: 'BackendKeyData', processId: 4711, secret: Buffer.from([1, 2, 3, 4]) },
  { type: 'ReadyForQuery', status: 'I' },
  { type: 'RowDescription', columns: [{ ...COLUMN, name: Buffer.from('n') }] } as unknown as BackendMessage,
  { type: 'DataRow', columns: [Buffer.from('1'), null, Buffer.alloc(300, 0x78)] },
  { type: 'CommandComplete', tag: 'SELECT 1' },
  { type: 'ErrorResponse', fields: fields('an error') },
  { type: 'NoticeResponse', fields: fields('a notice') },
  {
    type: 'NotificationResponse',
    processId: 1,
    channel: 'here',
    payload: 'hello',
  } as unknown as BackendMessage,
  { type: 'CopyData', data: Buffer.from('1\t2\n') },
];
const BACKEND_BYTES = Buffer.concat(ANSWERS.map(encodeBackendMessage));
const STARTUP_BYTES = Buffer.concat([
  Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]),
  encodeStartupMessage({
    parameters: new Map([
      ['user', 'x'],
      ['options', '-c a=b'],
    ]),
  }),
]);

/** The codes that tell a peer what it has done. */
const CAUSES: ReadonlySet<string> = new Set(['protocol_violation', 'unsupported']);

/** @throws Error that says what went wrong */
export function playDecoding(one: DecodingCase): void {
  const original =
    one.subject === 'startup'
      ? STARTUP_BYTES
      : one.subject === 'backend'
        ? BACKEND_BYTES
        : Buffer.concat(one.conversations.map(bytesOf));
  const bytes = mutate(original, one.mutations);
  const whole = read(one.subject, [bytes]);
  const cut = read(one.subject, piecesOf(bytes, one.pieces));
  const crumbs = read(
    one.subject,
    piecesOf(
      bytes,
      Array.from({ length: bytes.length }, () => 1),
    ),
  );
  if (cut.join('\n') !== whole.join('\n')) throw new Error('the pieces were read otherwise than the whole');
  if (crumbs.join('\n') !== whole.join('\n'))
    throw new Error('byte by byte was read otherwise than the whole');
  if (one.subject === 'backend') walk(bytes, one.pieces);
}

/** What was understood, in words; ends with why it went no further. */
function read(subject: DecodingCase['subject'], pieces: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const reader =
    subject === 'startup'
      ? new StartupReader()
      : new FrameReader({
          maxFrameBytes: subject === 'frontend' ? frontendFrameLimit(1 << 21) : backendFrameLimit(1 << 20),
        });
  try {
    for (const piece of pieces) {
      reader.push(Buffer.from(piece));
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        seen.push('bytes' in next ? decoded(subject, next.bytes) : JSON.stringify(next));
      }
    }
  } catch (thrown) {
    seen.push(causeOf(thrown));
  }
  return seen;
}

/** A message that decodes is encoded to what decodes to the same. */
function decoded(subject: DecodingCase['subject'], frame: Buffer): string {
  traceFrame(subject === 'frontend' ? 'F' : 'B', frame);
  try {
    const message = subject === 'frontend' ? decodeFrontendMessage(frame) : decodeBackendMessage(frame);
    const again =
      'fields' in message || subject === 'backend'
        ? decodeBackendMessage(encodeBackendMessage(message as BackendMessage))
        : decodeFrontendMessage(
            encodeFrontendMessage(message as Parameters<typeof encodeFrontendMessage>[0]),
          );
    if (JSON.stringify(again) !== JSON.stringify(message))
      throw new Error(`${message.type} was encoded otherwise`);
    return JSON.stringify(message);
  } catch (thrown) {
    return causeOf(thrown);
  }
}

/** @throws whatever is no answer to a peer */
function causeOf(thrown: unknown): string {
  if (thrown instanceof SluiceError && CAUSES.has(thrown.code)) return `${thrown.code}: ${thrown.message}`;
  throw thrown;
}

function walk(bytes: Buffer, pieces: readonly number[]): void {
  const counted = (chunks: readonly Buffer[]): string => {
    let rows = 0;
    let rowBytes = 0;
    const shown: string[] = [];
    const walker = new FrameWalker({
      whole: wholeFramesExcept(0x44, 0x64),
      maxFrameBytes: backendFrameLimit(1 << 20),
    });
    const sink = {
      onRows: (count: number, length: number) => {
        rows += count;
        rowBytes += length;
      },
      onFrame: (type: number, frame: Buffer) =>
        shown.push(`${type} ${frame.toString('base64')} after ${rows} rows`),
    };
    try {
      for (const chunk of chunks) walker.walk(Buffer.from(chunk), sink);
    } catch (thrown) {
      // What was counted of a chunk that cannot be understood goes nowhere.
      return [...shown, causeOf(thrown)].join('\n');
    }
    return [...shown, `${rows} rows, ${rowBytes} bytes`].join('\n');
  };
  if (counted([bytes]) !== counted(piecesOf(bytes, pieces))) throw new Error('pieces were walked otherwise');
}

const PASSWORD = 'a token';
const SALT = Buffer.alloc(16, 3);
const ITERATIONS = 16;
const VERIFIER = makeVerifier(PASSWORD, SALT, ITERATIONS);

/** Nobody proves anything to anybody over a dialogue that was changed. @throws Error */
export async function playScram({ message, mutations }: ScramCase): Promise<void> {
  let changed = false;
  const passed = (place: number, text: string): string => {
    if (place !== message) return text;
    const after = mutate(Buffer.from(text), mutations).toString('utf8');
    changed = after !== text;
    return after;
  };
  const server = new ScramServer({ salt: SALT, iterations: ITERATIONS });
  const client = new ScramClient({ password: PASSWORD });
  let accepted = false;
  try {
    const challenge = server.first(passed(0, client.first()), client.mechanism);
    const proof = await client.next(passed(1, challenge));
    const { message: signature } = server.final(passed(2, proof), [await VERIFIER]);
    accepted = true;
    client.finish(passed(3, signature));
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
  }
  if (!changed && !(accepted && client.verified)) throw new Error('a true dialogue was refused');
  if (changed && message < 3 && accepted) throw new Error('a changed dialogue was accepted');
  if (changed && client.verified) throw new Error('a changed dialogue convinced the client');
}
