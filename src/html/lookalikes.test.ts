import { expect, test } from 'vitest';
import { lettersOf, looksLikeAnother } from './lookalikes.ts';

test.each([
  ['customers', false],
  ['"Customers 2"', false],
  ['größe', false],
  ['заказы', false],
  ['παραγγελίες', false],
  ['顧客データ_id', false],
  ['고객_id', false],
  ['custоmers', true],
  ['"оrders"', true],
  ['сору', true],
  ['ΑΒΕ_1', true],
  ['ｏrders', true],
  ['𝐨rders', true],
  ['ordеrѕ', true],
  ['աorders', true],
])('%s may be taken for another: %j', (name, looks) => {
  expect(looksLikeAnother(name)).toBe(looks);
});

test('says which letters they are', () => {
  expect(lettersOf('custоmеrоs')).toBe('о is U+043E, е is U+0435');
});
