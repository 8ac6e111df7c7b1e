/**
 * How the index is kept. The interface says nothing of SQL: SQLite is one, a shared PostgreSQL another. One process writes; any
 * number may read, each call on what was committed when it began.
 *
 * Items are what can be found: every entry of the ledger but forms and outcomes, numbered from 0 in the log's order. Chunks of
 * `CHUNK_ITEMS` of them are *sealed* once their statements have most likely ended: then each term has the set of its items. What is not sealed
 * yet, the *tail*, is looked through.
 */
import type { TermField } from './filter/filter.ts';
import type { KeptNumber } from './number-values.ts';

/** How a statement ended: see `Item.state`. */
export const STATE = { none: 0, missing: 1, ok: 2, error: 3, refused: 4 } as const;
export type ItemState = (typeof STATE)[keyof typeof STATE];

export interface Item {
  readonly id: number;
  /** In the log. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The term of its kind. */
  readonly kind: number;
  /** Statements only. */
  readonly form: number | null;
  readonly session: number | null;
  readonly statement: number | null;
  /** `none` for what is no statement; `refused` for one that was not forwarded: it never gets an outcome. */
  readonly state: ItemState;
  /** The outcome's place in the log, and what it says. */
  readonly ended: number | null;
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly us: number | null;
  /** Terms of its own, four bytes each, little-endian. */
  readonly terms: Uint8Array | null;
}

/** What an outcome adds to its statement's item. */
export interface ItemEnd {
  readonly id: number;
  readonly state: ItemState;
  readonly ended: number;
  readonly rows: number;
  readonly bytes: number;
  readonly us: number;
  /** Terms that come on top of those it has. */
  readonly terms: readonly number[];
}

export interface NewTerm {
  readonly id: number;
  readonly field: TermField;
  readonly value: string;
}

export interface NewForm {
  readonly id: number;
  readonly hash: string;
  /** Canonical JSON; empty if the form was never met. */
  readonly json: string;
  /** False for one that was refused or held: no outcome follows. */
  readonly forwarded: boolean;
  readonly terms: readonly number[];
  /** Those of `terms` that are words of its text. */
  readonly words: readonly number[];
}

export interface NewSession {
  readonly id: number;
  readonly session: string;
  /** The event that opened it, as JSON; empty if it was never met. */
  readonly opened: string;
  readonly terms: readonly number[];
}

/** A statement whose outcome has not come yet. */
export interface PendingStatement {
  readonly session: number;
  readonly statement: number;
  readonly item: number;
}

/** An item of a sealed chunk that changed: into these sets, out of those. */
export interface Amendment {
  readonly item: number;
  readonly add: readonly Membership[];
  readonly remove: readonly number[];
}

/** That an item is in a set; with its number if the set keeps numbers. */
export interface Membership {
  readonly term: number;
  readonly kept?: KeptNumber;
}

/** What a piece of the log adds: all of it becomes visible at once, with the place behind it. */
export interface IndexBatch {
  readonly next: number;
  /** The time of the last entry, in milliseconds since the epoch. */
  readonly at: number;
  /** SHA-256 of the last entry, in base64url: by it the log is known again. */
  readonly tip: string;
  readonly terms: readonly NewTerm[];
  readonly forms: readonly NewForm[];
  readonly sessions: readonly NewSession[];
  readonly items: readonly Item[];
  readonly ends: readonly ItemEnd[];
  readonly amendments: readonly Amendment[];
  readonly pending: readonly PendingStatement[];
  /** No longer pending. */
  readonly settled: readonly Omit<PendingStatement, 'item'>[];
}

/** Times and places of a chunk's items, both ends included. */
export interface ChunkRange {
  readonly chunk: number;
  readonly minAt: number;
  readonly maxAt: number;
  readonly minSeq: number;
  readonly maxSeq: number;
}

/** A set of items of one chunk, as it is stored. */
export interface StoredSet {
  /** As `encodeNumbers` makes it. */
  readonly bits: Uint8Array;
  /** The number of each item, in order, where the term is a range of numbers: see `number-values.ts`. */
  readonly numbers: Uint8Array | null;
}

/** One that was found. */
export interface FoundSet extends StoredSet {
  readonly chunk: number;
  readonly term: number;
}

/** A chunk's sets, by term. */
export interface SealedChunk {
  readonly range: ChunkRange;
  readonly sets: ReadonlyMap<number, StoredSet>;
}

