import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BackendMessage,
  encodeBackendMessage,
  encodeCancelRequest,
  encodeError,
  encodeFrontendMessage,
  encodeGssencRequest,
  encodeSslRequest,
  encodeStartupMessage,
  type FrontendMessage,
  traceEncryptionReply,
  traceFrame,
  traceStartup,
} from './index.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const SECRET = 'hunter2';

const FRONTEND: [FrontendMessage, string][] = [
  [{ type: 'Query', text: bytes('SELECT\n1') }, 'F\t13\tQuery\t "SELECT\\x0a1"'],
  [
    { type: 'Parse', statement: 's', text: bytes('x'), parameterTypes: [23, 0] },
    'F\t18\tParse\t "s" "x" 2 23 0',
  ],
  [
    {
      type: 'Bind',
      portal: '',
      statement: 's',
      parameterFormats: [1],
      parameters: [bytes('\0a'), null],
      resultFormats: [0, 1],
    },
    'F\t29\tBind\t "" "s" 1 1 2 2 \'\\x00a\' -1 2 0 1',
  ],
  [{ type: 'Describe', target: 'S', name: 's' }, 'F\t7\tDescribe\t S "s"'],
  [{ type: 'Close', target: 'P', name: '' }, 'F\t6\tClose\t P ""'],
  [{ type: 'Execute', portal: 'p', maxRows: 5 }, 'F\t10\tExecute\t "p" 5'],
  [{ type: 'Sync' }, 'F\t4\tSync'],
  [{ type: 'Flush' }, 'F\t4\tFlush'],
  [{ type: 'Terminate' }, 'F\t4\tTerminate'],
  [{ type: 'CopyData', data: bytes('x') }, 'F\t5\tCopyData'],
  [{ type: 'CopyDone' }, 'F\t4\tCopyDone'],
  [{ type: 'CopyFail', reason: bytes('no') }, 'F\t7\tCopyFail\t "no"'],
  [
    {
      type: 'FunctionCall',
      functionOid: 1397,
      argumentFormats: [1],
      arguments: [bytes('a')],
      resultFormat: 1,
    },
    "F\t21\tFunctionCall\t 1397 1 1 1 1 'a' 1",
  ],
  [{ type: 'PasswordMessage', password: bytes(SECRET) }, 'F\t12\tPasswordMessage\t "SSSS"'],
  [
    { type: 'SASLInitialResponse', mechanism: 'SCRAM-SHA-256', data: bytes(SECRET) },
    'F\t29\tSASLInitialResponse\t "SCRAM-SHA-256" 7 \'BBBB\'',
  ],
  [{ type: 'SASLInitialResponse', mechanism: 'X', data: null }, 'F\t10\tSASLInitialResponse\t "X" -1'],
  [{ type: 'SASLResponse', data: bytes(SECRET) }, "F\t11\tSASLResponse\t 'BBBB'"],
  [{ type: 'GSSResponse', data: bytes(SECRET) }, "F\t11\tGSSResponse\t 'BBBB'"],
];

const BACKEND: [BackendMessage, string][] = [
  [{ type: 'AuthenticationOk' }, 'B\t8\tAuthenticationOk'],
  [{ type: 'AuthenticationSASL', mechanisms: ['A', 'B'] }, 'B\t13\tAuthenticationSASL\t "A" "B" ""'],
  [{ type: 'AuthenticationSASLFinal', data: bytes(SECRET) }, "B\t15\tAuthenticationSASLFinal\t 'BBBB'"],
  [{ type: 'BackendKeyData', processId: 7, secret: bytes(SECRET) }, 'B\t15\tBackendKeyData\t 7 NNNN'],
  [{ type: 'CommandComplete', tag: 'SELECT 1' }, 'B\t13\tCommandComplete\t "SELECT 1"'],
  [{ type: 'DataRow', columns: [bytes('1'), null] }, "B\t15\tDataRow\t 2 1 '1' -1"],
  [{ type: 'CopyOutResponse', format: 1, columnFormats: [1] }, 'B\t9\tCopyOutResponse\t \\x01 1 1'],
  [{ type: 'FunctionCallResponse', result: null }, 'B\t8\tFunctionCallResponse\t -1'],
  [
    { type: 'NegotiateProtocolVersion', major: 3, minor: 2, unrecognizedOptions: ['_pq_.a'] },
    'B\t19\tNegotiateProtocolVersion\t 196610 1 "_pq_.a"',
  ],
  [
    { type: 'NotificationResponse', processId: 7, channel: bytes('c'), payload: bytes('p') },
    'B\t12\tNotificationResponse\t 7 "c" "p"',
  ],
  [{ type: 'ParameterDescription', parameterTypes: [25] }, 'B\t10\tParameterDescription\t 1 25'],
  [{ type: 'ParameterStatus', name: 'a', value: 'b' }, 'B\t8\tParameterStatus\t "a" "b"'],
  [{ type: 'ReadyForQuery', status: 'T' }, 'B\t5\tReadyForQuery\t T'],
  [
    {
      type: 'RowDescription',
      columns: [
        {
          name: bytes('a'),
          tableOid: 9,
          columnNumber: 1,
          typeOid: 25,
          typeSize: -1,
          typeModifier: -1,
          format: 0,
        },
      ],
    },
    'B\t26\tRowDescription\t 1 "a" 9 1 25 65535 -1 0',
  ],
  [{ type: 'PortalSuspended' }, 'B\t4\tPortalSuspended'],
];

