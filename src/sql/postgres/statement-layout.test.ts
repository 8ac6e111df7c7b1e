import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenize } from './lexer.ts';
import { layOut } from './statement-layout.ts';

const tokensOf = (text: string) => tokenize(text).map(({ start, end }) => text.slice(start, end));

describe('a statement laid out', () => {
  it.each([
    [
      'UPDATE  orders SET status = $1,  cents = 0 WHERE id IN (SELECT id FROM t WHERE a = 1) RETURNING id',
      'UPDATE orders\nSET status = $1, cents = 0\nWHERE id IN (SELECT id\n  FROM t\n  WHERE a = 1)\nRETURNING id',
    ],
    [
      `SELECT extract(year FROM d) FROM t; DELETE FROM t`,
      'SELECT extract(year FROM d)\nFROM t;\nDELETE\nFROM t',
    ],
    ["SELECT 'a'\n'b' FROM t", "SELECT 'a'\n'b'\nFROM t"],
    ["SELECT 'x  y' -- why  not\n, 2 FROM t", "SELECT 'x  y' -- why  not\n, 2\nFROM t"],
    ['DO $$ BEGIN  DELETE FROM t; END $$', 'DO $$ BEGIN  DELETE FROM t; END $$'],
    ['', ''],
  ])('%j', (text, laid) => expect(layOut(text, []).text).toBe(laid));

  it('keeps every token, whatever the text', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...['SELECT', 'from', 'WHERE', 'x', '"a b"', "'it''s'", "E'\\''", '$1', '$q$ from  x $q$'],
      ),
      fc.constantFrom(
        ...['(', ')', ';', ',', '--c\n', '/* from */', '\n', '  ', '\t', "'", '"', 'U&', '.', '::'],
      ),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join(' ');
        expect(tokensOf(layOut(text, []).text)).toEqual(tokensOf(text));
      }),
    );
  });

  it('marks what is risky, and no literal, name or comment', () => {
    const { text, marks } = layOut(`DELETE FROM t -- delete\n; SELECT 'delete', "delete"`, [
      { kind: 'unbounded-write' },
    ]);
    expect(marks.map(({ start, end, hazard }) => [text.slice(start, end), hazard])).toEqual([
      ['DELETE', 'unbounded-write'],
    ]);
  });

  it('marks the place of a hazard, and no other word like it', () => {
    const text = 'ALTER TABLE t  ADD COLUMN drop_at int,  DROP   COLUMN "drop" ';
    const { text: laid, marks } = layOut(text, [
      { kind: 'drops-column', place: { from: 8, to: 11 } },
      { kind: 'drops-column', place: { from: 9, to: 10 } },
      { kind: 'blocks-others', place: { from: 90, to: 91 } },
    ]);
    expect(marks.map(({ start, end }) => laid.slice(start, end))).toEqual(['DROP COLUMN "drop"']);
  });

  it('marks names that may be taken for others, and no values', () => {
    const { text, marks } = layOut(`UPDATE оrders SET "stаtus" = 'оpen', größe = 1`, []);
    expect(marks.map(({ start, end, hazard }) => [text.slice(start, end), hazard])).toEqual([
      ['оrders', 'looks-like-another'],
      ['"stаtus"', 'looks-like-another'],
    ]);
  });

  it('of any length comes back', () => {
    const long = `SELECT ${'1 + '.repeat(50_000)}1`;
    expect(layOut(long, [{ kind: 'bulk-read' }])).toEqual({ text: long, marks: [] });
  });
});
