import { expect, test } from 'vitest';
import { tierOf } from './environment-tier.ts';

test.each([
  ['dev', 'dev'],
  ['Development', 'dev'],
  ['CI', 'dev'],
  ['staging', 'staging'],
  ['UAT', 'staging'],
  ['prod', 'prod'],
  ['production', 'prod'],
  ['', 'prod'],
  ['develpment', 'prod'],
  ['dev ', 'prod'],
  ['constructor', 'prod'],
])('%j is treated as %s', (environment, tier) => {
  expect(tierOf(environment)).toBe(tier);
});
