/**
 * What a text means while `standard_conforming_strings` is off, asked of the server: the text that the gate plans in its place must mean
 * the same under either setting, whatever stands in it.
 */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parsableText } from '../../src/sql/postgres/lexer.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const RUNS = Number(process.env.SLUICE_RUNS ?? 1_500);
const SEED = Number(process.env.SLUICE_SEED ?? 20_261);

let database: TestDatabase;
let on: pg.Client;
let off: pg.Client;
beforeAll(async () => {
  database = await createDatabase('backslashes');
  on = await database.client();
  off = await database.client();
  await off.query('SET standard_conforming_strings = off; SET escape_string_warning = off');
});
afterAll(() => database.drop());

async function meaning(client: pg.Client, text: string): Promise<string> {
  try {
    const result = await client.query({ text, rowMode: 'array' });
    const results = Array.isArray(result) ? (result as pg.QueryArrayResult[]) : [result];
    return JSON.stringify(results.map(({ rows, fields }) => [rows, fields.map(({ name }) => name)]));
  } catch (thrown) {
    return `error ${(thrown as { code?: string }).code}`;
  }
}

const piece = fc.constantFrom(
  ...["'", "''", "\\'", '\\\\', '\\', '\\n', '\\x41', '\n', ' ', ', ', '--', ' -- c\n', "-- '\n", '/*', '*/'],
  ...['E', 'e', 'N', 'n', 'B', 'x', 'U&', '$$', '$a$', '$', '"', '1', 'ab', 'é', ';', '||', '(', ')', 'AS '],
  ...["'a'", "'a\\'b'", "'a\\\\'", "'\n'", "' -- c\n'", "E'x\\ty'", "N'x\\ty'", "B'1'", '"a\\"'],
);
const text = fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => `SELECT ${pieces.join('')}`);

test(`${RUNS} texts mean the same once their strings are marked`, { timeout: 120_000 }, async () => {
  let parsed = 0;
  await fc.assert(
    fc.asyncProperty(text, async (written) => {
      const { text: read } = parsableText(written, false);
      const expected = await meaning(off, written);
      if (!expected.startsWith('error')) parsed += 1;
      // The server refuses U&'…' while the setting is off; anything else it must not know from what was written.
      if (expected === 'error 0A000') return;
      expect(await meaning(off, read)).toBe(expected);
      expect(await meaning(on, read)).toBe(expected);
    }),
    { seed: SEED, numRuns: RUNS },
  );
  // Texts that do not parse prove little.
  expect(parsed).toBeGreaterThan(RUNS / 50);
});

test('comments within strings are blanked without changing what a text means', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(text, async (written) => {
      const { text: read } = parsableText(written, true);
      expect(read).toHaveLength(written.length);
      expect(await meaning(on, read)).toBe(await meaning(on, written));
    }),
    { seed: SEED, numRuns: RUNS / 3 },
  );
});
