/** Masks on the real server: total, immutable, of the column's own type. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { Mask } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { createCatalogLoader } from './catalog-loader.ts';
import { maskExpression } from './mask-expressions.ts';
import { maskKeySettings } from './mask-key.ts';

const MASKS: readonly Mask[] = [
  { kind: 'null' },
  { kind: 'redact' },
  { kind: 'redact', replacement: `it's \\ "x"` },
  { kind: 'email' },
  { kind: 'last', n: 0 },
  { kind: 'last', n: 4 },
  { kind: 'partial', n: 1 },
  { kind: 'date', unit: 'month' },
  { kind: 'date', unit: 'quarter' },
  { kind: 'date', unit: 'year' },
  { kind: 'bucket', size: 1_000 },
  { kind: 'bucket', size: 0.25 },
  { kind: 'bucket', size: 1e12 },
  { kind: 'hash' },
  { kind: 'hash', rotation: '2026-q4' },
  {
    kind: 'paths',
    paths: [
      { path: ['a', 'b "c" \\'], mask: { kind: 'email' } },
      { path: ['x'], mask: { kind: 'redact' } },
      { path: ['n'], mask: { kind: 'hash' } },
    ],
  },
  { kind: 'constant', value: '12345' },
  { kind: 'constant', value: '2024-02-29' },
  { kind: 'constant', value: 'n/a' },
];

/** Types by column name. */
const TYPES: Readonly<Record<string, string>> = {
  t_text: 'text',
  t_varchar: 'varchar',
  t_varchar3: 'varchar(3)',
  t_char: 'char',
  t_char8: 'char(8)',
  t_bpchar: 'bpchar',
  t_name: 'name',
  t_qchar: '"char"',
  t_citext: 'citext',
  t_collated: 'text COLLATE "C"',
  t_loose: 'text COLLATE loose',
  t_int2: 'smallint',
  t_int4: 'integer',
  t_int8: 'bigint',
  t_numeric: 'numeric',
  t_numeric4: 'numeric(4,0)',
  t_numeric103: 'numeric(10,3)',
  t_numericneg: 'numeric(2,-3)',
  t_numericsmall: 'numeric(3,5)',
  t_float4: 'real',
  t_float8: 'double precision',
  t_money: 'money',
  t_bool: 'boolean',
  t_date: 'date',
  t_time: 'time',
  t_timetz: 'timetz(2)',
  t_timestamp: 'timestamp',
  t_timestamp0: 'timestamp(0)',
  t_timestamptz: 'timestamptz',
  t_timestamptz3: 'timestamptz(3)',
  t_interval: 'interval',
  t_interval_day: 'interval day to second(3)',
  t_uuid: 'uuid',
  t_bytea: 'bytea',
  t_json: 'json',
  t_jsonb: 'jsonb',
  t_xml: 'xml',
  t_inet: 'inet',
  t_macaddr: 'macaddr',
  t_point: 'point',
  t_bit: 'bit(4)',
  t_varbit: 'varbit(9)',
  t_tsvector: 'tsvector',
  t_int4range: 'int4range',
  t_multirange: 'int4multirange',
  t_texts: 'text[]',
  t_varchars: 'varchar(4)[]',
  t_enum: 'mood',
  t_composite: 'pair',
  t_domain: 'plain_domain',
  t_strict_domain: 'strict_domain',
  t_domain_array: 'strict_domain[]',
  t_row: 'other_table',
  t_oid: 'oid',
  t_regclass: 'regclass',
};

