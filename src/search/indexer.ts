/**
 * Pieces of the log → the index. Each piece is put in whole, with the place behind it, so a crash repeats nothing and loses nothing. Holds
 * one piece in memory and the items of some chunk and a half, and what it remembers of terms, forms and sessions is bounded.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { RawEntry } from '../ledger/entry-decoder.ts';
import type { LogPiece } from '../ledger/log-follower.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import { Batch } from './batch.ts';
import { CHUNK_ITEMS } from './bitmap.ts';
import { type Draft, type Drafts, draftsOf, type EndDraft, endOf } from './drafts.ts';
import type { Term } from './entry-terms.ts';
import { fold } from './filter/filter.ts';
import {
  type Amendment,
  type IndexHead,
  type IndexWriter,
  type Item,
  type ItemEnd,
  type KnownForm,
  type Membership,
  STATE,
} from './index-storage.ts';
import { columnTerms, sealedChunk } from './sealing.ts';
import { packTerms, withTerms } from './term-list.ts';

/** How far behind the end a chunk is sealed: an outcome that comes later costs a change of its sets. */
const SLACK = 8192;

/** The numbers that one piece needs. */
interface Numbers {
  readonly terms: Map<string, number>;
  readonly forms: Map<string, KnownForm>;
  readonly sessions: Map<string, number>;
}

export class Indexer {
  readonly #storage: IndexWriter;
  readonly #source: TileSource;
  #head: IndexHead;
  readonly #terms = new LRUCache<string, number>({ max: 100_000 });
  readonly #forms = new LRUCache<string, KnownForm>({ max: 20_000 });
  readonly #sessions = new LRUCache<string, number>({ max: 50_000 });

  /** Items that no sealed chunk has: from the first of the next chunk on, in order. */
  #tail: Item[];

  private constructor(storage: IndexWriter, source: TileSource, head: IndexHead, tail: Item[]) {
    this.#storage = storage;
    this.#source = source;
    this.#head = head;
    this.#tail = tail;
  }

  static async open(storage: IndexWriter, source: TileSource): Promise<Indexer> {
    const head = await storage.head();
    const tail = await storage.items(head.sealed * CHUNK_ITEMS, head.items);
    return new Indexer(storage, source, head, [...tail]);
  }

  get head(): IndexHead {
    return this.#head;
  }

