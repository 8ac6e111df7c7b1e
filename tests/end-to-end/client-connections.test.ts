/** The ways in: Unix sockets, IPv6, TLS that is asked for or begins at once; and what the gate does to those that are silent. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeSslRequest } from '../../src/wire/postgres/index.ts';
import { createAuthority } from '../support/certificates.ts';
import { type Gate, type GateOptions, startGate } from '../support/gate.ts';
import { WireClient } from '../support/wire-client.ts';

let gate: Gate;
const start = async (options: GateOptions): Promise<void> => {
  gate = await startGate({ environment: 'dev', ...options });
};
afterEach(() => gate.stop());

describe('over a Unix socket', () => {
  let directory: string;
  afterEach(() => rmSync(directory, { recursive: true }));
  const prepare = (): void => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-socket-'));
  };
  const connectLocally = async (): Promise<pg.Client> => {
    const client = new pg.Client({ ...(await gate.connection('alice')), host: directory });
    await client.connect();
    return client;
  };

  test('a token is needed, and nothing else', async () => {
    prepare();
    const authority = createAuthority('clients-ca');
    const clientCertificates = { ca: 'ca.crt', required: true };
    await start({
      listener: { unixSocket: { directory, mode: '0770' }, tls: { mode: 'require', clientCertificates } },
      files: { 'ca.crt': authority.cert },
    });
    const path = join(directory, `.s.PGSQL.${gate.port}`);
    expect(statSync(path).mode & 0o777).toBe(0o770);
    const client = await connectLocally();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    const wrong = new pg.Client({ ...(await gate.connection('alice')), host: directory, password: 'wrong' });
    await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
    const opened = (await gate.entries()).find(({ event }) => event.kind === 'session-opened')?.event;
    expect(opened).toMatchObject({ client: 'unix', tls: false });
    // As a server answers there.
    const socket = connectSocket({ path });
    socket.write(encodeSslRequest());
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(answer.toString()).toBe('N');
    socket.destroy();
  });

  test('what a killed gateway left is replaced, what another one uses is not', async () => {
    prepare();
    const port = await freePort();
    const path = join(directory, `.s.PGSQL.${port}`);
    await leaveSocketBehind(path);
    await start({ listener: { port, unixSocket: { directory } } });
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await (await connectLocally()).end();
    const used = createServer().listen(join(directory, `.s.PGSQL.${port + 1}`));
    await expect(
      startGate({ listener: { port: port + 1, unixSocket: { directory } } }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    used.close();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** As SIGKILL does. */
async function leaveSocketBehind(path: string): Promise<void> {
  const { spawnSync } = await import('node:child_process');
  spawnSync(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  expect(statSync(path).isSocket()).toBe(true);
}

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.family === 'IPv6');
if (!hasIpv6) console.warn('\n*** SKIPPED: this machine has no IPv6 ***\n');

test.skipIf(!hasIpv6 && !process.env.CI).each(['::1', '::'])('over IPv6, listening on %s', async (host) => {
  await start({ listener: { host, tls: { mode: 'prefer' } } });
  const client = new pg.Client({ ...(await gate.connection('alice')), host: '::1' });
  await client.connect();
  await client.query('SELECT 1');
  await client.end();
  const opened = (await gate.entries()).find(({ event }) => event.kind === 'session-opened')?.event;
  expect(opened).toMatchObject({ client: expect.stringMatching(/^\[::1\]:\d+$/) });
});