/** Where arithmetic, casts and cuts could go wrong. */
const EXTREMES: Readonly<Record<string, readonly string[]>> = {
  t_text: ['', ' ', '@', '@@', 'a@', '@b', 'a@b@c', '"x@y"@z', 'é😀@ü', 'abc', 'x'.repeat(5000), '\n\t'],
  t_varchar3: ['', 'a@b', 'abc', 'é😀ü'],
  t_char8: ['', 'a@b', 'abcdefgh'],
  t_name: ['', 'a@b.example', 'x'.repeat(63)],
  t_citext: ['A@B', '', 'abcdef'],
  t_loose: ['a@b', '', 'ABCDEF'],
  t_int2: ['-32768', '-32767', '-1', '0', '1', '999', '1000', '32767'],
  t_int4: ['-2147483648', '-2147482649', '-1000', '-1', '0', '1', '2147483647'],
  t_int8: ['-9223372036854775808', '-9223372036854775000', '-1', '0', '9223372036854775807'],
  t_numeric: [
    'NaN',
    'Infinity',
    '-Infinity',
    '0',
    '-0.0001',
    '1e1000',
    '-1e1000',
    '1e-1000',
    `-${'9'.repeat(2000)}`,
    `${'9'.repeat(2000)}.5`,
  ],
  t_numeric4: ['-9999', '9999', '-1', '0', 'NaN'],
  t_numeric103: ['-9999999.999', '9999999.999', '-0.001'],
  t_numericneg: ['99000', '-99000', '0'],
  t_numericsmall: ['0.00999', '-0.00999', '0'],
  t_float4: ['NaN', 'Infinity', '-Infinity', '3.4e38', '-3.4e38', '1e-45', '0', '-0', '1e15', '1234.5'],
  t_float8: [
    'NaN',
    'Infinity',
    '-Infinity',
    '1.7e308',
    '-1.7e308',
    '5e-324',
    '0',
    '-0',
    '1e15',
    '-1e15',
    '0.1',
  ],
  t_date: [
    'infinity',
    '-infinity',
    '4713-01-01 BC',
    '4714-11-24 BC',
    '0001-01-01',
    '0001-12-31 BC',
    '5874897-12-31',
    '9999-12-31',
    '2024-02-29',
  ],
  t_timestamp: [
    'infinity',
    '-infinity',
    '4714-11-24 00:00:00 BC',
    '294276-12-31 23:59:59.999999',
    '0001-01-01',
    '9999-12-31 23:59:59',
  ],
  t_timestamptz: [
    'infinity',
    '-infinity',
    '4714-11-24 00:00:00+00 BC',
    '294276-12-31 23:59:59.999999+00',
    '0001-01-01 00:00+14',
    '9999-12-31 23:59:59-12',
  ],
  t_timestamp0: ['294276-12-31 23:59:59', '1999-12-31 23:59:59.6'],
  t_enum: ['happy', 'sad'],
  t_texts: ['{a@b,NULL}', '{}'],
  t_bool: ['t', 'f'],
  t_jsonb: ['null', '{"a": 1}'],
  t_composite: ['(1,a@b)', '(,)'],
  t_strict_domain: ['ok', 'a@b'],
};

let database: TestDatabase;
let client: pg.Client;
let catalog: CatalogSnapshot;

beforeAll(async () => {
  database = await createDatabase('masks');
  await database.query(`
    CREATE EXTENSION citext;
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TYPE mood AS ENUM ('happy', 'sad');
    CREATE TYPE pair AS (x int, y text);
    CREATE DOMAIN plain_domain AS text;
    CREATE DOMAIN strict_domain AS text NOT NULL DEFAULT 'd' CHECK (VALUE <> '***');
    CREATE TABLE other_table (a int, b text);
    CREATE TABLE probe (${Object.entries(TYPES)
      .map(([name, type]) => `${name} ${type}`)
      .join(', ')});
    -- Names that a careless expression would fall for.
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.left(text, int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE FUNCTION evil.length(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 0';
    CREATE FUNCTION evil.cat(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.cat);
    CREATE DOMAIN evil.text AS pg_catalog.text CHECK (VALUE IS NOT NULL);
    CREATE DOMAIN evil.date AS pg_catalog.date NOT NULL;
  `);
  client = await database.client();
  catalog = await createCatalogLoader(async (sql) => (await client.query(sql)).rows).load();
  client = await database.client();
  // The worst session there could be.
  await client.query(`SET search_path = evil, public, pg_catalog; SET timezone = 'Asia/Kathmandu';
    SET datestyle = 'German, DMY'; SET intervalstyle = 'sql_standard';
    SET standard_conforming_strings = off; SET escape_string_warning = off; SET lc_numeric = 'C'`);
});

afterAll(() => database?.drop());

const expressionOf = (column: string, mask: Mask): string => {
  const relation = catalog.relation('public', 'probe')!;
  return maskExpression(catalog, relation.column(column)!, mask);
};

