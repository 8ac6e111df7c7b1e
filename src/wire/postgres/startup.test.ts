import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  beginsTls,
  decodeStartup,
  encodeCancelRequest,
  encodeGssencRequest,
  encodeSslRequest,
  encodeStartupMessage,
  negotiateProtocol,
  type StartupMessage,
  type StartupPacket,
  StartupReader,
} from './index.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A packet with its length word before it. */
function packet(rest: Buffer, length = rest.length + 4): Buffer {
  const bytes = Buffer.alloc(4 + rest.length);
  bytes.writeInt32BE(length);
  rest.copy(bytes, 4);
  return bytes;
}

const startup = (version: string, text: string) =>
  packet(Buffer.concat([hex(version), Buffer.from(text, 'latin1')]));

function encode(message: StartupPacket): Buffer {
  switch (message.type) {
    case 'SSLRequest':
      return encodeSslRequest();
    case 'GSSENCRequest':
      return encodeGssencRequest();
    case 'CancelRequest':
      return encodeCancelRequest(message.processId, message.secret);
    case 'StartupMessage':
      return encodeStartupMessage(message);
  }
}

const EXAMPLES: [string, StartupPacket, Buffer][] = [
  ['SSLRequest', { type: 'SSLRequest' }, hex('00000008 04d2162f')],
  ['GSSENCRequest', { type: 'GSSENCRequest' }, hex('00000008 04d21630')],
  [
    'CancelRequest of 3.0',
    { type: 'CancelRequest', processId: 0xffff_fff0, secret: hex('01020304') },
    hex('00000010 04d2162e fffffff0 01020304'),
  ],
  [
    'CancelRequest of 3.2',
    { type: 'CancelRequest', processId: 7, secret: Buffer.alloc(256, 9) },
    Buffer.concat([hex('0000010c 04d2162e 00000007'), Buffer.alloc(256, 9)]),
  ],
  [
    'StartupMessage',
    {
      type: 'StartupMessage',
      major: 3,
      minor: 2,
      parameters: new Map([
        ['user', 'ali\u00e7e'],
        ['database', ''],
      ]),
      protocolOptions: new Map([['_pq_.x', '1']]),
    },
    startup('00030002', 'user\0ali\xc3\xa7e\0database\0\0_pq_.x\x001\0\0'),
  ],
  [
    'StartupMessage without parameters',
    { type: 'StartupMessage', major: 3, minor: 0, parameters: new Map(), protocolOptions: new Map() },
    startup('00030000', '\0'),
  ],
];

describe('packets', () => {
  test.each(EXAMPLES)('%s', (_, message, bytes) => {
    expect(decodeStartup(bytes)).toEqual(message);
    expect(encode(message)).toEqual(bytes);
  });

  test.each([
    ['a key of 3 bytes', packet(hex('04d2162e 00000001 010203')), /malformed CancelRequest/],
    [
      'a key of 257 bytes',
      packet(Buffer.concat([hex('04d2162e00000001'), Buffer.alloc(257)])),
      /malformed Cancel/,
    ],
    ['no process id', packet(hex('04d2162e 0000')), /malformed CancelRequest/],
    ['an SSLRequest with more', packet(hex('04d2162f 00')), /malformed start-up/],
    ['a GSSENCRequest with more', packet(hex('04d21630 00')), /malformed start-up/],
    ['a name without a value', startup('00030000', 'user\0'), /malformed StartupMessage/],
    ['a value that does not end', startup('00030000', 'user\0alice'), /malformed StartupMessage/],
    ['no terminator', startup('00030000', 'user\0alice\0'), /malformed StartupMessage/],
    ['bytes after the terminator', startup('00030000', 'user\0alice\0\0x'), /malformed StartupMessage/],
    ['a name that is not UTF-8', startup('00030000', 'user\0ali\xe7e\0\0'), /malformed StartupMessage/],
    ['an empty body', startup('00030000', ''), /malformed StartupMessage/],
    ['a wrong length', packet(hex('04d2162f'), 9), /malformed start-up/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeStartup(bytes)).toThrow(message);
    expect(() => decodeStartup(bytes)).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
  });

  test.each(['00020000', '00040000', '04d21631', 'ffffffff'])('does not speak version %s', (version) => {
    expect(() => decodeStartup(startup(version, '\0'))).toThrow(
      expect.objectContaining({ code: 'unsupported', sqlstate: '0A000' }),
    );
  });

  test('the last of equal names counts, as in PostgreSQL', () => {
    const message = decodeStartup(startup('00030000', 'user\0a\0user\0b\0\0')) as StartupMessage;
    expect([...message.parameters]).toEqual([['user', 'b']]);
  });

  test.each([[new Map([['', 'x']])], [new Map([['user', 'a\0database\0b']])], [new Map([['us\0er', 'a']])]])(
    'does not encode what would read as something else: %j',
    (parameters) => {
      expect(() => encodeStartupMessage({ parameters })).toThrow(SluiceError);
    },
  );

  test('decode inverts encode', () => {
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
    const name = text.map((value) => `n${value}`);
    const parameters = fc.array(fc.tuple(name, text), { maxLength: 8 }).map((pairs) => new Map(pairs));
    const options = parameters.map((map) => new Map([...map].map(([key, value]) => [`_pq_.${key}`, value])));
    fc.assert(
      fc.property(fc.nat(0xffff), parameters, options, (minor, first, second) => {
        const message: StartupMessage = {
          type: 'StartupMessage',
          major: 3,
          minor,
          parameters: first,
          protocolOptions: second,
        };
        expect(decodeStartup(encode(message))).toEqual(message);
      }),
    );
  });

  test('throws nothing but SluiceError whatever is decoded', () => {
    const codes = fc.constantFrom('04d2162e', '04d2162f', '04d21630', '00030000', '00030002', '00020000');
    fc.assert(
      fc.property(fc.option(codes), fc.uint8Array({ maxLength: 60 }), (code, rest) => {
        const bytes = packet(Buffer.concat([hex(code ?? ''), Buffer.from(rest)]));
        try {
          expect(encode(decodeStartup(bytes)).length).toBeGreaterThan(0);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SluiceError);
        }
      }),
    );
  });
});

