/**
 * Builds one frame field by field. It refuses what the protocol cannot say (a NUL inside a string, more than 65,535 items):
 * such a string would end early and let its rest be read as other fields.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ByteString } from './byte-string.ts';

const MAX_ITEMS = 0xffff;
const MAX_LENGTH = 0x7fff_ffff;

function unencodable(problem: string): SluiceError {
  return new SluiceError('protocol_violation', `cannot encode the message: ${problem}`);
}

/**
 * All methods but `finish` return the builder. They throw SluiceError protocol_violation for text and lists that cannot be
 * encoded, and RangeError for numbers that do not fit, which is a defect of the caller.
 */
export class FrameBuilder {
  #bytes: Buffer;
  #at = 0;
  readonly #lengthAt: number;

  /** `type` is undefined for start-up packets, which have none. `sizeHintBytes` saves copies if it is large enough. */
  constructor(type: number | undefined, sizeHintBytes = 64) {
    this.#bytes = Buffer.allocUnsafe(sizeHintBytes + 5);
    if (type !== undefined) this.uint8(type);
    this.#lengthAt = this.#at;
    this.int32(0);
  }

  uint8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes.writeUInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  uint32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32BE(value, at);
    return this;
  }

  bytes(value: Buffer): this {
    const at = this.#reserve(value.length);
    value.copy(this.#bytes, at);
    return this;
  }

  /** A string and its NUL: bytes as they are, or text as UTF-8. */
  cstring(value: Buffer | string): this {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    if (bytes.includes(0)) throw unencodable('a string holds a NUL byte');
    return this.bytes(bytes).uint8(0);
  }

  /** A byte string and its NUL. */
  byteString(value: ByteString): this {
    const at = this.#reserve(value.length + 1);
    for (let i = 0; i < value.length; i++) {
      const byte = value.charCodeAt(i);
      if (byte === 0) throw unencodable('a string holds a NUL byte');
      if (byte > 0xff) throw unencodable('a byte string holds a character beyond U+00FF');
      this.#bytes[at + i] = byte;
    }
    this.#bytes[at + value.length] = 0;
    return this;
  }

  value(value: Buffer | null): this {
    if (value === null) return this.int32(-1);
    return this.int32(value.length).bytes(value);
  }

  /** A count and each item as `write` writes it. */
  list<T>(items: readonly T[], write: (item: T) => void): this {
    if (items.length > MAX_ITEMS) throw unencodable(`${items.length} items are more than ${MAX_ITEMS}`);
    const at = this.#reserve(2);
    this.#bytes.writeUInt16BE(items.length, at);
    for (const item of items) write(item);
    return this;
  }

  int16List(items: readonly number[]): this {
    return this.list(items, (item) => this.int16(item));
  }

  uint32List(items: readonly number[]): this {
    return this.list(items, (item) => this.uint32(item));
  }

  values(items: readonly (Buffer | null)[]): this {
    return this.list(items, (item) => this.value(item));
  }

  /** The frame with its length filled in. The builder must not be used again. */
  finish(): Buffer {
    const length = this.#at - this.#lengthAt;
    if (length > MAX_LENGTH) throw unencodable(`${length} bytes are more than a frame can hold`);
    this.#bytes.writeInt32BE(length, this.#lengthAt);
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(count: number): number {
    const at = this.#at;
    this.#at = at + count;
    if (this.#at > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#at, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}
