/**
 * How the texts of a session are read: in which encoding, and what a backslash in a plain string means. Both may change at any time;
 * whoever reads makes sure first that nothing has passed that may have changed them (`SessionPlanner`).
 */
import { isAscii } from 'node:buffer';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Splice } from '../../model/dialect.ts';
import type { Facts } from '../../model/facts.ts';
import type { Plan } from '../../session/plan.ts';
import { namesOf, parsableText } from '../../sql/postgres/lexer.ts';
import { isAscii as isAsciiText } from '../../sql/postgres/offsets.ts';
import { TEMPORARY_SCHEMA } from '../../sql/postgres/scope.ts';
import { parseSearchPath } from '../../sql/postgres/search-path.ts';
import { quoteLiteral } from '../../sql/postgres/session-relations.ts';
import { mapPosition } from '../../sql/splice.ts';
import {
  asciiSql,
  asHex,
  convertedBytes,
  decodeAtOnce,
  decodingQuery,
  type Encodings,
  encodeAtOnce,
  encodingQuery,
  textOfHex,
} from './statement-text.ts';

/** Settings on which the meaning of names and texts depends; `all` is RESET ALL. */
const READING_SETTINGS = new Set([
  'search_path',
  'role',
  'session_authorization',
  'schema',
  'client_encoding',
  'names',
  'standard_conforming_strings',
  'all',
  '',
]);

/** What a statement may change about how later ones are read. `redefines`: what exists; `ends`: a transaction. */
export function effectOnReading(facts: Facts): { redefines: boolean; changes: boolean; ends: boolean } {
  const { transaction, command } = facts;
  const redefines = facts.changesCatalog || facts.opaque.length > 0;
  const sets = facts.settings.some(({ name }) => READING_SETTINGS.has(name.toLowerCase()));
  return {
    redefines,
    changes: redefines || sets || command.startsWith('DISCARD') || command.startsWith('RESET'),
    // The end of a transaction takes back SET LOCAL, and what a rollback undoes.
    ends: transaction !== 'none' && transaction !== 'begin' && transaction !== 'savepoint',
  };
}

/** A path that names the temporary schema before there is one: to ask for the schemas along it would make it. */
const PENDING_TEMPORARY = `pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid
  AND pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.~*) 'pg_temp'`;
/**
 * The schemas that names are looked up in are asked for as the backend resolved them: a search_path may spell the session's
 * temporary schema in several ways, and name schemas that are passed over because they are missing or forbidden. Null if the
 * question would make the temporary schema; then `schemasQuery` is asked for the last column.
 */
export const READING_QUERY = `SELECT CASE WHEN ${PENDING_TEMPORARY} THEN NULL
    ELSE ${asHex('pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text')} END,
  ${asHex('current_user::pg_catalog.text')}, pg_catalog.current_setting('client_encoding'),
  pg_catalog.current_setting('standard_conforming_strings'),
  (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()),
  ${asHex("pg_catalog.current_setting('search_path')")}`;

/** How a backend reads names and texts, as it says itself. */
export interface BackendReading {
  /** `client_encoding` */
  readonly encoding: string;
  /** `standard_conforming_strings` */
  readonly standardStrings: boolean;
  /** `current_user` */
  readonly user: string;
  /** The schemas along which names are looked up; undefined if they have to be asked for by `schemasQuery`. */
  readonly path: readonly string[] | undefined;
  readonly searchPath: string | undefined;
  /** The session's temporary schema, if it has one. */
  readonly temporary: string | undefined;
}

/** What a backend said before its session began. */
export interface FirstReading extends BackendReading {
  /** The schemas of the catalog when it was asked. */
  readonly schemas: ReadonlySet<string>;
}

/**
 * Takes an answer to `READING_QUERY`.
 * @throws {SluiceError} upstream_lost: what answers so is no database
 */
export function readingOf(row: readonly (Buffer | null)[]): BackendReading {
  const schemas = textOfHex(row[0]);
  const temporary = row[4]?.toString('latin1');
  return {
    encoding: row[2]?.toString('latin1') ?? '',
    standardStrings: row[3]?.toString('latin1') === 'on',
    user: textOfHex(row[1]) ?? '',
    path: schemas === undefined ? undefined : pathOf(schemas, temporary),
    searchPath: textOfHex(row[5]),
    temporary,
  };
}

/**
 * Asks which schemas of a path the session may look names up in, as a JSON array in the path's order; makes nothing.
 * @param path the setting; undefined if it cannot be read, which has no schemas
 * @param user `current_user`
 */
export function schemasQuery(path: string | undefined, user: string): string {
  const names = parseSearchPath(path ?? '').map((name) => quoteLiteral(name === '$user' ? user : name));
  return `SELECT pg_catalog.array_to_json(ARRAY(
    SELECT p.name FROM pg_catalog.unnest(ARRAY[${names.join(', ')}]::pg_catalog._text) WITH ORDINALITY AS p (name, at)
    WHERE p.name OPERATOR(pg_catalog.=) 'pg_temp' OR EXISTS (SELECT FROM pg_catalog.pg_namespace n
      WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) p.name AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
    ORDER BY p.at))::pg_catalog.text`;
}

