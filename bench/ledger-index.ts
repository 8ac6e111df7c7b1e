/**
 * How fast the index takes a log in, and how long each kind of search takes: a page of 50, the newest first, in this process. The log is made up
 * (bench/index-entries.ts); the file lies on the disk of the machine.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseFilter } from '../src/search/filter/parse-filter.ts';
import { Finder } from '../src/search/find.ts';
import { Indexer } from '../src/search/indexer.ts';
import { SqliteIndex } from '../src/search/sqlite-index.ts';
import { madeUpLog } from './index-entries.ts';
import type { LedgerFigure } from './ledger-figures.ts';
import { median } from './statistics.ts';

const NO_TILES = { name: 'none', read: async () => undefined };
const PIECE = 2048;
const PAGE = 50;
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

/** @param entries of the log; @param runs of each search */
export async function measureIndex(
  entries: number,
  runs: number,
  progress: (line: string) => void,
): Promise<LedgerFigure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-index-'));
  const path = join(directory, 'index.db');
  try {
    progress(`indexing ${entries} entries`);
    const storage = SqliteIndex.openToWrite(path, 'bench');
    const taken = await takeIn(storage, entries);
    const figures = [
      ...taken,
      { name: 'bytes an entry', value: String(Math.round(statSync(path).size / entries)), aim: '' },
    ];
    const reader = SqliteIndex.openToRead(path);
    const finder = new Finder(reader);
    for (const text of SEARCHES) {
      progress(`searching ${text}`);
      figures.push(await measureSearch(finder, text, runs));
    }
    await reader.close();
    await storage.close();
    return figures;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function takeIn(storage: SqliteIndex, entries: number): Promise<LedgerFigure[]> {
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

async function measureSearch(finder: Finder, text: string, runs: number): Promise<LedgerFigure> {
  const filter = parseFilter(text, Date.UTC(2026, 10, 2));
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await finder.page({ filter, order: 'newest', limit: PAGE });
    times.push(performance.now() - start);
  }
  return { name: `\`${text}\``, value: `${median(times).toFixed(1)} ms`, aim: AIM_MS };
}
