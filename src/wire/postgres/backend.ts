/**
 * Every message a database sends (backend-messages.ts), decoded and encoded. Strict and without copies, as frontend.ts. Nothing here must be
 * called to relay a frame: rows and copy data can stay bytes.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import { decodeAuthentication, encodeAuthentication } from './authentication.ts';
import type {
  BackendKeyData,
  BackendMessage,
  BareBackendMessage,
  ColumnDescription,
  CommandComplete,
  CopyResponse,
  DataRow,
  FunctionCallResponse,
  NegotiateProtocolVersion,
  NotificationResponse,
  ParameterDescription,
  ParameterStatus,
  ReadyForQuery,
  RowDescription,
  TransactionStatus,
} from './backend-messages.ts';
import { BodyReader } from './body-reader.ts';
import type { ByteString } from './byte-string.ts';
import { ErrorFields } from './error-fields.ts';
import { FrameBuilder } from './frame-builder.ts';
import { BACKEND_TYPE } from './message-types.ts';
import { HEADER_BYTES, typeName } from './partial-frame.ts';
import { CANCEL_KEY_BYTES } from './startup.ts';

/**
 * Decodes a whole frame.
 * @throws {SluiceError} protocol_violation
 */
export function decodeBackendMessage(frame: Buffer): BackendMessage {
  const body = frame.subarray(HEADER_BYTES);
  switch (frame[0]) {
    case BACKEND_TYPE.Authentication:
      return decodeAuthentication(body);
    case BACKEND_TYPE.BackendKeyData:
      return decodeBackendKeyData(body);
    case BACKEND_TYPE.CommandComplete:
      return decodeCommandComplete(body);
    case BACKEND_TYPE.DataRow:
      return decodeDataRow(body);
    case BACKEND_TYPE.CopyData:
      return { type: 'CopyData', data: body };
    case BACKEND_TYPE.CopyInResponse:
      return decodeCopyResponse('CopyInResponse', body);
    case BACKEND_TYPE.CopyOutResponse:
      return decodeCopyResponse('CopyOutResponse', body);
    case BACKEND_TYPE.CopyBothResponse:
      return decodeCopyResponse('CopyBothResponse', body);
    case BACKEND_TYPE.ErrorResponse:
      return { type: 'ErrorResponse', fields: ErrorFields.decode('ErrorResponse', body) };
    case BACKEND_TYPE.NoticeResponse:
      return { type: 'NoticeResponse', fields: ErrorFields.decode('NoticeResponse', body) };
    case BACKEND_TYPE.FunctionCallResponse:
      return decodeFunctionCallResponse(body);
    case BACKEND_TYPE.NegotiateProtocolVersion:
      return decodeNegotiateProtocolVersion(body);
    case BACKEND_TYPE.NotificationResponse:
      return decodeNotificationResponse(body);
    case BACKEND_TYPE.ParameterDescription:
      return decodeParameterDescription(body);
    case BACKEND_TYPE.ParameterStatus:
      return decodeParameterStatus(body);
    case BACKEND_TYPE.ReadyForQuery:
      return decodeReadyForQuery(body);
    case BACKEND_TYPE.RowDescription:
      return decodeRowDescription(body);
    default:
      return decodeBare(frame[0]!, body);
  }
}

const BARE: ReadonlyMap<number, BareBackendMessage> = new Map(
  (
    [
      'ParseComplete',
      'BindComplete',
      'CloseComplete',
      'EmptyQueryResponse',
      'NoData',
      'PortalSuspended',
      'CopyDone',
    ] as const
  ).map((type) => [BACKEND_TYPE[type], { type }]),
);

function decodeBare(byte: number, body: Buffer): BareBackendMessage {
  const message = BARE.get(byte);
  if (message === undefined) {
    throw new SluiceError('protocol_violation', `unexpected message type ${typeName(byte)}`);
  }
  new BodyReader(message.type, body).end();
  return message;
}

function decodeBackendKeyData(body: Buffer): BackendKeyData {
  const reader = new BodyReader('BackendKeyData', body);
  const processId = reader.uint32();
  const secret = reader.rest();
  if (secret.length < CANCEL_KEY_BYTES.min || secret.length > CANCEL_KEY_BYTES.max) {
    reader.fail(`Its key has ${secret.length} bytes.`);
  }
  return { type: 'BackendKeyData', processId, secret };
}

function decodeCommandComplete(body: Buffer): CommandComplete {
  const reader = new BodyReader('CommandComplete', body);
  const tag = reader.byteString();
  reader.end();
  return { type: 'CommandComplete', tag };
}

/** @throws {SluiceError} protocol_violation */
export function decodeDataRow(body: Buffer): DataRow {
  const reader = new BodyReader('DataRow', body);
  const columns = reader.values();
  reader.end();
  return { type: 'DataRow', columns };
}

function decodeCopyResponse(type: CopyResponse['type'], body: Buffer): CopyResponse {
  const reader = new BodyReader(type, body);
  const format = reader.uint8();
  if (format !== 0 && format !== 1) reader.fail(`Its format is ${format}.`);
  const columnFormats = reader.int16List();
  reader.end();
  return { type, format: format as 0 | 1, columnFormats };
}

function decodeFunctionCallResponse(body: Buffer): FunctionCallResponse {
  const reader = new BodyReader('FunctionCallResponse', body);
  const result = reader.value();
  reader.end();
  return { type: 'FunctionCallResponse', result };
}

