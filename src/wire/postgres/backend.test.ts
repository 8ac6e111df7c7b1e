import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  BACKEND_TYPE,
  type BackendMessage,
  decodeBackendMessage,
  ERROR_FIELD,
  ErrorFields,
  encodeBackendMessage,
  encodeError,
  encodeNotice,
  rowsOfTag,
} from './index.ts';

function frame(type: string, ...parts: (string | { hex: string })[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) =>
      typeof part === 'string'
        ? Buffer.from(part, 'latin1')
        : Buffer.from(part.hex.replaceAll(' ', ''), 'hex'),
    ),
  );
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
const hex = (text: string) => ({ hex: text });
const bytes = (text: string) => Buffer.from(text, 'latin1');
const fields = (...pairs: [string, string][]) =>
  new ErrorFields(pairs.map(([code, text]) => ({ code, value: bytes(text) })));

const EXAMPLES: [BackendMessage, Buffer][] = [
  [{ type: 'AuthenticationOk' }, frame('R', hex('00000000'))],
  [{ type: 'AuthenticationKerberosV5' }, frame('R', hex('00000002'))],
  [{ type: 'AuthenticationCleartextPassword' }, frame('R', hex('00000003'))],
  [{ type: 'AuthenticationMD5Password', salt: bytes('salt') }, frame('R', hex('00000005'), 'salt')],
  [{ type: 'AuthenticationGSS' }, frame('R', hex('00000007'))],
  [{ type: 'AuthenticationGSSContinue', data: bytes('\0x') }, frame('R', hex('00000008'), '\0x')],
  [{ type: 'AuthenticationSSPI' }, frame('R', hex('00000009'))],
  [
    { type: 'AuthenticationSASL', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
    frame('R', hex('0000000a'), 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'),
  ],
  [{ type: 'AuthenticationSASLContinue', data: bytes('r=x') }, frame('R', hex('0000000b'), 'r=x')],
  [{ type: 'AuthenticationSASLFinal', data: bytes('v=x') }, frame('R', hex('0000000c'), 'v=x')],
  [
    { type: 'BackendKeyData', processId: 0x8000_0001, secret: bytes('1234') },
    frame('K', hex('80000001'), '1234'),
  ],
  [
    { type: 'BackendKeyData', processId: 7, secret: Buffer.alloc(256, 'k') },
    frame('K', hex('00000007'), 'k'.repeat(256)),
  ],
  [{ type: 'ParseComplete' }, frame('1')],
  [{ type: 'BindComplete' }, frame('2')],
  [{ type: 'CloseComplete' }, frame('3')],
  [{ type: 'CommandComplete', tag: 'SELECT 1' }, frame('C', 'SELECT 1\0')],
  [{ type: 'CopyData', data: bytes('1\t2\n') }, frame('d', '1\t2\n')],
  [{ type: 'CopyDone' }, frame('c')],
  [{ type: 'CopyInResponse', format: 0, columnFormats: [0, 0] }, frame('G', hex('00 0002 0000 0000'))],
  [{ type: 'CopyOutResponse', format: 1, columnFormats: [1] }, frame('H', hex('01 0001 0001'))],
  [{ type: 'CopyBothResponse', format: 0, columnFormats: [] }, frame('W', hex('00 0000'))],
  [
    { type: 'DataRow', columns: [bytes('a'), null, bytes('')] },
    frame('D', hex('0003 00000001 61 ffffffff 00000000')),
  ],
  [{ type: 'EmptyQueryResponse' }, frame('I')],
  [
    {
      type: 'ErrorResponse',
      fields: fields(['S', 'ERROR'], ['C', '42601'], ['M', 'caf\xe9'], ['\xff', 'x']),
    },
    frame('E', 'SERROR\0C42601\0Mcaf\xe9\0\xffx\0\0'),
  ],
  [
    { type: 'NoticeResponse', fields: fields(['M', 'one'], ['M', 'two'], ['D', '']) },
    frame('N', 'Mone\0Mtwo\0D\0\0'),
  ],
  [{ type: 'FunctionCallResponse', result: bytes('x') }, frame('V', hex('00000001 78'))],
  [{ type: 'FunctionCallResponse', result: null }, frame('V', hex('ffffffff'))],
  [
    { type: 'NegotiateProtocolVersion', major: 3, minor: 2, unrecognizedOptions: ['_pq_.a', '_pq_.b'] },
    frame('v', hex('00030002 00000002'), '_pq_.a\0_pq_.b\0'),
  ],
  [{ type: 'NoData' }, frame('n')],
  [
    { type: 'NotificationResponse', processId: 1, channel: bytes('c'), payload: bytes('') },
    frame('A', hex('00000001'), 'c\0\0'),
  ],
  [
    { type: 'ParameterDescription', parameterTypes: [25, 0xffff_ffff] },
    frame('t', hex('0002 00000019 ffffffff')),
  ],
  [
    { type: 'ParameterStatus', name: 'client_encoding', value: 'UTF8' },
    frame('S', 'client_encoding\0UTF8\0'),
  ],
  [{ type: 'PortalSuspended' }, frame('s')],
  [{ type: 'ReadyForQuery', status: 'I' }, frame('Z', 'I')],
  [{ type: 'ReadyForQuery', status: 'T' }, frame('Z', 'T')],
  [{ type: 'ReadyForQuery', status: 'E' }, frame('Z', 'E')],
  [
    {
      type: 'RowDescription',
      columns: [
        {
          name: bytes('n\xe9'),
          tableOid: 0xffff_fff0,
          columnNumber: 2,
          typeOid: 23,
          typeSize: -1,
          typeModifier: -1,
          format: 1,
        },
      ],
    },
    frame('T', hex('0001'), 'n\xe9\0', hex('fffffff0 0002 00000017 ffff ffffffff 0001')),
  ],
  [{ type: 'RowDescription', columns: [] }, frame('T', hex('0000'))],
];

describe('every backend message', () => {
  test.each(EXAMPLES)('%j', (message, encoded) => {
    expect(encodeBackendMessage(message)).toEqual(encoded);
    expect(decodeBackendMessage(encoded)).toEqual(message);
  });

  test('has an example', () => {
    const types = new Set(EXAMPLES.map(([, encoded]) => encoded[0]));
    expect(types).toEqual(new Set(Object.values(BACKEND_TYPE)));
  });

  test.each(EXAMPLES)('refuses a byte more and a byte less: %j', (message, encoded) => {
    const body = encoded.subarray(5);
    const decode = (changed: Buffer) => () =>
      decodeBackendMessage(Buffer.concat([encoded.subarray(0, 5), changed]));
    const open = 'data' in message || (message.type === 'BackendKeyData' && message.secret.length < 256);
    if (!open) expect(decode(Buffer.concat([body, bytes('x')]))).toThrow(/malformed/);
    if (message.type !== 'CopyData' && !(open && 'data' in message) && body.length > 0) {
      expect(decode(body.subarray(0, message.type === 'BackendKeyData' ? 7 : -1))).toThrow(/malformed/);
    }
  });
});

describe('strictness', () => {
  test.each([
    ['an unknown authentication', frame('R', hex('00000006'))],
    ['no authentication at all', frame('R', hex('0000'))],
    ['a salt of 3 bytes', frame('R', hex('00000005'), 'sal')],
    ['mechanisms that do not end', frame('R', hex('0000000a'), 'SCRAM-SHA-256\0')],
    ['a key of 3 bytes', frame('K', hex('00000001'), '123')],
    ['a key of 257 bytes', frame('K', hex('00000001'), 'k'.repeat(257))],
    ['a copy format that is none', frame('G', hex('02 0000'))],
    ['more columns than bytes', frame('D', hex('7fff'))],
    ['a column with the length -2', frame('D', hex('0001 fffffffe'))],
    ['a field without its end', frame('E', 'SERROR\0')],
    ['a field without its NUL', frame('E', 'SERROR')],
    ['more options than bytes', frame('v', hex('00030002 7fffffff'))],
    ['an unknown transaction status', frame('Z', 'X')],
    ['more column descriptions than bytes', frame('T', hex('ffff'), 'a\0')],
    ['a ParseComplete with a body', frame('1', 'x')],
  ])('refuses %s', (_, malformed) => {
    expect(() => decodeBackendMessage(malformed)).toThrow(
      expect.objectContaining({ code: 'protocol_violation', message: expect.stringMatching(/^malformed/) }),
    );
  });

  test('refuses types no database sends', () => {
    expect(() => decodeBackendMessage(frame('Q', 'x\0'))).toThrow('unexpected message type "Q" (0x51)');
  });
});

describe('errors and notices', () => {
  test('are encoded with PostgreSQL’s fields in its order', () => {
    const encoded = encodeError({
      severity: 'ERROR',
      sqlstate: 'SL001',
      message: 'naïve',
      detail: 'd',
      hint: 'h',
      position: 7,
    });
    expect(encoded).toEqual(frame('E', 'SERROR\0VERROR\0CSL001\0Mna\xc3\xafve\0Dd\0Hh\0P7\0\0'));
    expect(encodeNotice({ severity: 'NOTICE', sqlstate: '00000', message: 'm' })).toEqual(
      frame('N', 'SNOTICE\0VNOTICE\0C00000\0Mm\0\0'),
    );
  });

  test('can carry every field', () => {
    const report = {
      severity: 'FATAL',
      sqlstate: '08P01',
      message: 'm',
      detail: 'd',
      hint: 'h',
      position: 1,
      internalPosition: 2,
      internalQuery: 'q',
      where: 'w',
      schema: 's',
      table: 't',
      column: 'c',
      dataType: 'y',
      constraint: 'n',
      file: 'f',
      line: 3,
      routine: 'r',
    };
    const message = decodeBackendMessage(encodeError(report));
    if (message.type !== 'ErrorResponse') throw new Error(message.type);
    expect(message.fields.entries.map(({ code }) => code)).toEqual(Object.values(ERROR_FIELD));
    expect(message.fields.get('L')).toBe('3');
  });

  test('cannot be broken by a NUL in a text', () => {
    const message = decodeBackendMessage(
      encodeError({ severity: 'ERROR', sqlstate: '22021', message: 'a\0b' }),
    );
    expect(message.type === 'ErrorResponse' && message.fields.get('M')).toBe('a b');
  });

  test('keep every field they are not told to lose', () => {
    const original = fields(['S', 'ERROR'], ['D', 'secret'], ['D', 'more'], ['M', '\xff'], ['x', 'new']);
    const kept = original.without(new Set(['D']));
    expect(kept.encode('ErrorResponse')).toEqual(frame('E', 'SERROR\0M\xff\0xnew\0\0'));
    expect([kept.has('D'), original.has('D')]).toEqual([false, true]);
    expect([original.get('D'), kept.get('D'), kept.get('M')]).toEqual(['secret', undefined, '\ufffd']);
  });

  test('can have a field replaced in its place, or added', () => {
    const original = fields(['S', 'ERROR'], ['M', 'one'], ['C', '42601'], ['M', 'two']);
    expect(original.with('M', 'é\0').encode('ErrorResponse')).toEqual(
      frame('E', 'SERROR\0M\xc3\xa9 \0C42601\0\0'),
    );
    expect(original.with('H', 'h').encode('NoticeResponse')).toEqual(
      frame('N', 'SERROR\0Mone\0C42601\0Mtwo\0Hh\0\0'),
    );
  });
});

test.each(['', '\0', '\u0100', 'MM'])('a field code of %j is not encoded', (code) => {
  expect(() => new ErrorFields([{ code, value: bytes('x') }]).encode('ErrorResponse')).toThrow(SluiceError);
});

test.each([
  ['SELECT 5', 5],
  ['INSERT 0 3', 3],
  ['COPY 0', 0],
  ['MERGE 123456789012', 123_456_789_012],
  ['CREATE TABLE', undefined],
  ['BEGIN', undefined],
  ['', undefined],
  ['SELECT -1', undefined],
])('the tag %j counts %s rows', (tag, rows) => {
  expect(rowsOfTag(tag)).toBe(rows);
});

// --- properties

const byteText = fc
  .uint8Array({ maxLength: 20 })
  .map((array) => Buffer.from(array.map((byte) => byte || 1)).toString('latin1'));
const cstring = byteText.map(bytes);
const data = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array));
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const uint32 = fc.nat(0xffff_ffff);
const only = <T extends string>(...types: T[]) => fc.constantFrom(...types);
const errorFields = fc
  .array(
    fc.record({ code: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)), value: cstring }),
  )
  .map((entries) => new ErrorFields(entries));

