/** What a soak found, in words, and whether it is good. Pure. */
import { quantile } from '../../bench/statistics.ts';
import type { Holdings } from './stage.ts';

/** Minutes since the start, and what was held then. */
export interface Sample extends Holdings {
  readonly minute: number;
}

export interface SoakFindings {
  readonly minutes: number;
  readonly restarts: number;
  /** Units of work by kind of load. */
  readonly work: ReadonlyMap<string, number>;
  /** Milliseconds of a small statement over a session that is open, beside the load. */
  readonly latencies: readonly number[];
  readonly samples: readonly Sample[];
  readonly baseline: Holdings;
  /** Backends that may be kept for sessions to come. */
  readonly maxWarm: number;
  /** After the load, once everything had time to end. */
  readonly end: Holdings;
  /** Of the stream of one large result, by itself. */
  readonly stream: { readonly gib: number; readonly seconds: number; readonly grownMiB: number };
  /** Backends at the end, in words: what they are and what they did last. */
  readonly leftBehind: readonly string[];
  readonly committed: number;
  readonly lost: number;
  readonly ledger: string;
  readonly ledgerVerifies: boolean;
  /** What no load expected, each with how often it came. */
  readonly problems: ReadonlyMap<string, number>;
}

/** Descriptors that a process may have more of for good reasons: caches of files, the metrics' own connection. */
const SPARE_DESCRIPTORS = 12;
/** How much the last quarter of a soak may hold beyond its second quarter, when caches have filled. */
const MAX_GROWTH = 1.4;
const MAX_STREAM_GROWTH_MIB = 128;
/** A shorter one is over before the process has warmed up. */
const TELLING_STREAM_GIB = 4;
const MAX_PROBLEMS = 30;

/** Everything that is wrong; empty if the soak is good. */
export function failuresOf(findings: SoakFindings): string[] {
  const { baseline, end, maxWarm, stream, samples } = findings;
  const failures: string[] = [];
  if (end.sessions > baseline.sessions)
    failures.push(`${end.sessions - baseline.sessions} sessions are left`);
  if (end.backends > baseline.backends + maxWarm)
    failures.push(`${end.backends - baseline.backends} backends are left`);
  if (end.fileDescriptors > baseline.fileDescriptors + maxWarm + SPARE_DESCRIPTORS)
    failures.push(`${end.fileDescriptors - baseline.fileDescriptors} file descriptors are left`);
  const growth = growthOf(samples);
  if (growth > MAX_GROWTH)
    failures.push(`memory grows: ${growth.toFixed(2)} times from the second to the last quarter`);
  if (stream.gib >= TELLING_STREAM_GIB && stream.grownMiB > MAX_STREAM_GROWTH_MIB)
    failures.push(
      `a stream of ${stream.gib} GiB took ${stream.grownMiB} MiB more memory the longer it went on`,
    );
  if (findings.lost > 0) failures.push(`${findings.lost} rows that were said to be committed are lost`);
  if (!findings.ledgerVerifies) failures.push('the ledger does not verify');
  for (const [name, units] of findings.work) if (units === 0) failures.push(`nothing was done of: ${name}`);
  for (const [problem, times] of [...findings.problems].slice(0, MAX_PROBLEMS))
    failures.push(`${times} times: ${problem}`);
  if (findings.problems.size > MAX_PROBLEMS)
    failures.push(`${findings.problems.size - MAX_PROBLEMS} more kinds of problems`);
  return failures;
}

/** The median of the last quarter in terms of that of the second; 1 where there are too few samples to tell. */
export function growthOf(samples: readonly Sample[]): number {
  const quarter = Math.floor(samples.length / 4);
  if (quarter < 3) return 1;
  const medianOf = (part: readonly Sample[]): number =>
    quantile(
      part.map(({ residentMiB }) => residentMiB),
      0.5,
    );
  return medianOf(samples.slice(-quarter)) / medianOf(samples.slice(quarter, 2 * quarter));
}

export function summaryOf(findings: SoakFindings): string {
  const { latencies, samples, baseline, end, stream, work } = findings;
  const at = (fraction: number): string => `${quantile([...latencies], fraction).toFixed(1)} ms`;
  const every = Math.max(1, Math.ceil(samples.length / 12));
  const failures = failuresOf(findings);
  const holdings = ({ residentMiB, fileDescriptors, sessions, backends }: Holdings): string =>
    `${residentMiB} MiB, ${fileDescriptors} file descriptors, ${sessions} sessions, ${backends} backends`;
  return [
    `${findings.minutes} minutes, ${findings.restarts} restarts of the database`,
    '',
    ...[...work].map(([name, units]) => `${String(units).padStart(8)}  ${name}`),
    '',
    `a small statement beside all that: median ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)} (${latencies.length} times)`,
    `a stream of ${stream.gib} GiB: ${stream.seconds.toFixed(1)} s, ${stream.grownMiB} MiB more memory than while its first quarter passed`,
    '',
    'over time:',
    ...samples
      .filter((_, i) => i % every === 0)
      .map((sample) => `  ${sample.minute.toFixed(1).padStart(6)} min  ${holdings(sample)}`),
    `before:      ${holdings(baseline)}`,
    `afterwards:  ${holdings(end)}`,
    ...findings.leftBehind.map((one) => `             ${one}`),
    `committed:   ${findings.committed}, lost: ${findings.lost}`,
    `ledger:      ${findings.ledger}`,
    '',
    failures.length === 0 ? 'good' : `NOT GOOD\n${failures.map((failure) => `- ${failure}`).join('\n')}`,
  ].join('\n');
}
