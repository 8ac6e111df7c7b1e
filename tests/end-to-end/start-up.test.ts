/** What a client is greeted with, and what its cancel key is good for. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { query as q } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let through: WireTarget;
let direct: WireTarget;

beforeAll(async () => {
  gate = await startGate({ environment: 'dev' });
  through = {
    host: '127.0.0.1',
    port: gate.port,
    user: 'alice',
    password: await gate.token('alice'),
    database: 'shop',
  };
  const { host, port, user, password, database } = gate.database.connection;
  direct = { host, port, user, password, database };
});
afterAll(() => gate.stop());

describe('start-up', () => {
  test('reports the same parameters, and a key of its own', async () => {
    const [one, other] = [await WireClient.open(direct), await WireClient.open(through)];
    expect(Object.fromEntries(other.parameters)).toEqual(Object.fromEntries(one.parameters));
    expect(other.key?.secret).toHaveLength(4);
    one.close();
    other.close();
  });

  test('protocol 3.2 gets a long key', async () => {
    const client = await WireClient.open(through, new Map(), 2);
    expect(client.key?.secret).toHaveLength(32);
    client.close();
  });

  test('options of unknown protocol extensions are declined', async () => {
    const { encodeStartupMessage } = await import('../../src/wire/postgres/index.ts');
    const client = await WireClient.dial(through);
    client.send(
      encodeStartupMessage({
        parameters: new Map([['user', 'alice']]),
        protocolOptions: new Map([['_pq_.x', '1']]),
        minor: 9,
      }),
    );
    expect(await client.next()).toMatchObject({
      type: 'NegotiateProtocolVersion',
      minor: 2,
      unrecognizedOptions: ['_pq_.x'],
    });
    client.close();
  });
});

describe('replication', () => {
  test.each(['database', 'true', 'on', '1'])('a connection with replication=%s is refused', async (value) => {
    const opening = WireClient.open(through, new Map([['replication', value]]));
    await expect(opening).rejects.toThrow('0A000 sluice: replication connections do not pass the gate');
  });

  test('one with replication=false is none', async () => {
    const client = await WireClient.open(through, new Map([['replication', 'false']]));
    client.close();
  });
});

/** Its OID in every server. */
const PG_OPERATOR = 2617;

describe('cancel', () => {
  const cancel = async ({ key }: WireClient): Promise<void> => {
    const { encodeCancelRequest } = await import('../../src/wire/postgres/index.ts');
    const other = await WireClient.dial(through);
    other.send(encodeCancelRequest(key!.processId, key!.secret));
    await expect.poll(() => other.closed).toBe(true);
  };

  test.each([
    ['the catalog is read', ['SELECT 1']],
    ['the session’s backend is asked', []],
  ])('ends the wait of a statement that is still being planned while %s', async (_, before) => {
    const client = await WireClient.open(through);
    for (const text of before) {
      client.send(q(text));
      await client.untilReady();
    }
    const lock = await gate.database.client();
    await lock.query('BEGIN; LOCK TABLE pg_catalog.pg_operator IN ACCESS EXCLUSIVE MODE');
    onTestFinished(() => lock.end());
    // Nobody knows the name, so the catalog is read anew, and that cannot be done now.
    client.send(q('SELECT * FROM made_a_moment_ago'));
    // No operator may be looked up: the table of operators is locked.
    const waiting = 'SELECT relation FROM pg_locks WHERE NOT granted';
    const waits = async () =>
      (await gate.database.query(waiting)).rows.some(({ relation }) => relation === PG_OPERATOR);
    await expect.poll(waits).toBe(true);
    await cancel(client);
    const messages = await client.untilReady();
    expect(messages.map(({ type }) => type)).toEqual(['ErrorResponse', 'ReadyForQuery']);
    const [error] = messages;
    expect(error?.type === 'ErrorResponse' && error.fields.get('C')).toBe('57014');
    expect(error?.type === 'ErrorResponse' && error.fields.get('M')).toBe(
      'canceling statement due to user request',
    );
    await lock.query('ROLLBACK');
    client.send(q('SELECT 1'));
    expect((await client.untilReady()).map(({ type }) => type)).toContain('DataRow');
    client.close();
  });

  test('tells the process id of the backend', async () => {
    const client = await WireClient.open(through);
    client.send(q('SELECT pg_backend_pid()'));
    const row = (await client.untilReady()).find((message) => message.type === 'DataRow');
    expect(row?.type === 'DataRow' && row.columns.map(String)).toEqual([String(client.key!.processId)]);
    client.close();
  });

  test('reaches the right backend, and only with the key', async () => {
    const { encodeCancelRequest } = await import('../../src/wire/postgres/index.ts');
    const client = await WireClient.open(through);
    client.send(q('SELECT pg_sleep(20)'));
    // A cancel that comes before the query runs cancels nothing, here as there.
    const running = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(20)'`;
    await expect.poll(async () => (await gate.database.query(running)).rowCount).toBe(1);
    const wrong = Buffer.from(client.key!.secret);
    wrong[0]! ^= 1;
    for (const secret of [wrong, client.key!.secret]) {
      const other = await WireClient.dial(through);
      other.send(encodeCancelRequest(client.key!.processId, secret));
      await expect.poll(() => other.closed).toBe(true);
    }
    const messages = await client.untilReady();
    const error = messages.find((message) => message.type === 'ErrorResponse');
    expect(error?.type === 'ErrorResponse' && error.fields.get('C')).toBe('57014');
    client.close();
  });
});
