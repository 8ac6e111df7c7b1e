import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySplices, mapOffset, mapPosition, transferSplices } from './splice.ts';

describe('applySplices', () => {
  it('replaces and inserts, and keeps the rest', () => {
    const text = 'SELECT a FROM t';
    expect(
      applySplices(text, [
        { start: 7, end: 8, text: 'bb' },
        { start: 14, end: 14, text: 'x.' },
      ]),
    ).toBe('SELECT bb FROM x.t');
    expect(applySplices(text, [])).toBe(text);
  });

  it('refuses overlaps and places outside the text', () => {
    for (const splices of [
      [
        { start: 0, end: 3, text: '' },
        { start: 2, end: 4, text: '' },
      ],
      [{ start: 3, end: 2, text: '' }],
      [{ start: 0, end: 99, text: '' }],
    ]) {
      expect(() => applySplices('abcdef', splices)).toThrow(RangeError);
    }
  });
});

describe('mapPosition', () => {
  it('maps what stayed to itself and what was replaced to its start', () => {
    const original = 'SELECT é😀 FROM t WHERE x';
    const splices = [
      { start: original.indexOf('t '), end: original.indexOf('t ') + 1, text: '(SELECT 1) AS t' },
    ];
    const rewrite = { text: applySplices(original, splices), splices };
    const inRewritten = [...rewrite.text].indexOf('x') + 1;
    expect(mapPosition(original, rewrite, inRewritten)).toBe([...original].indexOf('x') + 1);
    const inside = [...rewrite.text].indexOf('1') + 1;
    expect(mapPosition(original, rewrite, inside)).toBe([...original].indexOf('t') + 1);
    expect(mapPosition(original, { text: original, splices: [] }, 5)).toBe(5);
  });

  it('is the identity on everything that was not replaced', () => {
    const edits = fc.array(fc.tuple(fc.nat(5), fc.nat(3), fc.string({ maxLength: 6 })), { maxLength: 5 });
    fc.assert(
      fc.property(edits, (parts) => {
        let original = '';
        const splices = parts.map(([kept, cut, text]) => {
          original += 'k'.repeat(kept);
          const start = original.length;
          original += 'c'.repeat(cut);
          return { start, end: original.length, text };
        });
        original += 'kk';
        const text = applySplices(original, splices);
        expect(mapOffset({ text, splices }, text.length - 1)).toBe(original.length - 1);
      }),
    );
  });
});

describe('transferSplices', () => {
  it('moves by what literals before have grown', () => {
    const moved = transferSplices([{ start: 20, end: 21, text: 'X' }], [5, 6, 25, 26], [5, 9, 28, 40]);
    expect(moved).toEqual([{ start: 23, end: 24, text: 'X' }]);
  });

  it('refuses a splice over a literal', () => {
    expect(transferSplices([{ start: 4, end: 7, text: '' }], [5, 6], [5, 9])).toBeUndefined();
  });
});
