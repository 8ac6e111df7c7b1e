/**
 * Sets of items of one chunk: 32,768 bits in memory, and how they are stored. Pure.
 *
 * Stored as whichever is smaller: the numbers in order, two bytes each (little-endian), or all bits.
 */

/** Items in a chunk. */
export const CHUNK_ITEMS = 32_768;
const WORDS = CHUNK_ITEMS / 32;
const BYTES = CHUNK_ITEMS / 8;

export type Bits = Uint32Array;

export function noBits(): Bits {
  return new Uint32Array(WORDS);
}

export function allBits(): Bits {
  return new Uint32Array(WORDS).fill(0xffff_ffff);
}

export function setBit(bits: Bits, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
}

export function clearBit(bits: Bits, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) & ~(1 << (at & 31));
}

/** `target` becomes what is in both. */
export function intersect(target: Bits, other: Bits): void {
  for (let word = 0; word < WORDS; word++) target[word] = (target[word] as number) & (other[word] as number);
}

/** `target` becomes what is in either. */
export function unite(target: Bits, other: Bits): void {
  for (let word = 0; word < WORDS; word++) target[word] = (target[word] as number) | (other[word] as number);
}

/** `target` becomes what was not in it. */
export function invert(target: Bits): void {
  for (let word = 0; word < WORDS; word++) target[word] = ~(target[word] as number);
}

export function isEmpty(bits: Bits): boolean {
  for (let word = 0; word < WORDS; word++) if (bits[word] !== 0) return false;
  return true;
}

export function countBits(bits: Bits): number {
  let count = 0;
  for (let word = 0; word < WORDS; word++) {
    let left = bits[word] as number;
    left -= (left >>> 1) & 0x5555_5555;
    left = (left & 0x3333_3333) + ((left >>> 2) & 0x3333_3333);
    count += (((left + (left >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
  }
  return count;
}

/** The numbers in it, in order. */
export function numbersIn(bits: Bits): number[] {
  const numbers: number[] = [];
  for (let word = 0; word < WORDS; word++) {
    for (let left = bits[word] as number; left !== 0; left &= left - 1) {
      numbers.push(word * 32 + (31 - Math.clz32(left & -left)));
    }
  }
  return numbers;
}

/** How a set of numbers is stored. `numbers` are ascending. */
export function encodeNumbers(numbers: readonly number[]): Uint8Array {
  if (numbers.length * 2 < BYTES) {
    const bytes = new Uint8Array(numbers.length * 2);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < numbers.length; index++)
      view.setUint16(index * 2, numbers[index] as number, true);
    return bytes;
  }
  const bytes = new Uint8Array(BYTES);
  for (const number of numbers) bytes[number >>> 3] = (bytes[number >>> 3] as number) | (1 << (number & 7));
  return bytes;
}

/** The same for bits. */
export function encodeBits(bits: Bits): Uint8Array {
  if (countBits(bits) * 2 < BYTES) return encodeNumbers(numbersIn(bits));
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < WORDS; word++) view.setUint32(word * 4, bits[word] as number, true);
  return bytes;
}

/** Adds what is stored to `target`. Whatever the bytes are, nothing outside of a chunk is touched. */
export function uniteStored(target: Bits, stored: Uint8Array): void {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (stored.byteLength === BYTES) {
    for (let word = 0; word < WORDS; word++)
      target[word] = (target[word] as number) | view.getUint32(word * 4, true);
    return;
  }
  for (let at = 0; at + 2 <= stored.byteLength; at += 2) {
    const number = view.getUint16(at, true);
    if (number < CHUNK_ITEMS) setBit(target, number);
  }
}
