/**
 * The items that no sealed chunk has yet, kept in memory between two searches: what was read stays, what is new is added, and statements
 * that had not ended are looked at again.
 */
import { CHUNK_ITEMS } from './bitmap.ts';
import { type IndexHead, type IndexReader, type Item, STATE } from './index-storage.ts';
import { unpackTerms } from './term-list.ts';

/** An item with its own terms as numbers. */
export interface TailItem extends Item {
  readonly own: readonly number[];
}

/** The tail as a search sees it. */
export interface TailView {
  readonly items: readonly TailItem[];
  /** Forms and sessions of the tail that have a term. */
  formsWith(terms: readonly number[]): ReadonlySet<number>;
  sessionsWith(terms: readonly number[]): ReadonlySet<number>;
}

const NONE: readonly number[] = [];

export class Tail {
  readonly #reader: IndexReader;
  #first = 0;
  #next = -1;
  #items: TailItem[] = [];
  #forms = new Holders();
  #sessions = new Holders();

  constructor(reader: IndexReader) {
    this.#reader = reader;
  }

  /** What lies between the last sealed chunk and `head.items`. Good until the next call. */
  async view(head: IndexHead): Promise<TailView> {
    if (head.next !== this.#next) await this.#advance(head);
    return {
      items: this.#items,
      formsWith: (terms) => this.#forms.with(terms),
      sessionsWith: (terms) => this.#sessions.with(terms),
    };
  }

  async #advance(head: IndexHead): Promise<void> {
    const sealed = head.sealed * CHUNK_ITEMS;
    const kept = this.#items.slice(Math.max(0, sealed - this.#first));
    if (kept.length < this.#items.length) [this.#forms, this.#sessions] = [new Holders(), new Holders()];
    const first = kept[0]?.id ?? sealed;
    await this.#refresh(kept, first);
    for (const item of await this.#reader.items(first + kept.length, head.items)) kept.push(tailItem(item));
    await this.#forms.know(idsOf(kept, 'form'), (ids) => this.#reader.forms(ids));
    await this.#sessions.know(idsOf(kept, 'session'), (ids) => this.#reader.sessions(ids));
    [this.#items, this.#first, this.#next] = [kept, first, head.next];
  }

  /** Statements that had not ended. */
  async #refresh(items: TailItem[], first: number): Promise<void> {
    const open = items.filter(({ state }) => state === STATE.missing).map(({ id }) => id);
    for (const item of await this.#reader.itemsById(open)) items[item.id - first] = tailItem(item);
  }
}

/** Which forms, or sessions, have a term. */
class Holders {
  readonly #known = new Set<number>();
  readonly #byTerm = new Map<number, number[]>();

  async know(
    ids: ReadonlySet<number>,
    read: (ids: readonly number[]) => Promise<ReadonlyMap<number, { readonly terms: Uint8Array }>>,
  ): Promise<void> {
    const missing = [...ids].filter((id) => !this.#known.has(id));
    for (const [id, { terms }] of await read(missing)) {
      this.#known.add(id);
      for (const term of unpackTerms(terms)) {
        const holders = this.#byTerm.get(term);
        if (holders === undefined) this.#byTerm.set(term, [id]);
        else holders.push(id);
      }
    }
  }

  with(terms: readonly number[]): ReadonlySet<number> {
    return new Set(terms.flatMap((term) => this.#byTerm.get(term) ?? NONE));
  }
}

function idsOf(items: readonly TailItem[], what: 'form' | 'session'): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const item of items) {
    const id = item[what];
    if (id !== null) ids.add(id);
  }
  return ids;
}

function tailItem(item: Item): TailItem {
  return { ...item, own: item.terms === null ? NONE : unpackTerms(item.terms) };
}
