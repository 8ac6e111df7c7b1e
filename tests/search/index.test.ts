/** The index finds what looking at every entry finds, over sealed chunks and the tail, with outcomes that come late; and survives what files do not. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeUpLog } from '../../bench/index-entries.ts';
import type { RawEntry } from '../../src/ledger/entry-decoder.ts';
import type { StatementForm } from '../../src/model/ledger-entry.ts';
import { CHUNK_ITEMS } from '../../src/search/bitmap.ts';
import { formTerms, type SessionOpened, sessionTerms, type Term } from '../../src/search/entry-terms.ts';
import { type Filter, fold } from '../../src/search/filter/filter.ts';
import { parseFilter } from '../../src/search/filter/parse-filter.ts';
import { networkTest } from '../../src/search/filter/value-filter.ts';
import { Finder } from '../../src/search/find.ts';
import type { IndexPlace, IndexReader } from '../../src/search/index-storage.ts';
import { Indexer } from '../../src/search/indexer.ts';
import { patternTest } from '../../src/search/plan.ts';
import { postgresPlace } from '../../src/search/postgres-place.ts';
import { SqliteIndex } from '../../src/search/sqlite-index.ts';
import { embeddedPlace } from '../../src/search/sqlite-place.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const NOW = Date.UTC(2026, 10, 2);
const NO_TILES = { name: 'none', read: async () => undefined };
/** Enough for two sealed chunks and a tail. */
const ENTRIES = 160_000;

/** What looking at every entry knows of an item. */
interface Known {
  readonly seq: number;
  readonly at: number;
  readonly terms: ReadonlyMap<string, ReadonlySet<string>>;
  readonly words: string;
  readonly numbers: Record<string, number>;
}

const entries = withLateOutcomes([...madeUpLog(ENTRIES, 10_000)].flatMap((piece) => piece.entries));
const items = knownOf(entries);
let directory: string;
let database: TestDatabase;
let finder: Finder;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-index-'));
  database = await createDatabase('search');
});
afterAll(async () => {
  await database.drop();
  rmSync(directory, { recursive: true });
});

const STORES: readonly (readonly [string, () => IndexPlace])[] = [
  ['the embedded index', () => embeddedPlace(join(directory, 'index.db'))],
  ['an index in PostgreSQL', () => postgresPlace({ ...database.connection, ...IN_CLEAR, schema: 'found' })],
];
const IN_CLEAR = { tls: { mode: 'disable' } } as const;

/** Puts all entries in. @returns a reader of its own */
async function indexed(place: IndexPlace): Promise<IndexReader> {
  const storage = await place.openToWrite('log');
  let indexer = await Indexer.open(storage, NO_TILES);
  const piece = async (from: number, to: number) => {
    const part = entries.slice(from, to);
    await indexer.add({ entries: part, next: from + part.length, pruned: 0 });
  };
  // With searches in between, as a gateway has them; and begun anew, as after a crash.
  const reader = await place.openToRead('log');
  finder = new Finder(reader);
  for (let from = 0; from < entries.length; from += 2048) {
    await piece(from, from + 2048);
    if (from % (2048 * 10) === 0) await finder.count(parseFilter('outcome:missing', NOW));
    if (from === 2048 * 30) indexer = await Indexer.open(storage, NO_TILES);
  }
  expect(indexer.head.sealed).toBeGreaterThanOrEqual(1);
  expect(indexer.head.items).toBe(items.length);
  expect(items.length).toBeGreaterThan(2 * CHUNK_ITEMS);
  await storage.close();
  return reader;
}

/** Some outcomes come long after their statements: when those are in a sealed chunk, or never. */
function withLateOutcomes(entries: readonly RawEntry[]): RawEntry[] {
  const isOutcome = ({ bytes }: RawEntry) => bytes.includes('"kind":"outcome"');
  const late = entries.filter((entry) => isOutcome(entry) && entry.seq % 997 === 0 && entry.seq < 60_000);
  const lost = entries.filter((entry) => isOutcome(entry) && entry.seq % 1009 === 0);
  const gone = new Set([...late, ...lost]);
  const order = [
    ...entries.filter((entry) => !gone.has(entry)),
    ...late.filter((entry) => !lost.includes(entry)),
  ];
  return order.map(({ bytes }, seq) => ({ seq, bytes, sequenced: true }));
}

