/**
 * Each case is played direct and through a gate that permits everything, and has to be answered alike: rows, types, formats, tags,
 * notices, all fields of errors, parameters and transaction states. What may differ stands in `allowed-differences.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONVERSATIONS } from './cases/conversations.ts';
import { PROVOKED } from './cases/error-classes.ts';
import { FUNCTION_CALLS } from './cases/function-calls.ts';
import { READINGS } from './cases/readings.ts';
import { CATALOG_SCRIPTS, COMMANDS, STATEMENT_KINDS, statementsOf } from './cases/statement-kinds.ts';
import { playBoth, requireSame, requireSameScript } from './comparison.ts';
import { FORMS, inForm, type Step } from './conversation.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.stop());

describe.each(FORMS)('statements, %s', (form) => {
  const scripts = Object.keys(STATEMENT_KINDS).filter(
    (name) => form === 'simple' || !CATALOG_SCRIPTS.has(name),
  );
  test.each(scripts)('%s', (name) => requireSameScript(stage, form, name));
});

test('every command of the reference is among them', () => {
  const statements = Object.values(STATEMENT_KINDS).flatMap(statementsOf);
  const missing = COMMANDS.filter((command) => !statements.some((one) => isOf(command, one)));
  expect(missing).toEqual([]);
});

/** How a command's name stands in its statements, where not at their beginning. */
const SPELLINGS: Readonly<Record<string, RegExp>> = {
  'ALTER SYSTEM': /^ALTER SYSTEM SET/,
  'CREATE TABLE AS': /^CREATE TABLE \w+ AS/,
  'SELECT INTO': /^SELECT .* INTO/,
};
function isOf(command: string, statement: string): boolean {
  const words = statement
    .replace(/\s+/g, ' ')
    .replace(/^CREATE (OR REPLACE |UNIQUE |CONSTRAINT )*/, 'CREATE ');
  return SPELLINGS[command]?.test(words) ?? new RegExp(`^${command}\\b`).test(words);
}

describe.each(FORMS)('errors out of and in a transaction, %s', (form) => {
  const steps = new Map<string, Step[]>();
  let played: Awaited<ReturnType<typeof playBoth>>;
  beforeAll(async () => {
    for (const [sqlstate, text] of Object.entries(PROVOKED)) {
      const statements = text.replaceAll('@', stage.gate.database.name).split(' ;; ');
      const then = ['BEGIN', ...statements, 'SELECT 1', 'ROLLBACK'];
      steps.set(
        sqlstate,
        [...statements, ...then].map((statement) => inForm(form, statement)),
      );
    }
    played = await playBoth(stage, [...steps.values()].flat());
  });
  let at = 0;
  test.each(Object.keys(PROVOKED))('%s', (sqlstate) => {
    const from = at;
    at += steps.get(sqlstate)!.length;
    const expected = played.expected.slice(from, at);
    expect(expected.flat().join()).toContain(`C=${sqlstate}"`);
    expect(played.seen.slice(from, at).flat()).toEqual(expected.flat());
  });
});

describe('function calls', () => {
  test.each(Object.keys(FUNCTION_CALLS))('%s', async (name) => {
    await requireSame(stage, FUNCTION_CALLS[name]!);
  });
});

describe('how texts are read', () => {
  test.each(Object.keys(READINGS))('%s', async (name) => {
    await requireSame(stage, READINGS[name]!);
  });
});

describe('conversations', () => {
  test.each(Object.keys(CONVERSATIONS))('%s', async (name) => {
    await requireSame(stage, CONVERSATIONS[name]!);
  });
});
