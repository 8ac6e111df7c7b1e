/**
 * `node bench/ledger-index.ts`: how fast the index takes entries in, and how long each kind of search takes.
 *
 * --entries <n>   default 1000000      --runs <n>   of each search, default 7
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseFilter } from '../src/search/filter/parse-filter.ts';
import { Finder } from '../src/search/find.ts';
import { Indexer } from '../src/search/indexer.ts';
import { SqliteIndex } from '../src/search/sqlite-index.ts';
import { madeUpLog } from './index-entries.ts';

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '1000000' }, runs: { type: 'string', default: '7' } },
});
const NO_TILES = { name: 'none', read: async () => undefined };

export const SEARCHES = [
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

const directory = mkdtempSync(join(tmpdir(), 'sluice-index-'));
const path = join(directory, 'index.db');
try {
  const storage = SqliteIndex.openToWrite(path, 'bench');
  const indexer = await Indexer.open(storage, NO_TILES);
  let [indexedMs, cpuUs, slowestMs] = [0, 0, 0];
  for (const piece of madeUpLog(Number(values.entries), 2048)) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await indexer.add(piece);
    const { user, system } = process.cpuUsage(cpu);
    const took = performance.now() - start;
    indexedMs += took;
    cpuUs += user + system;
    slowestMs = Math.max(slowestMs, took);
  }
  const { next, items, sealed, forms, sessions, terms } = indexer.head;
  console.log(
    `${next} entries, ${items} items, ${sealed} chunks, ${forms} forms, ${sessions} sessions, ${terms} terms`,
  );
  console.log(
    `indexed ${Math.round((next / indexedMs) * 1000)} entries/s, ${(cpuUs / next).toFixed(2)} us CPU an entry, slowest piece ${Math.round(slowestMs)} ms`,
  );
  console.log(
    `${Math.round(statSync(path).size / next)} bytes an entry, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB RSS`,
  );
  const reader = SqliteIndex.openToRead(path);
  const finder = new Finder(reader);
  for (const text of SEARCHES) {
    const filter = parseFilter(text, Date.UTC(2026, 10, 2));
    const times: number[] = [];
    const cpuStart = process.cpuUsage();
    let found = 0;
    for (let run = 0; run < Number(values.runs); run++) {
      const start = performance.now();
      found = (await finder.page({ filter, order: 'newest', limit: 50 })).items.length;
      times.push(performance.now() - start);
    }
    const used = process.cpuUsage(cpuStart);
    const cpuMs = (used.user + used.system) / 1000 / times.length;
    const start = performance.now();
    const count = await finder.count(filter);
    const counted = performance.now() - start;
    const median = times.sort((a, b) => a - b)[times.length >> 1] as number;
    console.log(
      `${median.toFixed(1).padStart(7)} ms  worst ${(times.at(-1) as number).toFixed(1).padStart(7)}  cpu ${cpuMs.toFixed(1).padStart(6)} ms  count ${String(count).padStart(8)} in ${counted.toFixed(0).padStart(4)} ms  page ${found}  ${text}`,
    );
  }
  await reader.close();
  await storage.close();
} finally {
  rmSync(directory, { recursive: true });
}
