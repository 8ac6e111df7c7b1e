/**
 * Every message a client sends after start-up (frontend-messages.ts), decoded and encoded. Strict: a body that is not
 * exactly what the protocol says is refused. It copies no bytes: Buffers in messages are views of the body they were
 * decoded from.
 *
 * Statement texts, values and whatever else depends on client_encoding stay Buffers; names are byte strings.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import { BodyReader, malformed } from './body-reader.ts';
import type { ByteString } from './byte-string.ts';
import { FrameBuilder } from './frame-builder.ts';
import type {
  AuthenticationResponse,
  Bind,
  Close,
  Describe,
  Execute,
  FrontendMessage,
  FunctionCall,
  Parse,
  SASLInitialResponse,
  Target,
} from './frontend-messages.ts';
import { FRONTEND_TYPE } from './message-types.ts';
import { HEADER_BYTES, typeName } from './partial-frame.ts';

type FrontendType = FrontendMessage['type'];

const BARE = {
  [FRONTEND_TYPE.Sync]: { type: 'Sync' },
  [FRONTEND_TYPE.Flush]: { type: 'Flush' },
  [FRONTEND_TYPE.CopyDone]: { type: 'CopyDone' },
  [FRONTEND_TYPE.Terminate]: { type: 'Terminate' },
} as const;

/**
 * Decodes a whole frame. A `p` frame means whatever was asked for last, which only the caller knows: `expected`.
 * @throws {SluiceError} protocol_violation
 */
export function decodeFrontendMessage(
  frame: Buffer,
  expected: AuthenticationResponse['type'] = 'PasswordMessage',
): FrontendMessage {
  const body = frame.subarray(HEADER_BYTES);
  const byte = frame[0]!;
  switch (byte) {
    case FRONTEND_TYPE.Query:
      return { type: 'Query', text: queryText(body) };
    case FRONTEND_TYPE.Parse:
      return decodeParse(body);
    case FRONTEND_TYPE.Bind:
      return decodeBind(body);
    case FRONTEND_TYPE.Describe:
      return decodeDescribe(body);
    case FRONTEND_TYPE.Close:
      return decodeClose(body);
    case FRONTEND_TYPE.Execute:
      return decodeExecute(body);
    case FRONTEND_TYPE.CopyData:
      return { type: 'CopyData', data: body };
    case FRONTEND_TYPE.CopyFail:
      return { type: 'CopyFail', reason: onlyString('CopyFail', body) };
    case FRONTEND_TYPE.FunctionCall:
      return decodeFunctionCall(body);
    case FRONTEND_TYPE.PasswordMessage:
      return decodeAuthenticationResponse(body, expected);
    case FRONTEND_TYPE.Sync:
    case FRONTEND_TYPE.Flush:
    case FRONTEND_TYPE.CopyDone:
    case FRONTEND_TYPE.Terminate:
      new BodyReader(BARE[byte].type, body).end();
      return BARE[byte];
    default:
      throw new SluiceError('protocol_violation', `unexpected message type ${typeName(byte)}`);
  }
}

/**
 * The text of a Query body: a view without its NUL.
 * @throws {SluiceError} protocol_violation
 */
export function queryText(body: Buffer): Buffer {
  return onlyString('Query', body);
}

function onlyString(type: FrontendType, body: Buffer): Buffer {
  const end = body.length - 1;
  if (body.indexOf(0) !== end || end < 0) throw malformed(type, 'Its string does not end with the message.');
  return body.subarray(0, end);
}

/** @throws {SluiceError} protocol_violation */
export function decodeParse(body: Buffer): Parse {
  const reader = new BodyReader('Parse', body);
  const statement = reader.byteString();
  const text = reader.cstring();
  const parameterTypes = reader.uint32List();
  reader.end();
  return { type: 'Parse', statement, text, parameterTypes };
}

/** Whether there are as many formats as values is for the database to say. @throws {SluiceError} protocol_violation */
export function decodeBind(body: Buffer): Bind {
  const reader = new BodyReader('Bind', body);
  const portal = reader.byteString();
  const statement = reader.byteString();
  const parameterFormats = reader.int16List();
  const parameters = reader.values();
  const resultFormats = reader.int16List();
  reader.end();
  return { type: 'Bind', portal, statement, parameterFormats, parameters, resultFormats };
}

/** The format code of one parameter: 0 text, 1 binary. */
export function formatOf(formats: readonly number[], index: number): number {
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
}

/** @throws {SluiceError} protocol_violation */
export function decodeDescribe(body: Buffer): Describe {
  return { type: 'Describe', ...decodeTarget('Describe', body) };
}

/** @throws {SluiceError} protocol_violation */
export function decodeClose(body: Buffer): Close {
  return { type: 'Close', ...decodeTarget('Close', body) };
}

