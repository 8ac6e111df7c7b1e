import { expect, it } from 'vitest';
import { labelOfCell } from './cell-scan.ts';

const labelOf = (text: string): string | undefined => {
  const bytes = Buffer.from(`before${text}@behind`);
  return labelOfCell(bytes, 6, 6 + Buffer.byteLength(text));
};

it.each([
  ['ada@example.com', 'email'],
  [' ada@example.com ', 'email'],
  ['4111 1111 1111 1111', 'card_number'],
  ['DE89370400440532013000', 'iban'],
  ['+49 30 901820', 'phone'],
  ['ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'secret'],
  ['$2b$12$abcdefghijklmnopqrstuv', 'password'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U', 'token'],
  ['', undefined],
  ['a@b', undefined],
  ['Order 4711 is late', undefined],
  ['4111111111111112', undefined],
  ['2024-02-29 12:30:00.123456', undefined],
  ['550e8400-e29b-41d4-a716-446655440000', undefined],
  [`${'x'.repeat(300)}@example.com`, undefined],
  ['please write to ada@example.com', undefined],
])('%j', (text, label) => {
  expect(labelOf(text)).toBe(label);
});
