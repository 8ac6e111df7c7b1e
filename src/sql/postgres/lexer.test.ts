import { expect, it } from 'vitest';
import { hasPlainBackslash, parsableText } from './lexer.ts';

const raw = String.raw;

it.each([
  ['SELECT 1', 'SELECT 1'],
  [raw`SELECT 'a\b', 'c'`, raw`SELECT E'a\b', 'c'`],
  [raw`SELECT 'a\'; DROP TABLE t; --', 2`, raw`SELECT E'a\'; DROP TABLE t; --', 2`],
  [raw`SELECT '\\', 1 --', secret`, raw`SELECT E'\\', 1 --', secret`],
  [raw`SELECT 'it''s \'x\''`, raw`SELECT E'it''s \'x\''`],
  [raw`SELECT N'a\b', n''`, raw`SELECT NCHAR E'a\b', n''`],
  [raw`SELECT E'a\b', e'\''`, raw`SELECT E'a\b', e'\''`],
  [raw`SELECT B'1', X'f', '\\'`, raw`SELECT B'1', X'f', E'\\'`],
  [raw`SELECT U&'\0061'`, raw`SELECT U&'\0061'`],
  [raw`SELECT $$a\b$$, $x$'\$x$, '\n'`, raw`SELECT $$a\b$$, $x$'\$x$, E'\n'`],
  [raw`SELECT 1 -- 'a\b'`, raw`SELECT 1 -- 'a\b'`],
  [raw`SELECT 1 /* 'a\b' */, '\t'`, raw`SELECT 1 /* 'a\b' */, E'\t'`],
  [raw`SELECT "a\b", '\\'`, raw`SELECT "a\b", E'\\'`],
  [raw`SELECT ee'a\b'`, raw`SELECT ee E'a\b'`],
  [raw`SELECT $1'a\b', 1'\n', é'\\'`, raw`SELECT $1 E'a\b', 1 E'\n', é E'\\'`],
  // What continues a string is read as that string is.
  [`SELECT 'a'\n'b\\''`, `SELECT E'a'\n'b\\''`],
  [`SELECT 'a' -- it's\n -- so\n\t'b\\'' , 'c'`, `SELECT E'a'        \n      \n\t'b\\'' , 'c'`],
  [`SELECT E'a'\n'b\\''`, `SELECT E'a'\n'b\\''`],
  [`SELECT X'1'\n'2', '\\\\'`, `SELECT X'1'\n'2', E'\\\\'`],
  [`SELECT 'a' 'b\\''`, `SELECT 'a' E'b\\''`],
  [`SELECT 'a' /* x\n */ 'b\\''`, `SELECT 'a' /* x\n */ E'b\\''`],
  [raw`SELECT 'not closed \'`, raw`SELECT E'not closed \'`],
])('reads %s', (text, expected) => {
  expect(parsableText(text, false).text).toBe(expected);
});

it.each([
  [`SELECT 'a' -- b\n'c'`, `SELECT 'a'     \n'c'`],
  [`SELECT 'a'\n--'b'\n--\n 'c', '\\' -- 'd'`, `SELECT 'a'\n     \n  \n 'c', '\\' -- 'd'`],
  [`SELECT 'a' -- b\n, 'c'`, `SELECT 'a' -- b\n, 'c'`],
  [`SELECT 'a' /* b */ -- c\n'd'`, `SELECT 'a' /* b */ -- c\n'd'`],
  [raw`SELECT 'a\' -- b`, raw`SELECT 'a\' -- b`],
])('with standard strings, reads %s', (text, expected) => {
  const read = parsableText(text, true);
  expect(read.text).toBe(expected);
  expect(read.splices.length > 0).toBe(text !== expected);
});

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
  // Goes on as an escape string.
  ["SELECT E'a'\n'b\\''", false],
  ["SELECT 'a'\n'b\\''", true],
  [String.raw`SELECT ee'a\b'`, true],
  [String.raw`SELECT '\''; DROP TABLE t; --'`, true],
])('a backslash in a plain string: %s', (text, expected) => {
  expect(hasPlainBackslash(text)).toBe(expected);
});
