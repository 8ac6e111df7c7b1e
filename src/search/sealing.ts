/** Makes the sets of a chunk from its items. */
import { CHUNK_ITEMS } from './bitmap.ts';
import type { Term } from './entry-terms.ts';
import { type IndexReader, type Item, type SealedChunk, STATE } from './index-storage.ts';
import { bucketAt, bucketOf } from './number-buckets.ts';
import { encodeValues, type KeptNumber } from './number-values.ts';
import { SetBuilder } from './set-builder.ts';
import { unpackTerms } from './term-list.ts';

const OUTCOMES = { [STATE.missing]: 'missing', [STATE.ok]: 'ok', [STATE.error]: 'error' } as const;

const NUMBERS = ['statement', 'rows', 'bytes', 'us'] as const;

/** A term that an item has by one of its columns. */
export interface ColumnTerm extends Term {
  /** Where it is a range of numbers. */
  readonly kept?: KeptNumber;
}

/** How an item's statement ended, and the ranges that its numbers fall into. */
export function columnTerms(item: Pick<Item, 'state' | (typeof NUMBERS)[number]>): ColumnTerm[] {
  const terms: ColumnTerm[] = [];
  const outcome = OUTCOMES[item.state as 1];
  if (outcome !== undefined) terms.push({ field: 'outcome', value: outcome });
  for (const name of NUMBERS) {
    const value = item[name];
    if (value === null) continue;
    const bucket = bucketOf(value);
    terms.push({ field: `#${name}`, value: String(bucket), kept: { bucket: bucketAt(bucket), value } });
  }
  return terms;
}

/**
 * @param items of the chunk, all of them
 * @param idOf knows each of the `columnTerms`
 */
export async function sealedChunk(
  storage: IndexReader,
  chunk: number,
  items: readonly Item[],
  idOf: (term: Term) => Promise<number>,
): Promise<SealedChunk> {
  const first = chunk * CHUNK_ITEMS;
  const builder = new SetBuilder();
  const own = new Groups();
  const forms = new Groups();
  const sessions = new Groups();
  for (const item of items) {
    const number = item.id - first;
    if (item.form !== null) forms.add(item.form, number);
    if (item.session !== null) sessions.add(item.session, number);
    own.add(item.kind, number);
    if (item.terms !== null) for (const term of unpackTerms(item.terms)) own.add(term, number);
  }
  for (const [term, numbers] of own.all) builder.add(term, numbers);
  const kept = new Map<number, Uint8Array | null>();
  for (const { term, numbers, values } of columnsOf(items, first)) {
    const id = await idOf(term);
    builder.add(id, numbers);
    if (values !== undefined) kept.set(id, values);
  }
  const owners = [
    [forms, await storage.forms([...forms.all.keys()])],
    [sessions, await storage.sessions([...sessions.all.keys()])],
  ] as const;
  for (const [{ all }, stored] of owners) {
    for (const [id, { terms }] of stored) {
      for (const term of unpackTerms(terms)) builder.add(term, all.get(id) as number[]);
    }
  }
  const at = endsOf(items.map((item) => item.at));
  const seq = endsOf(items.map((item) => item.seq));
  return {
    range: { chunk, minAt: at.least, maxAt: at.most, minSeq: seq.least, maxSeq: seq.most },
    sets: new Map(
      [...builder.encoded()].map(([term, bits]) => [term, { bits, numbers: kept.get(term) ?? null }]),
    ),
  };
}

/** The items that have a term by a column. */
interface Column {
  readonly term: Term;
  readonly numbers: readonly number[];
  /** As `encodeValues` makes them, where it is a range of numbers. */
  readonly values?: Uint8Array | null;
}

/** The same as `columnTerms` of each item, but without making them: there are many. */
function columnsOf(items: readonly Item[], first: number): Column[] {
  const outcomes = new Groups();
  for (const { id, state } of items) outcomes.add(state, id - first);
  const columns: Column[] = [];
  for (const [state, numbers] of outcomes.all) {
    const value = OUTCOMES[state as 1];
    if (value !== undefined) columns.push({ term: { field: 'outcome', value }, numbers });
  }
  for (const name of NUMBERS) {
    const ranges = new Groups();
    for (const item of items) {
      const value = item[name];
      if (value !== null) ranges.add(bucketOf(value), item.id - first);
    }
    for (const [bucket, numbers] of ranges.all) {
      const values = numbers.map((number) => (items[number] as Item)[name] as number);
      columns.push({
        term: { field: `#${name}`, value: String(bucket) },
        ...{ numbers, values: encodeValues(bucketAt(bucket), values) },
      });
    }
  }
  return columns;
}

/** Numbers by what they have in common. */
class Groups {
  readonly all = new Map<number, number[]>();

  add(key: number, number: number): void {
    const found = this.all.get(key);
    if (found === undefined) this.all.set(key, [number]);
    else found.push(number);
  }
}

function endsOf(numbers: readonly number[]): { readonly least: number; readonly most: number } {
  let [least, most] = [Number.MAX_SAFE_INTEGER, 0];
  for (const number of numbers) {
    least = Math.min(least, number);
    most = Math.max(most, number);
  }
  return { least, most };
}
