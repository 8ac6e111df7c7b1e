/**
 * Walks the frames of a stream that mostly passes through. Rows are counted and never touched; only frames of chosen
 * types are put together whole and shown. A chunk in which nothing needs changing is forwarded as one untouched slice.
 *
 * It keeps at most one frame of a chosen type that is still arriving (bounded by `maxFrameBytes`), and of counted frames
 * nothing but four bytes of header and a number.
 *
 * How a relay uses it, `relay` being its own function that writes bytes:
 *
 *     let from = 0;                                   // what of the chunk was relayed so far
 *     const sink = {
 *       onRows: (count, bytes) => { … },
 *       onFrame: (type, frame, start, end) => {
 *         if (start >= 0 && unchanged(frame)) return; // goes with the slice
 *         if (start > from) relay(chunk.subarray(from, start));
 *         relay(changed(frame));                      // its earlier part was withheld, so always the whole frame
 *         from = end;
 *       },
 *     };
 *     const settled = walker.walk(chunk, sink);
 *     if (settled > from) relay(chunk.subarray(from, settled));
 */

import { MAX_FRAME_BYTES } from './message-types.ts';
import { checkedFrameBytes, type FrameLimit, HEADER_BYTES, int32At, PartialFrame } from './partial-frame.ts';

/** How many counted frames may pass; whole frames only. */
export interface RowRoom {
  readonly rows: number;
  readonly bytes: number;
  /** So many frames of so many bytes, which may not all have come yet, take up room. */
  take(rows: number, bytes: number): void;
}

/** Why a walk has ended before its chunk did, between two frames. */
export interface Halt {
  /** Of the frame for which there is no room; undefined if its header has not come whole. */
  readonly frameBytes: number | undefined;
}

/** What a walk reports, in the stream's order. If either method throws, the walker must not be used again. */
export interface FrameSink {
  /**
   * A run of counted frames: `count` of them *begin* in this run, whose `bytes` lie in this chunk. Called at most once
   * between two `onFrame`, with a count of 0 for a run that only continues a frame.
   */
  onRows(count: number, bytes: number): void;
  /** What may pass of a run that begins at that place of the chunk; undefined for all of it. Asked at the beginning of each run. */
  room?(at: number): RowRoom | undefined;
  /**
   * A complete frame of a chosen type. It occupies `chunk[start, end)`; `start` is negative if it began in an earlier
   * chunk, by as many bytes as `walk` withheld there. `frame` is a view of the chunk, or owned if it straddled.
   */
  onFrame(type: number, frame: Buffer, start: number, end: number): void;
}

export interface FrameWalkerOptions {
  /** 256 flags by type byte: 1 for types to show whole, 0 for types to count. See `wholeFramesExcept`. */
  readonly whole: Uint8Array;
  /** Bounds frames that are shown whole; bytes of the whole frame, 0 refuses the type. Counted frames have no bound. */
  readonly maxFrameBytes: FrameLimit;
}

export class FrameWalker {
  readonly #whole: Uint8Array;
  readonly #maxFrameBytes: FrameLimit;
  /** A frame of a chosen type that began in an earlier chunk. */
  #partial: PartialFrame | undefined;
  /** The header of a counted frame, as far as earlier chunks held it. */
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** What is still to come of a counted frame whose header is known. */
  #remainingBytes = 0;
  /** Set if the last walk ended before its chunk: what is left is to be given to the next walk. */
  halt: Halt | undefined;

  constructor(options: FrameWalkerOptions) {
    this.#whole = options.whole;
    this.#maxFrameBytes = options.maxFrameBytes;
  }

  /** Bytes withheld: the part of a chosen frame that has arrived. */
  get bufferedBytes(): number {
    return this.#partial?.length ?? 0;
  }

  /** True if the stream stands between two frames, where bytes may be inserted. */
  get atBoundary(): boolean {
    return this.#partial === undefined && this.#headerBytes === 0 && this.#remainingBytes === 0;
  }

