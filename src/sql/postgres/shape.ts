/**
 * The shape of a text: what stays when its plain literals are cut out. Statements of one shape share their analysis.
 *
 * A scanner of its own, because it runs on every statement. It knows a part of PostgreSQL's lexical rules and answers
 * `undefined` whenever another rule might apply; it never guesses. What it cuts: integers of at most nine digits, and
 * plain single-quoted strings. Everything else, white space included, stays in the key as it is.
 *
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html
 */
import type { Shape } from '../../model/dialect.ts';

/** Longer texts have no shape: they are rarely sent twice. */
export const MAX_SHAPED_LENGTH = 4_096;

/** Ten digits may exceed int4, and then the literal has another type. */
const MAX_DIGITS = 9;

// Stand in the key for what was cut. No text with a control character has a shape, so they cannot be forged.
const INTEGER_MARK = '\x01';
const STRING_MARK = '\x02';
const MARKS = /[\x01\x02]/g;
const DECIMALS = /\b\d+\.\d+\b/g;

/** What a character may start. */
const REFUSED = 0;
const PLAIN = 1;
const LETTER = 2;
const DIGIT = 3;
const STRING = 4;
const QUOTED_NAME = 5;
const DOLLAR = 6;
const DOT = 7;
const DASH = 8;
const SLASH = 9;
const CLASS = classify();

/** `undefined` on any doubt. Total, O(length); about a microsecond for 60 characters. */
export function shapeOf(text: string): Shape | undefined {
  const length = text.length;
  if (length > MAX_SHAPED_LENGTH) return undefined;
  const literals: number[] = [];
  let key = '';
  let copied = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    switch (code < 128 ? CLASS[code] : REFUSED) {
      case PLAIN:
        at++;
        break;
      case LETTER:
        at = endOfWord(text, at + 1);
        // `e'…'`, `b'…'`, `date'…'`: a prefix or not, it is not a plain string.
        if (text.charCodeAt(at) === 0x27) return undefined;
        break;
      case DIGIT: {
        const end = endOfInteger(text, at);
        if (end < 0) return undefined;
        if (end === 0) {
          at = endOfDecimal(text, at);
          if (at < 0) return undefined;
          break;
        }
        literals.push(at, end);
        key += text.slice(copied, at) + INTEGER_MARK;
        at = end;
        copied = end;
        break;
      }
      case STRING: {
        // `U&'…'`
        if (at > 0 && text.charCodeAt(at - 1) === 0x26) return undefined;
        const end = endOfString(text, at + 1);
        if (end < 0) return undefined;
        literals.push(at, end);
        key += text.slice(copied, at) + STRING_MARK;
        at = end;
        copied = end;
        break;
      }
      case QUOTED_NAME:
        if (at > 0 && text.charCodeAt(at - 1) === 0x26) return undefined;
        at = endOfQuotedName(text, at + 1);
        if (at < 0) return undefined;
        break;
      case DOLLAR:
        at = endOfParameter(text, at + 1);
        if (at < 0) return undefined;
        break;
      case DOT:
        at++;
        // `.5` is a number.
        if (isDigit(text.charCodeAt(at))) return undefined;
        break;
      case DASH:
        at++;
        if (text.charCodeAt(at) === 0x2d) return undefined;
        break;
      case SLASH:
        at++;
        if (text.charCodeAt(at) === 0x2a) return undefined;
        break;
      default:
        return undefined;
    }
  }
  return { key: key + text.slice(copied), literals };
}

/** The text with each literal replaced by `?`; undefined on any doubt where they are. */
export function textWithoutLiterals(text: string): string | undefined {
  const shape = shapeOf(text);
  if (shape === undefined) return undefined;
  // Decimal numbers are no literals of a shape, but literals they are.
  return shape.key.replaceAll(MARKS, '?').replaceAll(DECIMALS, '?');
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Letters, digits, underscore, dollar: what goes on in a word. */
function isWord(code: number): boolean {
  return code < 128 && (CLASS[code] === LETTER || CLASS[code] === DIGIT || code === 0x24);
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length && isWord(text.charCodeAt(at))) at++;
  return at;
}

/** The end of a plain integer; 0 if a decimal point follows; -1 for anything that is neither. */
function endOfInteger(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at++;
  const next = text.charCodeAt(at);
  if (next === 0x2e) return 0;
  return at - from > MAX_DIGITS || isWord(next) || next > 127 ? -1 : at;
}

/** The end of `12.34`; -1 for `1..2`, `1.`, `1.5e3`. */
function endOfDecimal(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at++;
  const point = at;
  at++;
  while (isDigit(text.charCodeAt(at))) at++;
  const next = text.charCodeAt(at);
  return at === point + 1 || next === 0x2e || isWord(next) || next > 127 ? -1 : at;
}

/** The end of a plain string whose content starts at `from`; -1 if it is not closed, or goes on after white space. */
function endOfString(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    // NaN at the end of the text fails every comparison.
    if (!(code < 128)) return -1;
    if (code === 0x27) {
      if (text.charCodeAt(at + 1) !== 0x27) break;
      at++;
    } else if (code === 0x5c || CLASS[code] === REFUSED) return -1;
    at++;
  }
  let after = at + 1;
  while (isSpace(text.charCodeAt(after))) after++;
  return text.charCodeAt(after) === 0x27 ? -1 : at + 1;
}

function endOfQuotedName(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(code < 128) || CLASS[code] === REFUSED) return -1;
    if (code === 0x22) {
      if (text.charCodeAt(at + 1) !== 0x22) return at + 1;
      at++;
    }
    at++;
  }
}

/** `$1`, but neither `$tag$` nor `$1x`. */
function endOfParameter(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at++;
  const next = text.charCodeAt(at);
  return at === from || isWord(next) || next > 127 ? -1 : at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function classify(): Uint8Array {
  const classes = new Uint8Array(128).fill(REFUSED);
  for (const char of ' \t\n\r!#%&()*+,:;<=>?@[]^`{|}~') classes[char.charCodeAt(0)] = PLAIN;
  for (let code = 0; code < 128; code++) {
    if (/[A-Za-z_]/.test(String.fromCharCode(code))) classes[code] = LETTER;
    if (isDigit(code)) classes[code] = DIGIT;
  }
  classes[0x27] = STRING;
  classes[0x22] = QUOTED_NAME;
  classes[0x24] = DOLLAR;
  classes[0x2e] = DOT;
  classes[0x2d] = DASH;
  classes[0x2f] = SLASH;
  return classes;
}
