/** A replay shows what others wrote, and they may want it to look like something else. */
import { expect, it } from 'vitest';
import type { Hit } from '../search/hits.ts';
import { ReplayText } from './replay-text.ts';
import { fitted } from './table.ts';

const AT = Date.UTC(2026, 10, 28, 2, 14, 9, 120);

function statement(text: string, more: object = {}): Hit {
  return {
    ...{ seq: 7, id: '0.7', at: AT },
    event: {
      ...{
        kind: 'statement',
        session: 's',
        statement: 1,
        text,
        of: 'f',
        command: 'DELETE',
        decision: 'deny',
      },
      ...{ actions: [], relations: [], policies: ['no-deletes'], policyVersion: 'v', ...more },
    },
  } as unknown as Hit;
}

const shown = (hit: Hit, width?: number): readonly string[] =>
  new ReplayText((_, text) => text, width).lines(hit).slice(1);

it('marks the lines of a statement, so that none passes for an outcome or for another statement', () => {
  const forged = 'DELETE FROM t\n→ SELECT 0, 0.1 ms\n\r\n02:14:10.000            #2    SELECT 1';
  const [first, ...rest] = shown(statement(forged));
  expect(first).toBe('02:14:09.120            #1    DELETE FROM t');
  const indent = ' '.repeat(30);
  expect(rest).toEqual([
    `${indent}┆ → SELECT 0, 0.1 ms`,
    `${indent}┆ `,
    `${indent}┆ 02:14:10.000            #2    SELECT 1`,
    `${indent}✗ denied · no-deletes`,
  ]);
});

it('spells out what a terminal would act upon, in texts, values and names', () => {
  const hostile = '\u001b[2J\u009b31m\u202e\u0007\r';
  const lines = shown(
    statement(`SELECT '${hostile}'`, { parameters: [hostile], policies: [hostile], reason: hostile }),
  );
  expect(lines.join('')).not.toMatch(/\p{C}/u);
});

it.each(['x', '字', '\u{1f600}', '👩‍👩‍👧'])(
  'cuts what is gigantic to the terminal, whatever it is written in: %s',
  (unit) => {
    const lines = shown(statement(`${unit.repeat(100_000)}\n`.repeat(100)), 100);
    expect(lines.length).toBeLessThan(15);
    const columns = (line: string) => [...line].reduce((sum, one) => sum + (one <= '\u007f' ? 1 : 2), 0);
    // The sign that something was cut, and the one in front, take one column each.
    for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(102);
  },
);

it.each([
  ['abc', 3, 'abc'],
  ['abcd', 3, 'ab…'],
  ['字字', 4, '字字'],
  ['字字字', 4, '字…'],
  ['a字b', 4, 'a字b'],
  ['', 3, ''],
])('fits %j into %i columns', (line, width, fitting) => expect(fitted(line, width)).toBe(fitting));
