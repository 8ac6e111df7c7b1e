/**
 * Which entries of a log are gone, as `entries-pruned` entries record it: bundles of which nothing is left by their first and last number,
 * those of which a part went with a bit for each of their entries. Pure.
 */
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { TILE_WIDTH } from './tile.ts';

export type PrunedEvent = Extract<LedgerEvent, { kind: 'entries-pruned' }>;

/** The names of log entries that recorded what was pruned, beside the log; a hint where to look, which proves nothing. */
export const PRUNED_RECORDS = 'pruned.json';

const BITMAP_BYTES = TILE_WIDTH / 8;
/** Items of one entry: some 50 bytes each, so that it needs no part. */
const MAX_ITEMS = 800;

export class PrunedEntries {
  /** By bundle: a bit an entry, the lowest first. */
  readonly #bundles = new Map<number, Uint8Array>();
  readonly #whole: (readonly [first: number, last: number])[] = [];
  #asked: { readonly bundle: number; readonly isWhole: boolean } | undefined;

  /** What is malformed marks nothing. */
  add({ bundles, parts }: PrunedEvent): void {
    this.#asked = undefined;
    for (const range of bundles) this.#whole.push(range);
    for (const [bundle, text] of parts) {
      const bits = Buffer.from(text, 'base64url');
      if (bits.length !== BITMAP_BYTES) continue;
      const own = this.#bitmap(bundle);
      for (const [at, byte] of bits.entries()) own[at] = (own[at] as number) | byte;
    }
  }

  /** Marks one entry. */
  mark(seq: number): void {
    const bitmap = this.#bitmap(Math.floor(seq / TILE_WIDTH));
    const at = seq % TILE_WIDTH;
    bitmap[at >> 3] = (bitmap[at >> 3] as number) | (1 << (at & 7));
  }

  has(seq: number): boolean {
    const bundle = Math.floor(seq / TILE_WIDTH);
    const at = seq % TILE_WIDTH;
    if (((this.#bundles.get(bundle)?.[at >> 3] ?? 0) & (1 << (at & 7))) !== 0) return true;
    return this.#isWhole(bundle);
  }

  /** Asked for one entry after the other: the ranges are looked through once a bundle. */
  #isWhole(bundle: number): boolean {
    if (this.#asked?.bundle !== bundle) {
      const isWhole = this.#whole.some(([first, last]) => bundle >= first && bundle <= last);
      this.#asked = { bundle, isWhole };
    }
    return this.#asked.isWhole;
  }

  /** Those of others that are not marked here. */
  missing(others: PrunedEntries): PrunedEntries {
    const fresh = new PrunedEntries();
    for (const bundle of others.markedBundles()) {
      for (let at = 0; at < TILE_WIDTH; at++) {
        const seq = bundle * TILE_WIDTH + at;
        if (others.has(seq) && !this.has(seq)) fresh.mark(seq);
      }
    }
    return fresh;
  }

  /** The bundles with marks of single entries, in order. */
  markedBundles(): number[] {
    return [...this.#bundles.keys()].sort((a, b) => a - b);
  }

  /** What has to be recorded of the single entries marked here, in pieces that fit into an entry each. */
  records(): Pick<PrunedEvent, 'bundles' | 'parts' | 'entries'>[] {
    const records: { bundles: [number, number][]; parts: [number, string][]; entries: number }[] = [];
    for (const bundle of this.markedBundles()) {
      const bits = this.#bundles.get(bundle) as Uint8Array;
      let record = records.at(-1);
      if (record === undefined || record.bundles.length + record.parts.length >= MAX_ITEMS) {
        record = { bundles: [], parts: [], entries: 0 };
        records.push(record);
      }
      const count = countOf(bits);
      record.entries += count;
      const last = record.bundles.at(-1);
      if (count < TILE_WIDTH) record.parts.push([bundle, Buffer.from(bits).toString('base64url')]);
      else if (last?.[1] === bundle - 1) last[1] = bundle;
      else record.bundles.push([bundle, bundle]);
    }
    return records;
  }

  #bitmap(bundle: number): Uint8Array {
    const known = this.#bundles.get(bundle);
    if (known !== undefined) return known;
    const fresh = new Uint8Array(BITMAP_BYTES);
    this.#bundles.set(bundle, fresh);
    return fresh;
  }
}

/** The numbers of all entries that an entry says are gone, in no order. */
export function* prunedSeqs({ bundles, parts }: PrunedEvent): Generator<number, void, void> {
  for (const [first, last] of bundles) {
    for (let seq = first * TILE_WIDTH; seq < (last + 1) * TILE_WIDTH; seq++) yield seq;
  }
  for (const [bundle, text] of parts) {
    const bits = Buffer.from(text, 'base64url');
    for (let at = 0; at < TILE_WIDTH; at++) {
      if (((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0) yield bundle * TILE_WIDTH + at;
    }
  }
}

/** The numbers in a hint; none if it is malformed. */
export function parseRecordsHint(bytes: Buffer | undefined): readonly number[] {
  try {
    const { records } = JSON.parse(bytes?.toString('utf8') ?? '{}') as { records?: unknown };
    return Array.isArray(records) ? records.filter((one) => Number.isSafeInteger(one) && one >= 0) : [];
  } catch {
    return [];
  }
}

export function formatRecordsHint(records: readonly number[]): Buffer {
  return Buffer.from(`${JSON.stringify({ records: [...new Set(records)].sort((a, b) => a - b) })}\n`);
}

/** The event in an entry's bytes, if it is one that records what was pruned. */
export function prunedEventIn(bytes: Buffer): PrunedEvent | undefined {
  if (!bytes.includes('"kind":"entries-pruned"')) return undefined;
  const event = JSON.parse(bytes.toString('utf8')) as PrunedEvent;
  const isWhole =
    event.kind === 'entries-pruned' &&
    Array.isArray(event.bundles) &&
    Array.isArray(event.parts) &&
    event.bundles.every(isRange) &&
    event.parts.every(([bundle, bits]) => Number.isSafeInteger(bundle) && typeof bits === 'string');
  return isWhole ? event : undefined;
}

const isRange = (range: unknown): boolean =>
  Array.isArray(range) && range.length === 2 && range.every((one) => Number.isSafeInteger(one) && one >= 0);

function countOf(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) for (let rest = byte; rest > 0; rest &= rest - 1) count++;
  return count;
}
