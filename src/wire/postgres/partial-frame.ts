/**
 * One frame that straddles chunks, and the check of a frame's header. Shared by `FrameReader` and `FrameWalker`.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import { GrowingBytes } from './growing-bytes.ts';

/** Type byte and length. */
export const HEADER_BYTES = 5;

/** The longest whole frame allowed for a type, in bytes; 0 refuses the type. */
export type FrameLimit = (type: number) => number;

/** The signed 32-bit big-endian number at `at`. The caller has checked the bounds. */
export function int32At(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/**
 * The bytes of a whole frame whose header claims `length`.
 * @throws {SluiceError} protocol_violation if it is no length, or longer than `maxBytes`
 */
export function checkedFrameBytes(type: number, length: number, maxBytes: number): number {
  if (maxBytes < HEADER_BYTES) {
    throw new SluiceError('protocol_violation', `unexpected message type ${typeName(type)}`);
  }
  if (length < 4 || length + 1 > maxBytes) {
    throw new SluiceError(
      'protocol_violation',
      `invalid message length ${length} for message type ${typeName(type)}`,
      length < 4 ? {} : { detail: `The longest message of that type is ${maxBytes - 1} bytes.` },
    );
  }
  return length + 1;
}

/** A type byte for error texts. */
export function typeName(type: number): string {
  const hex = `0x${type.toString(16).padStart(2, '0')}`;
  return type > 0x20 && type < 0x7f ? `"${String.fromCharCode(type)}" (${hex})` : hex;
}

export class PartialFrame {
  readonly #maxFrameBytes: FrameLimit;
  readonly #bytes = new GrowingBytes();
  /** Bytes of the whole frame, 0 until its header is here and checked. */
  #total = 0;

  constructor(maxFrameBytes: FrameLimit) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  get complete(): boolean {
    return this.#total > 0 && this.#bytes.length === this.#total;
  }

  /**
   * Takes what belongs to this frame from `chunk` at `from` on and returns where it stopped.
   * @throws {SluiceError} protocol_violation; a repeated call throws the same
   */
  take(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#total === 0) {
      const headerEnd = Math.min(chunk.length, at + HEADER_BYTES - this.#bytes.length);
      this.#bytes.append(chunk, at, headerEnd);
      at = headerEnd;
      if (this.#bytes.length < HEADER_BYTES) return at;
      const header = this.#bytes.view();
      this.#total = checkedFrameBytes(header[0]!, int32At(header, 1), this.#maxFrameBytes(header[0]!));
    }
    const end = Math.min(chunk.length, at + this.#total - this.#bytes.length);
    this.#bytes.append(chunk, at, end, this.#total);
    return end;
  }

  /** The whole frame; the caller owns it. */
  finish(): Buffer {
    return this.#bytes.take();
  }
}
