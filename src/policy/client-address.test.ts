import { expect, test } from 'vitest';
import { clientAddressOf } from './client-address.ts';

test.each([
  [undefined, undefined],
  ['', undefined],
  ['unix', undefined],
  ['localhost:5432', undefined],
  ['10.0.0.7:5432', '10.0.0.7'],
  ['10.0.0.7', '10.0.0.7'],
  ['::1:5432', '::1'],
  ['[::1]:5432', '::1'],
  ['fe80::1%eth0:5432', 'fe80::1'],
  ['2001:db8::7:65535', '2001:db8::7'],
  ['::ffff:10.0.0.7:5432', '10.0.0.7'],
  ['beef:5432', undefined],
])('%s → %s', (text, address) => {
  expect(clientAddressOf(text)).toBe(address);
});
