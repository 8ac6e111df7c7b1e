/** What the process tells its caller. Documented in `sluice --help`. */
import type { Outcome } from '../model/decision.ts';

export const EXIT = {
  ok: 0,
  /** What was asked could not be done; the message says why. */
  failure: 1,
  /** The command line is wrong. */
  usage: 2,
  /** `check`: the statement would need approval. */
  hold: 3,
  /** `check`: the statement would be refused. */
  deny: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The strictest of the outcomes decides. */
export function exitCodeOf(outcomes: readonly Outcome[]): ExitCode {
  if (outcomes.includes('deny')) return EXIT.deny;
  return outcomes.includes('hold') ? EXIT.hold : EXIT.ok;
}
