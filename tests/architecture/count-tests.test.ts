/** `.ci/run` ends with a count that people trust: it has to be true. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../.ci/count-tests.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'sluice-count-'));
afterAll(() => rmSync(directory, { recursive: true }));

const passing = { status: 'passed', assertionResults: [{ status: 'passed' }, { status: 'passed' }] };
const failing = { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] };
const broken = { status: 'failed', assertionResults: [] };
const brokenAfterwards = { status: 'failed', assertionResults: [{ status: 'passed' }] };

test.each([
  [
    'what passed and what failed',
    { numPassedTests: 3, numFailedTests: 1, testResults: [passing, failing] },
    '3 1',
  ],
  [
    'a file that does not load',
    { numPassedTests: 2, numFailedTests: 0, testResults: [passing, broken] },
    '2 1',
  ],
  [
    'a clean-up that fails',
    { numPassedTests: 3, numFailedTests: 0, testResults: [passing, brokenAfterwards] },
    '3 1',
  ],
  ['a report that is none', 'gibberish', '0 1'],
])('counts %s', (name, report, counted) => {
  const file = join(directory, `${name}.json`);
  writeFileSync(file, typeof report === 'string' ? report : JSON.stringify(report));
  expect(execFileSync(process.execPath, [SCRIPT, file], { encoding: 'utf8' }).trim()).toBe(counted);
});

test('counts a report that was never written as a failure', () => {
  const missing = join(directory, 'missing.json');
  expect(execFileSync(process.execPath, [SCRIPT, missing], { encoding: 'utf8' }).trim()).toBe('0 1');
});
