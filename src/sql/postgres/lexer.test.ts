import { expect, it } from 'vitest';
import { hasPlainBackslash } from './lexer.ts';

it.each([
  ['SELECT 1', false],
  [String.raw`SELECT 'a\b'`, true],
  [String.raw`SELECT N'a\b'`, true],
  [String.raw`SELECT U&'\0061'`, true],
  [String.raw`SELECT E'a\b', e'\''`, false],
  [String.raw`SELECT $$a\b$$, $x$\$x$`, false],
  [String.raw`SELECT 1 -- 'a\b'`, false],
  [String.raw`SELECT 1 /* 'a\b' */`, false],
  [String.raw`SELECT "a\b"`, false],
  [String.raw`SELECT E'\'' 'a\b'`, true],
  // Goes on as an escape string; to be refused is the safe mistake.
  ["SELECT E'a'\n'b\\''", true],
  [String.raw`SELECT ee'a\b'`, true],
  [String.raw`SELECT '\''; DROP TABLE t; --'`, true],
])('a backslash in a plain string: %s', (text, expected) => {
  expect(hasPlainBackslash(text)).toBe(expected);
});
