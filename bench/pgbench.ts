/**
 * Runs Debian's pgbench and reads what it measured: throughput from its report, latencies from its transaction log, since
 * the report knows averages only.
 *
 * @see https://www.postgresql.org/docs/current/pgbench.html
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, quantile } from './statistics.ts';

/** Where a run connects, and as whom. */
export interface BenchTarget {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export type QueryMode = 'simple' | 'extended' | 'prepared';

export interface BenchRun {
  readonly clients: number;
  readonly mode: QueryMode;
  /** Exactly one of the two. */
  readonly seconds?: number;
  readonly transactions?: number;
  /** A script of pgbench; without it the built-in select-only one runs. */
  readonly script?: string;
  /** A new connection for each transaction. */
  readonly connect?: boolean;
}

export interface BenchResult {
  readonly tps: number;
  readonly transactions: number;
  readonly failed: number;
  /** Microseconds. */
  readonly medianUs: number;
  readonly p99Us: number;
}

/** @throws Error with pgbench's own words if it fails or any of its clients was aborted */
export async function runPgbench(target: BenchTarget, run: BenchRun): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    const report = await pgbench(target, [
      ...argumentsOf(run),
      '--log',
      '--log-prefix',
      join(directory, 'log'),
    ]);
    const latencies = readdirSync(directory).flatMap((file) =>
      parseLog(readFileSync(join(directory, file), 'utf8')),
    );
    return { ...parseReport(report), medianUs: median(latencies), p99Us: quantile(latencies, 0.99) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Fills the tables of pgbench: 100,000 accounts per unit of scale. */
export async function initialisePgbench(target: BenchTarget, scale: number): Promise<void> {
  await pgbench(target, ['--initialize', '--quiet', `--scale=${scale}`]);
}

/** Runs pgbench with `args`; resolves to what it printed. */
export function pgbench(target: BenchTarget, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('pgbench', [...args, target.database], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PGHOST: '127.0.0.1',
        PGPORT: String(target.port),
        PGUSER: target.user,
        PGPASSWORD: target.password,
        // The peers are compared without encryption: PgBouncer and the relay would have none.
        PGSSLMODE: 'disable',
        PGGSSENCMODE: 'disable',
      },
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && !err.includes('aborted')) resolve(out);
      else reject(new Error(`pgbench ${args.join(' ')} failed (${code}): ${err.trim()}`));
    });
  });
}

/** The figures of pgbench's final report. @throws Error if it is not one */
export function parseReport(report: string): { tps: number; transactions: number; failed: number } {
  const figure = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(report)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const tps = figure(/^tps = ([\d.]+) \((?:without initial connection time|including reconnection times)\)/m);
  const transactions = figure(/^number of transactions actually processed: (\d+)/m);
  if (tps === undefined || transactions === undefined) throw new Error(`not a report of pgbench: ${report}`);
  return { tps, transactions, failed: figure(/^number of failed transactions: (\d+)/m) ?? 0 };
}

/** The latencies, in microseconds, of a transaction log: the third field of each line. Failed ones have none. */
export function parseLog(log: string): number[] {
  return log.split('\n').flatMap((line) => {
    const field = line.split(' ', 3)[2];
    return field === undefined || !/^\d+$/.test(field) ? [] : [Number(field)];
  });
}

function argumentsOf(run: BenchRun): string[] {
  return [
    '--no-vacuum',
    `--client=${run.clients}`,
    '--jobs=1',
    `--protocol=${run.mode}`,
    ...(run.seconds === undefined ? [`--transactions=${run.transactions ?? 1}`] : [`--time=${run.seconds}`]),
    ...(run.connect === true ? ['--connect'] : []),
    ...(run.script === undefined ? ['--select-only'] : [`--file=${run.script}`]),
  ];
}