describe('StartupReader', () => {
  const stream = Buffer.concat([...EXAMPLES.map(([, , bytes]) => bytes), Buffer.from('end')]);

  test('gives the same packets at every split point and leaves what follows them', () => {
    for (let at = 0; at <= stream.length; at++) {
      const reader = new StartupReader();
      const packets: StartupPacket[] = [];
      for (const chunk of [stream.subarray(0, at), stream.subarray(at)]) {
        reader.push(chunk);
        for (let next = reader.next(); next !== undefined; next = reader.next()) packets.push(next);
      }
      expect(packets).toEqual(EXAMPLES.map(([, message]) => message));
      expect(reader.bufferedBytes).toBe(3);
      expect(reader.takeRest().toString()).toBe('end');
    }
  });

  test('shows that something follows an SSLRequest', () => {
    const reader = new StartupReader();
    reader.push(Buffer.concat([encodeSslRequest(), Buffer.from('x')]));
    expect(reader.next()).toEqual({ type: 'SSLRequest' });
    expect(reader.bufferedBytes).toBe(1);
  });

  test.each([
    ['a length of 7', '00000007'],
    ['a length of 0', '00000000'],
    ['a negative length', 'ffffffff'],
    ['one byte more than PostgreSQL takes', '00002715'],
    ['an HTTP request', Buffer.from('GET ').toString('hex')],
  ])('refuses %s as soon as the length is there', (_, length) => {
    const reader = new StartupReader();
    reader.push(hex(length).subarray(0, 3));
    expect(reader.next()).toBeUndefined();
    reader.push(hex(length).subarray(3));
    for (let i = 0; i < 2; i++) {
      expect(() => reader.next()).toThrow(/invalid length of startup packet/);
    }
  });

  test('takes a packet as long as PostgreSQL does', () => {
    const value = 'x'.repeat(10_000 - 4 - 'user\0\0\0'.length);
    const bytes = encodeStartupMessage({ parameters: new Map([['user', value]]) });
    expect(bytes.length).toBe(10_004);
    const reader = new StartupReader();
    reader.push(bytes);
    expect(reader.next()?.type).toBe('StartupMessage');
  });
});

describe('negotiation', () => {
  const message = (minor: number, ...options: string[]): StartupMessage => ({
    type: 'StartupMessage',
    major: 3,
    minor,
    parameters: new Map([['user', 'alice']]),
    protocolOptions: new Map(options.map((name) => [name, ''])),
  });

  test.each([
    ['the version asked for', message(0), { minor: 0, unrecognizedOptions: [], mustTell: false }],
    ['our newest', message(2), { minor: 2, unrecognizedOptions: [], mustTell: false }],
    ['a newer one', message(9999), { minor: 2, unrecognizedOptions: [], mustTell: true }],
    ['an option', message(0, '_pq_.x'), { minor: 0, unrecognizedOptions: ['_pq_.x'], mustTell: true }],
  ])('%s', (_, startupMessage, expected) => {
    expect(negotiateProtocol(startupMessage)).toEqual(expected);
  });
});

test('a TLS handshake cannot be taken for a packet', () => {
  expect(beginsTls(0x16)).toBe(true);
  expect(beginsTls(0x00)).toBe(false);
  const reader = new StartupReader();
  reader.push(hex('16030100'));
  expect(() => reader.next()).toThrow(SluiceError);
});
