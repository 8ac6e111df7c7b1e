import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import { createParser, type Parser, SHORT_TEXT } from './parser.ts';

let parser: Parser;

beforeAll(async () => {
  parser = await createParser();
});

afterAll(() => parser.close());

const outcome = async (text: string, by = parser): Promise<string> => {
  try {
    return `${(await by.parse(text)).stmts?.length ?? 0} statements`;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return error.code;
  }
};

const nested = (open: string, inner: string, close: string, times: number): string =>
  `SELECT ${open.repeat(times)}${inner}${close.repeat(times)}`;

/** Fills with spaces, so that the text takes the long way. */
const long = (text: string): string => text.padEnd(SHORT_TEXT + 1);

describe('createParser', () => {
  it('is synchronous for short texts, and not for long ones', async () => {
    expect(parser.parse('SELECT 1')).not.toBeInstanceOf(Promise);
    expect(parser.parse(`SELECT 1${' '.repeat(SHORT_TEXT - 8)}`)).not.toBeInstanceOf(Promise);
    const pending = parser.parse(long('SELECT 1'));
    expect(pending).toBeInstanceOf(Promise);
    expect((await pending).stmts).toHaveLength(1);
    expect(await pending).toEqual(parser.parse('SELECT 1'));
  });

  it.each([
    ['', '0 statements'],
    [' ; -- nothing\n;', '0 statements'],
    ['SELECT 1; SELECT 2', '2 statements'],
    ['SELEC 1', 'syntax_error'],
    ['SELECT 1\0; DROP TABLE t', 'bad_encoding'],
    ['SELECT \ud800', 'bad_encoding'],
    [`SELECT '\udc00'`, 'bad_encoding'],
    [`SELECT '😀'`, '1 statements'],
  ])('%j gives %s, short or long', async (text, expected) => {
    expect(await outcome(text)).toBe(expected);
    if (text !== '') expect(await outcome(long(text))).toBe(expected);
  });

  it.each([
    ['SELECT a FROM t WHERE', 22],
    ['SELECT é, ü FROM t WHERE x = = 1', 30],
    ["SELECT 'abc", 8],
    ['SELECT 😀😀 FROM FROM', 16],
  ])('points at the character where %j goes wrong', async (text, position) => {
    const there = expect.objectContaining({ position, sqlstate: '42601' });
    expect(() => parser.parse(text)).toThrowError(there);
    const longer = `${text}\n-- ${'x'.repeat(SHORT_TEXT)}`;
    if (!text.includes("'") && !text.endsWith('WHERE'))
      await expect(parser.parse(longer)).rejects.toThrowError(there);
  });

  it('words errors as PostgreSQL does', () => {
    expect(() => parser.parse('SELECT a b c')).toThrowError('syntax error at or near "c"');
    expect(() => parser.parse("SELECT 'a")).toThrowError(`unterminated quoted string at or near "'a"`);
  });

  it('survives every nesting that fits into a short text', async () => {
    for (const [open, inner, close] of [
      ['(', '1', ')'],
      ['- ', 'x', ''],
      ['NOT ', 'x', ''],
      ['(SELECT ', '1', ')'],
      ['1+', '1', ''],
      ['f(', '1', ')'],
      ['CASE WHEN ', 'a', ' THEN 1 END'],
      ['a.', 'b', ''],
      ['ARRAY[', '1', ']'],
      ['ROW(', '1', ')'],
      ['x[', '1', ']'],
    ] as const) {
      const times = Math.floor((SHORT_TEXT - 8) / (open.length + close.length));
      const text = nested(open, inner, close, times).slice(0, SHORT_TEXT);
      expect(['1 statements', 'syntax_error', 'statement_too_complex']).toContain(await outcome(text));
    }
    expect(await outcome('SELECT 1')).toBe('1 statements');
  });

  it('answers for monsters in the worker, and lives on', async () => {
    const patient = await createParser({ timeoutMs: 60_000 });
    expect(await outcome(nested('1+', '1', '', 10_000), patient)).toBe('statement_too_complex');
    expect(await outcome(nested('(', '1', ')', 100_000), patient)).toBe('syntax_error');
    expect(await outcome(nested('- ', 'x', '', 50_000), patient)).toBe('syntax_error');
    expect(await outcome(`SELECT ${'1,'.repeat(50_000)}1`, patient)).toBe('1 statements');
    for (let i = 0; i < 40; i++) await outcome(nested('1+', '1', '', 9_000), patient);
    expect(await outcome(long('SELECT 1'), patient)).toBe('1 statements');
    expect(await outcome('SELECT 1', patient)).toBe('1 statements');
    await patient.close();
  });

  it('refuses what is too large without looking at it', async () => {
    const small = await createParser({ maxTextLength: 10_000 });
    expect(await outcome(`SELECT 1${' '.repeat(10_000)}`, small)).toBe('statement_too_large');
    expect(await outcome(`SELECT 1${' '.repeat(9_000)}`, small)).toBe('1 statements');
    await small.close();
  });

  it('gives up on what takes too long, and goes on with the rest', async () => {
    const hasty = await createParser({ timeoutMs: 150 });
    const slow = `SELECT ${'f(1, 2, 3, 4, 5, 6, 7, 8, 9),'.repeat(60_000)}1`;
    const answers = await Promise.all([slow, long('SELECT 1')].map((text) => outcome(text, hasty)));
    expect(answers[0]).toBe('statement_too_complex');
    const again = await outcome(long('SELECT 1'), await createParser());
    expect(again).toBe('1 statements');
    await hasty.close();
  });

  it('lets only so many wait', async () => {
    const narrow = await createParser({ maxQueued: 2 });
    const answers = await Promise.all([1, 2, 3].map((n) => outcome(long(`SELECT ${n}`), narrow)));
    expect(answers).toEqual(['1 statements', '1 statements', 'statement_too_complex']);
    await narrow.close();
  });

  it('fails what is under way when it is closed', async () => {
    const closing = await createParser();
    const pending = outcome(long('SELECT 1'), closing);
    await closing.close();
    expect(await pending).toBe('statement_too_complex');
    expect(await outcome(long('SELECT 1'), closing)).toBe('statement_too_complex');
    expect(await outcome('SELECT 1', closing)).toBe('1 statements');
  });
});