const arbitraryMessage: fc.Arbitrary<BackendMessage> = fc.oneof(
  fc.record({
    type: only(
      'AuthenticationOk',
      'AuthenticationKerberosV5',
      'AuthenticationCleartextPassword',
      'AuthenticationGSS',
      'AuthenticationSSPI',
    ),
  }),
  fc.record({
    type: only('AuthenticationMD5Password'),
    salt: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((array) => Buffer.from(array)),
  }),
  fc.record({
    type: only('AuthenticationSASL'),
    mechanisms: fc.array(
      byteText.map((text) => `M${text}`),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    type: only(
      'AuthenticationGSSContinue',
      'AuthenticationSASLContinue',
      'AuthenticationSASLFinal',
      'CopyData',
    ),
    data,
  }),
  fc.record({
    type: only('BackendKeyData'),
    processId: uint32,
    secret: fc.uint8Array({ minLength: 4, maxLength: 256 }).map((array) => Buffer.from(array)),
  }),
  fc.record({
    type: only(
      'ParseComplete',
      'BindComplete',
      'CloseComplete',
      'EmptyQueryResponse',
      'NoData',
      'PortalSuspended',
      'CopyDone',
    ),
  }),
  fc.record({ type: only('CommandComplete'), tag: byteText }),
  fc.record({ type: only('DataRow'), columns: fc.array(fc.option(data), { maxLength: 6 }) }),
  fc.record({
    type: only('CopyInResponse', 'CopyOutResponse', 'CopyBothResponse'),
    format: fc.constantFrom(0 as const, 1 as const),
    columnFormats: fc.array(int16, { maxLength: 5 }),
  }),
  fc.record({ type: only('ErrorResponse', 'NoticeResponse'), fields: errorFields }),
  fc.record({ type: only('FunctionCallResponse'), result: fc.option(data) }),
  fc.record({
    type: only('NegotiateProtocolVersion'),
    major: fc.nat(0x7fff),
    minor: fc.nat(0xffff),
    unrecognizedOptions: fc.array(byteText, { maxLength: 4 }),
  }),
  fc.record({ type: only('NotificationResponse'), processId: uint32, channel: cstring, payload: cstring }),
  fc.record({ type: only('ParameterDescription'), parameterTypes: fc.array(uint32, { maxLength: 5 }) }),
  fc.record({ type: only('ParameterStatus'), name: byteText, value: byteText }),
  fc.record({
    type: only('ReadyForQuery'),
    status: fc.constantFrom('I' as const, 'T' as const, 'E' as const),
  }),
  fc.record({
    type: only('RowDescription'),
    columns: fc.array(
      fc.record({
        name: cstring,
        tableOid: uint32,
        columnNumber: int16,
        typeOid: uint32,
        typeSize: int16,
        typeModifier: fc.integer(),
        format: int16,
      }),
      { maxLength: 4 },
    ),
  }),
);

test('decode inverts encode', () => {
  fc.assert(
    fc.property(arbitraryMessage, (message) => {
      const encoded = encodeBackendMessage(message);
      expect(encoded.readInt32BE(1)).toBe(encoded.length - 1);
      expect(decodeBackendMessage(encoded)).toEqual(message);
    }),
    { numRuns: 1_000 },
  );
});

test('encode inverts decode for whatever decodes, and nothing but SluiceError is thrown', () => {
  const type = fc.oneof(fc.constantFrom(...Object.values(BACKEND_TYPE)), fc.nat(255));
  const damaged = fc.tuple(arbitraryMessage, fc.nat(), fc.nat(255)).map(([message, at, byte]) => {
    const encoded = Buffer.from(encodeBackendMessage(message));
    if (encoded.length > 5) encoded[5 + (at % (encoded.length - 5))] = byte;
    return encoded;
  });
  const random = fc.tuple(type, data).map(([byte, body]) => {
    const input = frame('?', body.toString('latin1'));
    input[0] = byte;
    return input;
  });
  fc.assert(
    fc.property(fc.oneof(damaged, random), (input) => {
      try {
        expect(encodeBackendMessage(decodeBackendMessage(input))).toEqual(input);
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw thrown;
      }
    }),
    { numRuns: 5_000 },
  );
});
