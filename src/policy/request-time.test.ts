import { describe, expect, test } from 'vitest';
import { minuteOf, timeContext } from './request-time.ts';

describe('time', () => {
  test.each([
    ['2026-11-21T10:07:59.999Z', { hour: 10, minute: 7, weekday: 6 }],
    ['2026-11-22T23:59:00.000Z', { hour: 23, minute: 59, weekday: 7 }],
    ['2026-11-23T00:00:00.000Z', { hour: 0, minute: 0, weekday: 1 }],
    ['1969-12-31T23:59:59.000Z', { hour: 23, minute: 59, weekday: 3 }],
  ])('%s is UTC to the minute', (text, parts) => {
    const now = { __extn: { fn: 'datetime', arg: `${text.slice(0, 17)}00.000Z` } };
    expect(timeContext(minuteOf(new Date(text)))).toEqual({ now, ...parts });
  });

  test('an invalid date has no context', () => {
    expect(timeContext(minuteOf(new Date(Number.NaN)))).toBeUndefined();
  });
});
