import { describe, expect, test } from 'vitest';
import { parseLog, parseReport } from './pgbench.ts';
import { median, quantile } from './statistics.ts';

const REPORT = `pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 10
query mode: prepared
number of clients: 8
number of threads: 1
maximum number of tries: 1
duration: 4 s
number of transactions actually processed: 81234
number of failed transactions: 3 (0.004%)
latency average = 0.393 ms
initial connection time = 12.345 ms
tps = 20345.678901 (without initial connection time)
`;

describe('what pgbench prints', () => {
  test('gives throughput, transactions and failures', () => {
    expect(parseReport(REPORT)).toEqual({ tps: 20345.678901, transactions: 81234, failed: 3 });
  });

  test('gives throughput where every transaction connects', () => {
    const report = REPORT.replace('without initial connection time', 'including reconnection times');
    expect(parseReport(report).tps).toBe(20345.678901);
  });

  test('is no result without its figures', () => {
    expect(() => parseReport('pgbench: error: connection failed')).toThrow('not a report of pgbench');
  });

  test('logs a latency a transaction, and none for a failed one', () => {
    expect(parseLog('0 1 393 0 1700000000 12\n3 2 401 0 1700000000 99\n1 5 failed 0 1700000000 7\n')).toEqual(
      [393, 401],
    );
  });
});

describe('quantiles', () => {
  test.each([
    [[5], 0.5, 5],
    [[1, 2, 3, 4], 0.5, 2.5],
    [[4, 1, 3], 0.5, 3],
    [[10, 0], 0.99, 9.9],
  ])('%j at %d is %d', (values, share, expected) => {
    expect(quantile(values, share)).toBeCloseTo(expected, 10);
  });

  test('of nothing are not a number', () => {
    expect(median([])).toBeNaN();
  });
});
