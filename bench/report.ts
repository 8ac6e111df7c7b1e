/** Lays the figures out as Markdown. Pure. */

import type { FirstRows } from './first-row.ts';
import type { LedgerFigure } from './ledger-figures.ts';
import type { ScanMeasurement } from './masked-scan.ts';
import type { Memory } from './process-cost.ts';
import type { StatementCost } from './statement-cost.ts';
import { median, quantile } from './statistics.ts';
import { type Measurement, medianOf, medianRatio } from './throughput.ts';

/** What was measured of the gateway; a section that did not run is empty. */
export interface Figures {
  /** Lines about machine and versions. */
  readonly machine: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly selectOnly: readonly Measurement[];
  readonly maskedByKey: readonly Measurement[];
  /** Each transaction with a connection of its own. */
  readonly connects: readonly Measurement[];
  /** The database itself first. */
  readonly firstRows: readonly FirstRows[];
  readonly scans: readonly ScanMeasurement[];
  readonly costs: readonly StatementCost[];
  /** The same with a thousand policies. */
  readonly manyPolicies: readonly StatementCost[];
  /** The ledger alone. */
  readonly ledger: readonly LedgerFigure[];
  /** Taking the ledger into the index, and searching. */
  readonly index: readonly LedgerFigure[];
  /** The same where the index is in PostgreSQL. */
  readonly databaseIndex: readonly LedgerFigure[];
  /** The catalog of a database with many tables. */
  readonly catalog: readonly LedgerFigure[];
  readonly ddl: readonly LedgerFigure[];
  readonly memory: readonly (readonly [when: string, memory: Memory])[];
}

/** Those that can be run alone. */
export const SECTIONS = [
  'select-only',
  'by-key',
  'connect',
  'scan',
  'statements',
  'ledger',
  'index',
  'catalog',
  'ddl',
] as const;
export type Section = (typeof SECTIONS)[number];

/** A whole results file. */
export function resultsText(figures: Figures): string {
  const { rounds, seconds } = figures;
  return `# Benchmark results

Written by \`npm run bench\`; do not edit. Every peer ran ${rounds} times for ${seconds} s under each setting, the peers taking turns
within a round and the order turning from round to round; before, each ran for twice that time, uncounted, to be warm. Figures are
medians over the rounds; ratios are medians of the ratios within each round. Load generator, database and whatever is measured share the same few cores, so absolute figures say little.

${figures.machine.map((line) => `- ${line}`).join('\n')}

The peers: **direct** is PostgreSQL itself; the **bare relay** (bench/relay.ts) passes bytes on and counts frames, in plain Node.js,
which is as far as the runtime goes; **PgBouncer** pools sessions; **Sluice** has everything on: SCRAM with a token, parse, policy,
masks, ledger. All run without TLS.

## In short

${summaryLines(figures)
  .map((line) => `- ${line}`)
  .join('\n')}

${sectionTexts(figures).join('\n\n')}
`;
}

function sectionTexts(figures: Figures): string[] {
  const {
    selectOnly,
    maskedByKey,
    connects,
    firstRows,
    scans,
    costs,
    manyPolicies,
    ledger,
    index,
    databaseIndex,
    catalog,
    ddl,
    memory,
  } = figures;
  const section = (
    measured: readonly unknown[],
    title: string,
    explanation: string,
    rows: string,
  ): string[] =>
    measured.length === 0
      ? []
      : [[`## ${title}`, explanation, rows].filter((part) => part !== '').join('\n\n')];
  return [
    ...section(selectOnly, 'Select-only pgbench, 1,000,000 accounts', '', measurementTable(selectOnly)),
    ...section(
      maskedByKey,
      'One masked row by its key, 1,000,000 people',
      'The client asks for name, e-mail and phone; through Sluice they come masked, from the other peers as they are.',
      measurementTable(maskedByKey),
    ),
    ...section(
      connects,
      'Connect, authenticate by SCRAM, one row, disconnect, without end',
      WARM,
      measurementTable(connects),
    ),
    ...section(firstRows, 'From connecting to the first row', FIRST_ROW, firstRowTable(firstRows)),
    ...section(scans, '1,000,000 masked rows in one result', '', scanTable(scans)),
    ...section(costs, 'Analysis, decision and rewriting of one statement, in process', '', costTable(costs)),
    ...section(
      manyPolicies,
      'The same with 1,000 policies',
      'Those that ship, and three for each of 320 teams (bench/many-policies.ts); none of them is about the tables asked for.',
      costTable(manyPolicies),
    ),
    ...section(ledger, 'The ledger', LEDGER, ledgerTable(ledger)),
    ...section(index, 'Searching the ledger', INDEX, ledgerTable(index)),
    ...section(
      databaseIndex,
      'The same with the index in PostgreSQL',
      DATABASE_INDEX,
      ledgerTable(databaseIndex),
    ),
    ...section(catalog, 'The catalog of many tables', CATALOG, ledgerTable(catalog)),
    ...section(ddl, 'DDL, statement by statement', DDL, ledgerTable(ddl)),
    ...section(memory, 'Memory of the gateway', '', memoryTable(memory)),
  ];
}

