/**
 * The messages a database sends, as types. Buffers are in client_encoding where they are text, without the NUL; after
 * decoding they are views of the body.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import type { Authentication } from './authentication.ts';
import type { ByteString } from './byte-string.ts';
import type { ErrorFields } from './error-fields.ts';

/** What a client needs to cancel: 4 bytes of key in protocol 3.0, up to 256 in 3.2. */
export interface BackendKeyData {
  readonly type: 'BackendKeyData';
  readonly processId: number;
  readonly secret: Buffer;
}

export interface CommandComplete {
  readonly type: 'CommandComplete';
  /** `SELECT 5`, `INSERT 0 1`, `CREATE TABLE`; see `rowsOfTag`. */
  readonly tag: ByteString;
}

export interface DataRow {
  readonly type: 'DataRow';
  readonly columns: readonly (Buffer | null)[];
}

/** The start of a copy. `format`: 0 text, 1 binary. */
export interface CopyResponse {
  readonly type: 'CopyInResponse' | 'CopyOutResponse' | 'CopyBothResponse';
  readonly format: 0 | 1;
  readonly columnFormats: readonly number[];
}

export interface BackendCopyData {
  readonly type: 'CopyData';
  readonly data: Buffer;
}

export interface ErrorOrNotice {
  readonly type: 'ErrorResponse' | 'NoticeResponse';
  readonly fields: ErrorFields;
}

export interface FunctionCallResponse {
  readonly type: 'FunctionCallResponse';
  readonly result: Buffer | null;
}

export interface NegotiateProtocolVersion {
  readonly type: 'NegotiateProtocolVersion';
  readonly major: number;
  /** The version that will be spoken: the newest the server has, or the one requested if that is older. */
  readonly minor: number;
  readonly unrecognizedOptions: readonly ByteString[];
}

export interface NotificationResponse {
  readonly type: 'NotificationResponse';
  readonly processId: number;
  readonly channel: Buffer;
  readonly payload: Buffer;
}

export interface ParameterDescription {
  readonly type: 'ParameterDescription';
  readonly parameterTypes: readonly number[];
}

export interface ParameterStatus {
  readonly type: 'ParameterStatus';
  readonly name: ByteString;
  readonly value: ByteString;
}

/** `I` idle, `T` in a transaction block, `E` in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

export interface ReadyForQuery {
  readonly type: 'ReadyForQuery';
  readonly status: TransactionStatus;
}

export interface ColumnDescription {
  /** In client_encoding. */
  readonly name: Buffer;
  /** 0 if the column is not one of a table. */
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  /** Negative for types of variable width. */
  readonly typeSize: number;
  readonly typeModifier: number;
  /** 0 text, 1 binary. */
  readonly format: number;
}

export interface RowDescription {
  readonly type: 'RowDescription';
  readonly columns: readonly ColumnDescription[];
}

/** Messages that are nothing but their type. */
export interface BareBackendMessage {
  readonly type:
    | 'ParseComplete'
    | 'BindComplete'
    | 'CloseComplete'
    | 'EmptyQueryResponse'
    | 'NoData'
    | 'PortalSuspended'
    | 'CopyDone';
}

export type BackendMessage =
  | Authentication
  | BackendKeyData
  | CommandComplete
  | DataRow
  | CopyResponse
  | BackendCopyData
  | ErrorOrNotice
  | FunctionCallResponse
  | NegotiateProtocolVersion
  | NotificationResponse
  | ParameterDescription
  | ParameterStatus
  | ReadyForQuery
  | RowDescription
  | BareBackendMessage;
