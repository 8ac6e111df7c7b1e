/**
 * INSERT, UPDATE, DELETE and MERGE taken apart: the rows that they would change can be read by a query with the same FROM and WHERE
 * (`row-sources.ts`). Works on tokens, so a query made of the parts may, at worst, read other rows than the statement changes; whoever uses it
 * has to compare which.
 */
import { quoteName } from './identifiers.ts';
import { nameOf, type Token, tokenize } from './lexer.ts';
import { insertPartsOf, type Upsert } from './upsert-parts.ts';

export interface RowChange {
  readonly kind: 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE';
  /** The statement without RETURNING and semicolon. */
  readonly text: string;
  /** `WITH …`, if it begins with one; empty otherwise. */
  readonly lead: string;
  /** Names in `lead`, those of its queries among them. */
  readonly leadNames: ReadonlySet<string>;
  /** The name of the relation that it names, without its schema. */
  readonly name: string;
  /** What its rows are called in `source` and in RETURNING; empty for an INSERT that gives its table no other name. */
  readonly alias: string;
  /** `FROM … WHERE …`, reading the rows of the target, for MERGE perhaps more than it changes; absent for INSERT. */
  readonly source?: string;
  /** True if `source` joins other relations. */
  readonly joins: boolean;
  /** Of INSERT … ON CONFLICT DO UPDATE: what says which rows it meets. */
  readonly upsert?: Upsert;
}

/** What is the same for all of one text. */
type Part = Omit<RowChange, 'lead' | 'leadNames'>;

const BEGINNINGS: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'select', 'values']);
const MODIFIES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge']);
const APART = 'It cannot be taken apart.';

/** Takes one statement apart; a sentence if that cannot be done. */
export function rowChangeOf(statement: string): RowChange | string {
  const text = withoutEnd(statement);
  const all = topLevel(text);
  const begin = all[0]?.word === 'with' ? beginningOf(all) : 0;
  if (begin < 0) return APART;
  const part = partOf(text, all.slice(begin));
  if (typeof part === 'string') return part;
  const names = all.slice(0, begin).map((token) => nameOf(text, token));
  if (names.includes(undefined)) return APART;
  if (changesIn(tokenize(text, 0, all[begin]?.start ?? 0)))
    return 'It changes rows in its WITH, too: which of its changes meets which rows is not known beforehand.';
  return {
    ...part,
    lead: begin === 0 ? '' : cut(text, 0, all[begin]!.start),
    leadNames: new Set(names as string[]),
  };
}

/** True for `(DELETE …`, and for `WITH … AS (…) DELETE …` in a WITH; not for `FOR UPDATE`. */
function changesIn(lead: readonly Token[]): boolean {
  return lead.some(({ word }, at) => MODIFIES.has(word) && ['(', ')'].includes(lead[at - 1]?.word ?? ''));
}

/** Where the statement begins that a WITH belongs to: behind the parentheses of its last query. */
function beginningOf(tokens: readonly Token[]): number {
  return tokens.findIndex(({ word }, at) => BEGINNINGS.has(word) && tokens[at - 1]?.word === ')');
}

function partOf(text: string, tokens: readonly Token[]): Part | string {
  switch (tokens[0]?.word) {
    case 'update':
      return changeOfUpdate(text, tokens);
    case 'delete':
      return changeOfDelete(text, tokens);
    case 'insert':
      return changeOfInsert(text, tokens);
    case 'merge':
      return changeOfMerge(text, tokens);
    default:
      return 'Only INSERT, UPDATE, DELETE and MERGE can be previewed.';
  }
}

function changeOfInsert(text: string, tokens: readonly Token[]): Part | string {
  const parts = insertPartsOf(text, tokens);
  if (typeof parts === 'string') return parts;
  return { kind: 'INSERT', text: cut(text, 0, placeOf(tokens, 'returning', text)), joins: false, ...parts };
}

/** The rows that meet one of its source, and those alone, can be changed; which of them are, its branches say. */
function changeOfMerge(text: string, tokens: readonly Token[]): Part | string {
  const using = tokens.findIndex(
    ({ word }, at) => at > 1 && word === 'using' && tokens[at - 1]!.word !== 'as',
  );
  const when = tokens.findIndex(({ word }, at) => at > using && word === 'when' && isBranch(tokens, at));
  if (using < 0 || when < 0) return APART;
  const unmet = tokens.some(({ word }, at) => word === 'by' && tokens[at + 1]?.word === 'source');
  if (unmet) return 'It has WHEN NOT MATCHED BY SOURCE, which reaches every row of its table.';
  const target = tokens.slice(tokens[1]?.word === 'into' ? 2 : 1, using);
  const named = targetOf(text, target);
  if (named === undefined) return APART;
  const own = cut(text, target[0]!.start, target.at(-1)!.end);
  const source = `FROM ${own}\nJOIN ${cut(text, tokens[using]!.end, tokens[when]!.start)}`;
  const end = placeOf(tokens.slice(when), 'returning', text);
  return { kind: 'MERGE', text: cut(text, 0, end), ...named, source, joins: true };
}