describe('a frame is one line', () => {
  test.each(FRONTEND)('%j', (message, line) => {
    const asked = ['SASLInitialResponse', 'SASLResponse', 'GSSResponse'] as const;
    const expected = asked.find((type) => type === message.type) ?? 'PasswordMessage';
    expect(traceFrame('F', encodeFrontendMessage(message), { expected })).toBe(line);
  });

  test.each(BACKEND)('%j', (message, line) => {
    expect(traceFrame('B', encodeBackendMessage(message))).toBe(line);
  });
});

describe('regress mode', () => {
  const error = encodeError({
    severity: 'ERROR',
    sqlstate: '42601',
    message: 'm',
    file: 'f.c',
    line: 1,
    routine: 'r',
  });

  test('hides what differs from run to run', () => {
    expect(traceFrame('B', error, { regress: true })).toBe(
      'B\tNN\tErrorResponse\t S "ERROR" V "ERROR" C "42601" M "m" F "SSSS" L "SSSS" R "SSSS" \\x00',
    );
    const key = encodeBackendMessage({ type: 'BackendKeyData', processId: 7, secret: bytes(SECRET) });
    expect(traceFrame('B', key, { regress: true })).toBe('B\t15\tBackendKeyData\t NNNN NNNN');
  });

  test('is not the default', () => {
    expect(traceFrame('B', error)).toBe(
      'B\t40\tErrorResponse\t S "ERROR" V "ERROR" C "42601" M "m" F "f.c" L "1" R "r" \\x00',
    );
  });
});

test.each([
  [encodeSslRequest(), 'F\t8\tSSLRequest\t 1234 5679'],
  [encodeGssencRequest(), 'F\t8\tGSSENCRequest\t 1234 5680'],
  [encodeCancelRequest(7, bytes(SECRET)), 'F\t19\tCancelRequest\t 1234 5678 NNNN NNNN'],
  [
    encodeStartupMessage({ minor: 2, parameters: new Map([['user', 'é']]) }),
    'F\t17\tStartupMessage\t 3 2 "user" "\\xc3\\xa9" ""',
  ],
  [
    Buffer.from('0000000800020000', 'hex'),
    'F\t8\tmalformed\t "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"',
  ],
])('a start-up packet is one line: %#', (packet, line) => {
  expect(traceStartup(packet)).toBe(line);
});

test('so is the answer to an encryption request', () => {
  expect(traceEncryptionReply('SSLRequest', 0x53)).toBe('B\t1\tSSLResponse\t S');
  expect(traceEncryptionReply('GSSENCRequest', 0x4e)).toBe('B\t1\tGSSENCResponse\t N');
});

test('anything else is one printable line too', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 5, maxLength: 60 }),
      fc.constantFrom('F', 'B'),
      (random, direction) => {
        const line = traceFrame(direction as 'F', Buffer.from(random));
        expect(line).toMatch(/^[FB]\t\d+\t[A-Za-z0-9]+(\t[\x20-\x7e]*)?$/);
      },
    ),
  );
});
