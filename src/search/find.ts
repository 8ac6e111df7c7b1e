/** Finds items: a page at a time, newest or oldest first, or how many there are. */
import { CHUNK_ITEMS, countBits, numbersIn } from './bitmap.ts';
import { ChunkEvaluator, tailTest } from './evaluate.ts';
import type { Filter } from './filter/filter.ts';
import type { IndexReader, Item } from './index-storage.ts';
import { planOf, refuseAfter } from './plan.ts';
import { Tail } from './tail.ts';

export type Order = 'newest' | 'oldest';

export interface PageQuery {
  readonly filter: Filter;
  readonly order: Order;
  /** At most so many. */
  readonly limit: number;
}

export interface ItemPage {
  readonly items: readonly Item[];
  /** True if there are more behind the last of them. */
  readonly more: boolean;
}

/** A search that takes longer is given up: it can be made smaller. */
const MAX_SEARCH_MS = 20_000;

export class Finder {
  readonly #reader: IndexReader;
  readonly #tail: Tail;

  constructor(reader: IndexReader) {
    this.#reader = reader;
    this.#tail = new Tail(reader);
  }

  /** @throws {SluiceError} bad_request if it takes too long or a pattern stands for too much, store_unavailable */
  async page({ filter, order, limit }: PageQuery): Promise<ItemPage> {
    const ids: number[] = [];
    for await (const found of this.#found(filter, order === 'newest')) {
      ids.push(...found.slice(0, limit + 1 - ids.length));
      if (ids.length > limit) break;
    }
    return { items: await this.#reader.itemsById(ids.slice(0, limit)), more: ids.length > limit };
  }

  /** How many items there are. Throws as `page` does. */
  async count(filter: Filter): Promise<number> {
    const deadline = performance.now() + MAX_SEARCH_MS;
    const plan = await planOf(filter, this.#reader, deadline);
    const head = await this.#reader.head();
    let count = 0;
    const tail = await this.#tail.view(head);
    const test = tailTest(plan, tail);
    for (const item of tail.items) if (test(item)) count++;
    const evaluator = new ChunkEvaluator(this.#reader, await this.#reader.chunkRanges(), 'newest');
    for (let chunk = head.sealed - 1; chunk >= 0; chunk--) {
      count += countBits(await evaluator.evaluate(plan, chunk));
      refuseAfter(deadline);
    }
    return count;
  }

  /** What is found, in order, in pieces. */
  async *#found(filter: Filter, newest: boolean): AsyncGenerator<readonly number[], void, void> {
    const deadline = performance.now() + MAX_SEARCH_MS;
    const plan = await planOf(filter, this.#reader, deadline);
    const head = await this.#reader.head();
    const order = newest ? 'newest' : 'oldest';
    const evaluator = new ChunkEvaluator(this.#reader, await this.#reader.chunkRanges(), order);
    const tail = async () => {
      const view = await this.#tail.view(head);
      const items = view.items.filter(tailTest(plan, view)).map(({ id }) => id);
      return newest ? items.reverse() : items;
    };
    if (newest) yield await tail();
    for (let step = 0; step < head.sealed; step++) {
      const chunk = newest ? head.sealed - 1 - step : step;
      const numbers = numbersIn(await evaluator.evaluate(plan, chunk)).map(
        (number) => chunk * CHUNK_ITEMS + number,
      );
      yield newest ? numbers.reverse() : numbers;
      refuseAfter(deadline);
    }
    if (!newest) yield await tail();
  }
}
