/**
 * Writes an index in PostgreSQL, on the connection that holds the lock. Many rows go in with one statement, a column a parameter. What is put in says
 * where it goes on from: if somebody else wrote meanwhile, nothing is written.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import { CHUNK_ITEMS } from './bitmap.ts';
import type {
  Amendment,
  IndexBatch,
  IndexHead,
  IndexWriter,
  Item,
  ItemEnd,
  Known,
  KnownForm,
  NewForm,
  NewSession,
  NewTerm,
  PendingStatement,
  SealedChunk,
  StoredSet,
  Wanted,
} from './index-storage.ts';
import { withMember, withoutMember } from './number-values.ts';
import { bytesArray, nameArray, numberArray } from './postgres-arrays.ts';
import { inPlaces, PostgresReader } from './postgres-reader.ts';
import { packTerms } from './term-list.ts';

/** Sets that one statement puts in. */
const SETS_AT_ONCE = 1000;

export class PostgresWriter extends PostgresReader implements IndexWriter {
  #head: IndexHead | undefined;

  override async head(): Promise<IndexHead> {
    this.#head ??= await super.head();
    return this.#head;
  }

  async known({ terms, forms, sessions }: Wanted): Promise<Known> {
    return {
      terms: await this.#knownTerms(terms),
      forms: await this.#knownForms(forms),
      sessions: (await this.#found(`id FROM ${this.s}.sessions ON sha256(session)`, sessions)).map(
        (row) => row?.id as number | undefined,
      ),
    };
  }

  async pending(of: readonly Omit<PendingStatement, 'item'>[]): Promise<readonly (number | undefined)[]> {
    if (of.length === 0) return [];
    const found = await this.connection.rows(
      `SELECT place, item FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS asked (session, statement, place)
       JOIN ${this.s}.pending USING (session, statement)`,
      numberArray(of.map(({ session }) => session)),
      numberArray(of.map(({ statement }) => statement)),
    );
    return inPlaces(found, of.length).map((row) => row?.item as number | undefined);
  }

  async commit(batch: IndexBatch): Promise<void> {
    const before = await this.head();
    const head = {
      ...before,
      ...{ next: batch.next, at: batch.at, tip: batch.tip },
      items: behind(before.items, batch.items),
      terms: behind(before.terms, batch.terms),
      forms: behind(before.forms, batch.forms),
      sessions: behind(before.sessions, batch.sessions),
    };
    await this.connection.together(async () => {
      await this.#insertTerms(batch.terms);
      await this.#putForms(batch.forms);
      await this.#putSessions(batch.sessions);
      await this.#insertItems(batch.items);
      await this.#end(batch.ends);
      await this.#amend(batch.amendments);
      await this.#putPending(batch.pending);
      await this.#settle(batch.settled);
      await this.#advance(before, head);
    });
    this.#head = head;
  }

  async seal({ range, sets }: SealedChunk): Promise<void> {
    const before = await this.head();
    const head = { ...before, sealed: range.chunk + 1 };
    const { chunk, minAt, maxAt, minSeq, maxSeq } = range;
    await this.connection.together(async () => {
      await this.#putSets([...sets].map(([term, set]) => ({ chunk, term, ...set })));
      await this.connection.run(
        `INSERT INTO ${this.s}.chunks VALUES ($1, $2, $3, $4, $5)`,
        ...[chunk, minAt, maxAt, minSeq, maxSeq],
      );
      await this.#advance(before, head);
    });
    this.#head = head;
  }