describe.each(Object.keys(TYPES))('%s', (column) => {
  it.each(MASKS.map((mask) => [JSON.stringify(mask), mask] as const))('%s', async (_, mask) => {
    const expression = expressionOf(column, mask);
    // Domains that forbid null take none.
    const values = [...(column === 't_strict_domain' ? [] : [null]), ...(EXTREMES[column] ?? [])];
    await client.query('BEGIN');
    try {
      for (const value of values) await insert(column, value);
      const query = `SELECT (${expression}) AS masked, ${column} AS own FROM public.probe`;
      const masked = await client.query(query);
      expect(masked.fields[0]!.dataTypeID).toBe(masked.fields[1]!.dataTypeID);
      if (mask.kind !== 'null' && !expression.includes('CASE WHEN false')) {
        expect(masked.fields[0]!.dataTypeModifier).toBe(masked.fields[1]!.dataTypeModifier);
      }
      expect(masked.rows).toHaveLength(values.length);
    } finally {
      await client.query('ROLLBACK');
    }
  });
});

function typeOf(column: string): string {
  const own = TYPES[column]!.replace(/ COLLATE .*/, '');
  const plain: Readonly<Record<string, string>> = {
    text: 'pg_catalog.text',
    date: 'pg_catalog.date',
    'text[]': 'pg_catalog._text',
  };
  return plain[own] ?? own;
}

