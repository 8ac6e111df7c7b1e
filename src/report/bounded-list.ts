/** The first of many, and how many there were: reports stay readable, and reading them in memory bounded. */
import type { Listed } from './evidence.ts';

export class BoundedList<T> {
  readonly #max: number;
  readonly #rows: T[] = [];
  #total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get total(): number {
    return this.#total;
  }

  add(row: T): void {
    this.#total += 1;
    if (this.#rows.length < this.#max) this.#rows.push(row);
  }

  list(filter?: string): Listed<T> {
    return { rows: this.#rows, total: this.#total, ...(filter === undefined ? {} : { filter }) };
  }
}

/** Values by key; beyond `max` keys, new ones share one value under `OTHERS`. */
export class BoundedMap<T> {
  readonly #max: number;
  readonly #make: () => T;
  readonly #values = new Map<string, T>();

  constructor(max: number, make: () => T) {
    this.#max = max;
    this.#make = make;
  }

  get(key: string): T {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const name = this.#values.size < this.#max ? key : OTHERS;
    const value = this.#values.get(name) ?? this.#make();
    this.#values.set(name, value);
    return value;
  }

  /** By key. */
  sorted(): readonly (readonly [string, T])[] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

export const OTHERS = '(others)';
