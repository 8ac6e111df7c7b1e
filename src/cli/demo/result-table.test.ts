import { expect, test } from 'vitest';
import { tableLines } from './result-table.ts';

test('a table puts numbers to the right, shows NULL and cuts what is long', () => {
  const lines = tableLines({
    columns: ['id', 'name', 'note'],
    rows: [
      ['1', 'Zoë', null],
      ['20', 'Jürgen', `two\nlines ${'x'.repeat(60)}`],
    ],
  });
  expect(lines).toEqual([
    `id │ name   │ note`,
    `───┼────────┼─${'─'.repeat(44)}`,
    ` 1 │ Zoë    │ NULL`,
    `20 │ Jürgen │ two lines ${'x'.repeat(33)}…`,
  ]);
});

test('a table without rows has its header', () => {
  expect(tableLines({ columns: ['count'], rows: [] })).toEqual(['count', '─────']);
});
