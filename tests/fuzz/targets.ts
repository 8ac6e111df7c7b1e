/** What is fuzzed: for each target the cases there are and how one is played. */
import fc from 'fast-check';
import { decodingArbitrary, playDecoding, playScram, scramArbitrary } from './decoding.ts';
import {
  clientArbitrary,
  playHostileClient,
  playHostileStartup,
  startupArbitrary,
} from './hostile-client.ts';
import { databaseArbitrary, playHostileDatabase } from './hostile-database.ts';
import type { Stage } from './stage.ts';

/** Plays cases of one kind. Failures of the gate are thrown as errors. */
export interface Target {
  readonly name: string;
  readonly needsGate: boolean;
  /** Plays `runs` random cases. */
  check(stage: Stage | undefined, options: CheckOptions): Promise<Failure | undefined>;
  /** Plays one case that was written down. */
  replay(stage: Stage | undefined, one: unknown): Promise<void>;
}

export interface CheckOptions {
  readonly seed: number;
  readonly runs: number;
  /** Which of the hostile databases. */
  readonly lane: number;
}

export interface Failure {
  /** The smallest case that was found to fail, as JSON. */
  readonly case: unknown;
  readonly seed: number;
  readonly error: unknown;
}

function target<T>(
  name: string,
  needsGate: boolean,
  cases: fc.Arbitrary<T>,
  play: (stage: Stage | undefined, one: T, lane: number) => Promise<void>,
): Target {
  return {
    name,
    needsGate,
    check: async (stage, { seed, runs, lane }) => {
      const property = fc.asyncProperty(cases, (one) => play(stage, one, lane));
      const details = await fc.check(property, { seed, numRuns: runs, interruptAfterTimeLimit: 300_000 });
      if (!details.failed || details.counterexample === null) return undefined;
      return { case: details.counterexample[0], seed, error: details.errorInstance };
    },
    replay: (stage, one) => play(stage, one as T, 0),
  };
}

function needed(stage: Stage | undefined): Stage {
  if (stage === undefined) throw new TypeError('this target needs a gate');
  return stage;
}

export const TARGETS: readonly Target[] = [
  target('decoding', false, decodingArbitrary, async (_, one) => playDecoding(one)),
  target('scram', false, scramArbitrary, (_, one) => playScram(one)),
  target('startup', true, startupArbitrary, (stage, one) => playHostileStartup(needed(stage), one)),
  target('client', true, clientArbitrary, (stage, one) => playHostileClient(needed(stage), one)),
  target('database', true, databaseArbitrary, (stage, one, lane) =>
    playHostileDatabase(needed(stage), lane, one),
  ),
];