function knownOf(entries: readonly RawEntry[]): Known[] {
  const forms = new Map<string, { readonly terms: readonly Term[]; readonly form: StatementForm }>();
  const sessions = new Map<string, readonly Term[]>();
  const open = new Map<string, { terms: Map<string, Set<string>>; numbers: Record<string, number> }>();
  const found: Known[] = [];
  for (const { seq, bytes } of entries) {
    const entry = JSON.parse(bytes.toString()) as Record<string, never> & {
      kind: string;
      at: number;
      session: string;
    };
    const terms = new Map<string, Set<string>>();
    const add = (list: readonly Term[]) => {
      for (const { field, value } of list) terms.set(field, (terms.get(field) ?? new Set()).add(value));
    };
    if (entry.kind === 'form') {
      const hash = formHashOf(entries, seq);
      forms.set(hash, {
        terms: formTerms(entry.form as unknown as StatementForm, hash),
        form: entry.form as unknown as StatementForm,
      });
      continue;
    }
    if (entry.kind === 'session-opened')
      sessions.set(entry.session, sessionTerms(entry as unknown as SessionOpened));
    const key = `${entry.session}/${entry.statement}`;
    if (entry.kind === 'outcome') {
      const statement = open.get(key);
      if (statement === undefined) continue;
      statement.terms.set('outcome', new Set([entry.sqlstate === undefined ? 'ok' : 'error']));
      if (entry.sqlstate !== undefined) statement.terms.set('sqlstate', new Set([fold(entry.sqlstate)]));
      Object.assign(statement.numbers, { rows: entry.rows, bytes: entry.bytes, us: entry.us });
      continue;
    }
    add([{ field: 'kind', value: entry.kind }, ...(sessions.get(entry.session) ?? [])]);
    const form = forms.get(entry.of ?? '');
    if (form !== undefined) add(form.terms);
    if (form?.form.decision === 'allow') add([{ field: 'outcome', value: 'missing' }]);
    const numbers = { seq, ...(entry.kind === 'statement' ? { statement: entry.statement } : {}) };
    open.set(key, { terms, numbers });
    const words = ` ${((form?.form.text.join(' ') ?? '').toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []).join(' ')} `;
    found.push({ seq, at: entry.at, terms, words, numbers });
  }
  return found;
}

/** The generator writes a form right before the statement that asks it first. */
function formHashOf(entries: readonly RawEntry[], seq: number): string {
  for (let at = seq + 1; ; at++) {
    const { of } = JSON.parse(entries[at]!.bytes.toString()) as { of?: string };
    if (of !== undefined) return of;
  }
}

function holds(filter: Filter, item: Known): boolean {
  const values = (field: string) => [...(item.terms.get(field) ?? [])];
  switch (filter.op) {
    case 'all':
      return true;
    case 'and':
      return filter.of.every((one) => holds(one, item));
    case 'or':
      return filter.of.some((one) => holds(one, item));
    case 'not':
      return !holds(filter.of, item);
    case 'term':
      return filter.pattern
        ? values(filter.field).some(patternTest(filter.value))
        : values(filter.field).includes(filter.value);
    case 'network':
      return values('client').some(networkTest(filter.network, filter.bits));
    case 'phrase':
      return item.words.includes(` ${filter.words.join(' ')} `);
    case 'number': {
      const value = item.numbers[filter.field];
      return value !== undefined && value >= filter.from && value <= filter.to;
    }
    case 'time':
      return item.at >= filter.from && item.at < filter.to;
  }
}