function decodeTarget(type: 'Describe' | 'Close', body: Buffer): { target: Target; name: ByteString } {
  const reader = new BodyReader(type, body);
  const target = String.fromCharCode(reader.uint8());
  if (target !== 'S' && target !== 'P') reader.fail('Its target is neither a statement nor a portal.');
  const name = reader.byteString();
  reader.end();
  return { target: target as Target, name };
}

/** @throws {SluiceError} protocol_violation */
export function decodeExecute(body: Buffer): Execute {
  const reader = new BodyReader('Execute', body);
  const portal = reader.byteString();
  const maxRows = reader.int32();
  reader.end();
  return { type: 'Execute', portal, maxRows };
}

/** @throws {SluiceError} protocol_violation */
export function decodeFunctionCall(body: Buffer): FunctionCall {
  const reader = new BodyReader('FunctionCall', body);
  const functionOid = reader.uint32();
  const argumentFormats = reader.int16List();
  const values = reader.values();
  const resultFormat = reader.int16();
  reader.end();
  return { type: 'FunctionCall', functionOid, argumentFormats, arguments: values, resultFormat };
}

function decodeAuthenticationResponse(
  body: Buffer,
  type: AuthenticationResponse['type'],
): AuthenticationResponse {
  switch (type) {
    case 'PasswordMessage':
      return { type, password: onlyString(type, body) };
    case 'SASLInitialResponse':
      return decodeSaslInitialResponse(body);
    case 'SASLResponse':
    case 'GSSResponse':
      return { type, data: body };
  }
}

/** @throws {SluiceError} protocol_violation */
export function decodeSaslInitialResponse(body: Buffer): SASLInitialResponse {
  const reader = new BodyReader('SASLInitialResponse', body);
  const mechanism = reader.byteString();
  const data = reader.value();
  reader.end();
  return { type: 'SASLInitialResponse', mechanism, data };
}

const start = (type: keyof typeof FRONTEND_TYPE, sizeHintBytes?: number): FrameBuilder =>
  new FrameBuilder(FRONTEND_TYPE[type], sizeHintBytes);

/** The text without a NUL: bytes in client_encoding, or text that becomes UTF-8. */
export function encodeQuery(text: Buffer | string): Buffer {
  return start('Query', text.length + 1)
    .cstring(text)
    .finish();
}

export function encodeParse(
  statement: ByteString,
  text: Buffer | string,
  parameterTypes: readonly number[] = [],
): Buffer {
  return start('Parse', statement.length + text.length + 4 * parameterTypes.length + 4)
    .byteString(statement)
    .cstring(text)
    .uint32List(parameterTypes)
    .finish();
}

/** Text becomes UTF-8. The frame holds a secret. */
export function encodePasswordMessage(password: Buffer | string): Buffer {
  return start('PasswordMessage').cstring(password).finish();
}

export function encodeSaslInitialResponse(mechanism: ByteString, data: Buffer | null): Buffer {
  return start('PasswordMessage').byteString(mechanism).value(data).finish();
}

export function encodeSaslResponse(data: Buffer): Buffer {
  return start('PasswordMessage', data.length).bytes(data).finish();
}

function encodeBind(message: Bind): Buffer {
  return start('Bind')
    .byteString(message.portal)
    .byteString(message.statement)
    .int16List(message.parameterFormats)
    .values(message.parameters)
    .int16List(message.resultFormats)
    .finish();
}

function encodeTarget(message: Describe | Close): Buffer {
  return start(message.type).uint8(message.target.charCodeAt(0)).byteString(message.name).finish();
}

function encodeFunctionCall(message: FunctionCall): Buffer {
  return start('FunctionCall')
    .uint32(message.functionOid)
    .int16List(message.argumentFormats)
    .values(message.arguments)
    .int16(message.resultFormat)
    .finish();
}

/**
 * The whole frame of a message.
 * @throws {SluiceError} protocol_violation for what the protocol cannot say, such as a NUL inside a string
 */
export function encodeFrontendMessage(message: FrontendMessage): Buffer {
  switch (message.type) {
    case 'Query':
      return encodeQuery(message.text);
    case 'Parse':
      return encodeParse(message.statement, message.text, message.parameterTypes);
    case 'Bind':
      return encodeBind(message);
    case 'Describe':
    case 'Close':
      return encodeTarget(message);
    case 'Execute':
      return start('Execute').byteString(message.portal).int32(message.maxRows).finish();
    case 'CopyData':
      return start('CopyData', message.data.length).bytes(message.data).finish();
    case 'CopyFail':
      return start('CopyFail').cstring(message.reason).finish();
    case 'FunctionCall':
      return encodeFunctionCall(message);
    case 'Sync':
    case 'Flush':
    case 'CopyDone':
    case 'Terminate':
      return start(message.type, 0).finish();
    case 'PasswordMessage':
      return encodePasswordMessage(message.password);
    case 'SASLInitialResponse':
      return encodeSaslInitialResponse(message.mechanism, message.data);
    case 'SASLResponse':
    case 'GSSResponse':
      return encodeSaslResponse(message.data);
  }
}
