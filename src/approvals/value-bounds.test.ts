import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundText, isWithin, readBound } from './value-bounds.ts';

describe('a bound', () => {
  it.each([
    ['1..500', '1', true],
    ['1..500', '500', true],
    ['1..500', '500.0000000000000000000000001', false],
    ['1..500', '0.9999999999999999999999999', false],
    ['1..500', '501', false],
    ['1..500', ' 5', false],
    ['1..500', '5e1', false],
    ['1..500', '0x10', false],
    ['1..500', '', false],
    ['1..500', null, false],
    ['1..500', '\\x64:AAAABQ==', false],
    ['-0.5..0.5', '-0.25', true],
    ['-0.5..0.5', '-0.75', false],
    ['-10..-5', '-7', true],
    ['9007199254740993..9007199254740993', '9007199254740992', false],
    ['paid|open', 'open', true],
    ['paid|open', 'paid|open', false],
    ['paid', 'PAID', false],
    ['paid', null, false],
    ['', '', true],
    ['*', null, true],
    ['*', 'x', true],
  ])('%s and %j: %j', (text, value, within) => expect(isWithin(readBound(text), value)).toBe(within));

  it('that is a value holds for that value alone', () => {
    expect(isWithin({ is: null }, null)).toBe(true);
    expect(isWithin({ is: null }, 'NULL')).toBe(false);
    expect(isWithin({ is: '5' }, '5.0')).toBe(false);
  });

  it.each(['5..1', '1..x', 'a..b', '1..2..3', 'x'.repeat(1001)])('cannot be %j', (text) =>
    expect(() => readBound(text)).toThrow(),
  );

  it('of numbers agrees with arithmetic', () => {
    const number = fc.integer({ min: -1000, max: 1000 });
    fc.assert(
      fc.property(number, number, number, (a, b, value) => {
        const [from, to] = [Math.min(a, b) / 8, Math.max(a, b) / 8];
        const bound = readBound(`${from}..${to}`);
        expect(boundText(bound)).toBe(`${from}..${to}`);
        return isWithin(bound, String(value / 8)) === (from <= value / 8 && value / 8 <= to);
      }),
    );
  });
});