const LEAVES = [
  ...[
    'principal:person-1',
    'agent:agent-*',
    'for:person-1',
    'who:person-1',
    'database:billing',
    'environment:staging',
    'is:delegated',
  ],
  ...[
    'relation:table_3',
    'column:table_0.balance',
    'writes:balance',
    'column:table_0.balance write',
    'label:email',
    'command:update',
  ],
  ...[
    'decision:deny',
    'policy:team-7',
    'sqlstate:23505',
    'sqlstate:*',
    'outcome:missing',
    'outcome:ok',
    'purpose:TICKET',
    'client:10.0.3.0/24',
  ],
  ...[
    'kind:session-opened',
    'rows:0',
    'rows:>1234',
    'rows:100..1000',
    'bytes:<80',
    'duration:>1s',
    'duration:..300us',
    'statement:7',
    'statement:40..',
  ],
  ...[
    'since:2026-11-01T00:05',
    'until:2026-11-01T00:12',
    'seq:40000..50000',
    'seq:7',
    'balance',
    '"order by"',
    '"email from"',
    '"name email"',
    'nowhere',
    'form:a*',
    'application:psql',
  ],
];

const filter = fc.letrec<{ one: string }>((tie) => ({
  one: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...LEAVES),
    tie('one').map((one) => `-(${one})`),
    fc.tuple(tie('one'), tie('one')).map(([a, b]) => `(${a}) (${b})`),
    fc.tuple(tie('one'), tie('one')).map(([a, b]) => `(${a} or ${b})`),
  ),
})).one;

async function check(text: string): Promise<void> {
  const wanted = parseFilter(text, NOW);
  const expected = items.filter((item) => holds(wanted, item)).map(({ seq }) => seq);
  expect([text, await finder.count(wanted)]).toEqual([text, expected.length]);
  const newest = await finder.page({ filter: wanted, order: 'newest', limit: 30 });
  expect([text, newest.items.map(({ seq }) => seq)]).toEqual([text, expected.slice(-30).reverse()]);
  expect(newest.more).toBe(expected.length > 30);
  const oldest = await finder.page({ filter: wanted, order: 'oldest', limit: 30 });
  expect([text, oldest.items.map(({ seq }) => seq)]).toEqual([text, expected.slice(0, 30)]);
}

describe.each(STORES)('a search of %s finds what looking at every entry finds', (_name, placeOf) => {
  let reader: IndexReader;
  beforeAll(async () => {
    reader = await indexed(placeOf());
    // As of one moment, as searches are.
    expect(await reader.begin()).toBe(true);
  }, 300_000);
  afterAll(async () => {
    await reader.end();
    await reader.close();
  });

  it.each(LEAVES.map((text) => [text]))('%s', { timeout: 120_000 }, (text) => check(text));

  it('however things are joined', { timeout: 600_000 }, async () => {
    await fc.assert(fc.asyncProperty(filter, check), { numRuns: 40 });
  });
});

describe('a file that is no index', () => {
  const piece = () => [...madeUpLog(3000, 10_000)][0]!;
  const countIn = async (path: string, log = 'log') => {
    const index = SqliteIndex.openToWrite(path, log);
    try {
      const { next, items: count } = await index.head();
      return [next, count];
    } finally {
      await index.close();
    }
  };

  it.each<[string, (path: string) => void]>([
    [
      'of something else',
      (path) => writeFileSync(path, 'not a database, but a text of some length\n'.repeat(100)),
    ],
    ['cut off', (path) => truncateSync(path, 100)],
    ['empty', (path) => truncateSync(path, 0)],
  ])('%s is made anew', async (name, damage) => {
    const path = join(directory, `${name}.db`);
    const index = SqliteIndex.openToWrite(path, 'log');
    await (await Indexer.open(index, NO_TILES)).add(piece());
    await index.close();
    expect((await countIn(path))[0]).toBeGreaterThanOrEqual(3000);
    damage(path);
    expect(await countIn(path)).toEqual([0, 0]);
  });

  it('is one of another log, too', async () => {
    const path = join(directory, 'other.db');
    const index = SqliteIndex.openToWrite(path, 'log');
    await (await Indexer.open(index, NO_TILES)).add(piece());
    await index.close();
    expect(await countIn(path, 'another log')).toEqual([0, 0]);
  });
});
