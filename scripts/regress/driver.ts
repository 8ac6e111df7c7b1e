/** Runs PostgreSQL's own test driver on one suite over one way in, and reads what it says of each test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveTo, type ServerAccount } from '../../src/cli/demo/postgres-binaries.ts';
import { SUPERUSER } from './cluster.ts';
import type { Suite } from './suites.ts';
import type { WayIn } from './way-in.ts';

export interface SuiteOutcome {
  /** Test → whether it passed, in the order of the run. */
  readonly tests: ReadonlyMap<string, boolean>;
  /** Test → how its output differs from what is expected. */
  readonly diffs: ReadonlyMap<string, string>;
  /** Why the driver itself failed, if it did. */
  readonly failure: string | undefined;
}

/** A suite that takes longer hangs. */
const SUITE_TIMEOUT_MS = 3 * 60 * 60_000;

/** `     name ... ok`, `test name ... FAILED`, and as TAP since PostgreSQL 16: `ok 1 - name`, `not ok 2 + name`. */
const OUTCOME = /^(?:test |\s+)(\S+)\s+\.\.\. (ok|FAILED|failed)|^(not ok|ok)\s+\d+\s+[-+]\s+(\S+)/;

/** @param directory where the driver writes; the server's account can write there, too. The caller removes it. */
export async function runSuite(
  suite: Suite,
  way: WayIn,
  tree: string,
  directory: string,
  account: ServerAccount | undefined,
  only: readonly string[],
): Promise<SuiteOutcome> {
  const output = join(directory, 'output');
  mkdirSync(output);
  giveTo(account, output);
  const top = suite.driver === 'pg_regress' ? 'src/test/regress' : 'src/test/isolation';
  const child = spawn(
    join(tree, top, suite.driver),
    [
      ...[`--inputdir=${suite.directory}`, `--outputdir=${output}`, `--dbname=${suite.database}`],
      ...[`--bindir=${join(tree, 'installed/bin')}`, '--host=127.0.0.1', `--port=${way.port}`],
      ...[`--user=${SUPERUSER}`, ...selected(suite, only)],
    ],
    {
      cwd: suite.directory,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: directory,
        LANG: 'C',
        PGPASSWORD: way.password,
        PGSSLMODE: 'disable',
        PGCONNECT_TIMEOUT: '60',
      },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...account,
    },
  );
  let said = '';
  const log = createWriteStream(join(directory, 'driver.log'));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      log.write(text);
    });
  }
  const endGroup = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(endGroup, SUITE_TIMEOUT_MS);
  process.once('exit', endGroup);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('exit', endGroup);
  clearTimeout(timer);
  log.end();
  const tests = readOutcomes(said);
  // 1 says that tests failed; anything else, and a run without tests, that the driver did.
  const driverFailed = tests.size === 0 || (code !== 0 && code !== 1);
  return {
    tests,
    diffs: readDiffs(join(output, 'regression.diffs')),
    failure: driverFailed ? `exit ${code}: ${said.slice(-2_000)}` : undefined,
  };
}

/** The tests asked for instead of the schedule, if any are. */
function selected({ args }: Suite, only: readonly string[]): readonly string[] {
  if (only.length === 0) return args;
  return [...args.filter((arg) => arg.startsWith('--') && !arg.startsWith('--schedule')), ...only];
}

export function readOutcomes(said: string): Map<string, boolean> {
  const tests = new Map<string, boolean>();
  for (const line of said.split('\n')) {
    const [, name, word, tap, tapName] = OUTCOME.exec(line) ?? [];
    if (name !== undefined) tests.set(name, word === 'ok');
    else if (tapName !== undefined) tests.set(tapName, tap === 'ok');
  }
  return tests;
}

/** regression.diffs, taken apart by test. */
function readDiffs(file: string): Map<string, string> {
  const diffs = new Map<string, string>();
  if (!existsSync(file)) return diffs;
  for (const part of readFileSync(file, 'latin1').split(/^(?=diff )/m)) {
    const name = /^diff .*\/results\/(\S+)\.out$/m.exec(part.slice(0, part.indexOf('\n')))?.[1];
    if (name !== undefined) diffs.set(name, part);
  }
  return diffs;
}
