import { beforeAll, describe, expect, it } from 'vitest';
import { analyzeTree } from './analysis.ts';
import { CatalogSnapshot } from './catalog.ts';
import { createParser, type Parser } from './parser.ts';
import { createScope } from './scope.ts';

const ORDERS = [
  ...[16_400, 'r', 'public', 'orders', 'p', 0, 0],
  ['id', 'a', 'b', 'c'].map((name, i) => [name, i + 1, 23, -1, null, 0, '', null, null]),
  ...new Array(8).fill(null),
];
const NOTHING = { schemas: ['public'], functions: [], operators: [], casts: [], types: [] };
const catalog = new CatalogSnapshot(1, { ...NOTHING, relations: [JSON.stringify(ORDERS)] });
const scope = createScope({ catalog, searchPath: ['public'], user: 'x' });
let parser: Parser;

beforeAll(async () => {
  parser = await createParser();
});

const times = (n: number, make: (i: number) => string, separator = ''): string =>
  Array.from({ length: n }, (_, i) => make(i)).join(separator);

/** Short texts that grow while they are resolved, and how far they are taken. */
const GROWING: Readonly<Record<string, (n: number) => string>> = {
  'a value computed from itself twice, and again': (n) =>
    `WITH c0 AS (SELECT id x FROM orders)${times(n, (i) => `, c${i + 1} AS (SELECT x + x x FROM c${i})`)} SELECT x FROM c${n}`,
  'the same without WITH': (n) =>
    Array.from({ length: n }).reduce<string>(
      (q, _, i) => `SELECT x + x x FROM (${q}) s${i}`,
      'SELECT id x FROM orders',
    ),
  'twice the columns of a query that has twice the columns': (n) =>
    `WITH c0 AS (SELECT id x FROM orders)${times(n, (i) => `, c${i + 1} AS (SELECT * FROM c${i} a, c${i} b)`)} SELECT 1 FROM c${n}`,
  'natural joins': (n) => `SELECT * FROM orders ${times(n, (i) => `NATURAL JOIN orders o${i} `)}`,
  'joins in joins': (n) =>
    `SELECT * FROM ${Array.from({ length: n }).reduce<string>((q, _, i) => `(${q} NATURAL JOIN orders o${i})`, 'orders')}`,
  'unknown names in many tables': (n) =>
    `SELECT ${times(n, (i) => `z${i}`, ', ')} FROM ${times(n, (i) => `orders o${i}`, ', ')}`,
  'rows as arguments': (n) => `SELECT num_nulls(${times(n, () => 'o.*', ', ')}) FROM orders o`,
  'predicates in predicates': (n) =>
    `DELETE FROM orders WHERE ${Array.from({ length: n }).reduce<string>((q, _, i) => `NOT (id = ${i} OR ${q})`, 'a = 1')}`,
};

describe.each(Object.keys(GROWING))('%s', (name) => {
  it.each([10, 40, 150, 1_000, 20_000])('%i times: answered or refused, soon', async (n) => {
    const text = GROWING[name]!(n);
    const trees = await Promise.resolve(text)
      .then((each) => parser.parse(each))
      .catch((error) => {
        expect(error).toMatchObject({ code: expect.stringMatching(/too_complex|syntax_error/) });
      });
    if (trees === undefined) return;
    const startedAt = process.cpuUsage();
    try {
      expect(analyzeTree(text, trees, scope).statements).toHaveLength(1);
    } catch (error) {
      expect(error).toMatchObject({ code: 'statement_too_complex' });
    }
    expect(process.cpuUsage(startedAt).user / 1_000).toBeLessThan(3_000);
  });
});

it('takes only so many statements at once', async () => {
  const text = 'SELECT 1;'.repeat(5_001);
  const trees = await parser.parse(text);
  expect(() => analyzeTree(text, trees, scope)).toThrow(/5001 statements/);
  expect(analyzeTree(text, { ...trees, stmts: trees.stmts!.slice(1) }, scope).statements).toHaveLength(5_000);
});