const WARM = `PgBouncer hands out server connections that other clients have used; Sluice never does: *warm* ones were made in advance, and each
serves one session (\`warmConnections: 16\`). *Light* is a gate with \`tokens.scramIterations: 1\`: most of what a client does to
log in by SCRAM is to hash its password 4096 times, which a token does not need. Times of single transactions leave the connection out; throughput has it in.`;

const FIRST_ROW = `One client that comes now and then (bench/first-row.ts), the peers in turns: until it has its row, its own hashing included. Here the
processors have time for the backend that is made for the next session.`;

const LEDGER = `The same statement with its outcome again and again, in one process, on the disk of the machine (bench/ledger-figures.ts): the log with its
tiles, read back from the page cache. The traffic between checkpoints is some 4,000 statements a second.`;

const INDEX = `A made-up log of people and agents (bench/index-entries.ts), in one process (bench/ledger-index.ts): taken in, then a page of 50 hits, the newest
first, by each kind of filter, and how many there are by some; medians.`;

const DATABASE_INDEX = `The same log, but shorter, into the PostgreSQL of the other measurements, over TCP on the same machine. CPU is that of the gateway's side.`;

const CATALOG = `What is known of a database is read from its catalogs, in one process (bench/catalog.ts): at first, and again after each DDL, as far as
it has changed. Each table has ten columns, two unique indexes and a foreign key; every tenth a view and a function.`;

const DDL = `A migration through a gateway of its own and directly, in turns (bench/ddl.ts); medians.`;

function firstRowTable(measured: Figures['firstRows']): string {
  return table(
    ['Peer', 'median', 'lower and upper quartile', '÷ direct', 'p99'],
    measured.map(({ peer, times }) => [
      peer.startsWith('Sluice') ? `**${peer}**` : peer,
      ms(median(times)),
      `${ms(quantile(times, 0.25))}–${ms(quantile(times, 0.75))}`,
      ratio(firstRowRatio(measured, peer)),
      ms(quantile(times, 0.99)),
    ]),
  );
}

/** The median of the ratios to the connection that was made to the database itself in the same turn. */
function firstRowRatio(measured: Figures['firstRows'], peer: string): number {
  const [direct] = measured;
  const times = measured.find((one) => one.peer === peer)?.times ?? [];
  return median(times.map((time, i) => time / (direct?.times[i] ?? Number.NaN)));
}

function ledgerTable(figures: Figures['ledger']): string {
  return table(
    ['What', 'Measured', 'Aim'],
    figures.map(({ name, value, aim }) => [name, value, aim]),
  );
}

function memoryTable(seen: Figures['memory']): string {
  return table(
    ['When', 'Resident', 'Peak so far'],
    seen.map(([when, { residentMiB, peakMiB }]) => [when, `${residentMiB} MiB`, `${peakMiB} MiB`]),
  );
}

/** What the project aims at, and what was measured. */
export function summaryLines(figures: Figures): string[] {
  const { selectOnly, maskedByKey, connects, firstRows, scans, costs, manyPolicies } = figures;
  const rangeOf = (measurements: readonly Measurement[], peer: string, base: string): string => {
    const ratios = measurements
      .filter((one) => one.peer === peer)
      .map((one) => ratioTo(one, measurements, base, 'tps'))
      .sort((a, b) => a - b);
    return `${ratio(ratios[0] ?? Number.NaN)} to ${ratio(ratios.at(-1) ?? Number.NaN)}`;
  };
  const [rewritten, through] = scans;
  const slowest = (of: readonly StatementCost[], figure: 'novelUs' | 'knownTextUs'): number =>
    Math.max(...of.map((cost) => cost[figure]));
  const lines: readonly (readonly [measured: readonly unknown[], line: string])[] = [
    [
      selectOnly,
      `Select-only: ${rangeOf(selectOnly, 'Sluice', 'PgBouncer')} of PgBouncer’s throughput (aim: 0.7)`,
    ],
    [
      maskedByKey,
      `One masked row by its key: ${rangeOf(maskedByKey, 'Sluice', 'PgBouncer')} of PgBouncer’s throughput; the database itself has more to do for it`,
    ],
    [
      connects,
      `Connections without end, warm: ${rangeOf(connects, 'Sluice, warm', 'direct')} of the database’s own rate; with light logins ${rangeOf(connects, 'Sluice, warm, light', 'direct')}`,
    ],
    [
      firstRows,
      `From connecting to the first row, warm: ${ratio(firstRowRatio(firstRows, 'Sluice, warm'))} of the time it takes directly (aim: at most 1)`,
    ],
    [
      scans,
      `1,000,000 masked rows: ${ratio(speedOf(through, rewritten))} of the database running the same text (aim: 0.95)`,
    ],
    [
      costs,
      `A novel statement: ${us(slowest(costs, 'novelUs'))} at the most expensive sample’s median (aim: 500 µs); a known text: ${fineUs(slowest(costs, 'knownTextUs'))} (aim: 10 µs)`,
    ],
    [
      manyPolicies,
      `With 1,000 policies: ${us(slowest(manyPolicies, 'novelUs'))} and ${fineUs(slowest(manyPolicies, 'knownTextUs'))} (same aims)`,
    ],
  ];
  return lines.filter(([measured]) => measured.length > 0).map(([, line]) => line);
}

