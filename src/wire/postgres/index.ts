/**
 * The PostgreSQL frontend/backend protocol, versions 3.0 and 3.2: bytes ↔ messages. A library of its own; it knows nothing of
 * policy, sessions or sockets, performs no I/O and keeps no clock. All of it is imported from here.
 *
 * https://www.postgresql.org/docs/18/protocol.html
 *
 *   client                                                          database
 *     │ SSLRequest ──────────────────────────────────────────────────▶ │   startup.ts
 *     │ ◀─────────────────────────────────────────────────────────── S │
 *     │ ═══════════════════════ TLS handshake ════════════════════════ │
 *     │ StartupMessage ──────────────────────────────────────────────▶ │
 *     │ ◀─────────────────────── NegotiateProtocolVersion (if need be) │   backend.ts
 *     │ ◀────────────────────────────────────────── AuthenticationSASL │   authentication.ts
 *     │ SASLInitialResponse ─────────────────────────────────────────▶ │   scram-client.ts, scram-server.ts
 *     │ ◀────────────────────────────────── AuthenticationSASLContinue │   channel-binding.ts
 *     │ SASLResponse ────────────────────────────────────────────────▶ │
 *     │ ◀─────────────────── AuthenticationSASLFinal, AuthenticationOk │
 *     │ ◀──────────── ParameterStatus …, BackendKeyData, ReadyForQuery │
 *     │                                                                │
 *     │ Query ───────────────────────────────────────────────────────▶ │   frontend.ts
 *     │ ◀─── RowDescription, DataRow …, CommandComplete, ReadyForQuery │   backend.ts
 *     │                                                                │
 *     │ Parse, Bind, Describe, Execute, Sync ────────────────────────▶ │
 *     │ ◀───────────────── ParseComplete, BindComplete, RowDescription │   error-fields.ts
 *     │ ◀─────────────────── DataRow …, CommandComplete, ReadyForQuery │
 *     │ Terminate ───────────────────────────────────────────────────▶ │
 *
 * - `FrameReader` cuts a stream into frames, one by one (frame.ts).
 * - `FrameWalker` passes a stream through, counts rows, shows chosen frames (frame-walker.ts).
 * - `decodeFrontendMessage`, `decodeBackendMessage` and their `encode…` take and give whole frames.
 * - `traceFrame` prints a frame as libpq's PQtrace does (trace.ts).
 *
 * tests/wire/postgres holds all of it to a real server and real drivers.
 *
 * Every failure is a SluiceError: `protocol_violation` for bytes that are not what the protocol says, `unsupported` for
 * what it offers and this library does not. What is decoded are views of the bytes given, never copies: cheap to look at, but
 * a view that is kept keeps the whole chunk, so copy what outlives the message.
 */
export type * from './authentication.ts';
export { decodeBackendMessage, decodeDataRow, encodeBackendMessage, rowsOfTag } from './backend.ts';
export type * from './backend-messages.ts';
export { type ByteString, byteString, byteStringText } from './byte-string.ts';
export { tlsServerEndPoint } from './channel-binding.ts';
export * from './error-fields.ts';
export { Frame, FrameReader } from './frame.ts';
export { type FrameSink, FrameWalker, type FrameWalkerOptions, type RowRoom } from './frame-walker.ts';
export * from './frontend.ts';
export type * from './frontend-messages.ts';
export * from './message-types.ts';
export { type FrameLimit, HEADER_BYTES } from './partial-frame.ts';
export {
  type ChannelBinding,
  deriveMockSalt,
  MAX_SASL_MESSAGE_BYTES,
  makeVerifier,
  md5Password,
  type RandomBytes,
  SCRAM_SHA_256,
  SCRAM_SHA_256_PLUS,
  type ScramVerifier,
} from './scram.ts';
export { MAX_SCRAM_ITERATIONS, ScramClient, type ScramClientOptions } from './scram-client.ts';
export { ScramServer, type ScramServerOptions, type ScramSuccess } from './scram-server.ts';
export * from './startup.ts';
export * from './trace.ts';