describe('maskExpression', () => {
  it('is immutable', async () => {
    for (const column of Object.keys(TYPES)) {
      for (const mask of MASKS) {
        // They rest on a setting, which stays as it is for a session, on a function that is stable by name only, or on a query.
        if (mask.kind === 'hash' || mask.kind === 'paths' || TYPES[column]!.endsWith('[]')) continue;
        const expression = expressionOf(column, mask);
        // Only immutable expressions may stand in an index; whether the type can be indexed is another matter.
        const index = `CREATE INDEX ON public.probe ((1)) WHERE (${expression}) IS NULL`;
        await client.query('BEGIN');
        await client.query(index);
        await client.query('ROLLBACK');
      }
    }
  });

  it('makes pseudonyms under the session’s key, and none without it', async () => {
    const key = Buffer.alloc(32, 7);
    const values = [`'ada'`, `'Ada'`, `'ada'`, 'NULL']
      .map((value) => `(${value}::pg_catalog.text)`)
      .join(', ');
    const pseudonyms = async (rotation?: string) => {
      const mask: Mask = rotation === undefined ? { kind: 'hash' } : { kind: 'hash', rotation };
      const { rows } = await client.query(
        `SELECT ${expressionOf('t_text', mask)} AS p FROM (VALUES ${values}) AS v(t_text)`,
      );
      return rows.map(({ p }: { p: string | null }) => p);
    };
    expect(await pseudonyms()).toEqual([null, null, null, null]);
    for (const [name, value] of maskKeySettings(key))
      await client.query('SELECT set_config($1, $2, false)', [name, value]);
    const [first, second, third, none] = await pseudonyms();
    expect(first).toBe(createHmac('sha256', key).update(':ada').digest('hex').slice(0, 32));
    expect([third, none]).toEqual([first, null]);
    expect(second).not.toBe(first);
    expect((await pseudonyms('2'))[0]).toBe(
      createHmac('sha256', key).update('2:ada').digest('hex').slice(0, 32),
    );
    await client.query(`SELECT set_config('sluice.mask_inner', '', false)`);
    expect(await pseudonyms()).toEqual([null, null, null, null]);
  });

  it.each([
    ['t_text', { kind: 'email' }, 'alice@example.com', 'a***@example.com'],
    ['t_text', { kind: 'email' }, '"a@b"@example.com', '"***@example.com'],
    ['t_text', { kind: 'email' }, 'no address', 'n***'],
    ['t_text', { kind: 'email' }, '', '***'],
    ['t_varchar3', { kind: 'email' }, 'a@b', 'a**'],
    ['t_citext', { kind: 'email' }, 'Bob@Example.com', 'B***@Example.com'],
    ['t_loose', { kind: 'email' }, 'Bob@Example.com', 'B***@Example.com'],
    ['t_text', { kind: 'last', n: 4 }, '4111111111111111', '************1111'],
    ['t_text', { kind: 'last', n: 4 }, '1234', '****'],
    ['t_text', { kind: 'last', n: 4 }, '12', '**'],
    ['t_text', { kind: 'partial', n: 1 }, 'Alice', 'A***'],
    ['t_text', { kind: 'partial', n: 5 }, 'Alice', '***'],
    ['t_text', { kind: 'redact' }, 'secret', '***'],
    ['t_text', { kind: 'redact' }, null, null],
    ['t_text', { kind: 'redact', replacement: `it's \\` }, 'secret', `it's \\`],
    ['t_text', { kind: 'email' }, null, null],
    ['t_text', { kind: 'last', n: 2 }, null, null],
    ['t_text', { kind: 'partial', n: 2 }, null, null],
    ['t_text', { kind: 'constant', value: 'x' }, null, 'x'],
    ['t_text', { kind: 'date', unit: 'year' }, '2024-01-01', null],
    ['t_text', { kind: 'bucket', size: 10 }, '12', null],
    ['t_int4', { kind: 'bucket', size: 1_000 }, '1999', '1000'],
    ['t_int4', { kind: 'bucket', size: 1_000 }, '-1', '-1000'],
    ['t_int4', { kind: 'bucket', size: 1_000 }, '-1000', '-1000'],
    ['t_int4', { kind: 'bucket', size: 1_000 }, '-2147483648', null],
    ['t_int2', { kind: 'bucket', size: 100_000 }, '5', '0'],
    ['t_int8', { kind: 'bucket', size: 1_000 }, '9223372036854775807', '9223372036854775000'],
    ['t_numeric', { kind: 'bucket', size: 0.25 }, '1.3', '1.25'],
    ['t_numeric', { kind: 'bucket', size: 10 }, '-5.5', '-10.0'],
    ['t_numeric', { kind: 'bucket', size: 10 }, 'NaN', null],
    ['t_numeric', { kind: 'bucket', size: 10 }, 'Infinity', null],
    ['t_numeric4', { kind: 'bucket', size: 1_000 }, '-9999', null],
    ['t_float8', { kind: 'bucket', size: 10 }, '17.9', '10'],
    ['t_float8', { kind: 'bucket', size: 10 }, 'NaN', null],
    ['t_int4', { kind: 'redact' }, '5', null],
    ['t_int4', { kind: 'email' }, '5', null],
    ['t_int4', { kind: 'constant', value: '12' }, '5', '12'],
    ['t_int4', { kind: 'constant', value: '2147483648' }, '5', null],
    ['t_int4', { kind: 'constant', value: 'x' }, '5', null],
    ['t_bool', { kind: 'constant', value: 'true' }, 'f', 't'],
    ['t_date', { kind: 'constant', value: '2023-02-29' }, '2020-01-01', null],
    [
      't_uuid',
      { kind: 'constant', value: '00000000-0000-0000-0000-000000000000' },
      null,
      '00000000-0000-0000-0000-000000000000',
    ],
    ['t_texts', { kind: 'redact' }, '{a,NULL,b}', '{***,NULL,***}'],
    ['t_texts', { kind: 'email' }, '[2:3]={a@b.c,d@e.f}', '{a***@b.c,d***@e.f}'],
    ['t_texts', { kind: 'redact' }, '{{a},{b}}', null],
    ['t_texts', { kind: 'redact' }, '{}', '{}'],
    ['t_varchars', { kind: 'redact' }, '{a}', null],
    ['t_jsonb', { kind: 'redact' }, '{}', null],
    ...(
      [
        ['{"x": "secret", "y": 1}', '{"x": "***", "y": 1}'],
        ['{"x": 5, "a": {"b": "so", "z": [1]}}', '{"a": {"b": "s***", "z": [1]}, "x": null}'],
        ['{"x": {"deep": "secret"}, "a": {"b": ["secret"]}}', '{"a": {"b": null}, "x": null}'],
        ['{"x": null, "a": null}', '{"a": null, "x": null}'],
        ['{"y": true}', '{"y": true}'],
        ['{"a": "secret"}', null],
        ['{"a": [{"b": "secret"}]}', null],
        ['["secret"]', null],
        ['"secret"', null],
        ['null', 'null'],
        [null, null],
      ] as const
    ).map(
      ([value, shown]) =>
        [
          't_jsonb',
          {
            kind: 'paths',
            paths: [
              { path: ['a', 'b'], mask: { kind: 'partial', n: 1 } },
              { path: ['x'], mask: { kind: 'redact' } },
            ],
          },
          value,
          shown,
        ] as const,
    ),
    ['t_json', { kind: 'paths', paths: [{ path: ['x'], mask: { kind: 'redact' } }] }, '{"x": 1}', null],
    ['t_domain', { kind: 'redact' }, 'x', null],
    ['t_strict_domain', { kind: 'null' }, 'x', null],
    ['t_enum', { kind: 'constant', value: 'sad' }, 'happy', null],
  ] as const)('%s under %j shows %j as %j', async (column, mask, value, expected) => {
    expect(await shown(column, mask, value)).toBe(expected);
  });

  it.each([
    ['t_date', 'month', '2024-05-17', '2024-05-01'],
    ['t_date', 'quarter', '2024-05-17', '2024-04-01'],
    ['t_date', 'year', '2024-05-17', '2024-01-01'],
    ['t_date', 'year', 'infinity', null],
    ['t_timestamp', 'month', '2024-05-17 13:14:15', '2024-05-01 00:00:00'],
    ['t_timestamptz', 'month', '2024-05-31 23:30:00+00', '2024-05-01 00:00:00+00'],
  ] as const)('%s cut to the %s shows %s as %s', async (column, unit, value, expected) => {
    const iso = `SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'`;
    expect(await shown(column, { kind: 'date', unit }, value, iso)).toBe(expected);
  });

  it('never raises for any text or number', async () => {
    const texts = fc
      .string({ unit: 'binary', maxLength: 30 })
      .filter((text) => !text.includes('\0') && text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(texts, fc.maxSafeInteger(), fc.double(), async (text, int, float) => {
        const inputs: Readonly<Record<string, string>> = {
          t_text: text,
          t_varchar: text,
          t_bpchar: text,
          t_citext: text,
          t_loose: text,
          t_int8: String(int),
          t_numeric: String(int),
          t_float8: String(float),
          t_float4: String(Math.fround(float)),
        };
        for (const [column, value] of Object.entries(inputs)) {
          const list = MASKS.map((mask) => expressionOf(column, mask));
          const collation = column === 't_loose' ? ' COLLATE public.loose' : '';
          const source = `SELECT $1::pg_catalog.text::${typeOf(column)}${collation} AS ${column}`;
          await client.query(`SELECT ${list.join(', ')} FROM (${source}) s`, [value]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('refuses sizes and counts that are none', () => {
    for (const mask of [
      { kind: 'bucket', size: 0 },
      { kind: 'bucket', size: -5 },
      { kind: 'bucket', size: Number.NaN },
      { kind: 'bucket', size: Number.POSITIVE_INFINITY },
    ] as const) {
      expect(expressionOf('t_int4', mask)).toBe('NULL::"pg_catalog"."int4"');
    }
    for (const n of [-1, 1.5, Number.NaN, 1e9]) {
      expect(expressionOf('t_text', { kind: 'last', n })).toBe('NULL::"pg_catalog"."text"');
      expect(expressionOf('t_text', { kind: 'partial', n })).toBe('NULL::"pg_catalog"."text"');
    }
  });
});

async function insert(column: string, value: string | null): Promise<void> {
  await client.query(`INSERT INTO public.probe (${column}) SELECT $1::pg_catalog.text::${typeOf(column)}`, [
    value,
  ]);
}

/** One value of a column, masked, as text. */
async function shown(
  column: string,
  mask: Mask,
  value: string | null,
  settings = 'SELECT 1',
): Promise<string | null> {
  await client.query('BEGIN');
  try {
    await client.query(settings);
    await client.query(`INSERT INTO public.probe (${column}) SELECT $1::pg_catalog.text::${typeOf(column)}`, [
      value,
    ]);
    const sql = `SELECT (${expressionOf(column, mask)})::pg_catalog.text AS v FROM public.probe`;
    const text = (await client.query(sql)).rows[0].v as string | null;
    return column === 't_bool' && text !== null ? text[0]! : text;
  } finally {
    await client.query('ROLLBACK');
  }
}
