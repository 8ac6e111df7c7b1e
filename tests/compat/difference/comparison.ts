/** Plays cases on both sides of a stage and requires that they are answered alike. */
import { beforeAll, expect, test } from 'vitest';
import { PROVOKED } from './cases/error-classes.ts';
import { STATEMENT_KINDS, statementsOf } from './cases/statement-kinds.ts';
import { type Form, inForm, play, type Step } from './conversation.ts';
import type { Stage } from './stage.ts';

export interface BothSides {
  /** The database's own answers, a list a step. */
  readonly expected: readonly (readonly string[])[];
  readonly seen: readonly (readonly string[])[];
}

export async function playBoth(stage: Stage, steps: readonly Step[]): Promise<BothSides> {
  const others = (sql: string) => stage.gate.database.query(sql);
  await stage.reset();
  const expected = await play(stage.direct, steps, others);
  expect(expected, 'the conversation has to come to its end').toHaveLength(steps.length);
  await stage.reset();
  return { expected, seen: await play(stage.through, steps, others) };
}

export async function requireSame(stage: Stage, steps: readonly Step[]): Promise<void> {
  const { expected, seen } = await playBoth(stage, steps);
  // Flat, so that a failure shows the lines that differ.
  expect(seen.flat()).toEqual(expected.flat());
}

/** A script of `STATEMENT_KINDS`. */
export async function requireSameScript(stage: Stage, form: Form, name: string): Promise<void> {
  const script = STATEMENT_KINDS[name]!.replaceAll('@', stage.gate.database.name);
  await requireSame(
    stage,
    statementsOf(script).map((statement) => inForm(form, statement)),
  );
}

/** Declares a test for each SQLSTATE of `PROVOKED`, in one session on either side. */
export function testErrors(stage: () => Stage, form: Form): void {
  const parts = new Map<string, readonly [from: number, to: number]>();
  let played: BothSides;
  beforeAll(async () => {
    const steps: Step[] = [];
    for (const [sqlstate, text] of Object.entries(PROVOKED)) {
      const provoke = text.replaceAll('@', stage().gate.database.name).split(' ;; ');
      const texts = [...provoke, 'BEGIN', ...provoke, 'SELECT 1', 'ROLLBACK'];
      parts.set(sqlstate, [steps.length, steps.length + texts.length]);
      steps.push(...texts.map((each) => inForm(form, each)));
    }
    played = await playBoth(stage(), steps);
  });
  test.each(Object.keys(PROVOKED))('%s', (sqlstate) => {
    const [from, to] = parts.get(sqlstate)!;
    const expected = played.expected.slice(from, to);
    expect(expected.flat().join()).toContain(`C=${sqlstate}"`);
    expect(played.seen.slice(from, to).flat()).toEqual(expected.flat());
  });
}
