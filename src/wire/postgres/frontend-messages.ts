/**
 * The messages a client sends after start-up, as types. Buffers are in client_encoding where they are text, without the NUL;
 * after decoding they are views of the body.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import type { ByteString } from './byte-string.ts';

export interface Query {
  readonly type: 'Query';
  /** In client_encoding, without the NUL. */
  readonly text: Buffer;
}

export interface Parse {
  readonly type: 'Parse';
  /** Empty for the unnamed statement. */
  readonly statement: ByteString;
  /** In client_encoding, without the NUL. */
  readonly text: Buffer;
  /** OIDs; 0 leaves the type to the database. May be fewer than the statement has parameters. */
  readonly parameterTypes: readonly number[];
}

export interface Bind {
  readonly type: 'Bind';
  /** Empty for the unnamed portal. */
  readonly portal: ByteString;
  readonly statement: ByteString;
  /** 0 is text, 1 is binary. None: all text; one: it holds for all; else one for each parameter. */
  readonly parameterFormats: readonly number[];
  readonly parameters: readonly (Buffer | null)[];
  /** As `parameterFormats`, for the columns of the result. */
  readonly resultFormats: readonly number[];
}

/** A prepared statement (`S`) or a portal (`P`). */
export type Target = 'S' | 'P';

export interface Describe {
  readonly type: 'Describe';
  readonly target: Target;
  readonly name: ByteString;
}

export interface Close {
  readonly type: 'Close';
  readonly target: Target;
  readonly name: ByteString;
}

export interface Execute {
  readonly type: 'Execute';
  readonly portal: ByteString;
  /** 0 (or less) is no limit. */
  readonly maxRows: number;
}

export interface CopyData {
  readonly type: 'CopyData';
  readonly data: Buffer;
}

export interface CopyFail {
  readonly type: 'CopyFail';
  readonly reason: Buffer;
}

export interface PasswordMessage {
  readonly type: 'PasswordMessage';
  /** Clear text or md5 hash, without the NUL. A secret. */
  readonly password: Buffer;
}

export interface SASLInitialResponse {
  readonly type: 'SASLInitialResponse';
  readonly mechanism: ByteString;
  readonly data: Buffer | null;
}

export interface SASLResponse {
  readonly type: 'SASLResponse';
  readonly data: Buffer;
}

export interface GSSResponse {
  readonly type: 'GSSResponse';
  readonly data: Buffer;
}

export interface FunctionCall {
  readonly type: 'FunctionCall';
  readonly functionOid: number;
  readonly argumentFormats: readonly number[];
  readonly arguments: readonly (Buffer | null)[];
  readonly resultFormat: number;
}

/** Messages that are nothing but their type. */
export interface BareFrontendMessage {
  readonly type: 'Sync' | 'Flush' | 'CopyDone' | 'Terminate';
}

/** The four messages whose type byte is `p`. */
export type AuthenticationResponse = PasswordMessage | SASLInitialResponse | SASLResponse | GSSResponse;

export type FrontendMessage =
  | Query
  | Parse
  | Bind
  | Describe
  | Close
  | Execute
  | CopyData
  | CopyFail
  | FunctionCall
  | BareFrontendMessage
  | AuthenticationResponse;
