/** The index in one SQLite file. The contract is `IndexWriter`'s. Whatever is wrong with the file is `store_unavailable`. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SluiceError } from '../errors/sluice-error.ts';
import { CHUNK_ITEMS } from './bitmap.ts';
import type { TermField } from './filter/filter.ts';
import type {
  Amendment,
  ChunkRange,
  FoundSet,
  IndexBatch,
  IndexHead,
  IndexWriter,
  Item,
  ItemEnd,
  Known,
  KnownForm,
  NewForm,
  OrderedColumn,
  PendingStatement,
  SealedChunk,
  StoredForm,
  StoredSet,
  Wanted,
} from './index-storage.ts';
import { withMember, withoutMember } from './number-values.ts';
import { guard, isDamage, removeIndex } from './sqlite-files.ts';
import { INDEX_VERSION, PLACES_OF_A_CHUNK, SCHEMA, SETTINGS } from './sqlite-schema.ts';
import { packTerms, withTerms } from './term-list.ts';

type Row = Readonly<Record<string, string | number | Uint8Array | null>>;

const BUSY_TIMEOUT_MS = 5000;

export class SqliteIndex implements IndexWriter {
  readonly chunksAtOnce = 1;
  readonly #database: DatabaseSync;
  readonly #path: string;
  /** Which file it is: one made anew has another. */
  readonly #inode: number;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#inode = inodeOf(path);
  }

  /**
   * Opens the index in the file `path`, or makes an empty one. One of another version, of another log or a damaged one is thrown away.
   * @param log what the log is called: see `logName`
   * @throws {SluiceError} store_unavailable
   */
  static openToWrite(path: string, log: string): SqliteIndex {
    return guard(() => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      try {
        const found = SqliteIndex.#open(path, false);
        if (found.#isOf(log)) return found;
        found.#database.close();
      } catch (cause) {
        if (!isDamage(cause)) throw cause;
      }
      removeIndex(path);
      // SQLite gives its -wal and -shm files the mode of this one.
      closeSync(openSync(path, 'a', 0o600));
      chmodSync(path, 0o600);
      const index = SqliteIndex.#open(path, false);
      index.#database.exec(`BEGIN; ${SCHEMA} COMMIT`);
      index.#run('INSERT INTO meta VALUES (?, ?), (?, ?)', 'version', INDEX_VERSION, 'log', log);
      return index;
    });
  }

  /** @throws {SluiceError} store_unavailable if there is none, or one of another version or log */
  static openToRead(path: string, log: string): SqliteIndex {
    return guard(() => {
      if (!existsSync(path)) throw new SluiceError('store_unavailable', 'there is no index yet');
      const index = SqliteIndex.#open(path, true);
      if (index.#isOf(log)) return index;
      index.#database.close();
      throw new SluiceError('store_unavailable', 'the index is of another version, or of another ledger');
    });
  }

  static #open(path: string, readOnly: boolean): SqliteIndex {
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, allowExtension: false });
    try {
      database.exec(
        readOnly
          ? 'PRAGMA trusted_schema = OFF; PRAGMA cache_size = -32768; PRAGMA query_only = ON'
          : SETTINGS,
      );
      return new SqliteIndex(database, path);
    } catch (cause) {
      database.close();
      throw cause;
    }
  }

  async begin(): Promise<boolean> {
    return guard(() => {
      if (inodeOf(this.#path) !== this.#inode) return false;
      this.#run('BEGIN');
      return true;
    });
  }

  async end(): Promise<void> {
    guard(() => this.#run('COMMIT'));
  }

  async head(): Promise<IndexHead> {
    return guard(() => {
      const count = (table: string, column: string) =>
        (this.#first(`SELECT max(${column}) AS n FROM ${table}`)?.n as number | null) ?? -1;
      return {
        next: (this.#meta('next') as number | undefined) ?? 0,
        at: (this.#meta('at') as number | undefined) ?? 0,
        tip: (this.#meta('tip') as string | undefined) ?? '',
        items: count('items', 'id') + 1,
        sealed: count('chunks', 'chunk') + 1,
        terms: count('terms', 'id') + 1,
        forms: count('forms', 'id') + 1,
        sessions: count('sessions', 'id') + 1,
      };
    });
  }

  async chunkRanges(): Promise<readonly ChunkRange[]> {
    return guard(() => this.#all('SELECT * FROM chunks ORDER BY chunk') as unknown as ChunkRange[]);
  }

  async termIds(field: TermField, values: readonly string[]): Promise<readonly (number | undefined)[]> {
    return guard(() => values.map((value) => this.#termId(field, value)));
  }

  async termsWith(field: TermField, prefix: string, limit: number) {
    // A code point above all others ends the range.
    return guard(
      () =>
        this.#all(
          'SELECT id, value FROM terms WHERE field = ? AND value >= ? AND value < ? ORDER BY value LIMIT ?',
          ...[field, prefix, `${prefix}\u{10ffff}`, limit],
        ) as unknown as { id: number; value: string }[],
    );
  }

  async sets(chunks: readonly number[], terms: readonly number[]): Promise<readonly FoundSet[]> {
    return guard(() => {
      const found: FoundSet[] = [];
      for (const chunk of chunks) {
        for (const term of terms) {
          const set = this.#set(chunk * PLACES_OF_A_CHUNK + term);
          if (set !== undefined) found.push({ chunk, term, bits: set.bits, numbers: set.numbers });
        }
      }
      return found;
    });
  }

  async items(from: number, to: number): Promise<readonly Item[]> {
    return guard(
      () =>
        this.#all('SELECT * FROM items WHERE id >= ? AND id < ? ORDER BY id', from, to) as unknown as Item[],
    );
  }

  async itemsById(ids: readonly number[]): Promise<readonly Item[]> {
    return guard(() =>
      ids.flatMap((id) => this.#all('SELECT * FROM items WHERE id = ?', id) as unknown as Item[]),
    );
  }

  async between(
    column: OrderedColumn,
    { from, to }: { readonly from: number; readonly to: number },
    { least, most }: { readonly least: number; readonly most: number },
  ): Promise<readonly number[]> {
    const sql = `SELECT json_group_array(id ORDER BY id) AS list FROM items WHERE id >= ? AND id < ? AND ${column} BETWEEN ? AND ?`;
    return guard(() => JSON.parse(this.#first(sql, from, to, least, most)?.list as string) as number[]);
  }

  async formsWithWord(term: number): Promise<readonly number[]> {
    return guard(() =>
      this.#all('SELECT form FROM words WHERE term = ?', term).map(({ form }) => form as number),
    );
  }

  async forms(ids: readonly number[]): Promise<ReadonlyMap<number, StoredForm>> {
    return guard(() => this.#byId('SELECT hash, json, terms FROM forms WHERE id = ?', ids)) as ReadonlyMap<
      number,
      never
    >;
  }

  async sessions(ids: readonly number[]) {
    return guard(() =>
      this.#byId('SELECT session, opened, terms FROM sessions WHERE id = ?', ids),
    ) as ReadonlyMap<number, never>;
  }

  async known({ terms, forms, sessions }: Wanted): Promise<Known> {
    return guard(() => ({
      terms: terms.map(({ field, value }) => this.#termId(field, value)),
      forms: forms.map((hash) => this.#knownForm(hash)),
      sessions: sessions.map(
        (one) => this.#first('SELECT id FROM sessions WHERE session = ?', one)?.id as number | undefined,
      ),
    }));
  }

  async pending(of: readonly Omit<PendingStatement, 'item'>[]): Promise<readonly (number | undefined)[]> {
    return guard(() =>
      of.map(
        ({ session, statement }) =>
          this.#first('SELECT item FROM pending WHERE session = ? AND statement = ?', session, statement)
            ?.item as number | undefined,
      ),
    );
  }

  async commit(batch: IndexBatch): Promise<void> {
    guard(() =>
      this.#together(() => {
        for (const { id, field, value } of batch.terms)
          this.#run('INSERT INTO terms VALUES (?, ?, ?)', id, field, value);
        for (const form of batch.forms) this.#putForm(form);
        for (const { id, session, opened, terms } of batch.sessions) {
          this.#run(
            'INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)',
            id,
            session,
            opened,
            packTerms(terms),
          );
        }
        this.#insertItems(batch.items);
        for (const end of batch.ends) this.#end(end);
        for (const amendment of batch.amendments) this.#amend(amendment);
        for (const { session, statement, item } of batch.pending)
          this.#run('INSERT OR REPLACE INTO pending VALUES (?, ?, ?)', session, statement, item);
        for (const { session, statement } of batch.settled)
          this.#run('DELETE FROM pending WHERE session = ? AND statement = ?', session, statement);
        for (const name of ['next', 'at', 'tip'] as const)
          this.#run('INSERT OR REPLACE INTO meta VALUES (?, ?)', name, batch[name]);
      }),
    );
  }

  async seal({ range, sets }: SealedChunk): Promise<void> {
    guard(() =>
      this.#together(() => {
        const places = [...sets].sort(([a], [b]) => a - b);
        for (const [term, set] of places) this.#putSet(range.chunk * PLACES_OF_A_CHUNK + term, set);
        this.#run(
          'INSERT INTO chunks VALUES (?, ?, ?, ?, ?)',
          range.chunk,
          range.minAt,
          range.maxAt,
          range.minSeq,
          range.maxSeq,
        );
      }),
    );
  }

  async close(): Promise<void> {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #putForm({ id, hash, json, forwarded, terms, words }: NewForm): void {
    const sql = 'INSERT OR REPLACE INTO forms VALUES (?, ?, ?, ?, ?)';
    this.#run(sql, id, hash, json, forwarded ? 1 : 0, packTerms(terms));
    for (const word of words) this.#run('INSERT OR IGNORE INTO words VALUES (?, ?)', word, id);
  }

  #insertItems(items: readonly Item[]): void {
    const insert = this.#prepare('INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    for (const one of items) {
      insert.run(
        ...[one.id, one.seq, one.at, one.kind, one.form, one.session, one.statement, one.state],
        ...[one.ended, one.rows, one.bytes, one.us, one.terms],
      );
    }
  }

  #end({ id, state, ended, rows, bytes, us, terms }: ItemEnd): void {
    const sql = 'UPDATE items SET state = ?, ended = ?, rows = ?, bytes = ?, us = ? WHERE id = ?';
    this.#run(sql, state, ended, rows, bytes, us, id);
    if (terms.length === 0) return;
    const before = this.#first('SELECT terms FROM items WHERE id = ?', id)?.terms as
      | Uint8Array
      | null
      | undefined;
    this.#run('UPDATE items SET terms = ? WHERE id = ?', withTerms(before ?? null, terms), id);
  }

  #amend({ item, add, remove }: Amendment): void {
    const chunk = Math.floor(item / CHUNK_ITEMS);
    const number = item - chunk * CHUNK_ITEMS;
    const change = (term: number, changed: (set: StoredSet | undefined) => StoredSet) => {
      const place = chunk * PLACES_OF_A_CHUNK + term;
      this.#putSet(place, changed(this.#set(place)));
    };
    for (const one of add) change(one.term, (set) => withMember(set, number, one));
    for (const term of remove) change(term, (set) => withoutMember(set, number));
  }

  #set(place: number): StoredSet | undefined {
    return this.#first('SELECT bits, numbers FROM sets WHERE place = ?', place) as StoredSet | undefined;
  }

  #putSet(place: number, { bits, numbers }: StoredSet): void {
    this.#run('INSERT OR REPLACE INTO sets VALUES (?, ?, ?)', place, bits, numbers);
  }

  #isOf(log: string): boolean {
    return this.#meta('version') === INDEX_VERSION && this.#meta('log') === log;
  }

  #termId(field: string, value: string): number | undefined {
    return this.#first('SELECT id FROM terms WHERE field = ? AND value = ?', field, value)?.id as
      | number
      | undefined;
  }

  #knownForm(hash: string): KnownForm | undefined {
    const row = this.#first('SELECT id, forwarded FROM forms WHERE hash = ?', hash);
    return row === undefined ? undefined : { id: row.id as number, forwarded: row.forwarded === 1 };
  }

  #meta(name: string): string | number | undefined {
    return this.#first('SELECT value FROM meta WHERE name = ?', name)?.value as string | number | undefined;
  }

  #byId(sql: string, ids: readonly number[]): ReadonlyMap<number, Row> {
    const found = new Map<number, Row>();
    for (const id of ids) {
      const row = this.#first(sql, id);
      if (row !== undefined) found.set(id, row);
    }
    return found;
  }

  #together(work: () => void): void {
    this.#run('BEGIN IMMEDIATE');
    try {
      work();
      this.#run('COMMIT');
    } catch (cause) {
      if (this.#database.isTransaction) this.#run('ROLLBACK');
      throw cause;
    }
  }

  #all(sql: string, ...parameters: SQLInputValue[]): readonly Row[] {
    return this.#prepare(sql).all(...parameters) as unknown as Row[];
  }

  #first(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...parameters) as Row | undefined;
  }

  #run(sql: string, ...parameters: SQLInputValue[]): void {
    this.#prepare(sql).run(...parameters);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}
