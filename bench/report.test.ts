import { describe, expect, test } from 'vitest';
import { measurementTable, summaryLines, table } from './report.ts';
import { type Measurement, turned } from './throughput.ts';

const setting = { mode: 'simple', clients: 8 } as const;
const figures = (peer: string, ...rounds: (readonly [tps: number, medianUs: number])[]): Measurement => ({
  peer,
  setting,
  samples: rounds.map(([tps, medianUs]) => ({
    tps,
    medianUs,
    p99Us: medianUs * 3,
    cpuUsPerTransaction: Number.NaN,
  })),
});

describe('the table of measurements', () => {
  // The machine is half as fast in the second round.
  const lines = measurementTable([
    figures('direct', [20_000, 300], [10_000, 600], [20_000, 300]),
    figures('PgBouncer', [10_000, 600], [5_000, 1200], [12_000, 600]),
    figures('Sluice', [8_000, 900], [4_000, 1800], [6_000, 900]),
  ]).split('\n');

  test('relates each peer to the others within a round', () => {
    const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
    expect(cells[2]?.slice(3, 12)).toEqual([
      ...['direct', '20000', '10000–20000', '1.00', '', '300 µs', '', '', '900 µs'],
    ]);
    expect(cells[3]?.slice(3, 12)).toEqual([
      ...['PgBouncer', '10000', '5000–12000', '0.50', '1.00', '600 µs', '300 µs', '1.00', '1800 µs'],
    ]);
    expect(cells[4]?.slice(3, 12)).toEqual([
      ...['**Sluice**', '6000', '4000–8000', '0.40', '0.80', '900 µs', '600 µs', '2.00', '2700 µs'],
    ]);
  });

  test('has columns of one width', () => {
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });
});

test('the summary holds what was measured against the aims', () => {
  const measurements = [figures('PgBouncer', [10_000, 600]), figures('Sluice', [8_000, 900])];
  const lines = summaryLines({
    ...{
      machine: [],
      rounds: 1,
      seconds: 1,
      ledger: [{ name: 'verify', value: '300000/s', aim: '200000/s' }],
      index: [{ name: '`principal:bob`', value: '1.0 ms', aim: '200 ms' }],
      databaseIndex: [{ name: '`principal:bob`', value: '2.0 ms', aim: '200 ms' }],
      catalog: [{ name: 'first load of 10000 tables', value: '900 ms', aim: '2000 ms' }],
      ddl: [],
      memory: [],
      selectOnly: measurements,
      maskedByKey: measurements,
      connects: [figures('direct', [200, 100]), figures('Sluice, warm', [180, 100])],
      firstRows: [
        { peer: 'direct', times: [10, 20, 10] },
        { peer: 'Sluice, warm', times: [8, 16, 30] },
      ],
    },
    scans: [
      { name: 'direct', times: [960, 1920] },
      { name: 'through', times: [1000, 2000] },
    ],
    costs: [{ name: 'one', novelUs: 120, novelP99Us: 300, knownTextUs: 1.25, knownShapeUs: 2 }],
    manyPolicies: [],
  });
  expect(lines[0]).toBe('Select-only: 0.80 to 0.80 of PgBouncer’s throughput (aim: 0.7)');
  expect(lines[2]).toContain('warm: 0.90 to 0.90');
  expect(lines[3]).toContain('warm: 0.80 of the time');
  expect(lines[4]).toContain(': 0.96 of the database');
  expect(lines[5]).toContain('120 µs');
});

test('a table pads its cells', () => {
  expect(table(['a', 'long'], [['wide cell', 'x']])).toBe(
    '| a         | long |\n|-----------|------|\n| wide cell | x    |',
  );
});

test('the order of peers turns from round to round', () => {
  expect([0, 1, 2, 3].map((round) => turned(['a', 'b', 'c'], round).join(''))).toEqual([
    'abc',
    'bca',
    'cab',
    'abc',
  ]);
});
