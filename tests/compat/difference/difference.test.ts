/**
 * Each case is played direct and through a gate that permits everything, and has to be answered alike: rows, types, formats, tags,
 * notices, all fields of errors, parameters and transaction states. What may differ stands in `allowed-differences.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONVERSATIONS } from './cases/conversations.ts';
import { FUNCTION_CALLS } from './cases/function-calls.ts';
import { isFastReading, READINGS } from './cases/readings.ts';
import { COMMANDS, isFastScript, STATEMENT_KINDS, statementsOf } from './cases/statement-kinds.ts';
import { requireSame, requireSameScript, testErrors } from './comparison.ts';
import { FORMS } from './conversation.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.stop());

describe.each(FORMS)('statements, %s', (form) => {
  const scripts = Object.keys(STATEMENT_KINDS).filter((name) => isFastScript(name, form === 'simple'));
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

describe.each(['simple', 'extended, binary'] as const)('errors out of and in a transaction, %s', (form) => {
  testErrors(() => stage, form);
});

describe('function calls', () => {
  test.each(Object.keys(FUNCTION_CALLS))('%s', async (name) => {
    await requireSame(stage, FUNCTION_CALLS[name]!);
  });
});

describe('how texts are read', () => {
  test.each(Object.keys(READINGS).filter(isFastReading))('%s', async (name) => {
    await requireSame(stage, READINGS[name]!);
  });
});

describe('conversations', () => {
  test.each(Object.keys(CONVERSATIONS))('%s', async (name) => {
    await requireSame(stage, CONVERSATIONS[name]!);
  });
});
