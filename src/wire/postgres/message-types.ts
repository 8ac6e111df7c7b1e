/**
 * The type bytes of protocol 3 and how large a frame of each type may be. Tables only.
 *
 * Some bytes mean one thing from the client and another from the database (`C`, `D`, `E`, `H`, `S`), and every
 * response to an authentication request is a `p`, so a byte alone never names a message.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */

/** Type bytes of messages a client sends. `PasswordMessage` is also every SASL and GSS response. */
export const FRONTEND_TYPE = {
  Bind: 0x42, // B
  Close: 0x43, // C
  Describe: 0x44, // D
  Execute: 0x45, // E
  FunctionCall: 0x46, // F
  Flush: 0x48, // H
  Parse: 0x50, // P
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
  CopyDone: 0x63, // c
  CopyData: 0x64, // d
  CopyFail: 0x66, // f
  PasswordMessage: 0x70, // p
} as const;

/** Type bytes of messages a database sends. */
export const BACKEND_TYPE = {
  ParseComplete: 0x31, // 1
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  NotificationResponse: 0x41, // A
  CommandComplete: 0x43, // C
  DataRow: 0x44, // D
  ErrorResponse: 0x45, // E
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  EmptyQueryResponse: 0x49, // I
  BackendKeyData: 0x4b, // K
  NoticeResponse: 0x4e, // N
  Authentication: 0x52, // R
  ParameterStatus: 0x53, // S
  RowDescription: 0x54, // T
  FunctionCallResponse: 0x56, // V
  CopyBothResponse: 0x57, // W
  ReadyForQuery: 0x5a, // Z
  CopyDone: 0x63, // c
  CopyData: 0x64, // d
  NoData: 0x6e, // n
  PortalSuspended: 0x73, // s
  ParameterDescription: 0x74, // t
  NegotiateProtocolVersion: 0x76, // v
} as const;

/** PostgreSQL's PQ_SMALL_MESSAGE_LIMIT plus the type byte: nothing of these types is ever longer. */
const SMALL_FRAME_BYTES = 10_001;

/** The longest frame the protocol can express: a type byte and what a signed 32-bit length can count. */
export const MAX_FRAME_BYTES = 0x8000_0000;

const LARGE_FRONTEND_TYPES: ReadonlySet<number> = new Set([
  FRONTEND_TYPE.Bind,
  FRONTEND_TYPE.CopyData,
  FRONTEND_TYPE.FunctionCall,
  FRONTEND_TYPE.Parse,
  FRONTEND_TYPE.Query,
]);

const DATA_BACKEND_TYPES: ReadonlySet<number> = new Set([BACKEND_TYPE.CopyData, BACKEND_TYPE.DataRow]);

/**
 * Limits for what clients send, in bytes of the whole frame: `largeFrameBytes` for types that carry text or values,
 * PostgreSQL's own 10,000 for the rest, 0 (refused) for types no client may send.
 */
export function frontendFrameLimit(largeFrameBytes: number): (type: number) => number {
  const limits = new Map<number, number>();
  for (const type of Object.values(FRONTEND_TYPE)) {
    limits.set(type, LARGE_FRONTEND_TYPES.has(type) ? largeFrameBytes : SMALL_FRAME_BYTES);
  }
  return (type) => limits.get(type) ?? 0;
}

/**
 * Limits for what a database sends, in bytes of the whole frame: none for rows and copy data, `controlFrameBytes` for
 * every other type, 0 (refused) for types no database may send.
 */
export function backendFrameLimit(controlFrameBytes: number): (type: number) => number {
  const limits = new Map<number, number>();
  for (const type of Object.values(BACKEND_TYPE)) {
    limits.set(type, DATA_BACKEND_TYPES.has(type) ? MAX_FRAME_BYTES : controlFrameBytes);
  }
  return (type) => limits.get(type) ?? 0;
}

/**
 * Flags for a `FrameWalker`: 1 for every type byte but those given. Types that are not in the protocol get 1 too, so
 * that they are looked at and refused rather than relayed.
 */
export function wholeFramesExcept(...countedTypes: readonly number[]): Uint8Array {
  const flags = new Uint8Array(256).fill(1);
  for (const type of countedTypes) flags[type] = 0;
  return flags;
}