/**
 * The path of a scope. One that cannot be read has no names: nothing resolves along it.
 * @param schemas as READING_QUERY or `schemasQuery` gives them
 * @param temporary the session's temporary schema, if it has one
 */
function pathOf(schemas: string | undefined, temporary: string | undefined): string[] {
  const names = schemas === undefined ? [] : namesIn(schemas);
  return names.map((name) => (name === temporary ? TEMPORARY_SCHEMA : name));
}

/** @throws {SluiceError} upstream_lost: what answers so is no database */
function namesIn(json: string): string[] {
  try {
    const names: unknown = JSON.parse(json);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // Told below: its text is the database's own affair.
  }
  throw new SluiceError('upstream_lost', 'the database answered the gate’s own question with nonsense');
}

/** The session's own backend, as far as a planner needs it. */
export interface SessionBackend {
  /** Asks a question in the session's transaction; rows of texts, or undefined if its transaction has failed. */
  ask(sql: string): Promise<(Buffer | null)[][] | undefined>;
  /** Resolves when everything forwarded is answered. */
  quiet(): Promise<void>;
  /** Work of the gate's own that a cancel request ends; it must not depend on the session. @throws {SluiceError} cancelled */
  untilCancelled<T>(work: Promise<T>): Promise<T>;
  /** True while forwarded texts may still make or drop prepared statements or cursors. */
  redefining(): boolean;
  /** False while a transaction, be it that of a pipeline, is or may be open. */
  outsideTransaction(): boolean;
}

/** A statement as the gate reads it: what it means under `standard_conforming_strings`. */
export interface StatementText {
  readonly text: string;
  /** As the client wrote it, and what was put into that; none if it is the same. */
  readonly written: string;
  readonly splices: readonly Splice[];
}

/** Texts whose bytes the database was asked for and that were not forwarded yet. */
const MAX_ENCODED_TEXTS = 16;
/** Names longer than that are cut (NAMEDATALEN). */
const MAX_NAME_BYTES = 63;

export class SessionReading {
  /** `client_encoding` and `server_encoding` as the server reports them. */
  encodings: Encodings = { client: 'UTF8', server: 'UTF8' };
  /** `standard_conforming_strings` */
  standardStrings = true;
  readonly #backend: SessionBackend;
  readonly #encoded = new Map<string, Buffer>();

  constructor(backend: SessionBackend) {
    this.#backend = backend;
  }

  /** Notes what the server reports; the value is a byte string. */
  noteParameter(name: string, value: string): void {
    if (name === 'client_encoding') this.setClientEncoding(value);
    if (name === 'server_encoding') this.encodings = { ...this.encodings, server: value };
    if (name === 'standard_conforming_strings') this.standardStrings = value === 'on';
  }

  setClientEncoding(client: string): void {
    if (client !== this.encodings.client) this.encodings = { ...this.encodings, client };
  }