/** `WHEN [NOT] MATCHED`, which CASE does not have. */
function isBranch(tokens: readonly Token[], at: number): boolean {
  const next = tokens[at + 1]?.word;
  return next === 'matched' || (next === 'not' && tokens[at + 2]?.word === 'matched');
}

function changeOfUpdate(text: string, tokens: readonly Token[]): Part | string {
  const set = tokens.findIndex(({ word }, at) => at > 0 && word === 'set' && tokens[at - 1]!.word !== 'as');
  if (set < 0) return APART;
  const target = tokens.slice(1, set);
  const behind = tokens.slice(set);
  const from = behind.find(({ word }, at) => word === 'from' && behind[at - 1]!.word !== 'distinct');
  return change('UPDATE', text, target, behind, from);
}

function changeOfDelete(text: string, tokens: readonly Token[]): Part | string {
  const end = tokens.findIndex(
    ({ word }, at) =>
      at > 1 && ['using', 'where', 'returning'].includes(word) && tokens[at - 1]!.word !== 'as',
  );
  const target = tokens.slice(2, end < 0 ? undefined : end);
  const behind = end < 0 ? [] : tokens.slice(end);
  const using = behind[0]?.word === 'using' ? behind[0] : undefined;
  return change('DELETE', text, target, behind, using);
}

function change(
  kind: 'UPDATE' | 'DELETE',
  text: string,
  target: readonly Token[],
  behind: readonly Token[],
  from: Token | undefined,
): Part | string {
  const named = targetOf(text, target);
  if (named === undefined) return APART;
  const returning = placeOf(behind, 'returning', text);
  const where = placeOf(behind, 'where', text);
  const condition = cut(text, where, returning);
  if (/^where\s+current\s+of\b/i.test(condition)) return 'It changes the row that a cursor stands on.';
  const others = from === undefined ? '' : cut(text, from.end, Math.min(where, returning));
  const own = cut(text, target[0]!.start, target.at(-1)!.end);
  // A comment that a part ends with must not take in what follows.
  const source = [`FROM ${own}`, ...(others === '' ? [] : [`, ${others}`]), condition];
  return {
    kind,
    text: cut(text, 0, returning),
    ...named,
    source: source.filter((part) => part !== '').join('\n'),
    joins: others !== '',
  };
}

interface Target {
  /** Without its schema. */
  readonly name: string;
  /** As SQL takes it for the same again. */
  readonly alias: string;
}

/** `[ONLY] name[.name…] [*] [[AS] alias]`, perhaps with parentheses, whose inside is left out here. */
function targetOf(text: string, tokens: readonly Token[]): Target | undefined {
  const names = tokens.filter(({ word, kind }) => word !== 'only' && (kind !== 'symbol' || word === '.'));
  const last = names.at(-1);
  if (last === undefined) {
    const inside = insideParentheses(text, tokens);
    return inside.length === 0 ? undefined : targetOf(text, inside);
  }
  let at = 0;
  while (names[at + 1]?.word === '.') at += 2;
  const name = nameOf(text, names[at] ?? last);
  return last.kind === 'symbol' || name === undefined ? undefined : { name, alias: spelled(text, last) };
}

function insideParentheses(text: string, target: readonly Token[]): readonly Token[] {
  const open = target.find(({ word }) => word === '(');
  const close = target.findLast(({ word }) => word === ')');
  return open && close ? tokenize(text, open.end, close.start) : [];
}

/** A name as SQL takes it for the same again. */
function spelled(text: string, { start, end, kind, word }: Token): string {
  return kind === 'word' ? quoteName(word) : text.slice(start, end);
}

function placeOf(tokens: readonly Token[], word: string, text: string): number {
  return tokens.find((token) => token.word === word)?.start ?? text.length;
}

const cut = (text: string, start: number, end: number): string =>
  text.slice(start, Math.max(start, end)).trim();

function withoutEnd(text: string): string {
  const end = tokenize(text).findLast(({ word }) => word !== ';')?.end ?? 0;
  return text.slice(0, end);
}

/** Tokens outside of parentheses and brackets; these themselves count. */
function topLevel(text: string): readonly Token[] {
  let depth = 0;
  return tokenize(text).filter(({ word }) => {
    if (word === ')' || word === ']') depth -= 1;
    const isOutside = depth === 0;
    if (word === '(' || word === '[') depth += 1;
    return isOutside;
  });
}
