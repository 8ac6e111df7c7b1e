import fc from 'fast-check';
import { loadModule, parseSync, scanSync } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalText } from './digest.ts';
import { MAX_SHAPED_LENGTH, shapeOf, textWithoutLiterals } from './shape.ts';

beforeAll(() => loadModule());

const literalsOf = (text: string): string[] => {
  const { literals } = shapeOf(text)!;
  return literals.flatMap((start, i) => (i % 2 === 0 ? [text.slice(start, literals[i + 1])] : []));
};

describe('textWithoutLiterals', () => {
  it.each([
    ["SELECT * FROM t1 WHERE id = 42 AND name = 'it''s'", 'SELECT * FROM t1 WHERE id = ? AND name = ?'],
    ['UPDATE t SET a = 1.25, b = -3 WHERE c2 = $1', 'UPDATE t SET a = ?, b = -? WHERE c2 = $1'],
    ["SELECT E'secret'", undefined],
    ['SELECT 1 -- secret', undefined],
  ])('%j becomes %j', (text, expected) => {
    expect(textWithoutLiterals(text)).toBe(expected);
  });
});

describe('shapeOf', () => {
  it.each([
    ["SELECT * FROM t WHERE id = 42 AND name = 'it''s'", ['42', "'it''s'"]],
    ['SELECT a1, _2, "x 3", t.b4 FROM t5', []],
    ['SELECT $1, $12 + 7', ['7']],
    ['SELECT -5, - 6, 7-8', ['5', '6', '7', '8']],
    ['SELECT 3.14, 2', ['2']],
    ["SELECT 'a''' , ''", ["'a'''", "''"]],
    ['SELECT 123456789', ['123456789']],
    ["SELECT '{\"a\": 1}'::jsonb->'a'", ['\'{"a": 1}\'', "'a'"]],
    ["SELECT 'line\nbreak', 1", ["'line\nbreak'", '1']],
    ['', []],
  ])('cuts the literals out of %j', (text, expected) => {
    expect(literalsOf(text)).toEqual(expected);
  });

  it.each([
    "SELECT E'a'",
    "SELECT e'a'",
    "SELECT U&'a'",
    "SELECT B'1'",
    "SELECT X'1F'",
    "SELECT N'a'",
    "SELECT date'2020-01-01'",
    'SELECT U&"a"',
    "SELECT 'a' -- b",
    "SELECT 'a' /* b */",
    'SELECT $$a$$',
    'SELECT $tag$a$tag$',
    'SELECT $1a',
    'SELECT 1.5e3',
    'SELECT 1e3',
    'SELECT 0x1F',
    'SELECT 1_000',
    'SELECT 1a',
    'SELECT .5',
    'SELECT 1.',
    'SELECT 1..2',
    'SELECT 1234567890',
    "SELECT 'a'\n'b'",
    "SELECT 'a' 'b'",
    "SELECT 'a\\'",
    'SELECT \\',
    "SELECT 'ä'",
    'SELECT ä',
    "SELECT 'a",
    'SELECT "a',
    'SELECT \x01',
    'SELECT 1\x02',
    "SELECT 'a\x01'",
    `SELECT 1${' '.repeat(MAX_SHAPED_LENGTH)}`,
  ])('has doubts about %j', (text) => {
    expect(shapeOf(text)).toBeUndefined();
  });

  it('tells integers from strings, and keeps everything else', () => {
    const key = (text: string) => shapeOf(text)?.key;
    expect(key('SELECT 1')).toBe(key('SELECT 999'));
    expect(key("SELECT 'a'")).toBe(key("SELECT ''''"));
    expect(key('SELECT 1')).not.toBe(key("SELECT '1'"));
    expect(key('SELECT 1')).not.toBe(key('SELECT  1'));
    expect(key('SELECT a')).not.toBe(key('SELECT A'));
    expect(key('SELECT 1.5')).not.toBe(key('SELECT 1.6'));
    expect(key('SELECT "a"')).not.toBe(key('SELECT "b"'));
  });

  it('never throws, and cuts at token boundaries wherever the text can be scanned', () => {
    const pieces = fc.constantFrom(
      ...'\'"$&.-/*\\;(),:=<>[]{}!~ \n\t'.split(''),
      ...[
        '1',
        '42',
        '0x1',
        '1.5',
        'e',
        'E',
        'u',
        'U&',
        'x',
        'b',
        'a1',
        '_',
        '$1',
        '$a$',
        "''",
        'é',
        "'ab'",
        'SELECT',
      ],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 25 }), (parts) => {
        const text = parts.join('');
        const shape = shapeOf(text);
        if (shape === undefined) return;
        const tokens = scan(text);
        if (tokens === undefined) return;
        const constants = tokens.filter(({ tokenName }) => tokenName === 'ICONST' || tokenName === 'SCONST');
        expect(shape.literals).toEqual(constants.flatMap(({ start, end }) => [start, end]));
      }),
      { numRuns: 5_000 },
    );
  });

  it('gives equal keys only to texts of equal trees, constants aside', () => {
    const literal = fc.oneof(
      fc.nat(999_999_999).map(String),
      fc.stringMatching(/^[ -&(-[\]-~]{0,8}$/).map((s) => `'${s}'`),
    );
    const template = fc.constantFrom(
      (a: string, b: string) => `SELECT * FROM t WHERE x = ${a} AND y IN (${b}, ${a})`,
      (a: string, b: string) => `INSERT INTO t (a, b) VALUES (${a}, ${b})`,
      (a: string, b: string) => `UPDATE t SET a = ${a} WHERE b BETWEEN ${b} AND -${a}`,
      (a: string, b: string) => `SELECT f(${a}) || ${b} FROM t LIMIT 5`,
    );
    fc.assert(
      fc.property(template, literal, literal, literal, literal, (make, a, b, c, d) => {
        const [left, right] = [make(a, b), make(c, d)];
        if (shapeOf(left)?.key !== shapeOf(right)?.key) return;
        expect(blank(left)).toBe(blank(right));
      }),
    );
  });
});

/** The tokens of a text; undefined if it cannot be cut. */
function scan(text: string): { start: number; end: number; tokenName: string }[] | undefined {
  try {
    parseSync(`SELECT 1 WHERE ${text}`);
  } catch (error) {
    if (/unterminated|junk|invalid|escape/.test(String(error))) return undefined;
  }
  try {
    return scanSync(text).tokens;
  } catch {
    return undefined;
  }
}

/** The tree with the values of its constants left out. */
function blank(text: string): string | undefined {
  const withoutValues = (key: string, value: unknown): unknown => (key === 'A_Const' ? '?' : value);
  try {
    return canonicalText(JSON.parse(JSON.stringify(parseSync(text), withoutValues)));
  } catch {
    return undefined;
  }
}
