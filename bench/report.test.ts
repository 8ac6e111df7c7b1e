import { describe, expect, test } from 'vitest';
import { measurementTable, table } from './report.ts';
import { type Measurement, turned } from './throughput.ts';

const setting = { mode: 'simple', clients: 8 } as const;
const figures = (peer: string, tps: number, medianUs: number): Measurement => ({
  ...{
    peer,
    setting,
    tps,
    medianUs,
    p99Us: medianUs * 3,
    cpuUsPerTransaction: Number.NaN,
    tpsRange: [tps, tps],
  },
});

describe('the table of measurements', () => {
  const lines = measurementTable([
    figures('direct', 20_000, 300),
    figures('PgBouncer', 10_000, 500),
    figures('Sluice', 8_000, 600),
  ]).split('\n');

  test('relates each peer to the database itself and to PgBouncer', () => {
    const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
    expect(cells[2]?.slice(3, 11)).toEqual(['direct', '20000', '1.00', '', '300 µs', '', '', '900 µs']);
    expect(cells[3]?.slice(3, 11)).toEqual([
      'PgBouncer',
      '10000',
      '0.50',
      '1.00',
      '500 µs',
      '200 µs',
      '1.00',
      '1500 µs',
    ]);
    expect(cells[4]?.slice(3, 11)).toEqual([
      '**Sluice**',
      '8000',
      '0.40',
      '0.80',
      '600 µs',
      '300 µs',
      '1.50',
      '1800 µs',
    ]);
  });

  test('has columns of one width', () => {
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });
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
