/**
 * What a client sends before its first typed frame: requests for encryption, cancel requests, the start-up message.
 * These packets have no type byte: an int32 length that counts itself, an int32 code, the rest.
 *
 * It decides nothing: whether TLS is offered or a key fits is the caller's business. Bytes after a packet stay in the
 * reader: after an SSLRequest there must be none (they would be plain text that someone slipped in before the
 * handshake), so a caller checks `bufferedBytes` before it answers.
 *
 * https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { isUtf8 } from 'node:buffer';
import { SluiceError } from '../../errors/sluice-error.ts';
import { BodyReader, malformed } from './body-reader.ts';
import { FrameBuilder } from './frame-builder.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { int32At } from './partial-frame.ts';

/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH, which does not count the length word. */
export const MAX_STARTUP_BYTES = 10_000;
/** Keys of cancel requests, in bytes. Protocol 3.0 knows only the shortest. */
export const CANCEL_KEY_BYTES = { min: 4, max: 256 } as const;
/** The newest minor version of protocol 3 that this library speaks. 3.1 was never released. */
export const NEWEST_MINOR = 2;

/** The one byte that answers an SSLRequest or GSSENCRequest. */
export const ENCRYPTION_REPLY = {
  ssl: Buffer.from('S'),
  gss: Buffer.from('G'),
  none: Buffer.from('N'),
} as const;

const CODE = {
  cancel: (1234 << 16) | 5678,
  ssl: (1234 << 16) | 5679,
  gssenc: (1234 << 16) | 5680,
} as const;
const PROTOCOL_MAJOR = 3;
const LENGTH_BYTES = 4;
const TLS_HANDSHAKE = 0x16;

export interface SSLRequest {
  readonly type: 'SSLRequest';
}

export interface GSSENCRequest {
  readonly type: 'GSSENCRequest';
}

export interface CancelRequest {
  readonly type: 'CancelRequest';
  readonly processId: number;
  /** 4 to 256 bytes. */
  readonly secret: Buffer;
}

export interface StartupMessage {
  readonly type: 'StartupMessage';
  /** Always 3. */
  readonly major: number;
  readonly minor: number;
  /** `user`, `database`, `options`, `replication` and settings. Names are as sent; the last of equal names counts. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Those whose names begin with `_pq_.`; the names keep the prefix. */
  readonly protocolOptions: ReadonlyMap<string, string>;
}

export type StartupPacket = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage;

/** True if a connection's first byte begins a TLS handshake (libpq's `sslnegotiation=direct`): no packet begins so. */
export function beginsTls(firstByte: number): boolean {
  return firstByte === TLS_HANDSHAKE;
}

/**
 * Decodes one packet, length word included.
 * @throws {SluiceError} protocol_violation if malformed; unsupported for another major version
 */
export function decodeStartup(packet: Buffer): StartupPacket {
  const reader = new BodyReader('start-up', packet);
  if (reader.int32() !== packet.length) reader.fail('Its length is wrong.');
  const code = reader.int32();
  switch (code) {
    case CODE.ssl:
      reader.end();
      return { type: 'SSLRequest' };
    case CODE.gssenc:
      reader.end();
      return { type: 'GSSENCRequest' };
    case CODE.cancel:
      return decodeCancelRequest(new BodyReader('CancelRequest', packet, 8));
    default:
      return decodeStartupMessage(code, new BodyReader('StartupMessage', packet, 8));
  }
}

function decodeCancelRequest(reader: BodyReader): CancelRequest {
  const processId = reader.uint32();
  const secret = reader.rest();
  if (secret.length < CANCEL_KEY_BYTES.min || secret.length > CANCEL_KEY_BYTES.max) {
    reader.fail(`Its key has ${secret.length} bytes.`);
  }
  return { type: 'CancelRequest', processId, secret };
}

