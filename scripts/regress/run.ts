/**
 * `npm run regress -- <tree> [--suite <name>…] [--tests <name>…] [--keep <directory>]`: runs the suites that come with PostgreSQL's
 * source against a server of that version, direct and through the gate, and tells every test whose outcome differs, with the diff.
 * Exits with 1 if one differs that is not a known difference. How to get a tree, and how it is run: docs/regression.md.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { giveTo, serverAccount } from '../../src/cli/demo/postgres-binaries.ts';
import { startCluster } from './cluster.ts';
import { runSuite, type SuiteOutcome } from './driver.ts';
import { compareOutcomes, isAsExpected, reportText, type SuiteReport } from './report.ts';
import { type Suite, suitesOf } from './suites.ts';
import { openWay, type Way } from './way-in.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: 'string', multiple: true, default: [] },
    tests: { type: 'string', multiple: true, default: [] },
    keep: { type: 'string' },
  },
});
const tree = resolve(positionals[0] ?? '');
const bin = join(tree, 'installed/bin');
if (positionals.length !== 1 || !existsSync(join(bin, 'postgres'))) {
  console.error('usage: npm run regress -- <built source tree of PostgreSQL>; see docs/regression.md');
  process.exit(2);
}
const account = serverAccount();
const root =
  values.keep === undefined ? mkdtempSync(join(tmpdir(), 'sluice-regress-')) : resolve(values.keep);
mkdirSync(root, { recursive: true });
chmodSync(root, 0o755);

async function runOver(way: Way, suite: Suite): Promise<SuiteOutcome> {
  const directory = join(root, suite.name.replaceAll(/\W+/g, '-'), way);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  giveTo(account, directory);
  const cluster = await startCluster(bin, directory, account, suite.settings);
  try {
    const wayIn = await openWay(way, cluster, suite.database, directory);
    try {
      return await runSuite(suite, wayIn, tree, directory, account, values.tests);
    } finally {
      writeFileSync(join(directory, 'gateway.log'), wayIn.log());
      await wayIn.close();
    }
  } finally {
    await cluster.stop();
    rmSync(join(directory, 'data'), { recursive: true, force: true });
  }
}

/** A server or gateway that does not start fails its suite, and no other. */
async function outcomeOver(way: Way, suite: Suite): Promise<SuiteOutcome> {
  try {
    return await runOver(way, suite);
  } catch (thrown) {
    return { tests: new Map(), diffs: new Map(), failure: String(thrown) };
  }
}

const reports: SuiteReport[] = [];
for (const suite of suitesOf(tree)) {
  if (values.suite.length > 0 && !values.suite.includes(suite.name)) continue;
  const direct = await outcomeOver('direct', suite);
  const gate = await outcomeOver('gate', suite);
  const report = compareOutcomes(suite.name, direct, gate);
  reports.push(report);
  const { passed, tests, differences, failures } = report;
  console.log(`${suite.name}: direct ${passed.direct} of ${tests}, gate ${passed.gate} of ${tests}`);
  for (const { test, reason, diff } of differences) {
    console.log(`--- ${suite.name}: ${test} differs${reason === undefined ? '' : `, as it may: ${reason}`}`);
    if (reason === undefined) console.log(diff);
  }
  for (const failure of failures) console.log(`--- ${suite.name}: ${failure}`);
}
const version = execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim();
const text = reportText(version, reports);
console.log(`\n${text}`);
if (values.keep === undefined) rmSync(root, { recursive: true, force: true });
else writeFileSync(join(root, 'report.md'), text);
process.exitCode = reports.length > 0 && reports.every(isAsExpected) ? 0 : 1;