/** What has to be known of the past to index on. */
export interface Wanted {
  readonly terms: readonly { readonly field: TermField; readonly value: string }[];
  readonly forms: readonly string[];
  readonly sessions: readonly string[];
}

export interface KnownForm {
  readonly id: number;
  /** See `NewForm`. */
  readonly forwarded: boolean;
}

export interface Known {
  /** In the order asked; undefined for what there is not. */
  readonly terms: readonly (number | undefined)[];
  readonly forms: readonly (KnownForm | undefined)[];
  readonly sessions: readonly (number | undefined)[];
}

/** How far the index is. */
export interface IndexHead {
  /** The place in the log behind the last entry that is in. */
  readonly next: number;
  /** The time of that entry; 0 before the first. */
  readonly at: number;
  /** See `IndexBatch`; empty before the first. */
  readonly tip: string;
  readonly items: number;
  /** Chunks that are sealed: those from 0 on. */
  readonly sealed: number;
  readonly terms: number;
  readonly forms: number;
  readonly sessions: number;
}

export interface StoredForm {
  readonly hash: string;
  readonly json: string;
  /** As `packTerms` makes them. */
  readonly terms: Uint8Array;
}

export interface StoredSession {
  readonly session: string;
  readonly opened: string;
  readonly terms: Uint8Array;
}

/** What goes up with the items: the time, and the place in the log. */
export type OrderedColumn = 'at' | 'seq';

/** Used by one caller at a time. Whatever is wrong with what is behind it is `store_unavailable`. */
export interface IndexReader {
  /** Chunks whose sets are best asked for together: 1 where a question costs nothing. */
  readonly chunksAtOnce: number;
  /**
   * From now to `end`, all is answered as of one moment.
   * @returns false, and nothing was begun, if the index was made anew since it was opened: then it has to be opened anew
   */
  begin(): Promise<boolean>;
  end(): Promise<void>;
  head(): Promise<IndexHead>;
  /** Of all sealed chunks, in order. */
  chunkRanges(): Promise<readonly ChunkRange[]>;
  /** In the order asked. */
  termIds(field: TermField, values: readonly string[]): Promise<readonly (number | undefined)[]>;
  /** Terms of a field that begin with `prefix`, at most `limit`, in order of their values. */
  termsWith(
    field: TermField,
    prefix: string,
    limit: number,
  ): Promise<readonly { readonly id: number; readonly value: string }[]>;
  /** The sets that some terms have in sealed chunks, in no order; none for a term that nothing in one has. */
  sets(chunks: readonly number[], terms: readonly number[]): Promise<readonly FoundSet[]>;
  /** Items `from` to below `to`, in order. */
  items(from: number, to: number): Promise<readonly Item[]>;
  /** In the order asked; what there is not is left out. */
  itemsById(ids: readonly number[]): Promise<readonly Item[]>;
  /** Those of items `from` to below `to` whose value is from `least` to `most`, both included; in order. */
  between(
    column: OrderedColumn,
    items: { readonly from: number; readonly to: number },
    values: { readonly least: number; readonly most: number },
  ): Promise<readonly number[]>;
  /** Forms whose text has a word. */
  formsWithWord(term: number): Promise<readonly number[]>;
  forms(ids: readonly number[]): Promise<ReadonlyMap<number, StoredForm>>;
  sessions(ids: readonly number[]): Promise<ReadonlyMap<number, StoredSession>>;
  close(): Promise<void>;
}

export interface IndexWriter extends IndexReader {
  known(wanted: Wanted): Promise<Known>;
  /** Items of statements that are still pending, in the order asked. */
  pending(of: readonly Omit<PendingStatement, 'item'>[]): Promise<readonly (number | undefined)[]>;
  commit(batch: IndexBatch): Promise<void>;
  seal(chunk: SealedChunk): Promise<void>;
}

/** Where an index is kept. */
export interface IndexPlace {
  /** For people: `embedded`, or which database and schema. Holds no secret. */
  readonly name: string;
  /**
   * Opens the index, or makes an empty one.
   * @param log what the log is called: the index of another log is never written to
   * @throws {SluiceError} store_unavailable
   */
  openToWrite(log: string): Promise<IndexWriter>;
  /** @throws {SluiceError} store_unavailable, also if there is none of that log yet */
  openToRead(log: string): Promise<IndexReader>;
  /** Throws away what there is of that log. Nobody may have it open to write. @throws {SluiceError} store_unavailable */
  clear(log: string): Promise<void>;
  /** True for what says that the index itself is wrong, and has to be made anew. */
  isDamage(cause: unknown): boolean;
}