function decodeNegotiateProtocolVersion(body: Buffer): NegotiateProtocolVersion {
  const reader = new BodyReader('NegotiateProtocolVersion', body);
  const version = reader.uint32();
  const count = reader.uint32();
  const unrecognizedOptions: ByteString[] = [];
  for (let i = 0; i < count; i++) unrecognizedOptions.push(reader.byteString());
  reader.end();
  return {
    type: 'NegotiateProtocolVersion',
    major: version >>> 16,
    minor: version & 0xffff,
    unrecognizedOptions,
  };
}

function decodeNotificationResponse(body: Buffer): NotificationResponse {
  const reader = new BodyReader('NotificationResponse', body);
  const processId = reader.uint32();
  const channel = reader.cstring();
  const payload = reader.cstring();
  reader.end();
  return { type: 'NotificationResponse', processId, channel, payload };
}

function decodeParameterDescription(body: Buffer): ParameterDescription {
  const reader = new BodyReader('ParameterDescription', body);
  const parameterTypes = reader.uint32List();
  reader.end();
  return { type: 'ParameterDescription', parameterTypes };
}

function decodeParameterStatus(body: Buffer): ParameterStatus {
  const reader = new BodyReader('ParameterStatus', body);
  const name = reader.byteString();
  const value = reader.byteString();
  reader.end();
  return { type: 'ParameterStatus', name, value };
}

function decodeReadyForQuery(body: Buffer): ReadyForQuery {
  const reader = new BodyReader('ReadyForQuery', body);
  const status = String.fromCharCode(reader.uint8());
  if (status !== 'I' && status !== 'T' && status !== 'E') reader.fail('Its transaction status is unknown.');
  reader.end();
  return { type: 'ReadyForQuery', status: status as TransactionStatus };
}

function decodeRowDescription(body: Buffer): RowDescription {
  const reader = new BodyReader('RowDescription', body);
  const columns = reader.list(() => ({
    name: reader.cstring(),
    tableOid: reader.uint32(),
    columnNumber: reader.int16(),
    typeOid: reader.uint32(),
    typeSize: reader.int16(),
    typeModifier: reader.int32(),
    format: reader.int16(),
  }));
  reader.end();
  return { type: 'RowDescription', columns };
}

/** The row count at the end of a command tag, or undefined for commands that count none. */
export function rowsOfTag(tag: ByteString): number | undefined {
  const count = tag.slice(tag.lastIndexOf(' ') + 1);
  return /^\d{1,15}$/.test(count) ? Number(count) : undefined;
}

const start = (type: keyof typeof BACKEND_TYPE, sizeHintBytes?: number): FrameBuilder =>
  new FrameBuilder(BACKEND_TYPE[type], sizeHintBytes);

function encodeColumns(columns: readonly ColumnDescription[]): Buffer {
  const builder = start('RowDescription', 32 * columns.length);
  return builder
    .list(columns, (column) =>
      builder
        .cstring(column.name)
        .uint32(column.tableOid)
        .int16(column.columnNumber)
        .uint32(column.typeOid)
        .int16(column.typeSize)
        .int32(column.typeModifier)
        .int16(column.format),
    )
    .finish();
}

function encodeNegotiation(message: NegotiateProtocolVersion): Buffer {
  const builder = start('NegotiateProtocolVersion')
    .int32((message.major << 16) | message.minor)
    .int32(message.unrecognizedOptions.length);
  for (const option of message.unrecognizedOptions) builder.byteString(option);
  return builder.finish();
}

/**
 * The whole frame of a message.
 * @throws {SluiceError} protocol_violation for what the protocol cannot say, such as a NUL inside a string
 */
export function encodeBackendMessage(message: BackendMessage): Buffer {
  switch (message.type) {
    case 'BackendKeyData':
      return start(message.type).uint32(message.processId).bytes(message.secret).finish();
    case 'CommandComplete':
      return start(message.type).byteString(message.tag).finish();
    case 'DataRow':
      return start(message.type).values(message.columns).finish();
    case 'CopyData':
      return start(message.type, message.data.length).bytes(message.data).finish();
    case 'CopyInResponse':
    case 'CopyOutResponse':
    case 'CopyBothResponse':
      return start(message.type).uint8(message.format).int16List(message.columnFormats).finish();
    case 'ErrorResponse':
    case 'NoticeResponse':
      return message.fields.encode(message.type);
    case 'FunctionCallResponse':
      return start(message.type).value(message.result).finish();
    case 'NegotiateProtocolVersion':
      return encodeNegotiation(message);
    case 'NotificationResponse':
      return start(message.type)
        .uint32(message.processId)
        .cstring(message.channel)
        .cstring(message.payload)
        .finish();
    case 'ParameterDescription':
      return start(message.type).uint32List(message.parameterTypes).finish();
    case 'ParameterStatus':
      return start(message.type).byteString(message.name).byteString(message.value).finish();
    case 'ReadyForQuery':
      return start(message.type, 1).uint8(message.status.charCodeAt(0)).finish();
    case 'RowDescription':
      return encodeColumns(message.columns);
    case 'ParseComplete':
    case 'BindComplete':
    case 'CloseComplete':
    case 'EmptyQueryResponse':
    case 'NoData':
    case 'PortalSuspended':
    case 'CopyDone':
      return start(message.type, 0).finish();
    default:
      return encodeAuthentication(message);
  }
}
