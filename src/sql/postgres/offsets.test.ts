import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOffsets, isAscii } from './offsets.ts';

describe('createOffsets', () => {
  it('finds every character of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 600 }), (text) => {
        const offsets = createOffsets(text);
        let unit = 0;
        for (const char of text) {
          expect(offsets.toUtf16(Buffer.byteLength(text.slice(0, unit)))).toBe(unit);
          unit += char.length;
        }
        expect(offsets.toUtf16(Buffer.byteLength(text))).toBe(text.length);
      }),
      { numRuns: 60 },
    );
  });

  it('knows ASCII', () => {
    expect(isAscii('SELECT 1 \x7f')).toBe(true);
    expect(isAscii('SELECT é')).toBe(false);
    expect(createOffsets('abc').toUtf16(2)).toBe(2);
  });
});
