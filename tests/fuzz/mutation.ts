/** What may happen to bytes on their way, as plain data: a case that fails can be written down and played again. Pure. */
import fc from 'fast-check';

/** `at` counts bytes and `frame` frames, both modulo what there is. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: readonly number[] }
  | { readonly kind: 'truncate'; readonly at: number }
  | { readonly kind: 'length'; readonly frame: number; readonly value: number }
  | { readonly kind: 'type'; readonly frame: number; readonly byte: number }
  | { readonly kind: 'drop' | 'double' | 'swap'; readonly frame: number };

const at = fc.nat({ max: 4_000 });
const frame = fc.nat({ max: 40 });
const byte = fc.oneof(
  fc.nat({ max: 255 }),
  fc.constantFrom(...Buffer.from('QPBDEHSCFXdcfpZTKRvV12stnINAGW\0')),
);

export const mutationArbitrary: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constant('set' as const), at, byte }),
  fc.record({ kind: fc.constant('remove' as const), at, count: fc.integer({ min: 1, max: 64 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at,
    bytes: fc.array(byte, { minLength: 1, maxLength: 24 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), at }),
  fc.record({
    kind: fc.constant('length' as const),
    frame,
    value: fc.oneof(
      fc.nat({ max: 300 }),
      fc.constantFrom(0, 1, 3, 4, 5, -1, -2_147_483_648, 2_147_483_647, 1_073_741_824, 67_108_864),
    ),
  }),
  fc.record({ kind: fc.constant('type' as const), frame, byte }),
  fc.record({ kind: fc.constantFrom('drop' as const, 'double' as const, 'swap' as const), frame }),
);

export const mutationsArbitrary = fc.array(mutationArbitrary, { minLength: 1, maxLength: 4 });

/** The bytes after one mutation after the other. */
export function mutate(bytes: Buffer, mutations: readonly Mutation[]): Buffer {
  return mutations.reduce(applied, bytes);
}

function applied(bytes: Buffer, mutation: Mutation): Buffer {
  if (bytes.length === 0) return bytes;
  if ('frame' in mutation) return framesApplied(bytes, mutation);
  const place = mutation.at % bytes.length;
  const copy = Buffer.from(bytes);
  switch (mutation.kind) {
    case 'flip':
      copy[place]! ^= 1 << mutation.bit;
      return copy;
    case 'set':
      copy[place] = mutation.byte;
      return copy;
    case 'remove':
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + mutation.count)]);
    case 'insert':
      return Buffer.concat([bytes.subarray(0, place), Buffer.from(mutation.bytes), bytes.subarray(place)]);
    case 'truncate':
      return bytes.subarray(0, place);
  }
}

function framesApplied(bytes: Buffer, mutation: Extract<Mutation, { frame: number }>): Buffer {
  const frames = framesOf(bytes);
  const place = mutation.frame % frames.length;
  const one = Buffer.from(frames[place]!);
  switch (mutation.kind) {
    case 'length':
      if (one.length >= 5) one.writeInt32BE(mutation.value, 1);
      frames[place] = one;
      break;
    case 'type':
      one[0] = mutation.byte;
      frames[place] = one;
      break;
    case 'drop':
      frames.splice(place, 1);
      break;
    case 'double':
      frames.splice(place, 0, one);
      break;
    case 'swap':
      frames.splice(place, 1);
      frames.splice((place + 1) % (frames.length + 1), 0, one);
      break;
  }
  return Buffer.concat(frames);
}

/** As far as headers make sense; the rest is one piece. */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + 5 <= bytes.length ? bytes.readInt32BE(at + 1) : -1;
    const end = length < 4 || at + 1 + length > bytes.length ? bytes.length : at + 1 + length;
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

/** Lengths in which bytes leave; the last is for all that is left. */
export const piecesArbitrary = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 4 });

export function piecesOf(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const length of lengths) {
    pieces.push(bytes.subarray(from, from + length));
    from += length;
  }
  pieces.push(bytes.subarray(from));
  return pieces.filter((piece) => piece.length > 0);
}
