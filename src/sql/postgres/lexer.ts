/**
 * PostgreSQL's tokens, with their places in the text. Used to find where a relation's name ends, never to decide anything:
 * what is spliced by it is parsed again and proved.
 *
 * Knows comments, quoted names, strings of every kind and dollar quotes; everything else is words, numbers and single
 * characters.
 *
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html
 */

import type { Rewrite, Splice } from '../../model/dialect.ts';
import { applySplices } from '../splice.ts';

export interface Token {
  readonly start: number;
  readonly end: number;
  /** A word folded to lower case, or the character; empty for names in quotes and for literals. */
  readonly word: string;
  readonly kind: 'word' | 'quoted-name' | 'literal' | 'symbol';
}

/** Cuts `text` from `from` on into tokens, up to (not including) the first that starts at or after `to`. */
export function tokenize(text: string, from = 0, to = text.length): Token[] {
  const tokens: Token[] = [];
  let at = skipBlank(text, from, to);
  while (at < to) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at = skipBlank(text, token.end, to);
  }
  return tokens;
}

/** What a token names, for the comparison with other names: `''` if it is no name, undefined if its spelling has escapes. */
export function nameOf(text: string, { start, end, kind, word }: Token): string | undefined {
  if (kind !== 'quoted-name') return kind === 'word' ? word : '';
  const spelled = text.slice(start, end);
  return spelled.startsWith('"') ? spelled.slice(1, -1).replaceAll('""', '"') : undefined;
}

/** The first offset at or after `from` that is neither white space nor comment; at most `to`. */
export function firstToken(text: string, from: number, to: number): number {
  return skipBlank(text, from, to);
}

/**
 * A text as the parser has to be given it, so that it reads what the server reads.
 *
 * Where `standard_conforming_strings` is off, backslashes in plain strings are escapes: each string with one is marked as such
 * (`E'…'`), so that the text returned means under either setting what the text given means there. Whatever else stands in a text is
 * cut into the same tokens under both. (The server refuses `U&'…'` while the setting is off; such strings stay as they are.)
 *
 * Under either setting, comments between two parts of one string are blanked: the parser, unlike the server, would part the string there.
 *
 * @returns the same text, and no splices, if there is nothing to do
 * @see https://www.postgresql.org/docs/18/runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS
 */
export function parsableText(text: string, standardStrings: boolean): Rewrite {
  const marks = !standardStrings && text.includes('\\');
  if (!marks && !COMMENT_BEHIND_STRING.test(text)) return { text, splices: [] };
  const splices: Splice[] = [];
  for (const { start, end, opening, comments } of wholeTokens(text, !standardStrings)) {
    if (marks && text.slice(start, end).includes('\\')) {
      // A word or number in front of it must not take in the mark.
      const mark = /[A-Za-z0-9_$\u0080-\uffff]/.test(text[start - 1] ?? '') ? ' E' : 'E';
      if (opening === "'") splices.push({ start, end: start, text: mark });
      // N'…' is a shorthand for a string of the type nchar.
      if (opening === "n'") splices.push({ start, end: start + 1, text: 'NCHAR E' });
    }
    for (const [from, to] of comments) splices.push({ start: from, end: to, text: ' '.repeat(to - from) });
  }
  return { text: applySplices(text, splices), splices };
}

const COMMENT_BEHIND_STRING = /'\s*--/;

/** True if a text has a string that means one thing or another by `standard_conforming_strings`. */
export function hasPlainBackslash(text: string): boolean {
  if (!text.includes('\\')) return false;
  for (const { start, end, kind, opening } of wholeTokens(text, false)) {
    const isPlain = kind === 'literal' && opening !== "e'" && text[start] !== '$';
    if (isPlain && text.slice(start, end).includes('\\')) return true;
  }
  return false;
}

/** The names in a text, keywords included, as they are written. Strings are read as `standard_conforming_strings` has them. */
export function namesOf(text: string): string[] {
  const names: string[] = [];
  for (const { start, end, kind } of wholeTokens(text, false)) {
    if (kind === 'word' || kind === 'quoted-name') names.push(text.slice(start, end));
  }
  return names;
}

/** What begins a string that another may continue. */
const OPENING = /^(?:'|[NEBX]')/i;

interface WholeToken extends Token {
  /** Of a string: its prefix in lower case and its first quote. */
  readonly opening: string | undefined;
  /** Comments within it, each from its start to its end. */
  readonly comments: readonly (readonly [number, number])[];
}

