import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mintToken, TOKEN_PATTERN, tokenIdOf } from './token-text.ts';

describe('token text', () => {
  it('has one form, whatever the random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 41, maxLength: 41 }), (bytes) => {
        const rest = [...bytes];
        const { id, text } = mintToken((size) => Buffer.from(rest.splice(0, size)));
        expect(text).toMatch(new RegExp(`^${TOKEN_PATTERN.source}$`));
        expect(text).toHaveLength(66);
        expect(tokenIdOf(text)).toBe(id);
      }),
    );
  });

  it('differs for different secrets', () => {
    const texts = Array.from({ length: 1000 }, () => mintToken(randomBytes).text);
    expect(new Set(texts).size).toBe(1000);
    expect(new Set(texts.map((text) => text.slice(4, 16))).size).toBe(1000);
  });

  it('notices any one changed character', () => {
    const { text } = mintToken(randomBytes);
    for (let i = 0; i < text.length; i++) {
      const changed = text.slice(0, i) + (text[i] === 'x' ? 'y' : 'x') + text.slice(i + 1);
      expect(tokenIdOf(changed)).toBeUndefined();
    }
  });

  it('takes no other text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => tokenIdOf(text) === undefined));
    expect(tokenIdOf(`${mintToken(randomBytes).text}\n`)).toBeUndefined();
  });
});
