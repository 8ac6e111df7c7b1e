/**
 * Prints `<passed> <failed>` of a vitest JSON report. A file that failed without any failed test (it does not load, or
 * its set-up failed) counts as one failure, and so does a report that is missing.
 */
import { readFileSync } from 'node:fs';

function count(path) {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return [report.numPassedTests, report.numFailedTests + broken.length];
}

try {
  console.log(count(process.argv[2]).join(' '));
} catch {
  console.log('0 1');
}
