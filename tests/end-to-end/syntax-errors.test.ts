/**
 * A text that does not parse is told by the database itself: its words, hints, positions and warnings, whatever its version. It runs nowhere,
 * not even where the database would have taken what the gate's own parser refuses.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { parse, query, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let through: WireTarget;
let direct: WireTarget;

beforeAll(async () => {
  gate = await startGate({ environment: 'dev' });
  const password = await gate.token('alice');
  through = { host: '127.0.0.1', port: gate.port, user: 'alice', password, database: 'shop' };
  const { host, port, user, password: own, database } = gate.database.connection;
  direct = { host, port, user, password: own, database };
});
afterAll(() => gate.stop());

const TEXTS = [
  'SELEC 1',
  'SELECT FROM WHERE',
  'SELECT 1; SELECT 2; SELEC 3',
  "SELECT U&'wrong: \\061'",
  "SELECT E'wrong: \\u061'",
  "SELECT E'\\xZZ' || '\\' FRM x",
  "SELECT 'ends within quotes",
  'SELECT "ends within a name',
  'SELECT $x$ ends within dollars $y$',
  'SELECT 1 /* ends within a comment',
  "SELECT '😀😀' FRM x",
  "SELECT 'ä😀' || 'unterminated",
  '{',
  'SELECT 1 {',
  'SELECT 1\n{',
  "SELECT 'quoted\n{",
  'SELECT 1 -- a comment\n FROM FROM',
  'SELECT 1a b c d',
  `SELECT ${'('.repeat(5_000)}x y z`,
  // What ends too early.
  'SELECT (1',
  'SELECT 1 +',
  'SELECT 1 FROM -- nothing',
  'CREATE TABLE t (',
];
const SIMPLE = (text: string): Buffer => query(text);
const EXTENDED = (text: string): Buffer => Buffer.concat([parse(text), parse('SELECT 1', 'skipped'), sync]);

/** The server's source of an error that was found at the end is that of the gate's stand-in. */
function told(messages: readonly BackendMessage[]): string[] {
  return messages.map((message) =>
    'fields' in message
      ? `${message.type} ${message.fields.entries
          .filter(({ code }) => code !== 'L')
          .map(({ code, value }) => `${code}=${value}`)
          .join(' ')}`
      : JSON.stringify(message),
  );
}

async function play(target: WireTarget, frames: readonly Buffer[]): Promise<string[]> {
  const client = await WireClient.open(target);
  const seen: string[] = [];
  for (const frame of frames) {
    client.send(frame);
    seen.push(...told(await client.untilReady()));
  }
  client.close();
  return seen;
}

test.each([
  ['simple', SIMPLE],
  ['extended', EXTENDED],
])('%s texts are refused in the words of the database', async (_name, message) => {
  const frames = TEXTS.map(message);
  expect(await play(through, frames)).toEqual(await play(direct, frames));
});

test('a text that is refused aborts the transaction, and the next one goes on', async () => {
  const frames = ['BEGIN', 'SELEC 1', 'SELECT 1', 'SELEC 2', 'ROLLBACK', 'SELECT 2'].map(SIMPLE);
  expect(await play(through, frames)).toEqual(await play(direct, frames));
});

test('a text is recorded as refused', async () => {
  await play(through, [query('SELEC recorded')]);
  const refused = (await gate.entries()).filter((entry) => JSON.stringify(entry).includes('SELEC recorded'));
  expect(refused).toHaveLength(1);
  expect(JSON.stringify(refused)).not.toContain('{"kind":"statement-finished"');
});
