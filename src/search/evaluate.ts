/**
 * Which items of a chunk a plan finds. Sealed chunks take sets, and items only where a time or a place in the log splits one; the tail is
 * looked through. Exact in both: `not` may stand anywhere.
 */
import {
  allBits,
  type Bits,
  CHUNK_ITEMS,
  intersect,
  invert,
  isEmpty,
  noBits,
  numbersIn,
  setBit,
  unite,
  uniteStored,
} from './bitmap.ts';
import type { ChunkRange, IndexReader, Item } from './index-storage.ts';
import { decodeValues } from './number-values.ts';
import type { NumberLeaf, Plan, TermLeaf } from './plan.ts';
import { SetWindow } from './set-window.ts';
import type { TailItem, TailView } from './tail.ts';

/** Looks at sealed chunks, best one after the other in one direction. */
export class ChunkEvaluator {
  readonly #reader: IndexReader;
  readonly #ranges: ReadonlyMap<number, ChunkRange>;
  readonly #sets: SetWindow;

  /** @param order of the chunks that will be asked for */
  constructor(reader: IndexReader, ranges: readonly ChunkRange[], order: 'newest' | 'oldest') {
    this.#reader = reader;
    this.#ranges = new Map(ranges.map((one) => [one.chunk, one]));
    this.#sets = new SetWindow(reader, ranges, order);
  }

  /**
   * The items of a sealed chunk that the plan finds. The caller owns them.
   * @param within only these are wanted: others may be among the answer or not
   */
  async evaluate(plan: Plan, chunk: number, within?: Bits): Promise<Bits> {
    switch (plan.op) {
      case 'all':
        return allBits();
      case 'and':
        return this.#all(plan.of, chunk, within);
      case 'or': {
        const bits = noBits();
        for (const one of plan.of) unite(bits, await this.evaluate(one, chunk, within));
        return bits;
      }
      case 'not': {
        const bits = await this.evaluate(plan.of, chunk, within);
        invert(bits);
        return bits;
      }
      case 'terms':
        return this.#terms(plan.terms, chunk);
      case 'number':
        return plan.field === 'seq' ? this.#between(plan, chunk) : this.#number(plan, chunk);
      case 'time':
        return this.#between(plan, chunk);
    }
  }

  /** What takes no items comes first: there may be none left to look at. */
  async #all(of: readonly Plan[], chunk: number, within?: Bits): Promise<Bits> {
    let left = within;
    for (const one of of.toSorted((a, b) => this.#cost(a, chunk) - this.#cost(b, chunk))) {
      const bits = await this.evaluate(one, chunk, left);
      if (left !== undefined) intersect(bits, left);
      if (isEmpty(bits)) return bits;
      left = bits;
    }
    return left ?? allBits();
  }

  #cost(plan: Plan, chunk: number): number {
    switch (plan.op) {
      case 'all':
        return 0;
      case 'terms':
        return 10 + plan.terms.length;
      case 'number':
        return plan.field === 'seq' ? this.#costBetween(plan, chunk) : 100 + plan.inside.length;
      case 'time':
        return this.#costBetween(plan, chunk);
      case 'not':
        return this.#cost(plan.of, chunk);
      default:
        return plan.of.reduce((sum, one) => sum + this.#cost(one, chunk), 0);
    }
  }

  #costBetween(leaf: Ordered, chunk: number): number {
    return this.#cut(leaf, chunk) === 'split' ? 100_000 : 0;
  }

  async #terms(terms: readonly number[], chunk: number): Promise<Bits> {
    const bits = noBits();
    for (const set of await this.#sets.of(terms, chunk)) uniteStored(bits, set.bits);
    return bits;
  }

  /** Ranges that the limits split keep the number of each item. */
  async #number({ from, to, inside, split }: NumberLeaf, chunk: number): Promise<Bits> {
    const bits = await this.#terms(inside, chunk);
    if (split.length === 0) return bits;
    const buckets = new Map(split.map(({ term, bucket }) => [term, bucket]));
    for (const set of await this.#sets.of([...buckets.keys()], chunk)) {
      const doubtful = noBits();
      uniteStored(doubtful, set.bits);
      const items = numbersIn(doubtful);
      const bucket = buckets.get(set.term);
      if (bucket === undefined) continue;
      const values = decodeValues(bucket, set.numbers, items.length);
      for (const [index, item] of items.entries()) {
        const value = values[index] as number;
        if (value >= from && value <= to) setBit(bits, item);
      }
    }
    return bits;
  }

  /** Times and places go up from chunk to chunk: few are split. */
  async #between(leaf: Ordered, chunk: number): Promise<Bits> {
    const cut = this.#cut(leaf, chunk);
    if (cut !== 'split') return cut === 'inside' ? allBits() : noBits();
    const first = chunk * CHUNK_ITEMS;
    const found = await this.#reader.between(
      leaf.op === 'time' ? 'at' : 'seq',
      { from: first, to: first + CHUNK_ITEMS },
      { least: leaf.from, most: lastOf(leaf) },
    );
    const bits = noBits();
    for (const id of found) setBit(bits, id - first);
    return bits;
  }

  #cut(leaf: Ordered, chunk: number): 'inside' | 'outside' | 'split' {
    const range = this.#ranges.get(chunk) as ChunkRange;
    const isTime = leaf.op === 'time';
    const [least, most] = isTime ? [range.minAt, range.maxAt] : [range.minSeq, range.maxSeq];
    const last = lastOf(leaf);
    if (least >= leaf.from && most <= last) return 'inside';
    return most < leaf.from || least > last ? 'outside' : 'split';
  }
}

/** What goes up with the items. */
type Ordered = Extract<Plan, { op: 'time' }> | NumberLeaf;

const lastOf = (leaf: Ordered): number => (leaf.op === 'time' ? leaf.to - 1 : leaf.to);

function isInRange(item: Item, { field, from, to }: NumberLeaf): boolean {
  const value = item[field];
  return value !== null && value >= from && value <= to;
}

/** Tests items of a tail. */
export function tailTest(plan: Plan, tail: TailView): (item: TailItem) => boolean {
  switch (plan.op) {
    case 'all':
      return () => true;
    case 'and': {
      const tests = plan.of.map((one) => tailTest(one, tail));
      return (item) => tests.every((test) => test(item));
    }
    case 'or': {
      const tests = plan.of.map((one) => tailTest(one, tail));
      return (item) => tests.some((test) => test(item));
    }
    case 'not': {
      const test = tailTest(plan.of, tail);
      return (item) => !test(item);
    }
    case 'terms':
      return termTest(plan, tail);
    case 'number':
      return (item) => isInRange(item, plan);
    case 'time':
      return ({ at }) => at >= plan.from && at < plan.to;
  }
}

function termTest({ terms, state }: TermLeaf, tail: TailView): (item: TailItem) => boolean {
  const wanted = new Set(terms);
  const forms = tail.formsWith(terms);
  const sessions = tail.sessionsWith(terms);
  return (item) =>
    (item.form !== null && forms.has(item.form)) ||
    (item.session !== null && sessions.has(item.session)) ||
    wanted.has(item.kind) ||
    item.state === state ||
    item.own.some((term) => wanted.has(term));
}
