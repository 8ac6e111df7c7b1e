/** Lays the figures out as Markdown. Pure. */

import type { ScanMeasurement } from './masked-scan.ts';
import type { Memory } from './process-cost.ts';
import type { StatementCost } from './statement-cost.ts';
import type { Measurement, Setting } from './throughput.ts';

export interface Figures {
  /** Lines about machine and versions. */
  readonly machine: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly selectOnly: readonly Measurement[];
  readonly maskedByKey: readonly Measurement[];
  readonly scans: readonly ScanMeasurement[];
  readonly costs: readonly StatementCost[];
  readonly memory: readonly (readonly [when: string, memory: Memory])[];
}

/** A whole results file. */
export function resultsText(figures: Figures): string {
  const { rounds, seconds } = figures;
  return `# Benchmark results

Written by \`npm run bench\`; do not edit. Every peer ran ${rounds} times for ${seconds} s under each setting, the peers taking turns
within a round and the order turning from round to round. Figures are medians over the rounds; with so many processes on so few
cores they vary by some 10 % from run to run, so read the ratios.

${figures.machine.map((line) => `- ${line}`).join('\n')}

The peers: **direct** is PostgreSQL itself; the **bare relay** (bench/relay.ts) passes bytes on and counts frames, in plain Node.js,
which is as far as the runtime goes; **PgBouncer** pools sessions; **Sluice** has everything on: SCRAM with a token, parse, policy,
masks, ledger. All run without TLS.

## Select-only pgbench, 1,000,000 accounts

${measurementTable(figures.selectOnly)}

## One masked row by its key, 1,000,000 people

The client asks for name, e-mail and phone; through Sluice they come masked, from the other peers as they are.

${measurementTable(figures.maskedByKey)}

## 1,000,000 masked rows in one result

${scanTable(figures.scans)}

## Analysis, decision and rewriting of one statement, in process

${costTable(figures.costs)}

## Memory of the gateway

${table(
  ['When', 'Resident', 'Peak so far'],
  figures.memory.map(([when, { residentMiB, peakMiB }]) => [when, `${residentMiB} MiB`, `${peakMiB} MiB`]),
)}
`;
}

/** Throughput and latency of each peer, beside those of the database itself and of PgBouncer under the same setting. */
export function measurementTable(measurements: readonly Measurement[]): string {
  const of = (setting: Setting, peer: string): Measurement | undefined =>
    measurements.find((one) => one.setting === setting && one.peer === peer);
  return table(
    [
      'Protocol',
      'Clients',
      'Peer',
      'tps',
      'of direct',
      'of PgBouncer',
      'median',
      'added',
      '× PgBouncer’s',
      'p99',
      'CPU/tx',
    ],
    measurements.map((one) => {
      const [direct, bouncer] = [of(one.setting, 'direct'), of(one.setting, 'PgBouncer')];
      const added = one.medianUs - (direct?.medianUs ?? Number.NaN);
      const bouncerAdded = (bouncer?.medianUs ?? Number.NaN) - (direct?.medianUs ?? Number.NaN);
      const isDirect = one.peer === 'direct';
      return [
        one.setting.mode,
        String(one.setting.clients),
        one.peer === 'Sluice' ? '**Sluice**' : one.peer,
        String(Math.round(one.tps)),
        ratio(one.tps / (direct?.tps ?? Number.NaN)),
        isDirect ? '' : ratio(one.tps / (bouncer?.tps ?? Number.NaN)),
        us(one.medianUs),
        isDirect ? '' : us(added),
        isDirect ? '' : ratio(added / bouncerAdded),
        us(one.p99Us),
        us(one.cpuUsPerTransaction),
      ];
    }),
  );
}

function scanTable(scans: readonly ScanMeasurement[]): string {
  const base = scans[0]?.ms ?? Number.NaN;
  return table(
    ['What', 'median', 'range', 'speed, first = 1'],
    scans.map(({ name, ms, range }) => [
      name,
      `${Math.round(ms)} ms`,
      range.map((end) => Math.round(end)).join('–'),
      ratio(base / ms),
    ]),
  );
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