  /**
   * Reports what lies in `chunk` and returns how much of it is settled: `chunk[settled, …)` begins a chosen frame whose
   * end is still to come. It is withheld here and comes back in that frame; the caller must not relay it. Or `halt` is set: then
   * the caller keeps it, and gives it to the next walk before what comes after it.
   * @throws {SluiceError} protocol_violation; the walker must not be used again
   */
  walk(chunk: Buffer, sink: FrameSink): number {
    let at = 0;
    this.halt = undefined;
    if (this.#partial !== undefined) {
      at = this.#continuePartial(this.#partial, chunk, sink);
      if (this.#partial !== undefined) return 0;
    }
    while (at < chunk.length) {
      at = this.#countRun(chunk, at, sink);
      if (this.halt !== undefined) return at;
      if (at === chunk.length) break;
      const next = this.#showFrame(chunk, at, sink);
      if (next === at) return at;
      at = next;
    }
    return chunk.length;
  }

  #continuePartial(partial: PartialFrame, chunk: Buffer, sink: FrameSink): number {
    const withheldBytes = partial.length;
    const end = partial.take(chunk, 0);
    if (partial.complete) {
      this.#partial = undefined;
      const frame = partial.finish();
      sink.onFrame(frame[0]!, frame, -withheldBytes, end);
    }
    return end;
  }

  /** Shows the chosen frame at `at` and returns its end; returns `at` if it does not end in this chunk. */
  #showFrame(chunk: Buffer, at: number, sink: FrameSink): number {
    const type = chunk[at]!;
    if (chunk.length - at >= HEADER_BYTES) {
      const total = checkedFrameBytes(type, int32At(chunk, at + 1), this.#maxFrameBytes(type));
      const end = at + total;
      if (end <= chunk.length) {
        sink.onFrame(type, chunk.subarray(at, end), at, end);
        return end;
      }
    }
    this.#partial = new PartialFrame(this.#maxFrameBytes);
    this.#partial.take(chunk, at);
    return at;
  }

  /** Counts from `start` up to the next chosen frame or the end of the chunk, and returns that place. */
  #countRun(chunk: Buffer, start: number, sink: FrameSink): number {
    const whole = this.#whole;
    const end = chunk.length;
    let at = this.#headerBytes > 0 ? this.#finishHeader(chunk, start) : start;
    let count = 0;
    if (this.#remainingBytes > 0) at = this.#skipRemaining(at, end);
    const room = at < end && whole[chunk[at]!] === 0 ? sink.room?.(at) : undefined;
    if (room !== undefined) return this.#countWithin(chunk, { start, at }, sink, room);
    // One million rows pass here: integers only, no calls but for a frame that does not end in this chunk.
    while (at < end) {
      const type = chunk[at]!;
      if (whole[type] !== 0) break;
      count++;
      if (end - at < HEADER_BYTES) {
        this.#headerBytes = chunk.copy(this.#header, 0, at, end);
        at = end;
        break;
      }
      const length = int32At(chunk, at + 1);
      if (length < 4) checkedFrameBytes(type, length, MAX_FRAME_BYTES);
      at += length + 1;
    }
    if (at > end) {
      this.#remainingBytes = at - end;
      at = end;
    }
    if (at > start) sink.onRows(count, at - start);
    return at;
  }

  /** The same, but stops where there is no room. */
  #countWithin(
    chunk: Buffer,
    { start, at: from }: { readonly start: number; readonly at: number },
    sink: FrameSink,
    room: RowRoom,
  ): number {
    const end = chunk.length;
    let [at, count, bytes] = [from, 0, 0];
    while (at < end && this.#whole[chunk[at]!] === 0) {
      if (end - at < HEADER_BYTES) {
        this.halt = { frameBytes: undefined };
        break;
      }
      const frameBytes = checkedFrameBytes(chunk[at]!, int32At(chunk, at + 1), MAX_FRAME_BYTES);
      if (count >= room.rows || bytes + frameBytes > room.bytes) {
        this.halt = { frameBytes };
        break;
      }
      count++;
      bytes += frameBytes;
      at += frameBytes;
    }
    if (at > end) {
      this.#remainingBytes = at - end;
      at = end;
    }
    if (count > 0) room.take(count, bytes);
    if (at > start) sink.onRows(count, at - start);
    return at;
  }

  /** Completes a counted frame's header from the start of the chunk and returns where its body begins. */
  #finishHeader(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + HEADER_BYTES - this.#headerBytes);
    this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, start, end);
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      const length = int32At(this.#header, 1);
      this.#remainingBytes = checkedFrameBytes(this.#header[0]!, length, MAX_FRAME_BYTES) - HEADER_BYTES;
    }
    return end;
  }

  #skipRemaining(at: number, end: number): number {
    const skipped = Math.min(this.#remainingBytes, end - at);
    this.#remainingBytes -= skipped;
    return at + skipped;
  }
}