  /**
   * Puts a piece in; it must begin where the index ends.
   * @throws {SluiceError} store_unavailable, ledger_corrupt: then the index is as it was, and this indexer of no use any more
   */
  async add({ entries, next }: LogPiece<RawEntry>): Promise<void> {
    const drafts = await draftsOf(entries, this.#source);
    const last = entries.at(-1);
    const tip = last === undefined ? this.#head.tip : tipOf(last);
    const batch = new Batch(this.#head, { next, tip, at: drafts.entries.at(-1)?.at ?? this.#head.at });
    const numbers = await this.#numbersFor(drafts, batch);
    for (const draft of drafts.entries) {
      if ('failed' in draft)
        batch.end(draft, numbers.sessions.get(draft.session) as number, idsOf(draft.terms, numbers));
      else addItem(draft, batch, numbers);
    }
    await this.#endEarlier(batch);
    const finished = batch.finish();
    await this.#storage.commit(finished);
    this.#head = batch.head();
    this.#tail.push(...finished.items);
    for (const end of finished.ends) this.#endInTail(end);
    while (this.#head.items - this.#head.sealed * CHUNK_ITEMS >= CHUNK_ITEMS + SLACK) await this.#seal();
  }

  #endInTail({ id, terms, ...end }: ItemEnd): void {
    const place = id - this.#head.sealed * CHUNK_ITEMS;
    const item = this.#tail[place];
    if (item === undefined) return;
    const all = terms.length === 0 ? item.terms : withTerms(item.terms, terms);
    this.#tail[place] = { ...item, ...end, terms: all };
  }

  /** A number for each term, form and session of the drafts: the one it has, or a new one. */
  async #numbersFor(drafts: Drafts, batch: Batch): Promise<Numbers> {
    const numbers: Numbers = { terms: new Map(), forms: new Map(), sessions: new Map() };
    const terms = new Map<string, Term>();
    const want = (list: readonly Term[]) => {
      for (const term of list) {
        const key = keyOf(term);
        if (numbers.terms.has(key) || terms.has(key)) continue;
        const known = this.#terms.get(key);
        if (known === undefined) terms.set(key, term);
        else numbers.terms.set(key, known);
      }
    };
    const forms = new Set(drafts.forms.keys());
    const sessions = new Set(drafts.sessions.keys());
    for (const kind of new Set(drafts.entries.map((one) => one.kind))) want([kindTerm(kind)]);
    for (const { form, session, terms: own } of drafts.entries) {
      want(own);
      if (form !== undefined && !forms.has(form)) take(form, this.#forms, numbers.forms, forms);
      if (session !== undefined && !sessions.has(session))
        take(session, this.#sessions, numbers.sessions, sessions);
    }
    for (const { terms: own } of [...drafts.forms.values(), ...drafts.sessions.values()]) want(own);
    want([...forms].map(formTerm));
    want([...sessions].map(sessionTerm));
    const asked = { terms: [...terms.values()], forms: [...forms], sessions: [...sessions] };
    const known = await this.#storage.known(asked);
    for (const [index, term] of asked.terms.entries())
      numbers.terms.set(keyOf(term), known.terms[index] ?? batch.term(term));
    for (const [index, hash] of asked.forms.entries())
      addForm(hash, known.forms[index], drafts, batch, numbers);
    for (const [index, session] of asked.sessions.entries())
      addSession(session, known.sessions[index], drafts, batch, numbers);
    for (const key of terms.keys()) this.#terms.set(key, numbers.terms.get(key) as number);
    for (const hash of forms) this.#forms.set(hash, numbers.forms.get(hash) as KnownForm);
    for (const session of sessions) this.#sessions.set(session, numbers.sessions.get(session) as number);
    return numbers;
  }

  /** Outcomes of statements that came with an earlier piece. */
  async #endEarlier(batch: Batch): Promise<void> {
    const { late } = batch;
    if (late.length === 0) return;
    const items = await this.#storage.pending(
      late.map(({ session, draft: { statement } }) => ({ session, statement })),
    );
    const ended = new Set<number>();
    for (const [index, { session, draft, terms }] of late.entries()) {
      const item = items[index];
      if (item === undefined || ended.has(item)) continue;
      ended.add(item);
      const isSealed = item < this.#head.sealed * CHUNK_ITEMS;
      batch.endEarlier(
        item,
        session,
        draft,
        terms,
        isSealed ? await this.#changes(draft, terms, batch) : undefined,
      );
    }
  }

  async #changes(draft: EndDraft, terms: readonly number[], batch: Batch): Promise<Omit<Amendment, 'item'>> {
    const add: Membership[] = terms.map((term) => ({ term }));
    // The number of the statement itself is in its set from the beginning.
    for (const { kept, ...term } of columnTerms({ ...endOf(draft), statement: null }))
      add.push({ term: await this.#columnTerm(term, batch), ...(kept === undefined ? {} : { kept }) });
    return { add, remove: [await this.#columnTerm({ field: 'outcome', value: 'missing' }, batch)] };
  }

  async #columnTerm(term: Term, batch: Batch): Promise<number> {
    const remembered = this.#terms.get(keyOf(term));
    if (remembered !== undefined) return remembered;
    const [known] = await this.#storage.termIds(term.field, [term.value]);
    const id = known ?? batch.term(term);
    this.#terms.set(keyOf(term), id);
    return id;
  }

  async #seal(): Promise<void> {
    const batch = new Batch(this.#head, this.#head);
    const chunk = await sealedChunk(
      this.#storage,
      this.#head.sealed,
      this.#tail.slice(0, CHUNK_ITEMS),
      (term) => this.#columnTerm(term, batch),
    );
    await this.#storage.commit(batch.finish());
    await this.#storage.seal(chunk);
    this.#tail = this.#tail.slice(CHUNK_ITEMS);
    this.#head = { ...batch.head(), sealed: this.#head.sealed + 1 };
  }
}

/** By which an entry is known again. */
export const tipOf = ({ bytes }: RawEntry): string => hash('sha256', bytes, 'base64url');

const keyOf = ({ field, value }: Term): string => `${field}\n${value}`;
const kindTerm = (kind: string): Term => ({ field: 'kind', value: kind });
const formTerm = (hash: string): Term => ({ field: 'form', value: fold(hash) });
const sessionTerm = (session: string): Term => ({ field: 'session', value: fold(session) });

/** Takes what is remembered; what is not has to be asked for. */
function take<Known extends NonNullable<unknown>>(
  key: string,
  remembered: LRUCache<string, Known>,
  found: Map<string, Known>,
  missing: Set<string>,
): void {
  const known = found.get(key) ?? remembered.get(key);
  if (known === undefined) missing.add(key);
  else found.set(key, known);
}

function idsOf(terms: readonly Term[], numbers: Numbers): number[] {
  return terms.map((term) => numbers.terms.get(keyOf(term)) as number);
}

function addForm(
  hash: string,
  known: KnownForm | undefined,
  drafts: Drafts,
  batch: Batch,
  numbers: Numbers,
): void {
  const form = drafts.forms.get(hash);
  if (form === undefined && known !== undefined) {
    numbers.forms.set(hash, known);
    return;
  }
  const { json, forwarded, terms } = form ?? { json: '', forwarded: true, terms: [formTerm(hash)] };
  const words = idsOf(
    terms.filter(({ field }) => field === 'word'),
    numbers,
  );
  const id = batch.form(known?.id, { hash, json, forwarded, terms: idsOf(terms, numbers), words });
  numbers.forms.set(hash, { id, forwarded });
}

function addSession(
  session: string,
  known: number | undefined,
  drafts: Drafts,
  batch: Batch,
  numbers: Numbers,
): void {
  const found = drafts.sessions.get(session);
  const terms = idsOf(found?.terms ?? [sessionTerm(session)], numbers);
  const id =
    known !== undefined && found === undefined
      ? known
      : batch.session(known, session, found?.opened ?? '', terms);
  numbers.sessions.set(session, id);
}

function addItem(
  { seq, at, kind, session, statement, form, terms }: Draft,
  batch: Batch,
  numbers: Numbers,
): void {
  const asked = form === undefined ? undefined : numbers.forms.get(form);
  const own = idsOf(terms, numbers);
  batch.item({
    ...{ seq, at, form: asked?.id ?? null, statement: statement ?? null },
    state: asked === undefined ? STATE.none : asked.forwarded ? STATE.missing : STATE.refused,
    kind: numbers.terms.get(keyOf(kindTerm(kind))) as number,
    session: session === undefined ? null : (numbers.sessions.get(session) as number),
    terms: own.length === 0 ? null : packTerms(own),
  });
}
