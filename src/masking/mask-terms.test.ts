import { describe, expect, it } from 'vitest';
import { SluiceError } from '../errors/sluice-error.ts';
import { formatMask, parseMask } from './mask-text.ts';

const sql = (expression: string) => parseMask(`sql(${expression})`);

describe('a custom mask of texts', () => {
  it.each([
    `left(value, 2) || '…'`,
    `left(value, 1) || repeat('*', length(value) - 2) || right(value, 1)`,
    `CASE WHEN value LIKE '%@%' THEN left(value, 1) || '@' || split_part(value, '@', -1) ELSE '***' END`,
    `translate(value, '0123456789', '9999999999')`,
    `coalesce(nothing_like, 'x')`.replace('nothing_like', 'value'),
    `lower(left(value, 100))`,
    `case when value is null or value = '' then null when length(value) >= 8 and not starts_with(value, 'x') then 'long' else rpad('', 3, '*') end`,
    `substr(value, length(value) - 3)`,
    `replace(value, 'secret', '***')`,
    `upper(substring(value, 1, 3)) || lpad(btrim(value, ' '), 4, '0')`,
    `'it''s'`,
    `NULL`,
    `greatest(value, 'm')`,
    `(value)`,
  ])('%s', (expression) => {
    const mask = sql(expression);
    expect(mask).toMatchObject({ kind: 'sql', expression, text: expect.anything() });
    expect(parseMask(formatMask(mask))).toEqual(mask);
  });
});

it.each([
  'CASE WHEN value > 100000 THEN 100000 ELSE value END',
  'least(value, 5)',
  '0',
  'CASE WHEN value < 0 THEN -1 ELSE 1 END',
])('of whole numbers: %s', (expression) => {
  const mask = sql(expression);
  expect(mask).toMatchObject({ integer: expect.anything() });
  expect(mask).not.toHaveProperty('text');
});

describe('what cannot be proved is refused, with what would be accepted', () => {
  it.each([
    // Not total.
    [`1/(length(value)-5)`, /cannot be read from "\/\(len/],
    [`value::int`, /cannot be read from "::int"/],
    [`regexp_replace(value, '(a+)+$', '')`, /nobody has proved that regexp_replace/],
    [`chr(length(value))`, /nobody has proved that chr/],
    [`substr(value, 1, length(value) - 5)`, /raises for a negative count/],
    [`split_part(value, '@', 0)`, /has no part 0/],
    [`split_part(value, '@', length(value))`, /has no part 0/],
    [`repeat('ab', length(value))`, /one ASCII character/],
    [`repeat(value, 5)`, /constant text/],
    [`value || value`, /longer than a text can be/],
    [`lower(value)`, /longer than a text can be/],
    [`lpad(value, 1000000000, ' ')`, /beyond/],
    [`replace(value, 'a', 'aaaaaaaa')`, /longer/],
    [`replace(value, '', 'x')`, /longer/],
    [`translate(value, 'a', '€')`, /ASCII/],
    [`value LIKE 'a\\'`, /backslash/],
    [`left(value, length(value) + 2147483647)`, /beyond/],
    [`least(value, 5)  + 2147483647`, /different types/],
    // Not of the value alone.
    [`email`, /"email" means nothing/],
    [`left(email, 1)`, /"email" means nothing/],
    [`(SELECT max(email) FROM customers)`, /"select" means nothing/],
    [`pg_catalog.left(value, 1)`, /cannot be read|means nothing/],
    [`current_user || value`, /"current_user" means nothing/],
    // Not immutable.
    [`to_char(now(), 'YYYY')`, /nobody has proved that (to_char|now)/],
    [`random()`, /nobody has proved that random/],
    [`pg_sleep(1)`, /nobody has proved that pg_sleep/],
    [`current_setting('sluice.mask_inner')`, /nobody has proved/],
    // Of another type.
    [`length(value)`, /a number for a text/],
    [`value = 'x'`, /a truth value/],
    [`CASE WHEN value THEN 'a' END`, /no truth value/],
    [`CASE WHEN true THEN 'a' END`, /"true" means nothing/],
    [`CASE WHEN value = 'a' THEN 1 ELSE 'a' END`, /different types/],
    // No expression.
    [``, /ends too early/],
    [`left(value, 2`, /ends too early/],
    [`value value`, /not understood at "value"/],
    [`CASE END`, /no WHEN/],
    [`left(value)`, /takes 2 arguments/],
    [`__proto__(value)`, /nobody has proved/],
    [`constructor(value)`, /nobody has proved/],
    [`value -- comment`, /cannot be read|ends too early|not understood/],
    [`value; DROP TABLE x`, /cannot be read/],
    [`$1`, /cannot be read/],
    [`E'\\x'`, /cannot be read|means nothing/],
    [`U&'x'`, /cannot be read|means nothing/],
    [`${'('.repeat(60)}value${')'.repeat(60)}`, /nested too deeply/],
    [Array(300).fill(`'a'`).join('||'), /too long/],
  ])('%s', (expression, message) => {
    let thrown: unknown;
    try {
      sql(expression);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SluiceError);
    expect(thrown).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(message) });
    expect((thrown as SluiceError).hint).toMatch(/^[A-Zv]/);
  });
});