  async #knownTerms(terms: Wanted['terms']): Promise<(number | undefined)[]> {
    if (terms.length === 0) return [];
    const found = await this.connection.rows(
      `SELECT place, id FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS asked (field, value, place)
       JOIN ${this.s}.terms known ON known.field = asked.field AND sha256(known.value) = sha256(asked.value)`,
      nameArray(terms.map(({ field }) => field)),
      bytesArray(terms.map(({ value }) => value)),
    );
    return inPlaces(found, terms.length).map((row) => row?.id as number | undefined);
  }

  async #knownForms(hashes: readonly string[]): Promise<(KnownForm | undefined)[]> {
    const found = await this.#found(`id, forwarded FROM ${this.s}.forms ON sha256(hash)`, hashes);
    return found.map((row) =>
      row === undefined ? undefined : { id: row.id as number, forwarded: row.forwarded === true },
    );
  }

  /** @param what columns, `FROM` the table, `ON` the digest that is looked for */
  async #found(what: string, keys: readonly string[]) {
    if (keys.length === 0) return [];
    const [columns, rest] = what.split(' FROM ');
    const [table, digest] = (rest as string).split(' ON ');
    const found = await this.connection.rows(
      `SELECT place, ${columns} FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (value, place)
       JOIN ${table} ON ${digest} = sha256(asked.value)`,
      bytesArray(keys),
    );
    return inPlaces(found, keys.length);
  }

  async #insertTerms(terms: readonly NewTerm[]): Promise<void> {
    if (terms.length === 0) return;
    await this.connection.run(
      `INSERT INTO ${this.s}.terms SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])`,
      numberArray(terms.map(({ id }) => id)),
      nameArray(terms.map(({ field }) => field)),
      bytesArray(terms.map(({ value }) => value)),
    );
  }

  async #putForms(forms: readonly NewForm[]): Promise<void> {
    if (forms.length === 0) return;
    await this.connection.run(
      `INSERT INTO ${this.s}.forms
       SELECT id, hash, json, forwarded = 1, terms
       FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::int[], $5::bytea[]) AS new (id, hash, json, forwarded, terms)
       ON CONFLICT (id) DO UPDATE SET json = excluded.json, forwarded = excluded.forwarded, terms = excluded.terms`,
      numberArray(forms.map(({ id }) => id)),
      bytesArray(forms.map(({ hash }) => hash)),
      bytesArray(forms.map(({ json }) => json)),
      numberArray(forms.map(({ forwarded }) => (forwarded ? 1 : 0))),
      bytesArray(forms.map(({ terms }) => packTerms(terms))),
    );
    const words = forms.flatMap(({ id, words: terms }) => terms.map((term) => ({ id, term })));
    await this.connection.run(
      `INSERT INTO ${this.s}.words SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING`,
      numberArray(words.map(({ term }) => term)),
      numberArray(words.map(({ id }) => id)),
    );
  }

  async #putSessions(sessions: readonly NewSession[]): Promise<void> {
    if (sessions.length === 0) return;
    await this.connection.run(
      `INSERT INTO ${this.s}.sessions SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])
       ON CONFLICT (id) DO UPDATE SET opened = excluded.opened, terms = excluded.terms`,
      numberArray(sessions.map(({ id }) => id)),
      bytesArray(sessions.map(({ session }) => session)),
      bytesArray(sessions.map(({ opened }) => opened)),
      bytesArray(sessions.map(({ terms }) => packTerms(terms))),
    );
  }

  async #insertItems(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    const column = (name: Exclude<keyof Item, 'terms'>) => numberArray(items.map((item) => item[name]));
    await this.connection.run(
      `INSERT INTO ${this.s}.items
         (id, seq, at, kind, form, session, statement, state, ended, rows, bytes, us, terms)
       SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
         $8::int[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[])`,
      ...[column('id'), column('seq'), column('at'), column('kind'), column('form'), column('session')],
      ...[
        column('statement'),
        column('state'),
        column('ended'),
        column('rows'),
        column('bytes'),
        column('us'),
      ],
      bytesArray(items.map(({ terms }) => terms)),
    );
  }

  async #end(ends: readonly ItemEnd[]): Promise<void> {
    if (ends.length === 0) return;
    const column = (name: Exclude<keyof ItemEnd, 'terms'>) => numberArray(ends.map((end) => end[name]));
    await this.connection.run(
      `UPDATE ${this.s}.items item
       SET state = ended.state, ended = ended.ended, rows = ended.rows, bytes = ended.bytes, us = ended.us,
         terms = CASE WHEN ended.terms IS NULL THEN item.terms ELSE coalesce(item.terms, '') || ended.terms END
       FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[])
         AS ended (id, state, ended, rows, bytes, us, terms)
       WHERE item.id = ended.id`,
      ...[column('id'), column('state'), column('ended'), column('rows'), column('bytes'), column('us')],
      bytesArray(ends.map(({ terms }) => (terms.length === 0 ? null : packTerms(terms)))),
    );
  }

  async #amend(amendments: readonly Amendment[]): Promise<void> {
    if (amendments.length === 0) return;
    const chunkOf = (item: number) => Math.floor(item / CHUNK_ITEMS);
    const chunks = [...new Set(amendments.map(({ item }) => chunkOf(item)))];
    const terms = amendments.flatMap(({ add, remove }) => [...add.map(({ term }) => term), ...remove]);
    const sets = new Map<string, StoredSet & { readonly chunk: number; readonly term: number }>();
    for (const set of await this.sets(chunks, [...new Set(terms)])) sets.set(`${set.chunk}/${set.term}`, set);
    for (const { item, add, remove } of amendments) {
      const chunk = chunkOf(item);
      const number = item - chunk * CHUNK_ITEMS;
      const change = (term: number, changed: (set: StoredSet | undefined) => StoredSet) => {
        const key = `${chunk}/${term}`;
        sets.set(key, { chunk, term, ...changed(sets.get(key)) });
      };
      for (const one of add) change(one.term, (set) => withMember(set, number, one));
      for (const term of remove) change(term, (set) => withoutMember(set, number));
    }
    await this.#putSets([...sets.values()]);
  }

  async #putSets(
    sets: readonly (StoredSet & { readonly chunk: number; readonly term: number })[],
  ): Promise<void> {
    for (let from = 0; from < sets.length; from += SETS_AT_ONCE) {
      const part = sets.slice(from, from + SETS_AT_ONCE);
      await this.connection.run(
        `INSERT INTO ${this.s}.sets SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bytea[])
         ON CONFLICT (chunk, term) DO UPDATE SET bits = excluded.bits, numbers = excluded.numbers`,
        numberArray(part.map(({ chunk }) => chunk)),
        numberArray(part.map(({ term }) => term)),
        bytesArray(part.map(({ bits }) => bits)),
        bytesArray(part.map(({ numbers }) => numbers)),
      );
    }
  }

  async #putPending(pending: readonly PendingStatement[]): Promise<void> {
    if (pending.length === 0) return;
    await this.connection.run(
      `INSERT INTO ${this.s}.pending SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
       ON CONFLICT (session, statement) DO UPDATE SET item = excluded.item`,
      numberArray(pending.map(({ session }) => session)),
      numberArray(pending.map(({ statement }) => statement)),
      numberArray(pending.map(({ item }) => item)),
    );
  }

  async #settle(settled: readonly Omit<PendingStatement, 'item'>[]): Promise<void> {
    if (settled.length === 0) return;
    await this.connection.run(
      `DELETE FROM ${this.s}.pending old USING unnest($1::bigint[], $2::bigint[]) AS gone (session, statement)
       WHERE old.session = gone.session AND old.statement = gone.statement`,
      numberArray(settled.map(({ session }) => session)),
      numberArray(settled.map(({ statement }) => statement)),
    );
  }

  /** From where this writer left off, or not at all. */
  async #advance(before: IndexHead, head: IndexHead): Promise<void> {
    const moved = await this.connection.run(
      `UPDATE ${this.s}.head
       SET next = $1, at = $2, tip = $3, items = $4, sealed = $5, terms = $6, forms = $7, sessions = $8
       WHERE made = $9 AND next = $10 AND items = $11 AND sealed = $12`,
      ...[head.next, head.at, head.tip, head.items, head.sealed, head.terms, head.forms, head.sessions],
      ...[this.made, before.next, before.items, before.sealed],
    );
    if (moved === 1) return;
    throw new SluiceError('store_unavailable', 'another gateway writes to the index in the database', {
      detail: 'give each gateway a schema of its own (index.postgres.schema)',
    });
  }
}

/** The number behind the last one. */
function behind(before: number, added: readonly { readonly id: number }[]): number {
  return added.reduce((next, { id }) => Math.max(next, id + 1), before);
}
