/**
 * Nobody observes a value they may not see. Every attack first proves that it works on the database itself: it tells the twin
 * databases apart, and does so by their values alone, for played twice on the same one it is told the same. Through the gate
 * it must be told the same on both.
 */
import { appendFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Attack, nameOf, Stage } from './attack-play.ts';
import { ATTACKS } from './attacks/index.ts';
import { startTwins, type TwinGates } from './twin-gates.ts';

let twins: TwinGates;
let stages: Readonly<Record<'rawA' | 'rawB' | 'maskedA' | 'maskedB', Stage>>;
const counts = { attacks: 0, leakingRaw: 0, leakingMasked: 0, answered: 0, refused: 0 };

beforeAll(async () => {
  twins = await startTwins();
  stages = {
    rawA: new Stage(twins.a, 'raw'),
    rawB: new Stage(twins.b, 'raw'),
    maskedA: new Stage(twins.a, 'masked'),
    maskedB: new Stage(twins.b, 'masked'),
  };
});

afterAll(async () => {
  for (const stage of Object.values(stages ?? {})) stage.close();
  await twins?.stop();
  const { attacks, leakingRaw, leakingMasked, answered, refused } = counts;
  console.log(
    `${attacks} attacks: ${leakingRaw} leak on the database itself, ${leakingMasked} through the gate; ` +
      `${answered} answered on masked values, ${refused} refused`,
  );
});

const MAX_PLAYS = 6;

/** What an attack tells is not chance: the same twice. The server's own work may disturb one play (a checkpoint, autovacuum), never all. */
async function steady(stage: Stage, attack: Attack): ReturnType<Stage['play']> {
  let last = await stage.play(attack);
  for (let plays = 2; ; plays++) {
    const again = await stage.play(attack);
    if (isDeepStrictEqual(again.lines, last.lines)) return again;
    if (plays >= MAX_PLAYS) expect(again.lines, 'what it tells is not chance').toEqual(last.lines);
    last = again;
  }
}

describe.each(Object.entries(ATTACKS))('%s', (_, attacks) => {
  it.each(attacks.map((attack): [string, Attack] => [nameOf(attack), attack]))('%s', async (name, attack) => {
    counts.attacks += 1;
    const first = await steady(stages.rawA, attack);
    const other = await stages.rawB.play(attack);
    expect(other.lines, 'it must work on the database itself').not.toEqual(first.lines);
    counts.leakingRaw += 1;
    const seen = await stages.maskedA.play(attack);
    const shown = { name, refusals: seen.refusals, lines: seen.lines };
    const file = process.env.SLUICE_LEAK_OUTCOMES;
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(shown)}\n`);
    const seenB = await stages.maskedB.play(attack);
    if (JSON.stringify(seen) !== JSON.stringify(seenB)) counts.leakingMasked += 1;
    expect(seenB).toEqual(seen);
    counts[seen.refusals.length > 0 ? 'refused' : 'answered'] += 1;
  });
});

it('answers most of them', () => {
  expect(counts.answered).toBeGreaterThan(counts.refused / 2);
});
