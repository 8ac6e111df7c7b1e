/** Lists of terms as items keep them: four bytes each, little-endian. */

export function packTerms(terms: readonly number[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(terms.length * 4);
  for (const [index, term] of terms.entries()) bytes.writeUInt32LE(term, index * 4);
  return bytes;
}

/** The list with more at its end. */
export function withTerms(packed: Uint8Array | null, terms: readonly number[]): Uint8Array {
  return Buffer.concat([packed ?? new Uint8Array(), packTerms(terms)]);
}

export function unpackTerms(packed: Uint8Array | null): number[] {
  if (packed === null) return [];
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  return Array.from({ length: packed.byteLength >>> 2 }, (_, index) => view.getUint32(index * 4, true));
}
