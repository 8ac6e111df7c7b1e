/** Clients that do not behave: each gets its own clear error, and costs nobody else anything. */
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  encodeFrontendMessage as encode,
  encodeQuery,
  encodeSslRequest,
  encodeStartupMessage,
} from '../../src/wire/postgres/index.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let target: WireTarget;

beforeAll(async () => {
  gate = await startGate({
    environment: 'dev',
    yaml: 'limits: { startupTimeout: 2s, authFailureDelay: 1ms, authFailureMaxDelay: 2ms, maxMessageBytes: 4MiB, maxStatementBytes: 1MiB }\n',
  });
  target = {
    host: '127.0.0.1',
    port: gate.port,
    user: 'alice',
    password: await gate.token('alice'),
    database: 'shop',
  };
});
afterAll(async () => {
  // Whatever happened above, an honest client is still served.
  const { rows } = await (await gate.client('alice')).query('SELECT 1 AS one');
  expect(rows).toEqual([{ one: 1 }]);
  await gate.stop();
});

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes in buffers that are still in use. */
function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

const dial = (): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect(gate.port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => undefined);
  });

/** All bytes until the gate closes the connection. */
async function untilClosed(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const sqlstate = (bytes: Buffer): string | undefined =>
  /\0C([0-9A-Z]{5})\0/.exec(bytes.toString('latin1'))?.[1];

describe('before authentication', () => {
  test.each([
    ['a length of 1 GB', Buffer.from([0x40, 0, 0, 0, 0, 3, 0, 0]), '08P01'],
    ['a length of zero', Buffer.from([0, 0, 0, 0, 0, 3, 0, 0]), '08P01'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), '08P01'],
    ['protocol 2', Buffer.from([0, 0, 0, 8, 0, 2, 0, 0]), '0A000'],
    ['no user', encodeStartupMessage({ parameters: new Map([['database', 'shop']]) }), '28000'],
    ['bytes behind an SSLRequest', Buffer.concat([encodeSslRequest(), Buffer.from('early')]), '08P01'],
    ['a typed message', encodeQuery('SELECT 1'), '08P01'],
  ])('%s is refused', async (_name, bytes, code) => {
    const socket = await dial();
    socket.write(bytes);
    expect(sqlstate(await untilClosed(socket))).toBe(code);
  });

  test.each([
    ['a query instead of a password', encodeQuery('DROP TABLE customers')],
    ['a giant password', Buffer.concat([Buffer.from([0x70, 0x00, 0x10, 0, 0]), Buffer.alloc(64)])],
    [
      'SASL of an unknown kind',
      encode({ type: 'SASLInitialResponse', mechanism: 'PLAIN', data: Buffer.from('x') }),
    ],
  ])('%s is refused', async (_name, bytes) => {
    const socket = await dial();
    socket.write(
      encodeStartupMessage({
        parameters: new Map([
          ['user', 'alice'],
          ['database', 'shop'],
        ]),
      }),
    );
    socket.write(bytes);
    expect(sqlstate(await untilClosed(socket))).toBe('08P01');
  });

  test('a start-up that never ends is cut off', async () => {
    const socket = await dial();
    socket.write(Buffer.from([0, 0]));
    const startedAt = Date.now();
    await untilClosed(socket);
    expect(Date.now() - startedAt).toBeGreaterThan(1_500);
    expect(Date.now() - startedAt).toBeLessThan(8_000);
  });
});

describe('authentication', () => {
  const failure = async (user: string, password: string): Promise<{ message: string; code: string }> => {
    const client = new pg.Client({ host: '127.0.0.1', port: gate.port, user, password, database: 'shop' });
    client.on('error', () => undefined);
    return client.connect().then(
      () => expect.unreachable(),
      (error) => ({ message: String(error.message).replaceAll(user, '<user>'), code: error.code }),
    );
  };

  test('says the same of an unknown principal, a wrong, a foreign and a revoked token', async () => {
    const foreign = await gate.token('bob');
    const revoked = await gate.token('alice');
    await gate.admin('POST', `/admin/tokens/${revoked.split('_')[1]}/revoke`);
    const answers = [
      await failure('alice', 'nonsense'),
      await failure('nobody', 'nonsense'),
      await failure('alice', foreign),
      await failure('alice', revoked),
    ];
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.code).toBe('28P01');
  });

  test('is recorded when it fails', async () => {
    await failure('mallory', 'x');
    const failed = (await gate.entries()).filter(
      ({ event }) => event.kind === 'authentication-failed' && event.user === 'mallory',
    );
    expect(failed).toHaveLength(1);
  });
});

