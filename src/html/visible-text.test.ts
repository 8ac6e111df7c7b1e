import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLine, printable, printableJson, printableLine } from './visible-text.ts';

describe('printable', () => {
  it.each([
    ['SELECT 1', 'SELECT 1'],
    ['two\n\tlines', 'two\n\tlines'],
    ['größer → 日本', 'größer → 日本'],
    ['\x1b[2J\x1b[31mDROP', '\\x1b[2J\\x1b[31mDROP'],
    ['a\rb\x08c\x7f', 'a\\x0db\\x08c\\x7f'],
    ['\u009b31m', '\\x9b31m'],
    ['user\u202e nimda', 'user\\u{202e} nimda'],
    ['\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
    ['line\u2028separator', 'line\\u{2028}separator'],
    ['\ud800', '\\u{d800}'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['users\u3164', 'users\\u{3164}'],
    ['users\u2800', 'users\\u{2800}'],
    ['use\u034frs', 'use\\u{34f}rs'],
    ['a\r\nb', 'a\nb'],
  ])('writes %j as %s', (text, shown) => expect(printable(text)).toBe(shown));

  it('leaves nothing that a terminal would act upon', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => !/[^\P{C}\n\t]/u.test(printable(text).replace(/\p{Cn}|\p{Co}/gu, '')),
      ),
    );
  });
});

describe('printableLine', () => {
  it.each([
    ['a\n  b\t c', 99, 'a b c'],
    ['abcdef', 6, 'abcdef'],
    ['abcdefg', 6, 'abcde…'],
    ['x'.repeat(1000), 3, 'xx…'],
  ])('writes %j in %i as %s', (text, length, line) => expect(printableLine(text, length)).toBe(line));
});

it('printableJson means the same to a program', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const json = printableJson({ text });
      expect(json).toBe(printable(json));
      expect(JSON.parse(json)).toEqual({ text });
    }),
  );
});

it('a line of JSON is one line, wherever lines end for whoever reads it', () => {
  const value = { text: 'a\n\u0085\u2028\u2029b', list: ['\u2028'] };
  const line = jsonLine(value);
  expect(line).not.toMatch(/[\n\u0085\u2028\u2029]/);
  expect(JSON.parse(line)).toEqual(value);
});
