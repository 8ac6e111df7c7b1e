import { expect, test } from 'vitest';
import { failuresOf, growthOf, type SoakFindings, summaryOf } from './report.ts';

const HELD = { residentMiB: 300, fileDescriptors: 60, sessions: 0, backends: 3 };
const samples = (...residentMiB: number[]) =>
  residentMiB.map((mib, i) => ({ ...HELD, residentMiB: mib, minute: i }));
const GOOD: SoakFindings = {
  ...{
    minutes: 2,
    restarts: 1,
    work: new Map([['COPY', 7]]),
    latencies: [1, 2, 3],
    baseline: HELD,
    end: HELD,
    maxWarm: 2,
  },
  samples: samples(...Array.from({ length: 12 }, () => 310)),
  stream: { gib: 1, seconds: 2, grownMiB: 10 },
  leftBehind: [],
  ...{ committed: 10, lost: 0, ledger: 'ok', ledgerVerifies: true, problems: new Map() },
};

test('a good soak says so', () => {
  expect(failuresOf(GOOD)).toEqual([]);
  expect(summaryOf(GOOD).split('\n').at(-1)).toBe('good');
});

test.each<[Partial<SoakFindings>, RegExp]>([
  [{ end: { ...HELD, sessions: 1 } }, /1 sessions are left/],
  [{ end: { ...HELD, backends: 6 } }, /3 backends are left/],
  [{ end: { ...HELD, fileDescriptors: 90 } }, /30 file descriptors are left/],
  [{ samples: samples(1, 1, 1, 100, 100, 100, 100, 100, 100, 200, 200, 200) }, /memory grows: 2.00/],
  [{ stream: { gib: 10, seconds: 9, grownMiB: 900 } }, /a stream of 10 GiB took 900 MiB more/],
  [{ lost: 1 }, /1 rows that were said to be committed are lost/],
  [{ ledgerVerifies: false }, /ledger does not verify/],
  [{ work: new Map([['COPY', 0]]) }, /nothing was done of: COPY/],
  [{ problems: new Map([['cancels: 08P01', 3]]) }, /3 times: cancels: 08P01/],
])('%j is not good', (found, words) => {
  const findings = { ...GOOD, ...found };
  expect(failuresOf(findings).join()).toMatch(words);
  expect(summaryOf(findings)).toMatch(words);
});

test('growth needs enough samples', () => expect(growthOf(samples(1, 2, 300))).toBe(1));
