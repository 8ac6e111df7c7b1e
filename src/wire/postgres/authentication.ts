/**
 * The Authentication messages: one type byte, told apart by an int32. Part of the backend messages.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { BodyReader } from './body-reader.ts';
import type { ByteString } from './byte-string.ts';
import { FrameBuilder } from './frame-builder.ts';
import { BACKEND_TYPE } from './message-types.ts';

export interface AuthenticationMD5Password {
  readonly type: 'AuthenticationMD5Password';
  /** 4 bytes. */
  readonly salt: Buffer;
}

export interface AuthenticationSASL {
  readonly type: 'AuthenticationSASL';
  /** In the server's order of preference. */
  readonly mechanisms: readonly ByteString[];
}

export interface AuthenticationData {
  readonly type: 'AuthenticationGSSContinue' | 'AuthenticationSASLContinue' | 'AuthenticationSASLFinal';
  readonly data: Buffer;
}

export interface BareAuthentication {
  readonly type:
    | 'AuthenticationOk'
    | 'AuthenticationKerberosV5'
    | 'AuthenticationCleartextPassword'
    | 'AuthenticationGSS'
    | 'AuthenticationSSPI';
}

export type Authentication =
  | AuthenticationMD5Password
  | AuthenticationSASL
  | AuthenticationData
  | BareAuthentication;

const CODE = {
  AuthenticationOk: 0,
  AuthenticationKerberosV5: 2,
  AuthenticationCleartextPassword: 3,
  AuthenticationMD5Password: 5,
  AuthenticationGSS: 7,
  AuthenticationGSSContinue: 8,
  AuthenticationSSPI: 9,
  AuthenticationSASL: 10,
  AuthenticationSASLContinue: 11,
  AuthenticationSASLFinal: 12,
} as const satisfies Record<Authentication['type'], number>;

const TYPES: ReadonlyMap<number, Authentication['type']> = new Map(
  (Object.keys(CODE) as Authentication['type'][]).map((type) => [CODE[type], type]),
);

/** @throws {SluiceError} protocol_violation; methods that are not in protocol 3 any more are refused too */
export function decodeAuthentication(body: Buffer): Authentication {
  const code = new BodyReader('Authentication', body).int32();
  const type = TYPES.get(code);
  const reader = new BodyReader(type ?? 'Authentication', body, 4);
  switch (type) {
    case undefined:
      return reader.fail(`The method ${code} is unknown.`);
    case 'AuthenticationMD5Password': {
      const salt = reader.bytes(4);
      reader.end();
      return { type, salt };
    }
    case 'AuthenticationSASL':
      return { type, mechanisms: decodeMechanisms(reader) };
    case 'AuthenticationGSSContinue':
    case 'AuthenticationSASLContinue':
    case 'AuthenticationSASLFinal':
      return { type, data: reader.rest() };
    default:
      reader.end();
      return { type };
  }
}

function decodeMechanisms(reader: BodyReader): ByteString[] {
  const mechanisms: ByteString[] = [];
  for (let name = reader.byteString(); name !== ''; name = reader.byteString()) mechanisms.push(name);
  reader.end();
  return mechanisms;
}

/** The whole frame. */
export function encodeAuthentication(message: Authentication): Buffer {
  const builder = new FrameBuilder(BACKEND_TYPE.Authentication).int32(CODE[message.type]);
  switch (message.type) {
    case 'AuthenticationMD5Password':
      return builder.bytes(message.salt).finish();
    case 'AuthenticationSASL':
      // An empty name would end the list.
      for (const mechanism of message.mechanisms) if (mechanism !== '') builder.byteString(mechanism);
      return builder.uint8(0).finish();
    case 'AuthenticationGSSContinue':
    case 'AuthenticationSASLContinue':
    case 'AuthenticationSASLFinal':
      return builder.bytes(message.data).finish();
    default:
      return builder.finish();
  }
}
