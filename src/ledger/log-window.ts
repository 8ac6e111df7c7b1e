/**
 * The bytes of the log that are not yet known to be on stable storage, in memory: those not written yet and those written
 * but not synced, because after a failed fsync only memory still has them for sure.
 *
 * Positions count the bytes since the ledger was opened, over all segments. In a steady load one buffer is used over and
 * over.
 */
const INITIAL_BYTES = 1024 * 1024;
const KEEP_BYTES = 8 * 1024 * 1024;

export class LogWindow {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** The position of the buffer's first byte. */
  #base = 0;
  /** The retained bytes are buffer[#start, #end). */
  #start = 0;
  #end = 0;

  /** The position behind the last byte. */
  get end(): number {
    return this.#base + this.#end;
  }

  /** How many bytes are held. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds a text as UTF-8. */
  push(text: string): void {
    // Three bytes a code unit is the most UTF-8 needs; counting exactly pays off for long texts only.
    const most = text.length * 3;
    const needed = most <= 4096 ? most : Buffer.byteLength(text);
    if (this.#buffer.length - this.#end < needed) this.#makeRoom(needed);
    this.#end += this.#buffer.write(text, this.#end, 'utf8');
  }

  /** The bytes [from, to). A view, valid until the next `push` or `release`. */
  bytes(from: number, to: number): Buffer {
    return this.#buffer.subarray(from - this.#base, to - this.#base);
  }

  /** Forgets the bytes before `position`. */
  release(position: number): void {
    this.#start = position - this.#base;
    if (this.#start < this.#end) return;
    this.#base = position;
    this.#start = 0;
    this.#end = 0;
    if (this.#buffer.length > KEEP_BYTES) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  #makeRoom(needed: number): void {
    const held = this.length;
    let size = this.#buffer.length;
    while (size < (held + needed) * 2) size *= 2;
    const target = size === this.#buffer.length ? this.#buffer : Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#buffer = target;
    this.#base += this.#start;
    this.#start = 0;
    this.#end = held;
  }
}
