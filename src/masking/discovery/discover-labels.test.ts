import { describe, expect, it } from 'vitest';
import { discoverLabels, type SampledColumn, veil } from './discover-labels.ts';
import { valueDetectors } from './value-detectors.ts';

/** The labels whose detectors match a value. */
const labelsOf = (text: string, region?: string) => [
  ...new Set(
    valueDetectors(region)
      .filter((detector) => detector.matches(text))
      .map(({ label }) => label),
  ),
];

describe('values', () => {
  it.each([
    ['ada@example.com', 'email'],
    ['4111 1111 1111 1111', 'card_number'],
    ['DE89 3704 0044 0532 0130 00', 'iban'],
    ['078-05-1120', 'national_id'],
    ['AB 12 34 56 C', 'national_id'],
    ['1 84 12 76 451 089 46', 'national_id'],
    ['12345678Z', 'national_id'],
    ['44051401359', 'national_id'],
    ['+49 30 901820', 'phone'],
    ['+1 (212) 555-0142', 'phone'],
    ['192.0.2.17', 'ip_address'],
    ['2001:db8::1/64', 'ip_address'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U', 'token'],
    ['AKIAIOSFODNN7EXAMPLE', 'secret'],
    ['$2b$12$KIXQbJkX2hPzW1nN8yq3XeY0Vd1a8Lxg0Q6m9zqk0tq8gY5xP1e2a', 'password'],
    ['12 Example Street', 'address'],
    ['Hauptstraße 5', 'address'],
    ['5 rue de la Paix', 'address'],
    ['Maria Lopez', 'name'],
    ['Schmidt, Anna', 'name'],
    ['52.5200, 13.4050', 'location'],
  ])('%s is %s', (text, label) => {
    expect(labelsOf(text)).toContain(label);
  });

  it.each([
    'hello',
    'person@',
    '4111 1111 1111 1112',
    'DE89 3704 0044 0532 0130 01',
    '000-12-3456',
    '2026-11-21',
    '12:30',
    'pro',
    'a b c',
    'Order 66',
    '10.0',
    'DELIVERED',
  ])('%s is nothing', (text) => {
    expect(labelsOf(text)).toEqual([]);
  });

  it('takes local phone numbers only where they are from', () => {
    expect(labelsOf('030 901820')).not.toContain('phone');
    expect(labelsOf('030 901820', 'DE')).toContain('phone');
  });
});

const column = (name: string, type: string, ...values: string[]): SampledColumn => ({
  relation: 'public.t',
  column: name,
  type,
  values,
});

const propose = (one: SampledColumn) =>
  discoverLabels([one]).map(({ label, confidence, path }) =>
    [label, confidence, path].filter((part) => part !== undefined),
  );

describe('proposals', () => {
  it.each([
    [
      'values prove it, whatever the name',
      column('x17', 'text', 'a@example.com', 'b@example.org', 'c@example.net'),
      [['email', 0.93]],
    ],
    [
      'a name and its values agree',
      column('contactEmail', 'text', 'a@example.com', 'b@example.org', 'c@example.net'),
      [['email', 0.99]],
    ],
    ['a name alone is a good guess', column('date_of_birth', 'date', '1990-01-01'), [['birth_date', 0.77]]],
    ['an empty table', column('iban', 'text'), [['iban', 0.81]]],
    ['a name of the wrong type is none', column('email', 'boolean'), []],
    [
      'a column just called name holds products',
      column('name', 'text', 'Blue Lamp', 'Green Chair', 'Red Table'),
      [],
    ],
    [
      'a column just called name holds people',
      column('name', 'text', 'Anna Berg', 'Tom Hill', 'Maria Lopez'),
      [['name', 0.68]],
    ],
    [
      'numbers that are no cards',
      column('reference', 'bigint', '4111111111111112', '4111111111111113', '4111111111111114'),
      [],
    ],
    [
      'cards as numbers',
      column('n', 'numeric(19,0)', '4111111111111111', '5555555555554444', '378282246310005'),
      [['card_number', 0.93]],
    ],
    ['too few values prove nothing', column('x', 'text', 'a@example.com', 'b@example.com'), []],
    ['a mixture proves nothing', column('note', 'text', 'a@example.com', 'call back', 'paid', 'sent'), []],
  ])('%s', (_, given, expected) => {
    expect(propose(given)).toEqual(expected);
  });

  it('looks into JSON', () => {
    const values = ['ann', 'ben', 'eva'].map((name) =>
      JSON.stringify({ contact: { email: `${name}@example.com`, tags: ['x'] }, n: 1 }),
    );
    expect(propose(column('profile', 'jsonb', ...values, 'not json'))).toEqual([
      ['email', 0.99, ['contact', 'email']],
    ]);
  });

  it('shows no value', () => {
    const [proposal] = discoverLabels([
      column('email', 'text', 'ada.lovelace@example.com', 'bob@example.com', 'eve7@example.com'),
    ]);
    expect(proposal).toMatchObject({
      evidence: ['its name', '100 % of 3 values are e-mail addresses'],
      examples: ['axx.xxxxxxxx@xxxxxxx.xxx', 'bxx@xxxxxxx.xxx', 'exx9@xxxxxxx.xxx'],
    });
    expect(veil('4111 1111')).toBe('4999 9999');
  });
});
