/** Custom masks on the real server: what is accepted raises for no value. */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseMask } from '../../src/masking/mask-text.ts';
import type { Mask } from '../../src/model/labels.ts';
import type { CatalogSnapshot } from '../../src/sql/postgres/catalog.ts';
import { createCatalogLoader } from '../../src/sql/postgres/catalog-loader.ts';
import { maskExpression } from '../../src/sql/postgres/mask-expressions.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const HOSTILE_TEXTS = [
  ...[
    '',
    ' ',
    '%',
    '_',
    '\\',
    "'",
    '@',
    '@@',
    'a@b@c',
    'ß',
    'ŉ',
    'ﬃ',
    'İ',
    '😀',
    'e\u0301',
    '\u202e',
    '\n\t',
  ],
  ...['x'.repeat(9), 'ŉ'.repeat(3000), '0', '-1', 'NULL', '$1', '\u0001', 'a\u0300'.repeat(50)],
];
const HOSTILE_NUMBERS: Readonly<Record<string, readonly string[]>> = {
  n2: ['-32768', '-1', '0', '7', '32767'],
  n4: ['-2147483648', '-1', '0', '2147483647'],
  n8: ['-9223372036854775808', '-1', '0', '9223372036854775807'],
};
const TEXTS: Readonly<Record<string, number>> = { t: 5000, v3: 3, c5: 5, n: 15, loose: 5000, ci: 5000 };

let database: TestDatabase;
let client: pg.Client;
let catalog: CatalogSnapshot;

beforeAll(async () => {
  database = await createDatabase('custom');
  await database.query(`
    CREATE EXTENSION citext;
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE texts (t text, v3 varchar(3), c5 char(5), n name, loose text COLLATE loose, ci citext, bare bytea);
    CREATE TABLE numbers (n2 smallint, n4 int, n8 bigint);
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.left(text, int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE FUNCTION evil.cat(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.cat);
  `);
  client = await database.client();
  for (const text of [null, ...HOSTILE_TEXTS])
    await client.query('INSERT INTO texts VALUES ($1::text, $2, $3, $4, $1::text, $1::text)', [
      ...[text, text && [...text].slice(0, 3).join(''), text && [...text].slice(0, 5).join('')],
      text && [...text].slice(0, 15).join(''),
    ]);
  for (let i = 0; i < 5; i++)
    await client.query(
      'INSERT INTO numbers VALUES ($1, $2, $3)',
      Object.values(HOSTILE_NUMBERS).map((values) => values[i] ?? null),
    );
  catalog = await createCatalogLoader(async (sql) => (await client.query(sql)).rows).load();
  // The loader's connection only reads.
  client = await database.client();
  await client.query('SET search_path = evil, public, pg_catalog; SET standard_conforming_strings = off');
});
afterAll(() => database?.drop());

const expressionOf = (table: string, column: string, mask: Mask): string =>
  maskExpression(catalog, catalog.relation('public', table)!.column(column)!, mask);

