/**
 * How fast the index takes a log in, and how long each kind of search takes: a page of 50, the newest first, in this process. The log is made up
 * (bench/index-entries.ts); the file lies on the disk of the machine.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseFilter } from '../src/search/filter/parse-filter.ts';
import { Finder } from '../src/search/find.ts';
import type { IndexPlace, IndexWriter } from '../src/search/index-storage.ts';
import { Indexer } from '../src/search/indexer.ts';
import { postgresPlace } from '../src/search/postgres-place.ts';
import { embeddedPlace } from '../src/search/sqlite-place.ts';
import { madeUpLog } from './index-entries.ts';
import type { LedgerFigure } from './ledger-figures.ts';
import type { BenchTarget } from './pgbench.ts';
import { median } from './statistics.ts';

const NO_TILES = { name: 'none', read: async () => undefined };
const PIECE = 2048;
const PAGE = 50;
const NOW = Date.UTC(2026, 10, 2);
const AIM_MS = '200 ms';

const SEARCHES = [
  'principal:person-7',
  'agent:agent-3*',
  'for:person-1',
  'chain:"agent-3 for person-4"',
  'who:person-1',
  'database:billing',
  'environment:staging',
  'relation:table_59',
  'column:table_3.balance',
  'column:table_3.balance write',
  'label:card_number',
  'command:update',
  'decision:deny',
  'policy:team-7',
  'sqlstate:23505',
  'sqlstate:42*',
  'purpose:TICKET-77',
  'client:10.0.3.0/24',
  'since:2026-11-01T01:00 until:2026-11-01T01:05',
  'form:abc*',
  'rows:>50000',
  'rows:1234..1240',
  'duration:>1900ms',
  'status "order by"',
  'word_that_is_nowhere',
  'principal:person-7 column:table_3.balance decision:deny',
  '-database:shop -command:select outcome:error',
  'outcome:missing',
  'seq:5000..5010',
];

/** Of these, how many there are. */
const COUNTS = [
  'rows:1234..1240',
  'duration:>1900ms',
  'statement:7',
  'since:2026-11-01T01:00 until:2026-11-01T01:05',
  'principal:person-7 column:table_3.balance decision:deny',
  'status "order by"',
  '-database:shop -command:select outcome:error',
];

/** What is measured, and where. */
export interface IndexRun {
  /** Of the log. */
  readonly entries: number;
  /** Of each search. */
  readonly runs: number;
  readonly progress: (line: string) => void;
}

/** In a file of its own. */
export async function measureIndex(run: IndexRun): Promise<LedgerFigure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-index-'));
  const path = join(directory, 'index.db');
  try {
    const figures = await measurePlace(embeddedPlace(path), run);
    const bytes = Math.round(statSync(path).size / run.entries);
    return [...figures, { name: 'bytes an entry', value: String(bytes), aim: '' }];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** In a database. */
export function measureDatabaseIndex(
  { port, user, password, database }: BenchTarget,
  run: IndexRun,
): Promise<LedgerFigure[]> {
  const place = postgresPlace({
    ...{ host: '127.0.0.1', port, user, password, database },
    ...{ schema: 'sluice_index', tls: { mode: 'disable' } },
  });
  return measurePlace(place, run);
}

async function measurePlace(
  place: IndexPlace,
  { entries, runs, progress }: IndexRun,
): Promise<LedgerFigure[]> {
  progress(`indexing ${entries} entries, ${place.name}`);
  const storage = await place.openToWrite('bench');
  const figures = await takeIn(storage, entries);
  const reader = await place.openToRead('bench');
  await reader.begin();
  const finder = new Finder(reader);
  for (const text of SEARCHES) {
    progress(`searching ${text}`);
    const filter = parseFilter(text, NOW);
    const search = () => finder.page({ filter, order: 'newest', limit: PAGE });
    figures.push(await measured(`\`${text}\``, search, runs));
  }
  for (const text of COUNTS) {
    progress(`counting ${text}`);
    const filter = parseFilter(text, NOW);
    figures.push(await measured(`count of \`${text}\``, () => finder.count(filter), runs));
  }
  await reader.end();
  await reader.close();
  await storage.close();
  return figures;
}

async function takeIn(storage: IndexWriter, entries: number): Promise<LedgerFigure[]> {
  const indexer = await Indexer.open(storage, NO_TILES);
  let [tookMs, cpuUs] = [0, 0];
  for (const piece of madeUpLog(entries, PIECE)) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await indexer.add(piece);
    const { user, system } = process.cpuUsage(cpu);
    tookMs += performance.now() - start;
    cpuUs += user + system;
  }
  return [
    {
      name: `${entries} entries taken in`,
      value: `${Math.round((entries / tookMs) * 1000)}/s`,
      aim: '20000/s',
    },
    { name: 'CPU an entry', value: `${(cpuUs / entries).toFixed(1)} µs`, aim: '' },
  ];
}

async function measured(name: string, search: () => Promise<unknown>, runs: number): Promise<LedgerFigure> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await search();
    times.push(performance.now() - start);
  }
  return { name, value: `${median(times).toFixed(1)} ms`, aim: AIM_MS };
}
