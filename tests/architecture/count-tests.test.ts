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

const passed = { status: 'passed', fullName: 'holds' };
const failed = { status: 'failed', fullName: 'breaks', failureMessages: ['Error: it broke\n    at a.ts:1'] };
const passing = { name: 'a.ts', status: 'passed', assertionResults: [passed, passed] };
const failing = { name: 'b.ts', status: 'failed', assertionResults: [passed, failed] };
const broken = { name: 'c.ts', status: 'failed', message: 'no such module\nat c.ts', assertionResults: [] };
const brokenAfterwards = { name: 'd.ts', status: 'failed', message: '', assertionResults: [passed] };

const count = (file: string) =>
  execFileSync(process.execPath, [SCRIPT, file], { encoding: 'utf8' }).trim().split('\n');

test.each([
  ['what passed and what failed', 3, [passing, failing], ['3 1', 'b.ts: breaks: Error: it broke']],
  ['a file that does not load', 2, [passing, broken], ['2 1', 'c.ts: no such module']],
  ['a clean-up that fails', 3, [passing, brokenAfterwards], ['3 1', 'd.ts:']],
])('counts and names %s', (name, numPassedTests, testResults, told) => {
  const file = join(directory, `${name}.json`);
  writeFileSync(file, JSON.stringify({ numPassedTests, testResults }));
  expect(count(file)).toEqual(told);
});

test('counts a report that is none as a failure', () => {
  const file = join(directory, 'gibberish.json');
  writeFileSync(file, 'gibberish');
  expect(count(file)).toEqual(['0 1', expect.stringContaining('gibberish')]);
});

test('counts a report that was never written as a failure', () => {
  expect(count(join(directory, 'missing.json'))).toEqual(['0 1', expect.stringContaining('missing.json')]);
});