async function shown(table: string, column: string, mask: Mask): Promise<pg.QueryResult> {
  const expression = expressionOf(table, column, mask);
  return client.query(`SELECT (${expression}) AS masked, ${column} AS own FROM public.${table}`);
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const literal = fc
  .oneof(
    fc.constantFrom(...HOSTILE_TEXTS.filter((text) => text.length < 60)),
    fc.string({ maxLength: 5, unit: 'grapheme' }),
  )
  .filter((text) => !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed())
  .map(quoted);
const constant = fc
  .oneof(fc.integer({ min: -5, max: 12 }), fc.constantFrom(1000, 2499, 2147483647, 70000))
  .map(String);

/** Terms of every form, most of which are refused: what is left is what may be written. */
const { text: textTerm } = fc.letrec<{ text: string; number: string; test: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant('value'),
    literal,
    fc.tuple(tie('text'), tie('number')).map(([a, n]) => `left(${a}, ${n})`),
    fc.tuple(tie('text'), tie('number')).map(([a, n]) => `right(${a}, ${n})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a} || ${b}`),
    fc.tuple(tie('text'), tie('number'), tie('number')).map(([a, n, m]) => `substr(${a}, ${n}, ${m})`),
    fc.tuple(tie('text'), tie('number')).map(([a, n]) => `substring(${a}, ${n})`),
    fc.tuple(tie('number')).map(([n]) => `repeat('*', ${n})`),
    fc.tuple(tie('text'), literal, literal).map(([a, b, c]) => `replace(${a}, ${b}, ${c})`),
    fc.tuple(tie('text'), literal, literal).map(([a, b, c]) => `translate(${a}, ${b}, ${c})`),
    fc.tuple(tie('text'), literal, tie('number')).map(([a, b, n]) => `split_part(${a}, ${b}, ${n})`),
    fc.tuple(tie('text'), tie('number'), literal).map(([a, n, b]) => `lpad(${a}, ${n}, ${b})`),
    fc
      .tuple(fc.constantFrom('lower', 'upper', 'initcap', 'reverse', 'btrim', 'ltrim'), tie('text'))
      .map(([f, a]) => `${f}(${a})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `coalesce(${a}, ${b})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `greatest(${a}, ${b}, NULL)`),
    fc
      .tuple(tie('test'), tie('text'), tie('text'))
      .map(([t, a, b]) => `CASE WHEN ${t} THEN ${a} ELSE ${b} END`),
    fc.tuple(tie('test'), tie('text')).map(([t, a]) => `CASE WHEN ${t} THEN NULL WHEN NULL THEN ${a} END`),
  ),
  number: fc.oneof(
    { depthSize: 'small' },
    constant,
    fc.tuple(fc.constantFrom('length', 'octet_length'), tie('text')).map(([f, a]) => `${f}(${a})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `strpos(${a}, ${b})`),
    fc.tuple(tie('number'), fc.constantFrom('+', '-'), tie('number')).map((parts) => `(${parts.join(' ')})`),
  ),
  test: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(tie('text'), fc.constantFrom('=', '<>', '<', '>=', '!='), tie('text'))
      .map((parts) => parts.join(' ')),
    fc.tuple(tie('number'), fc.constantFrom('=', '<', '>='), tie('number')).map((parts) => parts.join(' ')),
    fc.tuple(tie('text'), fc.constantFrom('LIKE', 'NOT LIKE'), literal).map((parts) => parts.join(' ')),
    fc.tuple(tie('text')).map(([a]) => `${a} IS NOT NULL`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `starts_with(${a}, ${b})`),
    fc.tuple(tie('test'), tie('test')).map(([a, b]) => `(${a} AND NOT (${b}) OR NULL)`),
  ),
}));

function accepted(expression: string): Mask | undefined {
  try {
    return parseMask(`sql(${expression})`);
  } catch {
    return undefined;
  }
}

it('whatever is accepted of texts raises for no value, and keeps the type', async () => {
  let tried = 0;
  await fc.assert(
    fc.asyncProperty(textTerm, async (expression) => {
      const mask = accepted(expression);
      if (mask?.kind !== 'sql' || mask.text === undefined) return;
      tried += 1;
      for (const column of Object.keys(TEXTS)) {
        const { fields } = await shown('texts', column, mask);
        expect(fields[0]!.dataTypeID).toBe(fields[1]!.dataTypeID);
        expect(fields[0]!.dataTypeModifier).toBe(fields[1]!.dataTypeModifier);
      }
    }),
    { numRuns: 600 },
  );
  expect(tried).toBeGreaterThan(100);
}, 240_000);

it.each([
  'CASE WHEN value > 100 THEN 100 WHEN value < -100 THEN NULL ELSE value END',
  'least(greatest(value, -7), 7)',
  '1',
  'NULL',
  'coalesce(value, 0)',
])('of numbers: %s', async (expression) => {
  for (const column of Object.keys(HOSTILE_NUMBERS)) {
    const { fields } = await shown('numbers', column, parseMask(`sql(${expression})`));
    expect(fields[0]!.dataTypeID).toBe(fields[1]!.dataTypeID);
  }
});

it.each([
  ['t', `left(value, 2) || '…'`, 'secret', 'se…'],
  ['t', `left(value, 1) || repeat('*', length(value) - 2) || right(value, 1)`, 'secret', 's****t'],
  ['v3', `left(value, 1) || '***'`, 'abc', 'a**'],
  ['c5', `value || 'x'`, 'ab', 'abx  '],
  ['loose', `replace(value, 'ABC', 'xyz')`, 'abcABC', 'abcxyz'],
  ['ci', `CASE WHEN value LIKE 'A%' THEN 'a' ELSE value END`, 'Abc', 'a'],
  ['t', `CASE WHEN value IS NULL THEN 'none' ELSE NULL END`, null, 'none'],
])('%s %s', async (column, expression, value, masked) => {
  await client.query('BEGIN');
  await client.query('TRUNCATE public.texts');
  await client.query(`INSERT INTO public.texts (${column}) VALUES ($1)`, [value]);
  expect((await shown('texts', column, parseMask(`sql(${expression})`))).rows[0].masked).toBe(masked);
  await client.query('ROLLBACK');
});

it('shows null where it is no mask of the column', () => {
  const numbers = parseMask('sql(least(value, 100000))');
  expect(expressionOf('texts', 't', numbers)).toMatch(/^NULL::/);
  expect(expressionOf('numbers', 'n2', numbers)).toMatch(/^NULL::/);
  expect(expressionOf('numbers', 'n4', numbers)).toContain('least(');
  expect(expressionOf('texts', 'bare', parseMask(`sql('x')`))).toMatch(/^NULL::/);
});
