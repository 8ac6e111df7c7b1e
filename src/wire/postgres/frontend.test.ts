import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  type AuthenticationResponse,
  byteString,
  byteStringText,
  decodeBind,
  decodeFrontendMessage,
  encodeFrontendMessage,
  encodeParse,
  encodePasswordMessage,
  encodeQuery,
  FRONTEND_TYPE,
  type FrontendMessage,
  formatOf,
  queryText,
} from './index.ts';

/** A frame written as its type and its body: latin1 text, or hex for numbers. */
function frame(type: string, ...parts: (string | { hex: string })[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) =>
      typeof part === 'string'
        ? Buffer.from(part, 'latin1')
        : Buffer.from(part.hex.replaceAll(' ', ''), 'hex'),
    ),
  );
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
const hex = (text: string) => ({ hex: text });
const bytes = (text: string) => Buffer.from(text, 'latin1');

const EXAMPLES: [FrontendMessage, Buffer][] = [
  [{ type: 'Query', text: bytes('SELECT 1') }, frame('Q', 'SELECT 1\0')],
  [{ type: 'Query', text: bytes('') }, frame('Q', '\0')],
  [
    { type: 'Parse', statement: 's\xe9', text: bytes('SELECT $1\xff'), parameterTypes: [23, 0xffff_ffff] },
    frame('P', 's\xe9\0SELECT $1\xff\0', hex('0002 00000017 ffffffff')),
  ],
  [{ type: 'Parse', statement: '', text: bytes(''), parameterTypes: [] }, frame('P', '\0\0', hex('0000'))],
  [
    {
      type: 'Bind',
      portal: 'p',
      statement: 's',
      parameterFormats: [0, 1, 1],
      parameters: [bytes('a'), null, bytes('')],
      resultFormats: [1],
    },
    frame('B', 'p\0s\0', hex('0003 0000 0001 0001 0003 00000001 61 ffffffff 00000000 0001 0001')),
  ],
  [
    {
      type: 'Bind',
      portal: '',
      statement: '',
      parameterFormats: [1],
      parameters: [bytes('\0'), bytes('xy')],
      resultFormats: [],
    },
    frame('B', '\0\0', hex('0001 0001 0002 00000001 00 00000002 7879 0000')),
  ],
  [{ type: 'Describe', target: 'S', name: 's' }, frame('D', 'Ss\0')],
  [{ type: 'Describe', target: 'P', name: '' }, frame('D', 'P\0')],
  [{ type: 'Close', target: 'P', name: 'p' }, frame('C', 'Pp\0')],
  [{ type: 'Execute', portal: 'p', maxRows: 100 }, frame('E', 'p\0', hex('00000064'))],
  [{ type: 'Execute', portal: '', maxRows: -1 }, frame('E', '\0', hex('ffffffff'))],
  [{ type: 'Sync' }, frame('S')],
  [{ type: 'Flush' }, frame('H')],
  [{ type: 'Terminate' }, frame('X')],
  [{ type: 'CopyData', data: bytes('1\t2\n\0') }, frame('d', '1\t2\n\0')],
  [{ type: 'CopyDone' }, frame('c')],
  [{ type: 'CopyFail', reason: bytes('no') }, frame('f', 'no\0')],
  [{ type: 'PasswordMessage', password: bytes('secret') }, frame('p', 'secret\0')],
  [
    { type: 'SASLInitialResponse', mechanism: 'SCRAM-SHA-256', data: bytes('n,,') },
    frame('p', 'SCRAM-SHA-256\0', hex('00000003'), 'n,,'),
  ],
  [
    { type: 'SASLInitialResponse', mechanism: 'EXTERNAL', data: null },
    frame('p', 'EXTERNAL\0', hex('ffffffff')),
  ],
  [{ type: 'SASLResponse', data: bytes('c=biws') }, frame('p', 'c=biws')],
  [{ type: 'GSSResponse', data: bytes('\0\x01') }, frame('p', '\0\x01')],
  [
    {
      type: 'FunctionCall',
      functionOid: 1598,
      argumentFormats: [],
      arguments: [bytes('x'), null],
      resultFormat: 1,
    },
    frame('F', hex('0000063e 0000 0002 00000001 78 ffffffff 0001')),
  ],
];

function expectedOf(message: FrontendMessage): AuthenticationResponse['type'] {
  const asked = ['PasswordMessage', 'SASLInitialResponse', 'SASLResponse', 'GSSResponse'] as const;
  return asked.find((type) => type === message.type) ?? 'PasswordMessage';
}

