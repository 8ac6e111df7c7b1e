/** INSERT taken apart by its tokens: what its table is called in it, and which rows its ON CONFLICT DO UPDATE meets. */
import { nameOf, type Token, tokenize } from './lexer.ts';

export interface Upsert {
  /** The table as it is written, with its alias. */
  readonly target: string;
  /** The columns that are given; undefined for all. */
  readonly columns: readonly string[] | undefined;
  /** The rows that are given, as a query. */
  readonly rows: string;
  /** By what rows meet: columns, or the name of a constraint. */
  readonly key: readonly string[] | string;
}

export interface InsertParts {
  /** Of the table, without its schema. */
  readonly name: string;
  /** As it is written; empty if the table has no other name. */
  readonly alias: string;
  readonly upsert?: Upsert;
}

const APART = 'It cannot be taken apart.';

/** @param tokens those outside of parentheses, from INSERT on */
export function insertPartsOf(text: string, tokens: readonly Token[]): InsertParts | string {
  let at = 2;
  while (tokens[at + 1]?.word === '.') at += 2;
  const token = tokens[at];
  const name = token && nameOf(text, token);
  if (tokens[1]?.word !== 'into' || name === undefined) return APART;
  const renamed = tokens[at + 1]?.word === 'as' ? tokens[at + 2] : undefined;
  const alias = renamed === undefined ? '' : text.slice(renamed.start, renamed.end);
  const conflict = tokens.findLastIndex(({ word }, i) => word === 'on' && tokens[i + 1]?.word === 'conflict');
  if (conflict < 0 || !updates(tokens.slice(conflict))) return { name, alias };
  const behind = at + (renamed === undefined ? 1 : 3);
  const upsert = upsertOf(text, tokens, behind, conflict);
  return typeof upsert === 'string' ? upsert : { name, alias, upsert };
}

const updates = (clause: readonly Token[]) =>
  clause.some(({ word }, i) => word === 'do' && clause[i + 1]?.word === 'update');

/** @param from what follows the table and its alias @param conflict where ON CONFLICT is */
function upsertOf(text: string, tokens: readonly Token[], from: number, conflict: number): Upsert | string {
  const target = text.slice(tokens[2]!.start, tokens[from - 1]!.end);
  const isList = tokens[from]?.word === '(' && !isQuery(text, tokens[from]!);
  const columns = isList ? namesBetween(text, tokens[from]!, tokens[from + 1]) : undefined;
  const source = tokens[isList ? from + 2 : from];
  if (source === undefined || (isList && columns === undefined)) return APART;
  if (source.word === 'overriding' || source.word === 'default')
    return `It has ${source.word.toUpperCase()}: which rows it meets is not known beforehand.`;
  const key = keyOf(text, tokens.slice(conflict + 2));
  if (key === undefined)
    return 'Its ON CONFLICT names more than columns: which rows it meets cannot be told.';
  return { target, columns, key, rows: withoutDefaults(text, source.start, tokens[conflict]!.start) };
}

/** Parentheses around the rows instead of around names of columns. */
function isQuery(text: string, open: Token): boolean {
  const [first] = tokenize(text, open.end, text.length);
  return ['select', 'values', 'with', 'table', '('].includes(first?.word ?? '');
}

function keyOf(text: string, tokens: readonly Token[]): Upsert['key'] | undefined {
  if (tokens[0]?.word === '(') return namesBetween(text, tokens[0], tokens[1]);
  return tokens[0]?.word === 'on' && tokens[2] !== undefined ? nameOf(text, tokens[2]) : undefined;
}

/** `(a, "b")`; undefined if there is anything else in it. */
function namesBetween(text: string, open: Token, close: Token | undefined): readonly string[] | undefined {
  if (close?.word !== ')') return undefined;
  const inside = tokenize(text, open.end, close.start);
  const isList = inside.every(({ word, kind }, i) =>
    i % 2 === 0 ? kind !== 'symbol' && kind !== 'literal' : word === ',',
  );
  const names = inside.filter((_, i) => i % 2 === 0).map((token) => nameOf(text, token));
  return isList && !names.includes(undefined) ? (names as string[]) : undefined;
}

/** A default is no value of a query. Nothing meets by it: where it is one of the key's, the rows that meet turn out to be others. */
function withoutDefaults(text: string, start: number, end: number): string {
  let out = '';
  let from = start;
  for (const token of tokenize(text, start, end)) {
    if (token.word !== 'default') continue;
    out += `${text.slice(from, token.start)}NULL`;
    from = token.end;
  }
  return (out + text.slice(from, end)).trim();
}
