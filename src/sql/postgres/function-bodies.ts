/**
 * Bodies of functions in SQL and PL/pgSQL as what they execute: statements and expressions, as texts, with the names that
 * are variables in them. Anything that is not known to be static makes a body opaque.
 *
 * @see https://www.postgresql.org/docs/18/xfunc-sql.html
 * @see https://www.postgresql.org/docs/18/plpgsql.html
 */
import { parsePlPgSQLSync } from 'libpg-query';
import { LRUCache } from 'lru-cache';
import { hasPlainBackslash } from './lexer.ts';
import type { Parser } from './parser.ts';
import { type Node, statementOf } from './tree.ts';

/** What the catalog holds of a function's definition. */
export interface FunctionSource {
  readonly oid: number;
  readonly name: string;
  readonly language: string;
  /** `prosrc`, or what `pg_get_function_sqlbody` prints of a body that was parsed when it was created. */
  readonly text: string;
  readonly isParsed: boolean;
  /** `pg_get_functiondef`; only of PL/pgSQL. */
  readonly definition: string | undefined;
  /** Names of parameters; empty for those without. */
  readonly parameters: readonly string[];
  /** Default expressions of parameters, as a list; `''` without any. */
  readonly defaults: string;
  /** `SET name = value` clauses, as `name=value`. */
  readonly settings: readonly string[];
  readonly owner: string;
  /** Oids of the types of its parameters and its result, or of what those are made of. */
  readonly typeOids: readonly number[];
}

/** What a call of a function executes. */
export interface FunctionBody {
  /** Texts of statements. */
  readonly statements: readonly string[];
  /** Texts of types that values are turned into. */
  readonly types: readonly string[];
  /** Variables that hold one value each. */
  readonly variables: readonly string[];
  /** Variables that hold rows: they may have any field. */
  readonly records: readonly string[];
  /** Why nobody can say what it executes. */
  readonly opaque?: string;
}

/** Longer bodies are not read: they are on the thread that serves everybody. */
const MAX_BODY_LENGTH = 32_768;

/** Settings that a function may bring along without changing what its texts mean. */
const HARMLESS_SETTINGS = /^(work_mem|statement_timeout|lock_timeout|jit|enable_\w+|search_path|timezone)=/i;

/** Total: what cannot be read is opaque. */
export function bodyOfFunction(source: FunctionSource): FunctionBody {
  const { language, text, settings, defaults } = source;
  const foreign = settings.find((setting) => !HARMLESS_SETTINGS.test(setting));
  if (foreign !== undefined) return opaqueBody('it brings settings along');
  if (text.length + (source.definition?.length ?? 0) > MAX_BODY_LENGTH) return opaqueBody('it is too long');
  if (hasPlainBackslash(text)) return opaqueBody('it can be read in two ways');
  const body = language === 'sql' ? sqlBody(source) : plpgsqlBody(source);
  return defaults === '' ? body : { ...body, statements: [...body.statements, `SELECT ${defaults}`] };
}

function opaqueBody(opaque: string): FunctionBody {
  return { statements: [], types: [], variables: [], records: [], opaque };
}

function sqlBody({ text, isParsed, parameters }: FunctionSource): FunctionBody {
  const statements = isParsed ? atomicStatements(text) : [text];
  if (statements === undefined) return opaqueBody('its body has an unknown form');
  return { statements, types: [], variables: parameters.filter((name) => name !== ''), records: [] };
}

/** `RETURN expression` or `BEGIN ATOMIC statements END` */
function atomicStatements(text: string): readonly string[] | undefined {
  const returned = /^\s*RETURN\s([\s\S]*)$/.exec(text)?.[1];
  if (returned !== undefined) return [`SELECT ${returned}`];
  const inner = /^\s*BEGIN ATOMIC\s([\s\S]*)\sEND\s*$/.exec(text)?.[1];
  return inner === undefined ? undefined : [inner];
}

/** Nodes of PL/pgSQL that do nothing but hold expressions and each other. */
const STATIC: ReadonlySet<string> = new Set(
  `function var rec recfield row type expr stmt_block exception_block exception condition stmt_assign stmt_if if_elsif stmt_case
  case_when stmt_loop stmt_while stmt_fori stmt_fors stmt_forc stmt_foreach_a stmt_exit stmt_return stmt_return_next
  stmt_return_query stmt_raise raise_option stmt_assert stmt_execsql stmt_perform stmt_getdiag diag_item stmt_open stmt_fetch
  stmt_close stmt_call`.split(/\s+/),
);