describe('every frontend message', () => {
  test.each(EXAMPLES)('%j', (message, encoded) => {
    expect(encodeFrontendMessage(message)).toEqual(encoded);
    expect(decodeFrontendMessage(encoded, expectedOf(message))).toEqual(message);
  });

  test('has an example', () => {
    const types = new Set(EXAMPLES.map(([, encoded]) => encoded[0]));
    expect(types).toEqual(new Set(Object.values(FRONTEND_TYPE)));
  });

  test.each(EXAMPLES)('refuses a byte more and a byte less: %j', (message, encoded) => {
    const open = ['CopyData', 'SASLResponse', 'GSSResponse'].includes(message.type);
    const decode = (body: Buffer) => () =>
      decodeFrontendMessage(Buffer.concat([encoded.subarray(0, 5), body]), expectedOf(message));
    const body = encoded.subarray(5);
    if (open) return expect(decode(body)()).toEqual(message);
    expect(decode(Buffer.concat([body, bytes('x')]))).toThrow(/malformed/);
    if (body.length > 0) expect(decode(body.subarray(0, -1))).toThrow(/malformed/);
  });
});

describe('strictness', () => {
  test.each([
    ['a text with a NUL inside', frame('Q', 'SELECT\x001\0')],
    ['a query without its NUL', frame('Q', 'SELECT 1')],
    ['an empty query body', frame('Q')],
    ['a parse whose count goes beyond the body', frame('P', '\0\0', hex('ffff'))],
    ['a bind whose count goes beyond the body', frame('B', '\0\0', hex('0000 ffff 0000'))],
    ['a value with the length -2', frame('B', '\0\0', hex('0000 0001 fffffffe 0000'))],
    ['a value longer than the body', frame('B', '\0\0', hex('0000 0001 00000009 61 0000'))],
    ['a value of 2 GiB', frame('B', '\0\0', hex('0000 0001 7fffffff 61 0000'))],
    ['a name without its NUL', frame('D', 'Sname')],
    ['a target that is none', frame('D', 'Xname\0')],
    ['a portal without a row limit', frame('E', 'p\0')],
    ['a Sync with a body', frame('S', 'x')],
    ['a Terminate with a body', frame('X', '\0')],
  ])('refuses %s', (_, malformed) => {
    expect(() => decodeFrontendMessage(malformed)).toThrow(
      expect.objectContaining({
        code: 'protocol_violation',
        sqlstate: '08P01',
        message: expect.stringMatching(/^malformed/),
      }),
    );
  });

  test('says what is wrong', () => {
    const negative = frame('B', '\0\0', hex('0000 0001 fffffffe 0000'));
    expect(() => decodeFrontendMessage(negative)).toThrow(
      expect.objectContaining({ message: 'malformed Bind message', detail: 'A value has the length -2.' }),
    );
  });

  test('refuses types no client sends', () => {
    expect(() => decodeFrontendMessage(frame('Z', 'I'))).toThrow('unexpected message type "Z" (0x5a)');
  });

  test.each<[string, () => Buffer]>([
    ['a NUL in a text', () => encodeQuery('SELECT 1\0; DROP TABLE t')],
    ['a NUL in a name', () => encodeParse('a\0b', 'SELECT 1')],
    ['a name that is no byte string', () => encodeParse('\u0130', 'SELECT 1')],
    ['a NUL in a password', () => encodePasswordMessage('a\0b')],
    ['more than 65,535 items', () => encodeParse('', 'SELECT 1', Array<number>(65_536).fill(0))],
  ])('does not encode %s', (_, encode) => {
    expect(encode).toThrow(/^cannot encode the message/);
    expect(encode).toThrow(SluiceError);
  });

  test('takes as many parameters as drivers send', () => {
    const parameters = Array.from({ length: 65_535 }, () => bytes('1'));
    const message: FrontendMessage = {
      type: 'Bind',
      portal: '',
      statement: '',
      parameterFormats: [],
      parameters,
      resultFormats: [],
    };
    const decoded = decodeBind(encodeFrontendMessage(message).subarray(5));
    expect(decoded.parameters.length).toBe(65_535);
  });
});

test('texts and values are views of the body', () => {
  const encoded = encodeQuery('SELECT 1');
  expect(queryText(encoded.subarray(5)).buffer).toBe(encoded.buffer);
  const [, bind] = EXAMPLES.find(([message]) => message.type === 'Bind')!;
  expect(decodeBind(bind.subarray(5)).parameters[0]?.buffer).toBe(bind.buffer);
});