  /** Asks how names and texts are read now; undefined in a failed transaction, where nothing can be asked. */
  async ask(): Promise<(BackendReading & { path: readonly string[] }) | undefined> {
    const [row] = (await this.#backend.ask(READING_QUERY)) ?? [];
    if (row === undefined) return undefined;
    const reading = readingOf(row);
    this.note(reading);
    return { ...reading, path: reading.path ?? (await this.#askPath(reading)) };
  }

  note({ encoding, standardStrings }: BackendReading): void {
    this.setClientEncoding(encoding);
    this.standardStrings = standardStrings;
  }

  async #askPath({ searchPath, user, temporary }: BackendReading): Promise<string[]> {
    const { sql, textOf } = this.question(schemasQuery(searchPath, user));
    const answer = (await this.#backend.ask(sql))?.[0]?.[0];
    return pathOf(answer ? textOf(answer) : undefined, temporary);
  }

  /** True if the bytes read alike whatever the settings. */
  isPlain(bytes: Buffer): boolean {
    return isAscii(bytes) && !bytes.includes(BACKSLASH);
  }

  /**
   * The characters of a name or text.
   * @throws {SluiceError} bad_encoding, statement_too_large
   */
  decode(bytes: Buffer): string | Promise<string> {
    return decodeAtOnce(bytes, this.encodings) ?? this.#askForText(bytes);
  }

  decodeAll(names: readonly Buffer[]): readonly string[] | Promise<readonly string[]> {
    const decoded = names.map((name) => decodeAtOnce(name, this.encodings));
    return decoded.every((name) => name !== undefined) ? decoded : this.#decodeInTurn(names);
  }

  async #decodeInTurn(names: readonly Buffer[]): Promise<readonly string[]> {
    const decoded: string[] = [];
    for (const name of names) decoded.push(await this.decode(name));
    return decoded;
  }

  /** What a statement says. @throws {SluiceError} bad_encoding, statement_too_large */
  read(bytes: Buffer): StatementText | Promise<StatementText> {
    const decoded = this.decode(bytes);
    if (decoded instanceof Promise) return decoded.then((written) => this.#readText(written));
    return this.#readText(decoded);
  }

  /**
   * A plan whose text can be forwarded: if it is rewritten, `bytesOf` gives its bytes from now on.
   * @throws {SluiceError} not_understood if client_encoding lacks one of its characters, or the database would read it otherwise than
   *   the parser
   */
  forwardable(plan: Plan): Plan | Promise<Plan> {
    if (plan.splices.length === 0) return plan;
    if (!this.standardStrings && parsableText(plan.forwardText, false).splices.length > 0) {
      throw new SluiceError(
        'not_understood',
        'the rewritten statement has a backslash in a plain string while standard_conforming_strings is off',
        { hint: 'SET standard_conforming_strings = on.' },
      );
    }
    return this.#makeEncodable(plan.forwardText)?.then(() => plan) ?? plan;
  }

  #makeEncodable(text: string): undefined | Promise<void> {
    return encodeAtOnce(text, this.encodings) === undefined ? this.#askForBytes(text) : undefined;
  }

  /** A text in client_encoding. @throws {SluiceError} not_understood if nobody has made it forwardable */
  bytesOf(text: string): Buffer {
    const bytes = encodeAtOnce(text, this.encodings) ?? this.#encoded.get(this.#keyOf(text));
    if (bytes === undefined) throw unencodable(this.encodings);
    return bytes;
  }

  /** A message of the gate in client_encoding; what that lacks, or the gate does not know in it, becomes a question mark. */
  messageBytes(text: string): Buffer {
    return (
      encodeAtOnce(text, this.encodings) ?? Buffer.from(text.replaceAll(/[^\x00-\x7f]/gu, '?'), 'latin1')
    );
  }

  /** A question of the gate with one column of text as it can be asked and answered in client_encoding. */
  question(sql: string): { sql: string; textOf: (answer: Buffer) => string } {
    if (this.encodings.client === 'UTF8') return { sql, textOf: (answer) => answer.toString('utf8') };
    return {
      sql: `SELECT ${asHex('q.a')} FROM (${asciiSql(sql)}) AS q (a)`,
      textOf: (answer) => Buffer.from(answer.toString('latin1'), 'hex').toString('utf8'),
    };
  }

  #readText(written: string): StatementText {
    const { text, splices } = parsableText(written, this.standardStrings);
    this.#requireWholeNames(text);
    return { text, written, splices };
  }

  /**
   * The parser cuts long names by their length in UTF-8, as a database with that encoding does; another one cuts them elsewhere.
   * @throws {SluiceError} not_understood
   */
  #requireWholeNames(text: string): void {
    const { server } = this.encodings;
    if (server === 'UTF8' || server === 'SQL_ASCII' || isAsciiText(text)) return;
    // No character is longer than four bytes in any encoding.
    if (namesOf(text).every((name) => isAsciiText(name) || name.length * 4 <= MAX_NAME_BYTES)) return;
    throw new SluiceError('not_understood', `names beyond ASCII must be short in a database in ${server}`);
  }

  async #askForText(bytes: Buffer): Promise<string> {
    const { encodings } = this;
    const rows = await this.#ask(decodingQuery(bytes, encodings));
    return decodeAtOnce(convertedBytes(rows), { client: 'UTF8', server: 'UTF8' }) ?? '';
  }

  /** The bytes must read as the same text again: some characters have several spellings. */
  async #askForBytes(text: string): Promise<void> {
    const bytes = convertedBytes(await this.#ask(encodingQuery(text, this.encodings)));
    if ((await this.decode(bytes)) !== text) throw unencodable(this.encodings);
    const [oldest] = this.#encoded.keys();
    if (oldest !== undefined && this.#encoded.size >= MAX_ENCODED_TEXTS) this.#encoded.delete(oldest);
    this.#encoded.set(this.#keyOf(text), bytes);
  }

  #keyOf(text: string): string {
    return `${this.encodings.client}\0${text}`;
  }

  /** In a failed transaction nothing can be asked; of what a client may say there, nothing needs asking. */
  async #ask(sql: string): Promise<(Buffer | null)[][]> {
    const rows = await this.#backend.ask(sql);
    if (rows !== undefined) return rows;
    throw new SluiceError(
      'bad_encoding',
      'current transaction is aborted, commands ignored until end of transaction block',
      { sqlstate: '25P02' },
    );
  }
}

const BACKSLASH = 0x5c;
function unencodable({ client }: Encodings): SluiceError {
  return new SluiceError('not_understood', `the rewritten statement has characters that ${client} lacks`, {
    hint: "SET client_encoding TO 'UTF8'.",
  });
}

/** The plan of a text that was read otherwise than it is written. */
export function planAsWritten(plan: Plan, { written, splices }: StatementText): Plan {
  return splices.length === 0 ? plan : { ...plan, written: { text: written, splices } };
}

/** An error about a text that was read otherwise than it is written: its position is one in what the client wrote. */
export function errorAsWritten(error: SluiceError, { text, written, splices }: StatementText): SluiceError {
  if (error.position === undefined || splices.length === 0) return error;
  const { code, message, detail, hint, policies, sqlstate } = error;
  return new SluiceError(code, message, {
    position: mapPosition(written, { text, splices }, error.position),
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    policies,
    sqlstate,
  });
}