/** Where a text stands that is computed when the function runs. */
const DYNAMIC: ReadonlySet<string> = new Set(['dynquery']);

interface Collected {
  readonly statements: string[];
  readonly types: string[];
  readonly variables: string[];
  readonly records: string[];
  opaque: string | undefined;
}

function plpgsqlBody({ definition = '' }: FunctionSource): FunctionBody {
  const found: Collected = { statements: [], types: [], variables: [], records: [], opaque: undefined };
  try {
    collect(parsePlPgSQLSync(definition), found);
  } catch {
    // The parser knows no row types of tables, so that it refuses some bodies that the database takes.
    return opaqueBody('its body cannot be read');
  }
  const { opaque, ...body } = found;
  return opaque === undefined ? body : opaqueBody(opaque);
}

function collect(value: unknown, found: Collected): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const each of value) collect(each, found);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const kind = /^PLpgSQL_(\w+)$/.exec(key)?.[1];
    if (DYNAMIC.has(key)) found.opaque = 'it executes texts that it computes';
    if (kind !== undefined && !STATIC.has(kind))
      found.opaque = `it uses ${kind.replace(/^stmt_/, '').replace('dynexecute', 'EXECUTE')}`;
    if (kind !== undefined) note(kind, inner as Fields, found);
    collect(inner, found);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function note(kind: string, node: Fields, found: Collected): void {
  if (kind === 'expr')
    found.statements.push(...textsOf(String(node.query ?? ''), Number(node.parseMode ?? 0)));
  if (kind === 'type') found.types.push(String(node.typname ?? ''));
  if (kind === 'var' && typeof node.refname === 'string') found.variables.push(node.refname);
  if (kind === 'rec' && typeof node.refname === 'string') found.records.push(node.refname);
}

/** An expression by its RawParseMode: a statement, a type's name, an expression, or an assignment to one to three names. */
function textsOf(query: string, mode: number): string[] {
  if (mode === 0) return [query];
  if (mode === 2) return [`SELECT ${query}`];
  const [, target, value] = /^([^:=]*?):?=([\s\S]*)$/.exec(query) ?? [];
  // What is no assignment does not parse, and makes the body opaque where it is bound.
  return target === undefined ? [query] : [`SELECT ${target}`, `SELECT ${value}`];
}

/** A body that was parsed. */
export interface ParsedBody {
  readonly source: FunctionSource;
  readonly body: FunctionBody;
  readonly statements: readonly Node[];
}

/** In characters of bodies; a tree takes some 200 bytes for each. */
const MAX_PARSED_CHARACTERS = 100_000;

/** The bodies of the functions of one snapshot, parsed when first asked for. */
export class FunctionBodies {
  readonly #sources: ReadonlyMap<number, FunctionSource>;
  readonly #parser: Parser;
  readonly #parsed = new LRUCache<number, ParsedBody>({
    maxSize: MAX_PARSED_CHARACTERS,
    sizeCalculation: ({ source }) => source.text.length + 1,
  });

  constructor(sources: ReadonlyMap<number, FunctionSource>, parser: Parser) {
    this.#sources = sources;
    this.#parser = parser;
  }

  get sources(): ReadonlyMap<number, FunctionSource> {
    return this.#sources;
  }

  /** Undefined for functions in other languages, those of extensions, and those whose definition could not be read. */
  of(oid: number): ParsedBody | undefined {
    const known = this.#parsed.get(oid);
    const source = this.#sources.get(oid);
    if (known !== undefined || source === undefined) return known;
    const parsed = this.#parse(source);
    this.#parsed.set(oid, parsed);
    return parsed;
  }

  #parse(source: FunctionSource): ParsedBody {
    const body = bodyOfFunction(source);
    try {
      const types = body.types
        .filter((type) => !TYPE_OF_COLUMN.test(type))
        .map((type) => `SELECT NULL::${type}`);
      const statements = [...body.statements, ...types].flatMap((text) => {
        const trees = this.#parser.parse(text);
        if (trees instanceof Promise) {
          trees.catch(() => undefined);
          throw new RangeError('long texts are parsed elsewhere');
        }
        return (trees.stmts ?? []).map(statementOf);
      });
      return { source, body, statements };
    } catch {
      return { source, body: opaqueBody('its body cannot be read'), statements: [] };
    }
  }
}

/** `table.column%TYPE`, `table%ROWTYPE` */
const TYPE_OF_COLUMN = /%(row)?type(\[\d*\])*$/i;