test.each([
  [[], 3, 0],
  [[1], 3, 1],
  [[0, 1], 1, 1],
  [[0, 1], 0, 0],
])('the format codes %j give parameter %i the format %i', (formats, index, format) => {
  expect(formatOf(formats, index)).toBe(format);
});

test('byte strings carry UTF-8 and anything else', () => {
  expect(byteStringText(byteString('naïve ☃'))).toBe('naïve ☃');
  expect(byteString('é')).toBe('\xc3\xa9');
  expect(decodeFrontendMessage(encodeParse('\xff\xfe', ''))).toMatchObject({ statement: '\xff\xfe' });
});

// --- properties

const byteText = fc
  .uint8Array({ maxLength: 20 })
  .map((array) => Buffer.from(array.map((byte) => byte || 1)).toString('latin1'));
const cstring = byteText.map(bytes);
const data = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array));
const values = fc.array(fc.option(data), { maxLength: 5 });
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const uint32 = fc.nat(0xffff_ffff);
const target = fc.constantFrom('S' as const, 'P' as const);
const resultFormats = fc.array(int16, { maxLength: 4 });
/** Values with none, one or as many formats as there are values. */
const formatted = values.chain((list) =>
  fc.record({
    formats: fc.oneof(
      fc.constant([]),
      int16.map((format) => [format]),
      fc.array(int16, { minLength: list.length, maxLength: list.length }),
    ),
    list: fc.constant(list),
  }),
);

const arbitraryMessage: fc.Arbitrary<FrontendMessage> = fc.oneof(
  fc.record({ type: fc.constant('Query' as const), text: cstring }),
  fc.record({
    type: fc.constant('Parse' as const),
    statement: byteText,
    text: cstring,
    parameterTypes: fc.array(uint32, { maxLength: 5 }),
  }),
  fc
    .tuple(byteText, byteText, formatted, resultFormats)
    .map(([portal, statement, { formats, list }, results]) => ({
      type: 'Bind' as const,
      portal,
      statement,
      parameterFormats: formats,
      parameters: list,
      resultFormats: results,
    })),
  fc.record({ type: fc.constantFrom('Describe' as const, 'Close' as const), target, name: byteText }),
  fc.record({ type: fc.constant('Execute' as const), portal: byteText, maxRows: fc.integer() }),
  fc.record({
    type: fc.constantFrom('Sync' as const, 'Flush' as const, 'CopyDone' as const, 'Terminate' as const),
  }),
  fc.record({ type: fc.constant('CopyData' as const), data }),
  fc.record({ type: fc.constant('CopyFail' as const), reason: cstring }),
  fc.record({ type: fc.constant('PasswordMessage' as const), password: cstring }),
  fc.record({
    type: fc.constant('SASLInitialResponse' as const),
    mechanism: byteText,
    data: fc.option(data),
  }),
  fc.record({ type: fc.constantFrom('SASLResponse' as const, 'GSSResponse' as const), data }),
  fc.tuple(uint32, formatted, int16).map(([functionOid, { formats, list }, resultFormat]) => ({
    type: 'FunctionCall' as const,
    functionOid,
    argumentFormats: formats,
    arguments: list,
    resultFormat,
  })),
);

test('decode inverts encode', () => {
  fc.assert(
    fc.property(arbitraryMessage, (message) => {
      const encoded = encodeFrontendMessage(message);
      expect(encoded.readInt32BE(1)).toBe(encoded.length - 1);
      expect(decodeFrontendMessage(encoded, expectedOf(message))).toEqual(message);
    }),
    { numRuns: 1_000 },
  );
});

test('encode inverts decode for whatever decodes, and nothing but SluiceError is thrown', () => {
  const type = fc.oneof(fc.constantFrom(...Object.values(FRONTEND_TYPE)), fc.nat(255));
  const expected = fc.constantFrom(
    'PasswordMessage' as const,
    'SASLInitialResponse' as const,
    'SASLResponse' as const,
  );
  const damaged = fc.tuple(arbitraryMessage, fc.nat(), fc.nat(255)).map(([message, at, byte]) => {
    const body = Buffer.from(encodeFrontendMessage(message).subarray(5));
    if (body.length > 0) body[at % body.length] = byte;
    return body;
  });
  fc.assert(
    fc.property(type, fc.oneof(damaged, data), expected, (byte, body, response) => {
      const input = frame(String.fromCharCode(byte), body.toString('latin1'));
      input[0] = byte;
      try {
        const message = decodeFrontendMessage(input, response);
        expect(encodeFrontendMessage(message)).toEqual(input);
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw thrown;
      }
    }),
    { numRuns: 5_000 },
  );
});