describe('TLS that begins at once', () => {
  const begin = (ALPNProtocols?: string[]): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({
        ...{ host: '127.0.0.1', port: gate.port, rejectUnauthorized: false },
        ...(ALPNProtocols && { ALPNProtocols }),
      });
      socket.once('secureConnect', () => resolve(socket)).once('error', reject);
    });

  test('speaks PostgreSQL if that was agreed', async () => {
    await start({});
    const socket = await begin(['postgresql']);
    const target = {
      user: 'alice',
      database: 'shop',
      password: await gate.token('alice'),
      host: '',
      port: 0,
    };
    const client = await WireClient.over(socket, target);
    expect(client.parameters.get('server_version')).toBeDefined();
    client.close();
  });

  test('is refused otherwise', async () => {
    await start({});
    await expect(begin(['http/1.1'])).rejects.toThrow(
      /no application protocol|no_application_protocol|ECONNRESET|disconnected/i,
    );
    const socket = await begin();
    const words = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(words.toString('latin1')).toContain('without ALPN');
    socket.destroy();
  });

  test('is not understood where TLS is disabled', async () => {
    await start({ listener: { tls: { mode: 'disable' } } });
    await expect(begin(['postgresql'])).rejects.toThrow();
  });
});

describe('silence', () => {
  const ended = (client: pg.Client): Promise<pg.DatabaseError> =>
    new Promise((resolve) => client.once('error', (error) => resolve(error as pg.DatabaseError)));

  test('is bounded as a database would, in and out of transactions', async () => {
    await start({ yaml: 'limits: { idleSessionTimeout: 3s, idleInTransactionTimeout: 1s }\n' });
    const [idle, open, failed, busy] = await Promise.all(
      Array.from({ length: 4 }, () => gate.client('alice')) as [
        Promise<pg.Client>,
        Promise<pg.Client>,
        Promise<pg.Client>,
        Promise<pg.Client>,
      ],
    );
    await open.query('BEGIN');
    await open.query(`UPDATE orders SET status = 'silent' WHERE id = 1`);
    await failed.query('BEGIN');
    await failed.query('SELECT 1/0').catch(() => undefined);
    const ends = [idle, open, failed].map(ended);
    const working = busy.query('SELECT pg_sleep(5)');
    expect(await Promise.all(ends)).toMatchObject([
      {
        code: '57P05',
        message: expect.stringContaining('terminating connection due to idle-session timeout'),
      },
      {
        code: '25P03',
        message: expect.stringContaining('terminating connection due to idle-in-transaction timeout'),
      },
      { code: '25P03' },
    ]);
    expect((await working).rowCount).toBe(1);
    expect((await gate.database.query('SELECT status FROM orders WHERE id = 1')).rows).toEqual([
      { status: 'paid' },
    ]);
  });

  test.skipIf(process.platform !== 'linux')('is probed on both sides', async () => {
    await start({ listener: { keepAlive: '45s' }, yaml: '    keepAlive: 50s\n' });
    const socket = await new Promise<Socket>((resolve) => {
      const dialled = connectSocket(gate.port, '127.0.0.1', () => resolve(dialled));
    });
    await gate.client('alice');
    const { port } = gate.database.connection;
    const accepted = () => secondsToProbe((near, far) => near === gate.port && far === socket.localPort);
    const opened = () => secondsToProbe((_, far) => far === port);
    await expect.poll(() => accepted().filter((seconds) => seconds > 40 && seconds <= 45)).toHaveLength(1);
    // The session's backend, and the one that the catalog is read with.
    await expect.poll(() => opened().filter((seconds) => seconds > 45 && seconds <= 50)).toHaveLength(2);
    socket.destroy();
  });
});

/** When the kernel will probe the connections between these ports, which were silent until then (proc(5), /proc/net/tcp). */
function secondsToProbe(wanted: (nearPort: number, farPort: number) => boolean): number[] {
  const KEEP_ALIVE = '02';
  return readFileSync('/proc/net/tcp', 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, near, far]) => wanted(portOf(near!), portOf(far!)))
    .map((fields) => fields[5]!.split(':') as [string, string])
    .filter(([timer]) => timer === KEEP_ALIVE)
    .map(([, ticks]) => Number.parseInt(ticks, 16) / 100);
}

const portOf = (address: string): number => Number.parseInt(address.split(':')[1]!, 16);
