/** Makes the sets of a chunk from its items. */
import { CHUNK_ITEMS } from './bitmap.ts';
import type { Term } from './entry-terms.ts';
import { type IndexWriter, type Item, type SealedChunk, STATE } from './index-storage.ts';
import { bucketAt, bucketOf } from './number-buckets.ts';
import { encodeValues, type KeptNumber } from './number-values.ts';
import { SetBuilder } from './set-builder.ts';
import { unpackTerms } from './term-list.ts';

const OUTCOMES = { [STATE.missing]: 'missing', [STATE.ok]: 'ok', [STATE.error]: 'error' } as const;

/** A term that an item has by one of its columns. */
export interface ColumnTerm extends Term {
  /** Where it is a range of numbers. */
  readonly kept?: KeptNumber;
}

/** How an item's statement ended, and the ranges that its numbers fall into. */
export function columnTerms({
  state,
  statement,
  rows,
  bytes,
  us,
}: Pick<Item, 'state' | 'statement' | 'rows' | 'bytes' | 'us'>): ColumnTerm[] {
  const terms: ColumnTerm[] = [];
  const outcome = OUTCOMES[state as 1];
  if (outcome !== undefined) terms.push({ field: 'outcome', value: outcome });
  for (const [field, value] of [
    ['#statement', statement],
    ['#rows', rows],
    ['#bytes', bytes],
    ['#us', us],
  ] as const) {
    if (value === null) continue;
    const bucket = bucketOf(value);
    terms.push({ field, value: String(bucket), kept: { bucket: bucketAt(bucket), value } });
  }
  return terms;
}

/** `idOf` knows each of the `columnTerms`. */
export async function sealedChunk(
  storage: IndexWriter,
  chunk: number,
  idOf: (term: Term) => Promise<number>,
): Promise<SealedChunk> {
  const first = chunk * CHUNK_ITEMS;
  const items = await storage.items(first, first + CHUNK_ITEMS);
  const builder = new SetBuilder();
  const groups = {
    form: new Map<number, number[]>(),
    session: new Map<number, number[]>(),
    own: new Map<number, number[]>(),
  };
  const columns = new Map<string, Column>();
  for (const item of items) {
    const number = item.id - first;
    if (item.form !== null) push(groups.form, item.form, number);
    if (item.session !== null) push(groups.session, item.session, number);
    push(groups.own, item.kind, number);
    for (const term of unpackTerms(item.terms)) push(groups.own, term, number);
    for (const term of columnTerms(item)) {
      const key = term.field + term.value;
      const found = columns.get(key);
      const { kept } = term;
      if (found === undefined)
        columns.set(key, { term, numbers: [number], values: kept === undefined ? [] : [kept.value] });
      else {
        found.numbers.push(number);
        if (kept !== undefined) found.values.push(kept.value);
      }
    }
  }
  for (const [term, numbers] of groups.own) builder.add(term, numbers);
  const kept = new Map<number, Uint8Array | null>();
  for (const { term, numbers, values } of columns.values()) {
    const id = await idOf(term);
    builder.add(id, numbers);
    if (term.kept !== undefined) kept.set(id, encodeValues(term.kept.bucket, values));
  }
  const owners = [
    [groups.form, await storage.forms([...groups.form.keys()])],
    [groups.session, await storage.sessions([...groups.session.keys()])],
  ] as const;
  for (const [numbers, stored] of owners) {
    for (const [id, { terms }] of stored) {
      for (const term of unpackTerms(terms)) builder.add(term, numbers.get(id) as number[]);
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
  readonly term: ColumnTerm;
  readonly numbers: number[];
  readonly values: number[];
}

function endsOf(numbers: readonly number[]): { readonly least: number; readonly most: number } {
  let [least, most] = [Number.MAX_SAFE_INTEGER, 0];
  for (const number of numbers) {
    least = Math.min(least, number);
    most = Math.max(most, number);
  }
  return { least, most };
}

function push(groups: Map<number, number[]>, key: number, number: number): void {
  const found = groups.get(key);
  if (found === undefined) groups.set(key, [number]);
  else found.push(number);
}