/** Throughput and latency of each peer, beside those of the database itself and of PgBouncer under the same setting. */
export function measurementTable(measurements: readonly Measurement[]): string {
  return table(
    [
      'Protocol',
      'Clients',
      'Peer',
      'tps',
      'lowest–highest',
      '÷ direct',
      '÷ PgBouncer',
      'median',
      'added',
      'added ÷ direct',
      'p99',
      'CPU/tx',
    ],
    measurements.map((one) => {
      const isDirect = one.peer === 'direct';
      const slower = ratioTo(one, measurements, 'direct', 'medianUs') - 1;
      return [
        one.setting.mode,
        String(one.setting.clients),
        one.peer === 'Sluice' ? '**Sluice**' : one.peer,
        String(Math.round(medianOf(one, 'tps'))),
        rangeText(one.samples.map(({ tps }) => tps)),
        ratio(ratioTo(one, measurements, 'direct', 'tps')),
        isDirect ? '' : ratio(ratioTo(one, measurements, 'PgBouncer', 'tps')),
        us(medianOf(one, 'medianUs')),
        isDirect ? '' : us(medianOf(one, 'medianUs') - medianUsOfDirect(one, measurements)),
        isDirect ? '' : ratio(slower),
        us(medianOf(one, 'p99Us')),
        us(medianOf(one, 'cpuUsPerTransaction')),
      ];
    }),
  );
}

function ratioTo(
  one: Measurement,
  all: readonly Measurement[],
  peer: string,
  figure: 'tps' | 'medianUs',
): number {
  const other = all.find((candidate) => candidate.setting === one.setting && candidate.peer === peer);
  return other === undefined ? Number.NaN : medianRatio(one, other, figure);
}

function medianUsOfDirect(one: Measurement, all: readonly Measurement[]): number {
  const direct = all.find((candidate) => candidate.setting === one.setting && candidate.peer === 'direct');
  return direct === undefined ? Number.NaN : medianOf(direct, 'medianUs');
}

function rangeText(values: readonly number[]): string {
  return `${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))}`;
}

function scanTable(scans: readonly ScanMeasurement[]): string {
  return table(
    ['What', 'median', 'range', 'speed, first = 1'],
    scans.map((scan) => [
      scan.name,
      `${Math.round(median(scan.times))} ms`,
      rangeText(scan.times),
      ratio(speedOf(scan, scans[0])),
    ]),
  );
}

/** How fast a scan is in terms of another: the median of the ratios of each round. */
function speedOf(scan: ScanMeasurement | undefined, base: ScanMeasurement | undefined): number {
  return median((scan?.times ?? []).map((ms, round) => (base?.times[round] ?? Number.NaN) / ms));
}

function costTable(costs: readonly StatementCost[]): string {
  return table(
    ['Statement', 'novel, median', 'novel, p99', 'known text', 'known shape'],
    costs.map((cost) => [
      cost.name,
      us(cost.novelUs),
      us(cost.novelP99Us),
      fineUs(cost.knownTextUs),
      fineUs(cost.knownShapeUs),
    ]),
  );
}

/** A Markdown table; columns are as wide as their widest cell. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(heads), `|${widths.map((chars) => '-'.repeat(chars + 2)).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}

const ratio = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : '–');
const us = (value: number): string => (Number.isFinite(value) ? `${Math.round(value)} µs` : '–');
const fineUs = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} µs` : '–');
const ms = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} ms` : '–');
