/**
 * Which items of a chunk a plan finds. Sealed chunks take sets, and items only where a number or a time splits one; the tail is looked
 * through. Exact in both: `not` may stand anywhere.
 */
import {
  allBits,
  type Bits,
  CHUNK_ITEMS,
  clearBit,
  intersect,
  invert,
  isEmpty,
  noBits,
  numbersIn,
  unite,
  uniteStored,
} from './bitmap.ts';
import type { NumberField } from './filter/filter.ts';
import type { ChunkRange, IndexReader, Item } from './index-storage.ts';
import type { NumberLeaf, Plan, TermLeaf } from './plan.ts';
import type { TailItem, TailView } from './tail.ts';

/** Looks at sealed chunks.  */
export class ChunkEvaluator {
  readonly #reader: IndexReader;
  readonly #ranges: ReadonlyMap<number, ChunkRange>;

  constructor(reader: IndexReader, ranges: readonly ChunkRange[]) {
    this.#reader = reader;
    this.#ranges = new Map(ranges.map((one) => [one.chunk, one]));
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
        return this.#number(plan, chunk, within);
      case 'time':
        return this.#between(plan, chunk, within);
    }
  }

  /** What takes no items comes first: there may be few left to look at, or none. */
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
        return 100_000;
      case 'time':
        return this.#cut(plan, chunk) === 'split' ? 100_000 : 0;
      case 'not':
        return this.#cost(plan.of, chunk);
      default:
        return plan.of.reduce((sum, one) => sum + this.#cost(one, chunk), 0);
    }
  }

  async #terms(terms: readonly number[], chunk: number): Promise<Bits> {
    const bits = noBits();
    for (const set of await this.#reader.sets(chunk, terms)) uniteStored(bits, set);
    return bits;
  }

  async #number(leaf: NumberLeaf, chunk: number, within?: Bits): Promise<Bits> {
    if (leaf.field === 'seq') return this.#between(leaf, chunk, within);
    const isBucketed = leaf.field !== 'statement';
    const bits = await this.#terms(leaf.inside, chunk);
    const doubtful = isBucketed ? await this.#terms(leaf.split, chunk) : allBits();
    if (within !== undefined) intersect(doubtful, within);
    unite(bits, await this.#look(chunk, doubtful, leaf.field, leaf.from, leaf.to));
    return bits;
  }

  /** Times and places go up from chunk to chunk: few are split. */
  async #between(leaf: Ordered, chunk: number, within?: Bits): Promise<Bits> {
    const cut = this.#cut(leaf, chunk);
    if (cut === 'split') {
      const field = leaf.op === 'time' ? 'at' : leaf.field;
      return this.#look(chunk, within?.slice() ?? allBits(), field, leaf.from, lastOf(leaf));
    }
    return cut === 'inside' ? allBits() : noBits();
  }

  #cut(leaf: Ordered, chunk: number): 'inside' | 'outside' | 'split' {
    const range = this.#ranges.get(chunk) as ChunkRange;
    const isTime = leaf.op === 'time';
    const [least, most] = isTime ? [range.minAt, range.maxAt] : [range.minSeq, range.maxSeq];
    const last = lastOf(leaf);
    if (least >= leaf.from && most <= last) return 'inside';
    return most < leaf.from || least > last ? 'outside' : 'split';
  }

  /** Those of `candidates` whose number is from `from` to `to`, both included; changes them. */
  async #look(
    chunk: number,
    candidates: Bits,
    field: NumberField | 'at',
    from: number,
    to: number,
  ): Promise<Bits> {
    const numbers = numbersIn(candidates);
    const first = chunk * CHUNK_ITEMS;
    const isFew = numbers.length < CHUNK_ITEMS / 32;
    const column = isFew ? undefined : await this.#reader.column(field, first, first + CHUNK_ITEMS);
    const items = isFew ? await this.#reader.itemsById(numbers.map((number) => first + number)) : [];
    for (const [index, number] of numbers.entries()) {
      const value = column === undefined ? items[index]?.[field] : column[number];
      if (typeof value !== 'number' || value < from || value > to) clearBit(candidates, number);
    }
    return candidates;
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
