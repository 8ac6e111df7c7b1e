/**
 * A filter → what has to be looked up: fields and values become numbers of terms, phrases the forms that hold them. Done once a search;
 * a chunk then takes only sets.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Filter, NumberField, TermField } from './filter/filter.ts';
import { networkTest } from './filter/value-filter.ts';
import type { IndexReader } from './index-storage.ts';
import { type Bucket, bucketAt } from './number-buckets.ts';

/** What a range of numbers takes: ranges that are wholly in it, and those that it splits. */
export interface NumberLeaf {
  readonly op: 'number';
  readonly field: NumberField;
  readonly from: number;
  readonly to: number;
  readonly inside: readonly number[];
  readonly split: readonly { readonly term: number; readonly bucket: Bucket }[];
}

export type Plan =
  | { readonly op: 'all' }
  | { readonly op: 'and' | 'or'; readonly of: readonly Plan[] }
  | { readonly op: 'not'; readonly of: Plan }
  | TermLeaf
  | NumberLeaf
  | { readonly op: 'time'; readonly from: number; readonly to: number };

/** Any of these terms. */
export interface TermLeaf {
  readonly op: 'terms';
  readonly terms: readonly number[];
  /** The outcome among them, as `Item.state` has it: in an item it is no term. */
  readonly state?: number;
}

/** Terms that one pattern may stand for, and that are looked at for it. */
const MAX_TERMS = 5000;
const MAX_LOOKED_AT = 200_000;
const STATES: Readonly<Record<string, number>> = { missing: 1, ok: 2, error: 3 };

/**
 * @param deadline as `performance.now()` counts: what is not looked up by then is given up
 * @throws {SluiceError} bad_request if that takes too long or a pattern stands for too much, store_unavailable
 */
export async function planOf(filter: Filter, reader: IndexReader, deadline: number): Promise<Plan> {
  refuseAfter(deadline);
  switch (filter.op) {
    case 'all':
    case 'time':
      return filter;
    case 'and':
    case 'or': {
      const of: Plan[] = [];
      for (const one of filter.of) of.push(await planOf(one, reader, deadline));
      return { op: filter.op, of };
    }
    case 'not':
      return { op: 'not', of: await planOf(filter.of, reader, deadline) };
    case 'term':
      return termPlan(filter.field, filter.value, filter.pattern, reader);
    case 'network': {
      const test = networkTest(filter.network, filter.bits);
      return {
        op: 'terms',
        terms: await matching('client', '', test, `${filter.network}/${filter.bits}`, reader),
      };
    }
    case 'phrase':
      return phrasePlan(filter.words, reader);
    case 'number':
      return numberPlan(filter, reader);
  }
}

/** @throws {SluiceError} bad_request */
export function refuseAfter(deadline: number): void {
  if (performance.now() <= deadline) return;
  throw new SluiceError('bad_request', 'the search takes too long', {
    hint: 'Narrow it, such as with since: or a database.',
  });
}

async function termPlan(
  field: TermField,
  value: string,
  pattern: boolean,
  reader: IndexReader,
): Promise<Plan> {
  if (!pattern) {
    const [id] = await reader.termIds(field, [value]);
    const terms = id === undefined ? [] : [id];
    return { op: 'terms', terms, ...(field === 'outcome' ? { state: STATES[value] as number } : {}) };
  }
  const prefix = value.slice(0, value.indexOf('*'));
  const test = patternTest(value);
  return { op: 'terms', terms: await matching(field, prefix, test, value, reader) };
}

/** `*` stands for anything. Takes time in the length of the text only, whatever the pattern is. */
export function patternTest(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  return (text) => {
    if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
      return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const piece of rest) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

async function matching(
  field: TermField,
  prefix: string,
  test: (value: string) => boolean,
  shown: string,
  reader: IndexReader,
): Promise<number[]> {
  const found = await reader.termsWith(field, prefix, MAX_LOOKED_AT);
  const ids = found.filter(({ value }) => test(value)).map(({ id }) => id);
  if (ids.length <= MAX_TERMS && found.length < MAX_LOOKED_AT) return ids;
  throw new SluiceError('bad_request', `${field}:${shown} stands for too many values`, {
    hint: 'Write more of it.',
  });
}

/**
 * Forms that hold all words, then those that hold them one after the other. Where these are most of them, statements with all words but
 * for the other forms: words that stand in thousands of forms are one set each.
 */
async function phrasePlan(phrase: readonly string[], reader: IndexReader): Promise<Plan> {
  const words = await reader.termIds('word', [...new Set(phrase)]);
  const { found, others } = await formsWithPhrase(phrase, words, reader);
  if (found.length === 0) return { op: 'terms', terms: [] };
  if (Math.min(found.length, others.length) > MAX_TERMS) {
    throw new SluiceError('bad_request', 'the words stand in too many statements', {
      hint: 'Add more of them.',
    });
  }
  if (found.length <= others.length) return formsPlan(found, reader);
  // Words of other entries have the same terms.
  const [statement] = await reader.termIds('kind', ['statement']);
  const needed = [statement, ...words].filter((id) => id !== undefined);
  const of: Plan[] = needed.map((id) => ({ op: 'terms', terms: [id] }));
  if (others.length > 0) of.push({ op: 'not', of: await formsPlan(others, reader) });
  return { op: 'and', of };
}

async function formsPlan(hashes: readonly string[], reader: IndexReader): Promise<Plan> {
  const ids = await reader.termIds(
    'form',
    hashes.map((hash) => hash.toLowerCase()),
  );
  return { op: 'terms', terms: ids.filter((id) => id !== undefined) };
}

/** The hashes of those that hold the phrase, and of those that hold its words otherwise. */
async function formsWithPhrase(
  words: readonly string[],
  ids: readonly (number | undefined)[],
  reader: IndexReader,
): Promise<{ readonly found: string[]; readonly others: string[] }> {
  let candidates: Set<number> | undefined;
  for (const id of ids) {
    const forms = new Set(id === undefined ? [] : await reader.formsWithWord(id));
    candidates =
      candidates === undefined ? forms : new Set([...candidates].filter((form) => forms.has(form)));
    if (candidates.size === 0) return { found: [], others: [] };
  }
  const phrase = ` ${words.join(' ')} `;
  const [found, others]: [string[], string[]] = [[], []];
  for (const { hash, json } of (await reader.forms([...(candidates ?? [])])).values())
    (wordText(json).includes(phrase) ? found : others).push(hash);
  return { found, others };
}

/** The words of a form's text, each literal standing for none. */
function wordText(json: string): string {
  const { text } = JSON.parse(json) as { readonly text: readonly string[] };
  return ` ${(
    text
      .join(' ')
      .toLowerCase()
      .match(/[\p{L}\p{N}_]+/gu) ?? []
  ).join(' ')} `;
}

async function numberPlan(filter: Filter & { op: 'number' }, reader: IndexReader): Promise<Plan> {
  const { field, from, to } = filter;
  if (field === 'seq') return { ...filter, inside: [], split: [] };
  const inside: number[] = [];
  const split: { term: number; bucket: Bucket }[] = [];
  for (const { id, value } of await reader.termsWith(`#${field}`, '', MAX_TERMS)) {
    const bucket = bucketAt(Number(value));
    if (bucket.from >= from && bucket.to <= to) inside.push(id);
    else if (bucket.to >= from && bucket.from <= to) split.push({ term: id, bucket });
  }
  return { op: 'number', field, from, to, inside, split };
}
