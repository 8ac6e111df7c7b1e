/**
 * The parts of the catalog, each read anew only as far as it has changed. Their marks are read before them: what changes in between is read
 * twice, never missed. A part that has not changed is the same list as before.
 */
import type { CatalogRows } from './catalog.ts';
import type { CatalogQuery } from './catalog-loader.ts';
import { BASE, type CatalogMarks, CHANGES } from './catalog-marks.ts';
import {
  BUILTIN_FUNCTIONS,
  FOREIGN_CASTS,
  FOREIGN_OPERATORS,
  OWN_FUNCTIONS,
  TYPES,
} from './catalog-queries.ts';
import { runPrepared } from './prepared-query.ts';
import { RelationRows } from './relation-rows.ts';

/** What was read, and the mark it had then. */
interface Part {
  readonly mark: string;
  readonly rows: readonly string[];
}

const UNREAD: Part = { mark: '', rows: [] };

export class CatalogParts {
  readonly #query: CatalogQuery;
  readonly #relations: RelationRows;
  /** The transaction since which changes are told apart; moved on when everything is read. */
  #base = '';
  #schemas: CatalogMarks['schemas'] = [];
  #schemaNames: readonly string[] = [];
  #collations = '';
  #types = UNREAD;
  #builtinFunctions = UNREAD;
  #ownFunctions = UNREAD;
  #functions: readonly string[] = [];
  #operators = UNREAD;
  #casts = UNREAD;

  constructor(query: CatalogQuery) {
    this.#query = query;
    this.#relations = new RelationRows(query);
  }

  /** @param all read everything, whatever the marks say */
  async read(all: boolean): Promise<CatalogRows> {
    const whole = all || this.#base === '';
    const base = whole ? ((await this.#rows(BASE))[0] ?? '') : this.#base;
    const [told] = await runPrepared(this.#query, CHANGES, base);
    const marks = JSON.parse(told?.j ?? '') as CatalogMarks;
    const { extensions, languages } = marks;
    // The names of schemas stand in everything.
    const anew = whole || isRenamed(this.#schemas, marks.schemas);
    const part = async (known: Part, mark: string, sql: string): Promise<Part> =>
      !anew && known.mark === mark ? known : { mark, rows: await this.#rows(sql) };
    const types = await part(this.#types, `${marks.types} ${extensions}`, TYPES);
    const named = anew || this.#collations !== marks.collations || isChanged(this.#types.rows, types.rows);
    const relations = await this.#relations.read(base, marks, named ? 'all' : 'changed', whole);
    const builtinFunctions = await part(
      this.#builtinFunctions,
      `${marks.builtinFunctions} ${languages}`,
      BUILTIN_FUNCTIONS,
    );
    const ownFunctions = await part(
      this.#ownFunctions,
      `${marks.ownFunctions} ${languages} ${extensions}`,
      OWN_FUNCTIONS,
    );
    const operators = await part(this.#operators, marks.operators, FOREIGN_OPERATORS);
    const casts = await part(this.#casts, marks.casts, FOREIGN_CASTS);
    if (builtinFunctions !== this.#builtinFunctions || ownFunctions !== this.#ownFunctions)
      this.#functions = [...builtinFunctions.rows, ...ownFunctions.rows];
    // Only now: what failed in between is read again.
    this.#base = base;
    this.#schemaNames = namesOf(marks.schemas, this.#schemaNames);
    this.#schemas = marks.schemas;
    this.#collations = marks.collations;
    this.#types = types;
    this.#builtinFunctions = builtinFunctions;
    this.#ownFunctions = ownFunctions;
    this.#operators = operators;
    this.#casts = casts;
    return {
      schemas: this.#schemaNames,
      relations,
      functions: this.#functions,
      operators: operators.rows,
      casts: casts.rows,
      types: types.rows,
    };
  }

  async #rows(sql: string): Promise<string[]> {
    return (await this.#query(sql)).map(({ j }) => j ?? 'null');
  }
}

/** True if a schema has another name than before; new ones, and those that are gone, change nothing else. */
function isRenamed(before: CatalogMarks['schemas'], now: CatalogMarks['schemas']): boolean {
  const names = new Map(now);
  return before.some(([oid, name]) => (names.get(oid) ?? name) !== name);
}

/** True if what was there before is there in another way: relations are printed with names of types. */
function isChanged(before: readonly string[], now: readonly string[]): boolean {
  if (before === now) return false;
  const rows = new Map(now.map((row) => [oidOf(row), row]));
  return before.some((row) => (rows.get(oidOf(row)) ?? row) !== row);
}

/** The first element of a row. */
const oidOf = (row: string): string => row.slice(1, row.indexOf(','));

/** Without those of sessions, and of TOAST. The same list if they are the same names. */
function namesOf(schemas: CatalogMarks['schemas'], before: readonly string[]): readonly string[] {
  const names = schemas.map(([, name]) => name).filter((name) => !/^pg_(temp_|toast)/.test(name));
  return names.join('\0') === before.join('\0') ? before : names;
}
