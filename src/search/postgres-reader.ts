/** Reads an index in PostgreSQL. The contract is `IndexReader`'s. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { TermField } from './filter/filter.ts';
import type {
  ChunkRange,
  FoundSet,
  IndexHead,
  IndexReader,
  Item,
  OrderedColumn,
  StoredForm,
  StoredSession,
} from './index-storage.ts';
import { bytesArray, numberArray } from './postgres-arrays.ts';
import type { IndexConnection, Row } from './postgres-connection.ts';
import { quotedName } from './postgres-schema.ts';

/** Chunks whose sets are asked for together. */
const CHUNKS_AT_ONCE = 32;
/** As much of a text as its index has. */
const PREFIX_BYTES = 256;
/** A code point above all others, in UTF-8. */
const ABOVE_ALL = Buffer.from('\u{10ffff}');
const ITEM = 'id, seq, at, kind, form, session, statement, state, ended, rows, bytes, us, terms';

export class PostgresReader implements IndexReader {
  readonly chunksAtOnce = CHUNKS_AT_ONCE;
  protected readonly connection: IndexConnection;
  /** The schema, quoted. */
  protected readonly s: string;
  /** Which making of the index this is. */
  protected readonly made: string;

  constructor(connection: IndexConnection, schema: string, made: string) {
    this.connection = connection;
    this.s = quotedName(schema);
    this.made = made;
  }

  /** Whoever makes the index anew drops `head` first, and waits for the lock that is taken here. */
  async begin(): Promise<boolean> {
    const [head] = await this.connection.script(`
      BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
      LOCK TABLE ${this.s}.head IN ACCESS SHARE MODE;
      SELECT made FROM ${this.s}.head`);
    if (head?.made === this.made) return true;
    await this.end();
    return false;
  }

  async end(): Promise<void> {
    await this.connection.script('COMMIT');
  }

  async head(): Promise<IndexHead> {
    const [head] = await this.connection.rows(
      `SELECT next, at, tip, items, sealed, terms, forms, sessions FROM ${this.s}.head`,
    );
    if (head === undefined)
      throw new SluiceError('store_unavailable', 'the index in the database is damaged', {
        hint: 'Make it anew with sluice index rebuild.',
      });
    return head as unknown as IndexHead;
  }

  async chunkRanges(): Promise<readonly ChunkRange[]> {
    const sql = `SELECT chunk, "minAt", "maxAt", "minSeq", "maxSeq" FROM ${this.s}.chunks ORDER BY chunk`;
    return (await this.connection.rows(sql)) as unknown as ChunkRange[];
  }

  async termIds(field: TermField, values: readonly string[]): Promise<readonly (number | undefined)[]> {
    if (values.length === 0) return [];
    const found = await this.connection.rows(
      `SELECT place, id FROM unnest($2::bytea[]) WITH ORDINALITY AS asked (value, place)
       JOIN ${this.s}.terms known ON field = $1 AND sha256(known.value) = sha256(asked.value)`,
      ...[field, bytesArray(values)],
    );
    return inPlaces(found, values.length).map((row) => row?.id as number | undefined);
  }

  async termsWith(field: TermField, prefix: string, limit: number) {
    const bytes = Buffer.from(prefix);
    const least = bytes.subarray(0, PREFIX_BYTES);
    const start = 'substring(value FROM 1 FOR 256)';
    const rows = await this.connection.rows(
      `SELECT id, value FROM ${this.s}.terms
       WHERE field = $1 AND ${start} >= $2 AND ${start} < $3 AND substring(value FROM 1 FOR $4) = $5
       ORDER BY ${start}, value LIMIT $6`,
      ...[field, least, Buffer.concat([least, ABOVE_ALL]), bytes.length, bytes, limit],
    );
    return rows.map(({ id, value }) => ({ id: id as number, value: textOf(value) }));
  }

  async sets(chunks: readonly number[], terms: readonly number[]): Promise<readonly FoundSet[]> {
    const sql = `SELECT chunk, term, bits, numbers FROM ${this.s}.sets WHERE chunk = ANY($1) AND term = ANY($2)`;
    const found = await this.connection.rows(sql, numberArray(chunks), numberArray(terms));
    return found as unknown as FoundSet[];
  }

  async items(from: number, to: number): Promise<readonly Item[]> {
    const sql = `SELECT ${ITEM} FROM ${this.s}.items WHERE id >= $1 AND id < $2 ORDER BY id`;
    return (await this.connection.rows(sql, from, to)) as unknown as Item[];
  }

  async itemsById(ids: readonly number[]): Promise<readonly Item[]> {
    return [...(await this.#byId<Item>(`${ITEM} FROM ${this.s}.items`, ids)).values()];
  }

  async between(
    column: OrderedColumn,
    { from, to }: { readonly from: number; readonly to: number },
    { least, most }: { readonly least: number; readonly most: number },
  ): Promise<readonly number[]> {
    const found = await this.connection.rows(
      `SELECT id FROM ${this.s}.items WHERE id >= $1 AND id < $2 AND ${column} BETWEEN $3 AND $4 ORDER BY id`,
      ...[from, to, least, most],
    );
    return found.map(({ id }) => id as number);
  }

  async formsWithWord(term: number): Promise<readonly number[]> {
    const found = await this.connection.rows(`SELECT form FROM ${this.s}.words WHERE term = $1`, term);
    return found.map(({ form }) => form as number);
  }

  async forms(ids: readonly number[]): Promise<ReadonlyMap<number, StoredForm>> {
    const found = await this.#byId<Row>(`id, hash, json, terms FROM ${this.s}.forms`, ids);
    return mapped(found, ({ hash, json, terms }) => ({
      hash: textOf(hash),
      json: textOf(json),
      terms: terms as Uint8Array,
    }));
  }

  async sessions(ids: readonly number[]): Promise<ReadonlyMap<number, StoredSession>> {
    const found = await this.#byId<Row>(`id, session, opened, terms FROM ${this.s}.sessions`, ids);
    return mapped(found, ({ session, opened, terms }) => ({
      session: textOf(session),
      opened: textOf(opened),
      terms: terms as Uint8Array,
    }));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** In the order asked. */
  async #byId<Found>(what: string, ids: readonly number[]): Promise<ReadonlyMap<number, Found>> {
    const found = new Map<number, Found>();
    if (ids.length === 0) return found;
    const rows = await this.connection.rows(`SELECT ${what} WHERE id = ANY($1)`, numberArray(ids));
    const byId = new Map(rows.map((row) => [row.id as number, row]));
    for (const id of ids) if (byId.has(id)) found.set(id, byId.get(id) as Found);
    return found;
  }
}

const textOf = (bytes: unknown): string => (bytes as Buffer).toString('utf8');

function mapped<From, To>(
  found: ReadonlyMap<number, From>,
  change: (from: From) => To,
): ReadonlyMap<number, To> {
  return new Map([...found].map(([id, one]) => [id, change(one)]));
}

/** Rows by the place that they were asked at, which counts from 1. */
export function inPlaces<Found extends { readonly place?: unknown }>(
  found: readonly Found[],
  count: number,
): (Found | undefined)[] {
  const places = new Array<Found | undefined>(count).fill(undefined);
  for (const row of found) places[(row.place as number) - 1] = row;
  return places;
}
