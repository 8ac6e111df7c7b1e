/**
 * INSERT, UPDATE and DELETE taken apart: what they would change can be read by a query with the same FROM and WHERE. Works on tokens, so a
 * query made of the parts may, at worst, read other rows than the statement changes; whoever uses it has to compare how many.
 */
import { quoteName } from './identifiers.ts';
import { type Token, tokenize } from './lexer.ts';

export interface RowChange {
  readonly kind: 'INSERT' | 'UPDATE' | 'DELETE';
  /** The statement without RETURNING and semicolon. */
  readonly text: string;
  /** What its rows are called in `source`. */
  readonly alias: string;
  /** `FROM … WHERE …`, reading the rows of the target; absent for INSERT. */
  readonly source?: string;
  /** True if `source` joins other relations. */
  readonly joins: boolean;
}

/** Takes one statement apart; a sentence if that cannot be done. */
export function rowChangeOf(statement: string): RowChange | string {
  const text = withoutEnd(statement);
  const tokens = topLevel(text);
  switch (tokens[0]?.word) {
    case 'update':
      return changeOfUpdate(text, tokens);
    case 'delete':
      return changeOfDelete(text, tokens);
    case 'insert':
      return changeOfInsert(text, tokens);
    case 'with':
      return 'It begins with WITH: what it changes cannot be listed.';
    default:
      return 'Only INSERT, UPDATE and DELETE can be previewed.';
  }
}

function changeOfInsert(text: string, tokens: readonly Token[]): RowChange | string {
  const conflict = tokens.findIndex(({ word }, at) => word === 'on' && tokens[at + 1]?.word === 'conflict');
  const updates = tokens.some(
    ({ word }, at) => at > conflict && word === 'do' && tokens[at + 1]?.word === 'update',
  );
  if (conflict >= 0 && updates)
    return 'It has ON CONFLICT DO UPDATE: which rows it changes is not known beforehand.';
  return { kind: 'INSERT', text: cut(text, 0, placeOf(tokens, 'returning', text)), alias: '', joins: false };
}

function changeOfUpdate(text: string, tokens: readonly Token[]): RowChange | string {
  const set = tokens.findIndex(({ word }, at) => at > 0 && word === 'set' && tokens[at - 1]!.word !== 'as');
  if (set < 0) return 'It cannot be taken apart.';
  const target = tokens.slice(1, set);
  const behind = tokens.slice(set);
  const from = behind.find(({ word }, at) => word === 'from' && behind[at - 1]!.word !== 'distinct');
  return change('UPDATE', text, target, behind, from);
}

function changeOfDelete(text: string, tokens: readonly Token[]): RowChange | string {
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
): RowChange | string {
  const alias = aliasOf(text, target);
  if (alias === undefined) return 'It cannot be taken apart.';
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
    alias,
    source: source.filter((part) => part !== '').join('\n'),
    joins: others !== '',
  };
}

/** `[ONLY] name[.name…] [*] [[AS] alias]`, perhaps with parentheses, whose inside is left out here. */
function aliasOf(text: string, target: readonly Token[]): string | undefined {
  const names = target.filter(({ word, kind }) => word !== 'only' && (kind !== 'symbol' || word === '.'));
  const last = names.at(-1);
  // The name stands within the parentheses.
  if (last === undefined) return aliasOf(text, insideParentheses(text, target));
  return last.kind === 'symbol' ? undefined : spelled(text, last);
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

/**
 * Counts the rows that a change would touch, and digests their images: `count`, `digest`. Locks them, so that they stay as they are until
 * the transaction ends. The image of a row is its binary form, which depends on no setting but client_encoding.
 */
export function affectedQuery({ alias, source }: RowChange): string {
  const image = `pg_catalog.sha256(pg_catalog.record_send(${alias}.*))`;
  return `SELECT pg_catalog.count(*) AS count,
    pg_catalog.encode(pg_catalog.sha256(coalesce(pg_catalog.string_agg(q.h, ''::pg_catalog.bytea ORDER BY q.h), ''::pg_catalog.bytea)), 'hex') AS digest
    FROM (SELECT DISTINCT ON (r.o, r.c) r.h FROM (
      SELECT ${alias}.tableoid AS o, ${alias}.ctid AS c, ${image} AS h ${source}
      FOR UPDATE OF ${alias}) AS r ORDER BY r.o, r.c) AS q`;
}

/** What `affectedQuery` says of no rows. */
export const NO_ROWS = {
  count: 0,
  digest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
};
