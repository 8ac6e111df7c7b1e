/** Makes the sets of a chunk from its items. */
import { CHUNK_ITEMS } from './bitmap.ts';
import type { Term } from './entry-terms.ts';
import { type IndexWriter, type Item, type SealedChunk, STATE } from './index-storage.ts';
import { bucketOf } from './number-buckets.ts';
import { SetBuilder } from './set-builder.ts';
import { unpackTerms } from './term-list.ts';

const OUTCOMES = { [STATE.missing]: 'missing', [STATE.ok]: 'ok', [STATE.error]: 'error' } as const;

/** How an item's statement ended, and the ranges that its numbers fall into. */
export function columnTerms({
  state,
  rows,
  bytes,
  us,
}: Pick<Item, 'state' | 'rows' | 'bytes' | 'us'>): Term[] {
  const terms: Term[] = [];
  const outcome = OUTCOMES[state as 1];
  if (outcome !== undefined) terms.push({ field: 'outcome', value: outcome });
  for (const [field, value] of [
    ['#rows', rows],
    ['#bytes', bytes],
    ['#us', us],
  ] as const) {
    if (value !== null) terms.push({ field, value: String(bucketOf(value)) });
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
  const columns = new Map<string, { readonly term: Term; readonly numbers: number[] }>();
  for (const item of items) {
    const number = item.id - first;
    if (item.form !== null) push(groups.form, item.form, number);
    if (item.session !== null) push(groups.session, item.session, number);
    push(groups.own, item.kind, number);
    for (const term of unpackTerms(item.terms)) push(groups.own, term, number);
    for (const term of columnTerms(item)) {
      const key = term.field + term.value;
      const found = columns.get(key);
      if (found === undefined) columns.set(key, { term, numbers: [number] });
      else found.numbers.push(number);
    }
  }
  for (const [term, numbers] of groups.own) builder.add(term, numbers);
  for (const { term, numbers } of columns.values()) builder.add(await idOf(term), numbers);
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
    sets: builder.encoded(),
  };
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