function decodeStartupMessage(code: number, reader: BodyReader): StartupMessage {
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== PROTOCOL_MAJOR) {
    throw new SluiceError(
      'unsupported',
      `unsupported frontend protocol ${major}.${minor}: server supports ${PROTOCOL_MAJOR}.0 to ${PROTOCOL_MAJOR}.${NEWEST_MINOR}`,
    );
  }
  const parameters = new Map<string, string>();
  const protocolOptions = new Map<string, string>();
  for (;;) {
    const name = utf8(reader.cstring());
    if (name === '') break;
    const value = utf8(reader.cstring());
    (name.startsWith('_pq_.') ? protocolOptions : parameters).set(name, value);
  }
  reader.end();
  return { type: 'StartupMessage', major, minor, parameters, protocolOptions };
}

/** Strict: two different names must never read as the same one. */
function utf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw malformed('StartupMessage', 'A name or value is not valid UTF-8.');
  return bytes.toString('utf8');
}

export function encodeSslRequest(): Buffer {
  return new FrameBuilder(undefined, 4).int32(CODE.ssl).finish();
}

export function encodeGssencRequest(): Buffer {
  return new FrameBuilder(undefined, 4).int32(CODE.gssenc).finish();
}

/** `secret` is 4 to 256 bytes, as BackendKeyData gave it. */
export function encodeCancelRequest(processId: number, secret: Buffer): Buffer {
  return new FrameBuilder(undefined).int32(CODE.cancel).uint32(processId).bytes(secret).finish();
}

/**
 * Parameters become UTF-8, in the maps' order.
 * @throws {SluiceError} protocol_violation for an empty name, or a name or value that holds a NUL
 */
export function encodeStartupMessage(
  message: Pick<StartupMessage, 'parameters'> & Partial<Omit<StartupMessage, 'type'>>,
): Buffer {
  const { major = PROTOCOL_MAJOR, minor = 0, parameters, protocolOptions = new Map() } = message;
  const builder = new FrameBuilder(undefined, 256).int32((major << 16) | minor);
  for (const [name, value] of [...parameters, ...protocolOptions]) {
    if (name === '') throw malformed('StartupMessage', 'A name is empty.');
    builder.cstring(name).cstring(value);
  }
  return builder.uint8(0).finish();
}

/** Which version is spoken after a start-up message, and what the client must be told about it. */
export interface Negotiation {
  /** The older of the client's minor version and ours. Keys of more than 4 bytes need 2. */
  readonly minor: number;
  /** The names of protocol options that are not known here: all of them. */
  readonly unrecognizedOptions: readonly string[];
  /** True if a NegotiateProtocolVersion must be sent before authentication. */
  readonly mustTell: boolean;
}

/** Negotiates as PostgreSQL does: a newer minor version or unknown options are no error, but the client is told. */
export function negotiateProtocol(startup: StartupMessage, newestMinor: number = NEWEST_MINOR): Negotiation {
  const unrecognizedOptions = [...startup.protocolOptions.keys()];
  return {
    minor: Math.min(startup.minor, newestMinor),
    unrecognizedOptions,
    mustTell: startup.minor > newestMinor || unrecognizedOptions.length > 0,
  };
}

/** An incremental reader for the packets of this module: `push` what arrived, then `next` until it returns undefined. */
export class StartupReader {
  readonly #bytes = new GrowingBytes();

  /** Bytes pushed and not yet returned in a packet. */
  get bufferedBytes(): number {
    return this.#bytes.length;
  }

  push(chunk: Buffer): void {
    this.#bytes.append(chunk, 0, chunk.length);
  }

  /**
   * The next packet, or undefined if more bytes are needed.
   * @throws {SluiceError} protocol_violation as soon as a length is seen that is wrong or too long; unsupported
   */
  next(): StartupPacket | undefined {
    const buffered = this.#bytes.view();
    if (buffered.length < LENGTH_BYTES) return undefined;
    const length = int32At(buffered, 0);
    if (length < 8 || length > LENGTH_BYTES + MAX_STARTUP_BYTES) {
      throw new SluiceError('protocol_violation', 'invalid length of startup packet');
    }
    if (buffered.length < length) return undefined;
    const packet = decodeStartup(buffered.subarray(0, length));
    const rest = buffered.subarray(length);
    this.#bytes.take();
    this.#bytes.append(rest, 0, rest.length);
    return packet;
  }

  /** Takes out everything that was not returned in a packet: the first typed frames, if the client did not wait. */
  takeRest(): Buffer {
    return this.#bytes.take();
  }
}
