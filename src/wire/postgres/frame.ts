/**
 * Cuts a byte stream into typed frames: a type byte, an int32 length that counts itself, a body. It looks at nothing but
 * the header, allocates nothing because a header claims it, and costs O(bytes) however the stream was chunked.
 *
 * For a direction where most frames only pass through, use `FrameWalker` (frame-walker.ts).
 *
 * https://www.postgresql.org/docs/18/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
 */
import { GrowingBytes } from './growing-bytes.ts';
import { checkedFrameBytes, type FrameLimit, HEADER_BYTES, int32At, PartialFrame } from './partial-frame.ts';

/** One message as it came. */
export class Frame {
  readonly type: number;
  /**
   * The whole frame, header included. A view of the chunk that was pushed, or, if the frame straddled chunks, a buffer of
   * its own. The reader never writes to either again, so it stays valid as long as the caller leaves the chunk alone.
   */
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.type = bytes[0]!;
    this.bytes = bytes;
  }

  /** What follows the header; a view. */
  get body(): Buffer {
    return this.bytes.subarray(HEADER_BYTES);
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * An incremental splitter: `push` what arrived, then take frames with `next` until it returns undefined. After a throw
 * the stream cannot be understood any more; every further `next` throws the same.
 */
export class FrameReader {
  readonly #maxFrameBytes: FrameLimit;
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** What was pushed before the previous chunk was drained. */
  readonly #tail = new GrowingBytes();
  #partial: PartialFrame | undefined;

  /** `maxFrameBytes` is asked once for each frame, when its header is here: bytes of the whole frame, 0 to refuse it. */
  constructor(options: { readonly maxFrameBytes: FrameLimit }) {
    this.#maxFrameBytes = options.maxFrameBytes;
  }

  /** Bytes pushed and not yet returned in a frame. */
  get bufferedBytes(): number {
    return this.#chunk.length - this.#at + this.#tail.length + (this.#partial?.length ?? 0);
  }

  /** Adds bytes. The chunk is kept as it is (no copy) unless the previous one is not drained yet. */
  push(chunk: Buffer): void {
    if (this.#at < this.#chunk.length) {
      this.#tail.append(chunk, 0, chunk.length);
      return;
    }
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next whole frame, or undefined if more bytes are needed.
   * @throws {SluiceError} protocol_violation as soon as a header is seen that is wrong or too long
   */
  next(): Frame | undefined {
    while (this.#at < this.#chunk.length || this.#refill()) {
      const bytes = this.#partial === undefined ? this.#wholeFrame() : this.#completed(this.#partial);
      if (bytes !== undefined) return new Frame(bytes);
      // What is left of the chunk begins a frame that ends in a later one.
      this.#partial ??= new PartialFrame(this.#maxFrameBytes);
    }
    return undefined;
  }

  /**
   * Takes out everything that was not returned in a frame, for a stream that continues under another protocol.
   */
  takeRest(): Buffer {
    const parts = [this.#partial?.finish() ?? NOTHING, this.#chunk.subarray(this.#at), this.#tail.take()];
    this.#partial = undefined;
    this.#chunk = NOTHING;
    this.#at = 0;
    return Buffer.concat(parts);
  }

  #refill(): boolean {
    this.#chunk = this.#tail.length > 0 ? this.#tail.take() : NOTHING;
    this.#at = 0;
    return this.#chunk.length > 0;
  }

  /** A frame that lies in the chunk from its first byte to its last. */
  #wholeFrame(): Buffer | undefined {
    const available = this.#chunk.length - this.#at;
    if (available < HEADER_BYTES) return undefined;
    const type = this.#chunk[this.#at]!;
    const total = checkedFrameBytes(type, int32At(this.#chunk, this.#at + 1), this.#maxFrameBytes(type));
    if (available < total) return undefined;
    const start = this.#at;
    this.#at += total;
    return this.#chunk.subarray(start, this.#at);
  }

  #completed(partial: PartialFrame): Buffer | undefined {
    this.#at = partial.take(this.#chunk, this.#at);
    if (!partial.complete) return undefined;
    this.#partial = undefined;
    return partial.finish();
  }
}
