import { expect, it } from 'vitest';
import { csvLine } from './hit-columns.ts';

it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '\uff1d1', '\uff0b1', '\uff0d1', '\uff201'])(
  'a cell that a spreadsheet would run is a text: %j',
  (text) => {
    expect(csvLine(['a', text])).toMatch(/^a,"?'/);
  },
);

it.each([
  ['plain', 'plain'],
  ['a=1', 'a=1'],
  ['a,b', '"a,b"'],
  ['say "a"', '"say ""a"""'],
  ['two\nlines', '"two\nlines"'],
  ['="a"', `"'=""a"""`],
])('%j stays what it is', (text, cell) => {
  expect(csvLine(['', text])).toBe(`,${cell}`);
});
