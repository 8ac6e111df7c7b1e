/** What one piece of the log adds to the index, while it is put together: hands out the numbers. */

import { type EndDraft, endOf } from './drafts.ts';
import type { Term } from './entry-terms.ts';
import {
  type Amendment,
  type IndexBatch,
  type IndexHead,
  type Item,
  type ItemEnd,
  type NewForm,
  type NewSession,
  type NewTerm,
  type PendingStatement,
  STATE,
} from './index-storage.ts';
import { withTerms } from './term-list.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One batch while it is made. */
export class Batch {
  readonly #head: Mutable<IndexHead>;
  readonly #terms: NewTerm[] = [];
  readonly #forms: NewForm[] = [];
  readonly #sessions: NewSession[] = [];
  readonly #items: Mutable<Item>[] = [];
  readonly #ends: ItemEnd[] = [];
  readonly #amendments: Amendment[] = [];
  readonly #open = new Map<string, Mutable<Item>>();
  readonly #settled: Omit<PendingStatement, 'item'>[] = [];
  /** Outcomes of statements that are not in this batch. */
  readonly late: { readonly session: number; readonly draft: EndDraft; readonly terms: readonly number[] }[] =
    [];

  constructor(head: IndexHead, place: Pick<IndexHead, 'next' | 'at' | 'tip'>) {
    this.#head = { ...head, ...place };
  }

  term({ field, value }: Term): number {
    const id = this.#head.terms++;
    this.#terms.push({ id, field, value });
    return id;
  }

  form(known: number | undefined, form: Omit<NewForm, 'id'>): number {
    const id = known ?? this.#head.forms++;
    this.#forms.push({ id, ...form });
    return id;
  }

  session(known: number | undefined, session: string, opened: string, terms: readonly number[]): number {
    const id = known ?? this.#head.sessions++;
    this.#sessions.push({ id, session, opened, terms });
    return id;
  }

  item(item: Omit<Item, 'id' | 'ended' | 'rows' | 'bytes' | 'us'>): void {
    const made: Mutable<Item> = {
      id: this.#head.items++,
      ...item,
      ended: null,
      rows: null,
      bytes: null,
      us: null,
    };
    this.#items.push(made);
    if (made.state === STATE.missing) this.#open.set(`${made.session}/${made.statement}`, made);
  }

  end(ended: EndDraft, session: number, terms: readonly number[]): void {
    const key = `${session}/${ended.statement}`;
    const item = this.#open.get(key);
    if (item === undefined) {
      this.late.push({ session, draft: ended, terms });
      return;
    }
    this.#open.delete(key);
    Object.assign(item, endOf(ended));
    if (terms.length > 0) item.terms = withTerms(item.terms, terms);
  }

  endEarlier(
    id: number,
    session: number,
    ended: EndDraft,
    terms: readonly number[],
    amendment: Omit<Amendment, 'item'> | undefined,
  ): void {
    const { statement, rows, bytes, us } = ended;
    this.#settled.push({ session, statement });
    this.#ends.push({ id, rows, bytes, us, terms, state: endOf(ended).state, ended: ended.seq });
    if (amendment !== undefined) this.#amendments.push({ item: id, ...amendment });
  }

  head(): IndexHead {
    return { ...this.#head };
  }

  finish(): IndexBatch {
    const pending = [...this.#open.values()].map(({ session, statement, id }) => ({
      ...{ session: session as number, statement: statement as number, item: id },
    }));
    return {
      ...{
        next: this.#head.next,
        at: this.#head.at,
        tip: this.#head.tip,
        terms: this.#terms,
        forms: this.#forms,
        sessions: this.#sessions,
      },
      ...{
        items: this.#items,
        ends: this.#ends,
        amendments: this.#amendments,
        pending,
        settled: this.#settled,
      },
    };
  }
}
