/**
 * PostgreSQL's tokens, with their places in the text. Used to find where a relation's name ends, never to decide anything:
 * what is spliced by it is parsed again and proved.
 *
 * Knows comments, quoted names, strings of every kind and dollar quotes; everything else is words, numbers and single
 * characters.
 *
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html
 */

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

/** The first offset at or after `from` that is neither white space nor comment; at most `to`. */
export function firstToken(text: string, from: number, to: number): number {
  return skipBlank(text, from, to);
}

/**
 * True if a backslash stands in a string that is not marked as having escapes. Where `standard_conforming_strings` is off, the
 * database reads such a string otherwise than the parser, and with it perhaps all that follows; all other texts they cut
 * into the same tokens.
 * @see https://www.postgresql.org/docs/18/runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS
 */
export function hasPlainBackslash(text: string): boolean {
  if (!text.includes('\\')) return false;
  return tokenize(text).some(
    ({ start, end, kind }) =>
      kind === 'literal' &&
      !/^(?:[Ee]'|\$)/.test(text.slice(start, start + 2)) &&
      text.slice(start, end).includes('\\'),
  );
}

const SPACE = /[ \t\n\r\f\v]/y;
const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD = /[A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = /[0-9][0-9A-Za-z_.]*/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

function skipBlank(text: string, from: number, to: number): number {
  let at = from;
  while (at < to) {
    SPACE.lastIndex = at;
    if (SPACE.test(text)) at++;
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

function tokenAt(text: string, at: number): Token {
  const char = text[at]!;
  if (char === "'") return literal(at, endOfString(text, at + 1, false));
  if (char === '"') return { start: at, end: endOfQuotes(text, at + 1), word: '', kind: 'quoted-name' };
  if (char === '$') return dollarAt(text, at);
  if (WORD_START.test(char)) return wordAt(text, at);
  if (/[0-9]/.test(char)) return literal(at, matchEnd(NUMBER, text, at));
  return { start: at, end: at + 1, word: char, kind: 'symbol' };
}

function literal(start: number, end: number): Token {
  return { start, end, word: '', kind: 'literal' };
}

/** A word, or a literal or name with a prefix: `E'…'`, `U&"…"`. */
function wordAt(text: string, at: number): Token {
  const end = matchEnd(WORD, text, at);
  const word = text.slice(at, end).toLowerCase();
  if (text[end] === "'" && ['e', 'b', 'x', 'n'].includes(word)) {
    return literal(at, endOfString(text, end + 1, word === 'e'));
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