/** Tokens; a string with what continues it is one (scan.l, `quotecontinue`). */
function* wholeTokens(text: string, escapes: boolean): Generator<WholeToken> {
  for (let at = skipBlank(text, 0, text.length); at < text.length; ) {
    const token = tokenAt(text, at, escapes);
    const opening = OPENING.exec(text.slice(token.start, token.start + 2))?.[0].toLowerCase();
    let { end } = token;
    const hasEscapes = opening === "e'" || (escapes && (opening === "'" || opening === "n'"));
    const comments: [number, number][] = [];
    while (opening !== undefined) {
      const between: [number, number][] = [];
      const next = continuation(text, end, between);
      if (next === undefined) break;
      end = endOfString(text, next, hasEscapes);
      comments.push(...between);
    }
    yield { ...token, end, opening, comments };
    at = skipBlank(text, end, text.length);
  }
}

/**
 * Where the content goes on of a string that ends at `from`; undefined if it does not.
 * @param comments those on the way are added
 */
function continuation(text: string, from: number, comments: [number, number][]): number | undefined {
  let isNewLine = false;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\n' || text[at] === '\r') isNewLine = true;
    else if (text.startsWith('--', at)) {
      comments.push([at, endOfLine(text, at)]);
      at = endOfLine(text, at) - 1;
    } else if (!isBlank(text, at)) return isNewLine && text[at] === "'" ? at + 1 : undefined;
  }
  return undefined;
}

function isBlank(text: string, at: number): boolean {
  SPACE.lastIndex = at;
  return SPACE.test(text);
}

const SPACE = /[ \t\n\r\f\v]/y;
const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD = /[A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = /[0-9][0-9A-Za-z_.]*/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

function skipBlank(text: string, from: number, to: number): number {
  let at = from;
  while (at < to) {
    if (isBlank(text, at)) at++;
    else if (text.startsWith('--', at)) at = endOfLine(text, at);
    else if (text.startsWith('/*', at)) at = endOfComment(text, at);
    else break;
  }
  return Math.min(at, to);
}

function endOfLine(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at++;
  return at;
}

/** Comments nest. */
function endOfComment(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else if (text.startsWith('*/', at)) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else at++;
  }
  return text.length;
}

/** @param escapes whether plain strings have them */
function tokenAt(text: string, at: number, escapes = false): Token {
  const char = text[at]!;
  if (char === "'") return literal(at, endOfString(text, at + 1, escapes));
  if (char === '"') return { start: at, end: endOfQuotes(text, at + 1), word: '', kind: 'quoted-name' };
  if (char === '$') return dollarAt(text, at);
  if (WORD_START.test(char)) return wordAt(text, at, escapes);
  if (/[0-9]/.test(char)) return literal(at, matchEnd(NUMBER, text, at));
  return { start: at, end: at + 1, word: char, kind: 'symbol' };
}

function literal(start: number, end: number): Token {
  return { start, end, word: '', kind: 'literal' };
}

/** A word, or a literal or name with a prefix: `E'…'`, `U&"…"`. */
function wordAt(text: string, at: number, escapes: boolean): Token {
  const end = matchEnd(WORD, text, at);
  const word = text.slice(at, end).toLowerCase();
  if (text[end] === "'" && ['e', 'b', 'x', 'n'].includes(word)) {
    return literal(at, endOfString(text, end + 1, word === 'e' || (word === 'n' && escapes)));
  }
  if (word === 'u' && text.startsWith("&'", end)) return literal(at, endOfString(text, end + 2, false));
  if (word === 'u' && text.startsWith('&"', end)) {
    return { start: at, end: endOfQuotes(text, end + 2), word: '', kind: 'quoted-name' };
  }
  return { start: at, end, word, kind: 'word' };
}

function dollarAt(text: string, at: number): Token {
  DOLLAR_TAG.lastIndex = at;
  const tag = DOLLAR_TAG.exec(text)?.[0];
  if (tag === undefined) return literal(at, Math.max(matchEnd(NUMBER, text, at + 1), at + 1));
  const close = text.indexOf(tag, at + tag.length);
  return literal(at, close < 0 ? text.length : close + tag.length);
}

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? at : at + match[0].length;
}

function endOfString(text: string, from: number, escapes: boolean): number {
  for (let at = from; at < text.length; at++) {
    if (escapes && text[at] === '\\') at++;
    else if (text[at] === "'") {
      if (text[at + 1] !== "'") return at + 1;
      at++;
    }
  }
  return text.length;
}

function endOfQuotes(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] !== '"') continue;
    if (text[at + 1] !== '"') return at + 1;
    at++;
  }
  return text.length;
}
