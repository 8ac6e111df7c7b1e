/**
 * Names that mean one thing to the gate and another to the database: whatever a client does with prepared statements, portals,
 * cursors, temporary tables, search paths and encodings, what was decided is what runs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { query } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let bob: WireTarget;

beforeAll(async () => {
  gate = await startGate();
  const target = { host: '127.0.0.1', port: gate.port, database: 'shop' };
  bob = { ...target, user: 'bob', password: await gate.token('bob') };
});
afterAll(() => gate.stop());

const SECRET = /person\d|900\d\d\d/;

/** Everything of rows, errors and notices, as text. */
const textOf = (messages: readonly BackendMessage[]): string =>
  messages
    .map((message) => {
      if (message.type === 'DataRow') return message.columns.map((value) => String(value)).join('|');
      if (message.type === 'ErrorResponse' || message.type === 'NoticeResponse')
        return message.fields.entries.map(({ value }) => value.toString()).join('|');
      return '';
    })
    .join('\n');

/** Sends each part and waits for as many ReadyForQuery as it has Syncs and Queries. */
async function play(client: WireClient, ...parts: Buffer[][]): Promise<BackendMessage[]> {
  const seen: BackendMessage[] = [];
  for (const part of parts) {
    client.send(...part);
    const ends = part.filter((frame) => frame[0] === 0x51 || frame[0] === 0x53).length;
    seen.push(...(await client.untilReady(ends)));
  }
  return seen;
}

describe('texts that the database would read differently', () => {
  const SMUGGLED = `SELECT '\\', 1 --', email FROM customers`;
  test('standard_conforming_strings at start-up', async () => {
    const options = new Map([['options', '-c standard_conforming_strings=off']]);
    const seen = await WireClient.open(bob, options).then(
      async (client) => textOf(await play(client, [query(SMUGGLED)])),
      (error) => String(error),
    );
    expect(seen).not.toMatch(SECRET);
    expect(seen).toContain('28000');
  });
  test('role at start-up', async () => {
    const options = new Map([['role', 'pg_read_all_data']]);
    await expect(WireClient.open(bob, options)).rejects.toThrow('28000');
  });
});
