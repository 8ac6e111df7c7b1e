/**
 * Entry bundles: entries with their length in front, big-endian, two bytes. Pure.
 *
 * @see https://c2sp.org/tlog-tiles#log-entries
 */

/** The longest entry a bundle can hold, in bytes. */
export const MAX_ENTRY_BYTES = 0xffff;
export const LENGTH_BYTES = 2;

/** The bundle of some entries. */
export function encodeBundle(entries: readonly Buffer[]): Buffer {
  const bundle = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at);
    at += entry.copy(bundle, at);
  }
  return bundle;
}

/** What a bundle holds: views, and where the bytes end that are no entry. */
export interface DecodedBundle {
  readonly entries: readonly Buffer[];
  /** The offset of the first byte that belongs to no whole entry; the bundle's length if all do. */
  readonly end: number;
}

/** Total: whatever the bytes are. */
export function decodeBundle(bundle: Buffer): DecodedBundle {
  const entries: Buffer[] = [];
  let at = 0;
  while (at + LENGTH_BYTES <= bundle.length) {
    const end = at + LENGTH_BYTES + bundle.readUInt16BE(at);
    if (end > bundle.length) break;
    entries.push(bundle.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return { entries, end: at };
}
