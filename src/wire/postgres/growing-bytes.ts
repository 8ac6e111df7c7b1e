/**
 * Bytes that arrive in pieces. Memory follows what has arrived (at most twice as much), never what a header claims, and
 * n bytes in any number of pieces cost O(n).
 */

const FIRST_BYTES = 64;

export class GrowingBytes {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies `chunk[from, to)`. `ceiling` is the final length if it is known: the capacity never passes it. */
  append(chunk: Buffer, from: number, to: number, ceiling = Number.MAX_SAFE_INTEGER): void {
    const needed = this.#length + (to - from);
    if (needed > this.#bytes.length) this.#grow(needed, ceiling);
    chunk.copy(this.#bytes, this.#length, from, to);
    this.#length = needed;
  }

  /** What has arrived so far; valid until the next `append`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Hands over what has arrived: the caller owns it, and this starts empty again. */
  take(): Buffer {
    const taken = this.view();
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }

  #grow(needed: number, ceiling: number): void {
    const capacity = Math.max(needed, Math.min(ceiling, Math.max(FIRST_BYTES, this.#bytes.length * 2)));
    const grown = Buffer.allocUnsafe(capacity);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
