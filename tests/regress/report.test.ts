/** What `npm run regress` makes of the drivers' words: a run that looks good must be good. */
import { expect, test } from 'vitest';
import { readOutcomes, type SuiteOutcome } from '../../scripts/regress/driver.ts';
import { compareOutcomes, isAsExpected, reportText } from '../../scripts/regress/report.ts';

const outcome = (tests: Record<string, boolean>, failure?: string): SuiteOutcome => ({
  tests: new Map(Object.entries(tests)),
  diffs: new Map(Object.keys(tests).map((name) => [name, `diff of ${name}`])),
  failure,
});

test('outcomes are read as pg_regress prints them, before and since PostgreSQL 16', () => {
  const old = `(using postmaster on 127.0.0.1, port 1)
============== dropping database "regression"         ==============
test tablespace                   ... ok          165 ms
parallel group (3 tests):  boolean char name
     boolean                      ... ok          101 ms
     char                         ... FAILED (test process exited with exit code 2)       87 ms
     name                         ... failed (ignored)      3 ms
========================
 2 of 4 tests failed.`;
  const tap = `# using postmaster on 127.0.0.1, port 1
ok 1         - tablespace                 165 ms
# parallel group (2 tests):  boolean char
not ok 2     + boolean                    101 ms
ok 3         + char                        87 ms
1..3`;
  expect(Object.fromEntries(readOutcomes(old))).toEqual({
    tablespace: true,
    boolean: true,
    char: false,
    name: false,
  });
  expect(Object.fromEntries(readOutcomes(tap))).toEqual({ tablespace: true, boolean: false, char: true });
});

test('tests that come out alike, whichever way, are no difference', () => {
  const report = compareOutcomes('s', outcome({ a: true, b: false }), outcome({ a: true, b: false }));
  expect(report).toMatchObject({ tests: 2, passed: { direct: 1, gate: 1 }, differences: [] });
  expect(isAsExpected(report)).toBe(true);
});

test.each<[string, SuiteOutcome, SuiteOutcome]>([
  ['fails through the gate only', outcome({ a: true }), outcome({ a: false })],
  ['fails direct only', outcome({ a: false }), outcome({ a: true })],
  ['is missing through the gate', outcome({ a: true, b: true }), outcome({ a: true })],
])('a test that %s is told with its diff', (_name, direct, gate) => {
  const report = compareOutcomes('s', direct, gate);
  expect(isAsExpected(report)).toBe(false);
  expect(report.differences).toHaveLength(1);
  expect(report.differences[0]!.diff).toMatch(/^diff of [ab]$/);
  expect(reportText('PostgreSQL 0', [report])).toContain('This is not a known difference.');
});

test('a driver that fails is no success, whatever the tests say', () => {
  const report = compareOutcomes('s', outcome({ a: true }), outcome({ a: true }, 'exit 2: no server'));
  expect(isAsExpected(report)).toBe(false);
  expect(reportText('PostgreSQL 0', [report])).toContain('gate: exit 2: no server');
});
