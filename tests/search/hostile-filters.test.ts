/** Whatever somebody writes into a filter is looked for or refused: it is never taken for SQL or a pattern, and never costs more than it may. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeUpLog } from '../../bench/index-entries.ts';
import { SluiceError } from '../../src/errors/sluice-error.ts';
import { cursorText, parseCursor } from '../../src/search/cursor.ts';
import type { Filter } from '../../src/search/filter/filter.ts';
import { all } from '../../src/search/filter/filter.ts';
import { parseFilter } from '../../src/search/filter/parse-filter.ts';
import { Finder } from '../../src/search/find.ts';
import type { IndexPlace, IndexReader } from '../../src/search/index-storage.ts';
import { Indexer } from '../../src/search/indexer.ts';
import { planOf } from '../../src/search/plan.ts';
import { postgresPlace } from '../../src/search/postgres-place.ts';
import { embeddedPlace } from '../../src/search/sqlite-place.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const NOW = Date.UTC(2026, 10, 2);
const ENTRIES = 3000;

let directory: string;
let database: TestDatabase;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-hostile-filters-'));
  database = await createDatabase('hostile');
});
afterAll(async () => {
  await database.drop();
  rmSync(directory, { recursive: true });
});

const STORES: readonly (readonly [string, () => IndexPlace])[] = [
  ['the embedded index', () => embeddedPlace(join(directory, 'index.db'))],
  [
    'an index in PostgreSQL',
    () => postgresPlace({ ...database.connection, tls: { mode: 'disable' }, schema: 'x"; DROP' }),
  ],
];

const FIELDS = ['principal', 'text', 'purpose', 'client', 'form', 'session', 'chain', 'application'];
const TEXTS = [
  ...["' OR 1=1 --", "'; DROP TABLE terms; --", '$1', '{s}', '%', '_', '\\', '\\\\', '[a-z]*', '(a+)+$'],
  ...['\u0000', 'a\u0000b', '\ud800', '\udfff*', '\u{10ffff}', '\u{10ffff}*', '\u202e', 'ı', 'İ', '＊'],
];
const NUMBERS = [
  ...[
    '999999999999999g',
    '0..999999999999999g',
    '>999999999999999g',
    '<0',
    '<=0',
    '0.000001',
    '20..10',
    '..0',
  ],
];

/** What stands in a filter within quotes means itself. */
const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

describe.each(STORES)('%s', (_name, placeOf) => {
  let reader: IndexReader;
  let finder: Finder;

  beforeAll(async () => {
    const storage = await placeOf().openToWrite('log');
    const indexer = await Indexer.open(storage, { name: 'none', read: async () => undefined });
    for (const piece of madeUpLog(ENTRIES, 1000)) await indexer.add(piece);
    await storage.close();
    reader = await placeOf().openToRead('log');
    finder = new Finder(reader);
    expect(await reader.begin()).toBe(true);
  }, 120_000);
  afterAll(async () => {
    await reader.end();
    await reader.close();
  });

  /** How many were found. Anything else than an answer or a refusal of the filter fails. */
  async function found(filter: Filter): Promise<number | 'refused'> {
    try {
      const { items } = await finder.page({ filter, order: 'newest', limit: 1000 });
      const count = await finder.count(filter);
      expect(items.length).toBe(Math.min(count, 1000));
      return count;
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code === 'bad_request') return 'refused';
      throw thrown;
    }
  }

  it.each(FIELDS.flatMap((field) => TEXTS.map((text) => [field, text])))(
    'looks for %s:%j and finds nothing',
    async (field, text) => {
      const filter = parseFilter(`${field}:${quoted(text)}`, NOW);
      // A text without words asks for nothing.
      if (filter.op !== 'all') expect(await found(filter)).toBe(0);
    },
  );

  it.each(['rows', 'bytes', 'seq', 'statement'].flatMap((field) => NUMBERS.map((text) => [field, text])))(
    'looks for %s:%s',
    async (field, text) => {
      expect(await found(parseFilter(`${field}:${text}`, NOW))).toEqual(expect.any(Number));
    },
  );

  it.each([
    ['since:999999w', 'all'],
    ['until:999999w', 'none'],
    ['on:0000-01-01', 'none'],
    ['on:9999-12-31', 'none'],
    ['since:9999-12-31T23:59:59.999-23:59', 'none'],
    ['until:0000-01-01T00:00+23:59', 'none'],
  ])('knows of no time outside of time: %s', async (text, what) => {
    const everything = await finder.count({ op: 'all' });
    expect(await found(parseFilter(text, NOW))).toBe(what === 'all' ? everything : 0);
  });

  it.each([
    [0, 0],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [0, Number.MAX_SAFE_INTEGER],
    [Number.MAX_SAFE_INTEGER, 0],
  ])('goes on from a made-up cursor at %d of %d', async (seq, now) => {
    const cursor = parseCursor(cursorText({ seq, now }));
    for (const [from, to] of [
      [0, cursor.seq - 1],
      [cursor.seq + 1, Number.MAX_SAFE_INTEGER],
    ] as const) {
      for (const text of ['since:02:00', 'on:today', 'until:1w', 'since:02:00 until:01:00', '']) {
        const beyond: Filter = { op: 'number', field: 'seq', from, to };
        expect(await found(all([parseFilter(text, cursor.now), beyond]))).toEqual(expect.any(Number));
      }
    }
  });
});

describe('a filter', () => {
  it.each([
    ['values', `principal:${Array.from({ length: 300 }, (_, index) => `*${index}`).join(',')}`],
    ['networks', `client:${Array.from({ length: 300 }, () => '1.1.1.1/8').join(',')}`],
    ['words', Array.from({ length: 300 }, (_, index) => `w${index}*`).join(' ')],
    ['parentheses', `${'('.repeat(1990)}a${')'.repeat(1990)}`],
    ['negations', `${'-'.repeat(3990)}a`],
    ['nots', `${'not '.repeat(990)}a`],
    ['both', `${'-('.repeat(1000)}a${')'.repeat(1000)}`],
  ])('asks for so much and no more: %s', (_name, text) => {
    expect(() => parseFilter(text, NOW)).toThrow(/more than 200 things|nested too deep/);
  });

  it('is given up when looking up what it means takes too long', async () => {
    const reader = { termsWith: async () => [], termIds: async () => [] } as unknown as IndexReader;
    const filter = parseFilter('principal:*a,*b', NOW);
    await expect(planOf(filter, reader, Number.POSITIVE_INFINITY)).resolves.toMatchObject({ op: 'or' });
    await expect(planOf(filter, reader, 0)).rejects.toThrow('the search takes too long');
  });
});

describe('a cursor', () => {
  const encoded = (text: string): string => Buffer.from(text).toString('base64url');

  it.each([
    ...['', 'x', '[]', '[1]', '[1,2,3', '{}', 'null', '[-1,0]', '[0,-1]', '[1.5,0]', '[1e400,0]', '["1",0]'],
    ...['[9007199254740993,0]', '[0,9007199254740993]', '[null,null]', '['.repeat(70), '{"0":1,"1":1}'],
  ])('that no search gave is refused: %s', (text) => {
    expect(() => parseCursor(encoded(text))).toThrow('the cursor is none that a search gave');
  });
});
