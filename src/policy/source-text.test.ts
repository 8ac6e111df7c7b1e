import { checkParsePolicySet, policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { offsetOfByte, positionAt, splitPolicies } from './source-text.ts';

describe('splitPolicies', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['  // only a comment; really\n', []],
    ['permit(principal, action, resource);', ['permit(principal, action, resource);']],
    ['a;b;', ['a;', 'b;']],
    ['// c;\n@id("x;//\\"") a; // "\n b;', ['@id("x;//\\"") a;', 'b;']],
    ['a / b;', ['a / b;']],
    ['a // no end', ['a // no end']],
    ['"\\\\"; b;', ['"\\\\";', 'b;']],
    ['\uFEFF a;', ['a;']],
  ])('%j', (text, policies) => {
    expect(splitPolicies(text).map((policy) => policy.text)).toEqual(policies);
    for (const policy of splitPolicies(text)) expect(text.startsWith(policy.text, policy.start)).toBe(true);
  });
});

const texts = fc.string({ unit: fc.constantFrom('a', 'é', '"', ';', '/', '\n', ' ') });
const literal = (value: string) => JSON.stringify(value);
const policy = fc
  .record({ id: texts, name: texts, comment: texts, effect: fc.constantFrom('permit', 'forbid') })
  .map(({ id, name, comment, effect }) => ({
    text: `// ${comment.replaceAll('\n', ' ')}\n@id(${literal(id)})\n${effect} (principal, action, resource) when { principal.name == ${literal(name)} }; `,
    id,
  }));

test('a file is cut into exactly the policies that Cedar finds in it', () => {
  fc.assert(
    fc.property(fc.array(policy, { maxLength: 5 }), (policies) => {
      const file = policies.map((one) => one.text).join('');
      expect(checkParsePolicySet({ staticPolicies: file })).toEqual({ type: 'success' });
      const ids = splitPolicies(file).map((one) => {
        const parsed = policyToJson(one.text);
        return parsed.type === 'success' ? parsed.json.annotations?.id : parsed.errors;
      });
      expect(ids).toEqual(policies.map((one) => one.id));
    }),
  );
});

test('byte offsets are turned into offsets of characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (before, after) => {
      expect(offsetOfByte(before + after, Buffer.byteLength(before))).toBe(before.length);
    }),
  );
});

test.each([
  ['abc', 0, 1, 1],
  ['abc', 2, 1, 3],
  ['a\nbc', 2, 2, 1],
  ['a\n\nb', 3, 3, 1],
  ['a\n', 2, 2, 1],
])('position in %j at %i is %i:%i', (text, offset, line, column) => {
  expect(positionAt(text, offset)).toEqual({ line, column });
});
