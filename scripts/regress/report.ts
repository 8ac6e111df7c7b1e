/** What the run of one suite over both ways comes to, and how it is told. Pure. */
import type { SuiteOutcome } from './driver.ts';
import { KNOWN_DIFFERENCES } from './known-differences.ts';
import type { Way } from './way-in.ts';

export interface Difference {
  readonly test: string;
  readonly direct: Outcome;
  readonly gate: Outcome;
  /** Why it may differ; undefined if it may not. */
  readonly reason: string | undefined;
  readonly diff: string;
}

export type Outcome = 'passed' | 'failed' | 'absent';

export interface SuiteReport {
  readonly suite: string;
  readonly tests: number;
  readonly passed: Readonly<Record<Way, number>>;
  readonly differences: readonly Difference[];
  /** Why a driver failed, if one did. */
  readonly failures: readonly string[];
}

export function compareOutcomes(suite: string, direct: SuiteOutcome, gate: SuiteOutcome): SuiteReport {
  const names = [...new Set([...direct.tests.keys(), ...gate.tests.keys()])];
  const differences = names
    .filter((test) => direct.tests.get(test) !== gate.tests.get(test))
    .map((test) => ({
      test,
      direct: outcome(direct, test),
      gate: outcome(gate, test),
      reason: KNOWN_DIFFERENCES[suite]?.[test],
      diff: (gate.tests.get(test) === false ? gate : direct).diffs.get(test) ?? '',
    }));
  const passed = { direct: passes(direct), gate: passes(gate) };
  const failures = [direct.failure, gate.failure].flatMap((failure, i) =>
    failure === undefined ? [] : [`${i === 0 ? 'direct' : 'gate'}: ${failure}`],
  );
  return { suite, tests: names.length, passed, differences, failures };
}

/** True if the suite came out as it has to. */
export function isAsExpected({ differences, failures }: SuiteReport): boolean {
  return failures.length === 0 && differences.every(({ reason }) => reason !== undefined);
}

/** A table in Markdown, and below it what differed. */
export function reportText(version: string, reports: readonly SuiteReport[]): string {
  const rows = reports.map(
    ({ suite, tests, passed }) => `| ${suite} | ${tests} | ${passed.direct} | ${passed.gate} |`,
  );
  const sum = (of: (report: SuiteReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const total = `| **all** | ${sum((r) => r.tests)} | ${sum((r) => r.passed.direct)} | ${sum((r) => r.passed.gate)} |`;
  const differing = reports.flatMap(({ suite, differences }) =>
    differences.map(
      ({ test, direct, gate, reason }) =>
        `- ${suite}: ${test} ${direct} direct and ${gate} through the gate. ${reason ?? 'This is not a known difference.'}`,
    ),
  );
  const failures = reports.flatMap(({ suite, failures }) => failures.map((why) => `- ${suite}: ${why}`));
  return [
    `${version}\n`,
    '| suite | tests | passed direct | passed through the gate |',
    '|---|---|---|---|',
    ...rows,
    total,
    ...(differing.length > 0 ? ['', 'Outcomes that differ:', '', ...differing] : []),
    ...(failures.length > 0 ? ['', 'Drivers that failed:', '', ...failures] : []),
    '',
  ].join('\n');
}

function outcome({ tests }: SuiteOutcome, test: string): Outcome {
  const passed = tests.get(test);
  if (passed === undefined) return 'absent';
  return passed ? 'passed' : 'failed';
}

function passes({ tests }: SuiteOutcome): number {
  return [...tests.values()].filter(Boolean).length;
}