describe('in a session', () => {
  test.each([
    ['a frame of an unknown type', Buffer.from([0x79, 0, 0, 0, 4])],
    ['a length below four', Buffer.from([0x51, 0, 0, 0, 3])],
    ['a frame of 1 GB', Buffer.from([0x51, 0x40, 0, 0, 0])],
    ['a Query without an end', Buffer.from([0x51, 0, 0, 0, 6, 0x61, 0x62])],
    ['a Bind that ends too early', Buffer.from([0x42, 0, 0, 0, 8, 0, 0, 0, 9])],
    ['a password out of turn', encode({ type: 'PasswordMessage', password: Buffer.from('x') })],
  ])('%s ends it with an error', async (_name, bytes) => {
    const client = await WireClient.open(target);
    client.send(bytes);
    const message = await client.next();
    expect(message.type === 'ErrorResponse' && message.fields.get('C')).toBe('08P01');
    await expect.poll(() => client.closed).toBe(true);
  });

  test.each([
    ['invalid UTF-8', Buffer.from([0x53, 0xff, 0xfe]), '22021'],
    ['a text beyond the limit', Buffer.from(`SELECT '${'x'.repeat(2_000_000)}'`), '54000'],
    [
      'an expression nested too deeply',
      Buffer.from(`SELECT ${'f('.repeat(60_000)}1${')'.repeat(60_000)}`),
      '42601',
    ],
    ['a chain too long', Buffer.from(`SELECT 1${'+1'.repeat(100_000)}`), undefined],
  ])('%s is refused or answered, and nobody is hurt', async (_name, text, code) => {
    const [client, other] = [await WireClient.open(target), await WireClient.open(target)];
    client.send(encode({ type: 'Query', text }));
    other.send(encodeQuery('SELECT 1'));
    expect((await other.untilReady()).map((message) => message.type)).toContain('DataRow');
    const error = (await client.untilReady()).find((message) => message.type === 'ErrorResponse');
    if (code !== undefined) expect(error?.type === 'ErrorResponse' && error.fields.get('C')).toBe(code);
    client.send(encodeQuery('SELECT 2'));
    expect((await client.untilReady()).map((message) => message.type)).toContain('DataRow');
    client.close();
    other.close();
  });

  test('a client that does not read makes the gate hold little', async () => {
    const client = await WireClient.open(target);
    onTestFinished(() => client.close());
    client.socket.pause();
    const before = heldBytes();
    client.send(encodeQuery(`SELECT repeat('x', 10000) FROM generate_series(1, 20000)`));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    // 200 MB are on their way; the gate and the test share this process, whose freed buffers take a moment to go.
    await expect.poll(() => heldBytes() - before).toBeLessThan(1_048_576);
    const other = await WireClient.open(target);
    other.send(encodeQuery('SELECT 1'));
    await other.untilReady();
    other.close();
  });
});

describe('what ends under a session', () => {
  test('its token', async () => {
    const token = await gate.token('alice');
    const client = new pg.Client({
      host: '127.0.0.1',
      port: gate.port,
      user: 'alice',
      password: token,
      database: 'shop',
    });
    const ended = new Promise<pg.DatabaseError>((resolve) =>
      client.on('error', (error) => resolve(error as pg.DatabaseError)),
    );
    await client.connect();
    await gate.admin('POST', `/admin/tokens/${token.split('_')[1]}/revoke`);
    expect((await ended).code).toBe('57P01');
  });

  test('its backend: the client learns it, and nothing is committed silently', async () => {
    const client = await gate.client('alice');
    await client.query('BEGIN');
    await client.query(`UPDATE orders SET status = 'lost' WHERE id = 1`);
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const ended = new Promise<pg.DatabaseError>((resolve) =>
      client.on('error', (error) => resolve(error as pg.DatabaseError)),
    );
    await gate.database.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
    expect((await ended).code).toBe('57P01');
    expect((await gate.database.query('SELECT status FROM orders WHERE id = 1')).rows).toEqual([
      { status: 'paid' },
    ]);
  });
});

test('repeated failures are slowed down', async () => {
  const other = await startGate({ environment: 'dev' });
  const fail = async (password: string): Promise<unknown> =>
    new pg.Client({ host: '127.0.0.1', port: other.port, user: 'guessed', password, database: 'shop' })
      .connect()
      .catch((error) => error.code);
  const startedAt = Date.now();
  for (let i = 0; i < 6; i += 1) expect(await fail(`guess ${i}`)).toBe('28P01');
  expect(Date.now() - startedAt).toBeGreaterThan(500);
  await other.stop();
});
