/**
 * Prints `<passed> <failed>` of a vitest JSON report, then each failure: its file, name and the first line of its message. A
 * file that failed without any failed test (it does not load, or its set-up failed) counts as one failure, and so does a
 * report that is missing.
 */
import { readFileSync } from 'node:fs';

const firstLine = (text) =>
  String(text ?? '')
    .split('\n', 1)[0]
    .slice(0, 300);

function failures(report) {
  return report.testResults
    .filter((file) => file.status === 'failed')
    .flatMap((file) => {
      const tests = file.assertionResults.filter((test) => test.status === 'failed');
      if (tests.length === 0) return [`${file.name}: ${firstLine(file.message)}`];
      return tests.map((test) => `${file.name}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
    });
}

try {
  const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  const failed = failures(report);
  console.log([`${report.numPassedTests} ${failed.length}`, ...failed].join('\n'));
} catch (cause) {
  console.log(`0 1\nno report: ${cause.message}`);
}
