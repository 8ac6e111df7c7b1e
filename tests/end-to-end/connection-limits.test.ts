/** Bounds on sessions: each is told in PostgreSQL's own words, and clients that never say who they are take nobody's place. */
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Gate, type GateOptions, startGate } from '../support/gate.ts';

let gate: Gate;
afterEach(() => gate.stop());

const start = async (options: GateOptions): Promise<void> => {
  gate = await startGate({ environment: 'dev', ...options });
};

test.each([
  ['of all', 'limits: { maxConnections: 2 }\n', ['alice', 'bob', 'app'], 'sorry, too many clients already'],
  [
    'of one principal',
    'limits: { maxConnectionsPerPrincipal: 2 }\n',
    ['app', 'app', 'app'],
    'too many connections for role "app"',
  ],
  [
    'of one database',
    '    maxConnections: 2\n',
    ['alice', 'bob', 'app'],
    'too many connections for database "shop"',
  ],
])('sessions %s', async (_, yaml, principals, message) => {
  await start({ yaml });
  const [first, second, third] = principals as [string, string, string];
  const open = await gate.client(first);
  await gate.client(second);
  await expect(gate.client(third)).rejects.toMatchObject({
    code: '53300',
    message: expect.stringContaining(message),
  });
  // A place that was given back can be taken again, by whoever comes.
  await open.end();
  await expect
    .poll(() =>
      gate.client(third).then(
        () => 'open',
        (error) => error.code,
      ),
    )
    .toBe('open');
});

test('a principal can have a bound of its own', async () => {
  await start({
    yaml: 'limits: { maxConnectionsPerPrincipal: 1 }\n',
    principals: { app: { maxConnections: 3 } },
  });
  for (let i = 0; i < 3; i += 1) await gate.client('app');
  await expect(gate.client('app')).rejects.toMatchObject({ code: '53300' });
  await gate.client('alice');
  await expect(gate.client('alice')).rejects.toMatchObject({ code: '53300' });
});

test('clients that say nothing crowd out each other only', async () => {
  await start({ yaml: 'limits: { maxConnections: 5 }\n' });
  const sessions = await Promise.all(['alice', 'bob', 'app'].map((principal) => gate.client(principal)));
  const silent: Socket[] = [];
  for (let i = 0; i < 12; i += 1) {
    const socket = connect(gate.port, '127.0.0.1').on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    silent.push(socket);
  }
  sessions.push(await gate.client('alice'), await gate.client('bob'));
  await expect(gate.client('app')).rejects.toMatchObject({ code: '53300' });
  for (const session of sessions) expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  // The last ones are still waited for, the first were sent away.
  await expect
    .poll(() => silent.map((socket) => socket.closed || socket.readableEnded).slice(0, 6))
    .not.toContain(false);
  for (const socket of silent) socket.destroy();
});
