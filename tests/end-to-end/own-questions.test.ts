/**
 * What the gate asks a session's backend to follow its names and settings leaves no trace in the session: no schema, no
 * snapshot, no transaction id that the client's own messages would not have made.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { transcribe } from '../support/transcript.ts';
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

async function play(target: WireTarget, texts: readonly string[]): Promise<string[]> {
  const client = await WireClient.open(target);
  const seen: string[] = [];
  for (const text of texts) {
    client.send(query(text));
    seen.push(...(await client.untilReady()).map(transcribe));
  }
  client.close();
  return seen;
}

const CONVERSATIONS: Record<string, string[]> = {
  'no temporary schema': [
    "SET search_path = 'pg_temp'",
    'SELECT pg_my_temp_schema()',
    'SET search_path = PG_TEMP, "$user", nosuch, public',
    'SELECT count(*) FROM orders',
    'SELECT pg_my_temp_schema()',
    'CREATE TABLE orders (a int)',
    'SELECT * FROM orders',
    'DROP TABLE orders',
    'SELECT count(*) FROM orders',
  ],
  'no temporary schema in a transaction': [
    'BEGIN',
    "SET LOCAL search_path = 'pg_temp'",
    'SELECT 1',
    'SELECT pg_my_temp_schema(), pg_current_xact_id_if_assigned() IS NULL',
    'ROLLBACK',
  ],
  'no snapshot before the transaction is set up': [
    'BEGIN',
    'SET LOCAL search_path = pg_catalog, public',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SELECT count(*) FROM orders',
    'COMMIT',
  ],
  'no snapshot after the path was set before': [
    'SET search_path = public, pg_catalog',
    'BEGIN',
    'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
    'SELECT count(*) FROM orders',
    'COMMIT',
  ],
  'no statement prepared': ['SET search_path = public', 'SELECT name FROM pg_prepared_statements'],
};

test.each(Object.keys(CONVERSATIONS))('%s', async (name) => {
  const expected = await play(direct, CONVERSATIONS[name]!);
  expect(await play(through, CONVERSATIONS[name]!)).toEqual(expected);
});

test('a session goes on while somebody who waits for it keeps others from the catalog', async () => {
  const [client, other] = [await WireClient.open(through), await WireClient.open(through)];
  const waiting = await gate.database.client();
  const isWaiting = `SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted`;
  // New connections would have to wait as well; this one knows all it needs.
  const observer = await gate.database.client();
  await observer.query(isWaiting);
  client.send(query('BEGIN; LOCK TABLE pg_class IN ROW EXCLUSIVE MODE'));
  await client.untilReady();
  // From now on the catalog has to be read anew.
  other.send(query('CREATE TABLE made_meanwhile (a int)'));
  await other.untilReady();
  await waiting.query('BEGIN');
  const locked = waiting.query('LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE');
  await expect.poll(async () => (await observer.query(isWaiting)).rowCount).toBe(1);
  client.send(query('SELECT count(*) FROM orders WHERE id < 8'));
  const answer = (await client.untilReady()).map(transcribe).join('\n');
  expect(answer).toContain('"columns":["7"]');
  client.send(query('COMMIT'));
  await client.untilReady();
  await locked;
  await waiting.query('ROLLBACK');
  client.close();
  other.close();
});

test('a name that nobody knows is the database’s affair while the catalog is locked', async () => {
  const holder = await gate.database.client();
  const client = await WireClient.open(through);
  client.send(query('SELECT 1'));
  await client.untilReady();
  await holder.query('BEGIN; LOCK TABLE pg_trigger IN ACCESS EXCLUSIVE MODE');
  client.send(query('SELECT FROM nosuch'));
  const told = (await client.untilReady()).map(transcribe).join('\n');
  await holder.query('ROLLBACK');
  expect(told).toContain('relation \\"nosuch\\" does not exist');
  client.close();
});
