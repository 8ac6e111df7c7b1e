/**
 * The numbers that items of a set have, where the set's term is a range of numbers: so a range that a filter splits is looked through without
 * reading items. Pure.
 *
 * Stored in the order of the items, as the distance from where the range begins, in 1, 2, 4 or 8 bytes each (little-endian) by how wide the
 * range is. A range of one number keeps none.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import { clearBit, encodeNumbers, noBits, numbersIn, setBit, uniteStored } from './bitmap.ts';
import type { Membership, StoredSet } from './index-storage.ts';
import type { Bucket } from './number-buckets.ts';

/** A number, and the range that it falls into. */
export interface KeptNumber {
  readonly bucket: Bucket;
  readonly value: number;
}

type Distances = Uint8Array | Uint16Array | Uint32Array | Float64Array;

export function encodeValues({ from, to }: Bucket, values: readonly number[]): Uint8Array | null {
  if (from === to) return null;
  const distances = room({ from, to }, values.length);
  for (const [index, value] of values.entries()) distances[index] = value - from;
  return new Uint8Array(distances.buffer);
}

/** @throws {SluiceError} store_unavailable unless there are `count` */
export function decodeValues(bucket: Bucket, stored: Uint8Array | null, count: number): number[] {
  const distances = room(bucket, bucket.from === bucket.to ? 0 : count);
  if ((stored?.byteLength ?? 0) !== distances.byteLength)
    throw new SluiceError('store_unavailable', 'the index is damaged', {
      hint: 'Make it anew with sluice index rebuild.',
    });
  if (stored === null || bucket.from === bucket.to) return new Array<number>(count).fill(bucket.from);
  new Uint8Array(distances.buffer).set(stored);
  return Array.from(distances, (distance) => bucket.from + distance);
}

/** The set with one more item. */
export function withMember(stored: StoredSet | undefined, item: number, { kept }: Membership): StoredSet {
  const bits = bitsOf(stored);
  const before = numbersIn(bits);
  setBit(bits, item);
  const after = numbersIn(bits);
  if (kept === undefined) return { bits: encodeNumbers(after), numbers: null };
  const values = decodeValues(kept.bucket, stored?.numbers ?? null, before.length);
  const known = new Map(before.map((number, index) => [number, values[index] as number]));
  known.set(item, kept.value);
  return {
    bits: encodeNumbers(after),
    numbers: encodeValues(
      kept.bucket,
      after.map((number) => known.get(number) as number),
    ),
  };
}

/** The set, which keeps no numbers, without an item. */
export function withoutMember(stored: StoredSet | undefined, item: number): StoredSet {
  const bits = bitsOf(stored);
  clearBit(bits, item);
  return { bits: encodeNumbers(numbersIn(bits)), numbers: null };
}

function bitsOf(stored: StoredSet | undefined) {
  const bits = noBits();
  if (stored !== undefined) uniteStored(bits, stored.bits);
  return bits;
}

/** Typed arrays have the order of bytes of the machine, little-endian on all that Node.js is built for but one. */
function room({ from, to }: Bucket, count: number): Distances {
  const width = to - from;
  if (width < 2 ** 8) return new Uint8Array(count);
  if (width < 2 ** 16) return new Uint16Array(count);
  return width < 2 ** 32 ? new Uint32Array(count) : new Float64Array(count);
}
