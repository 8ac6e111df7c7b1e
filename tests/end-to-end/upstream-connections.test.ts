/** How the gate reaches databases: every mode of TLS against servers of every kind, several hosts, Unix sockets. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import type { TargetSessionAttrs, Upstream, UpstreamHost, UpstreamTls } from '../../src/config/config.ts';
import { Secret } from '../../src/config/secret.ts';
import { connectUpstream } from '../../src/gateway/postgres/upstream.ts';
import { startBackend } from '../../src/gateway/postgres/upstream-startup.ts';
import { createAuthority } from '../support/certificates.ts';
import { query } from '../support/frames.ts';
import type { ProvidedPostgres } from '../support/global-setup.ts';
import { WireClient } from '../support/wire-client.ts';

const authority = createAuthority('db-ca');
const stranger = createAuthority('other-ca');
const server = authority.issue({ subject: { CN: 'db' }, hosts: ['localhost', '127.0.0.1'] });
const elsewhere = authority.issue({ subject: { CN: 'db' }, hosts: ['db.example.com'] });
const revoked = authority.issue({ subject: { CN: 'old' } });
const gateCertificate = authority.issue({ subject: { CN: 'certified' } });
const REJECTED = /refused the gateway’s credentials/;
const PASSWORD = 'correct horse';

/** Without the text of certificates. */
const titleOf = (tls: Partial<UpstreamTls>): string =>
  Object.entries(tls)
    .map(([key, value]) => (key === 'ca' || key === 'crl' || key === 'keyPair' ? key : `${key} ${value}`))
    .join(', ');

/** Connects as the gate does and asks the server about the connection. */
async function probe(config: Upstream, parameters: ReadonlyMap<string, string> = new Map()): Promise<string> {
  const connection = await connectUpstream(config, parameters, 3_000);
  const client = new WireClient(connection.socket);
  connection.socket.resume();
  client.send(
    query(`SELECT CASE WHEN s.ssl THEN 'tls' ELSE 'plain' END || ' ' || coalesce(host(a.client_addr), 'socket')
           FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE pid = pg_backend_pid()`),
  );
  const row = (await client.untilReady()).find((message) => message.type === 'DataRow');
  client.close();
  expect(connection.encrypted).toBe(String(row?.columns[0]).startsWith('tls'));
  return String(row?.columns[0]);
}

const upstream = (
  hosts: readonly UpstreamHost[],
  tls: Partial<UpstreamTls>,
  { secret = PASSWORD, ...more }: Partial<Upstream> & { secret?: string } = {},
): Upstream => ({
  hosts,
  targetSessionAttrs: 'any',
  loadBalanceHosts: 'disable',
  database: 'postgres',
  user: 'either',
  password: new Secret(secret),
  tls: { mode: 'disable', negotiation: 'postgres', channelBinding: 'prefer', ...tls },
  keepAliveMs: 0,
  warmConnections: 0,
  ...more,
});

describe('TLS', () => {
  let tls: EmbeddedPostgres;
  let other: EmbeddedPostgres;
  const ROLES = ['either', 'tls_only', 'plain_only', 'certified', 'trusted', 'cleartext'];
  beforeAll(async () => {
    const settings = {
      ssl: 'on',
      ssl_cert_file: 'server.crt',
      ssl_key_file: 'server.key',
      ssl_ca_file: 'ca.crt',
    };
    const files = { 'ca.crt': authority.cert };
    [tls, other] = await Promise.all([
      startEmbeddedPostgres({
        settings,
        files: { ...files, 'server.crt': server.cert, 'server.key': server.key },
        hba: [
          'hostssl all tls_only 127.0.0.1/32 scram-sha-256',
          'hostnossl all tls_only 127.0.0.1/32 reject',
          'hostnossl all plain_only 127.0.0.1/32 scram-sha-256',
          'hostssl all plain_only 127.0.0.1/32 reject',
          'hostssl all certified 127.0.0.1/32 cert',
          'host all trusted 127.0.0.1/32 trust',
          'host all cleartext 127.0.0.1/32 password',
        ],
      }),
      startEmbeddedPostgres({
        settings,
        files: { ...files, 'server.crt': elsewhere.cert, 'server.key': elsewhere.key },
      }),
    ]);
    for (const { port, password } of [tls, other]) {
      const admin = await WireClient.open({
        host: '127.0.0.1',
        port,
        user: 'postgres',
        password,
        database: 'postgres',
      });
      admin.send(query(ROLES.map((role) => `CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`).join(';')));
      expect((await admin.untilReady()).map(({ type }) => type)).not.toContain('ErrorResponse');
      admin.close();
    }
  });
  afterAll(() => Promise.all([tls.stop(), other.stop()]));

  const ca = authority.cert;
  type Case = [tls: Partial<UpstreamTls>, user: string, outcome: string | RegExp];
  const on = (which: 'tls' | 'other', host = '127.0.0.1'): UpstreamHost => ({
    host,
    port: (which === 'tls' ? tls : other).port,
  });

  test.each<[...Case, string]>(
    [
      [{ mode: 'disable' }, 'either', 'plain'],
      [{ mode: 'disable' }, 'tls_only', REJECTED],
      [{ mode: 'allow' }, 'either', 'plain'],
      [{ mode: 'allow' }, 'tls_only', 'tls'],
      [{ mode: 'prefer' }, 'either', 'tls'],
      [{ mode: 'prefer' }, 'plain_only', 'plain'],
      [{ mode: 'require' }, 'either', 'tls'],
      [{ mode: 'require' }, 'plain_only', REJECTED],
      [{ mode: 'require', negotiation: 'direct' }, 'either', 'tls'],
      [{ mode: 'verify-ca', ca }, 'either', 'tls'],
      [{ mode: 'verify-ca', ca, negotiation: 'direct' }, 'either', 'tls'],
      [{ mode: 'verify-ca', ca: stranger.cert }, 'either', /SELF_SIGNED|UNABLE_TO/],
      [{ mode: 'verify-full', ca }, 'either', 'tls'],
      [{ mode: 'verify-full', ca: stranger.cert }, 'either', /SELF_SIGNED|UNABLE_TO/],
      [{ mode: 'verify-full', ca, crl: authority.revoke([revoked]) }, 'either', 'tls'],
      [{ mode: 'verify-full', ca, crl: authority.revoke([server]) }, 'either', /CERT_REVOKED/],
      [{ mode: 'verify-full', ca, crl: authority.revoke([], -1_000) }, 'either', /CRL_HAS_EXPIRED/],
      [{ mode: 'verify-full', ca, channelBinding: 'require' }, 'either', 'tls'],
      [{ mode: 'verify-full', ca, channelBinding: 'require' }, 'trusted', /channel binding/],
      [{ mode: 'verify-full', ca, channelBinding: 'require' }, 'cleartext', /channel binding/],
      [{ mode: 'verify-full', ca, channelBinding: 'disable' }, 'either', 'tls'],
      [{ mode: 'verify-full', ca }, 'cleartext', 'tls'],
      [{ mode: 'verify-full', ca }, 'certified', REJECTED],
      [
        {
          mode: 'verify-full',
          ca,
          keyPair: { cert: gateCertificate.cert, key: new Secret(gateCertificate.key) },
        },
        'certified',
        'tls',
      ],
    ].map((one): [...Case, string] => [...(one as Case), titleOf((one as Case)[0])]),
  )('$3 as $1', async (options, user, outcome) => {
    const asked = probe(upstream([on('tls')], options, { user }));
    if (typeof outcome === 'string') expect(await asked).toBe(`${outcome} 127.0.0.1`);
    else
      await expect(asked).rejects.toMatchObject({
        code: 'upstream_unavailable',
        message: expect.stringMatching(outcome),
      });
  });

  test.each<[mode: UpstreamTls['mode'], host: string, outcome: string | RegExp]>([
    ['verify-ca', '127.0.0.1', 'tls'],
    ['verify-full', '127.0.0.1', /ALTNAME_INVALID/],
    ['verify-full', 'localhost', /ALTNAME_INVALID/],
  ])('a certificate for another name, with %s at %s', async (mode, host, outcome) => {
    const asked = probe(upstream([on('other', host)], { mode, ca }));
    if (typeof outcome === 'string') expect(await asked).toContain(outcome);
    else await expect(asked).rejects.toThrow(outcome);
  });

  test.each<[...Case, string]>(
    [
      [{ mode: 'allow' }, 'either', 'plain'],
      [{ mode: 'prefer' }, 'either', 'plain'],
      [{ mode: 'require' }, 'either', /does not offer TLS/],
      [{ mode: 'require', negotiation: 'direct' }, 'either', /cannot be reached/],
      [{ mode: 'verify-full', ca }, 'either', /does not offer TLS/],
      [{ mode: 'disable', channelBinding: 'require' }, 'either', /no SASL mechanism|channel binding/],
    ].map((one): [...Case, string] => [...(one as Case), titleOf((one as Case)[0])]),
  )('$3 towards a server without', async (options, _user, outcome) => {
    const { host, port, user, password } = inject('postgres');
    const asked = probe(upstream([{ host, port }], options, { user, secret: password }));
    if (typeof outcome === 'string') expect(await asked).toBe(`${outcome} 127.0.0.1`);
    else await expect(asked).rejects.toThrow(outcome);
  });

  test('what precedes the handshake in clear ends the connection', async () => {
    const { port, close } = await startServer((socket) =>
      socket.once('data', () => socket.write('SE\0\0\0\x10attack')),
    );
    await expect(probe(upstream([{ host: '127.0.0.1', port }], { mode: 'require' }))).rejects.toThrow(
      /unencrypted data/,
    );
    await close();
  });

  test.each<[ip: string, encrypted: boolean, outcome: RegExp]>([
    ['10.1.2.3', false, /asks for the password in clear/],
    ['10.1.2.3', true, /was closed/],
    ['127.0.0.1', false, /was closed/],
  ])('a password asked for in clear by %s, encrypted: %s', async (ip, encrypted, outcome) => {
    const asksForPassword = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
    const { port, close } = await startServer((socket) =>
      socket.once('data', () => {
        socket.write(asksForPassword);
        socket.once('data', (answer) =>
          answer.includes(PASSWORD) ? socket.end() : socket.end('no password'),
        );
      }),
    );
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    const config = upstream([{ host: 'db', port }], {});
    const started = startBackend(
      { socket, encrypted, channelBinding: undefined },
      config,
      { host: 'db', ip, port },
      new Map(),
    );
    await expect(started).rejects.toThrow(outcome);
    socket.destroy();
    await close();
  });
});

async function startServer(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; close: () => Promise<void> }> {
  const open = new Set<Socket>();
  const listening: Server = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => listening.close(resolve));
    },
  };
}

describe('several hosts', () => {
  let primary: ProvidedPostgres;
  let standby: EmbeddedPostgres;
  let silent: Awaited<ReturnType<typeof startServer>>;
  let closed: UpstreamHost;
  let directory: string;
  beforeAll(async () => {
    primary = inject('postgres');
    directory = mkdtempSync(join(tmpdir(), 'sluice-hosts-'));
    chmodSync(directory, 0o777);
    standby = await startEmbeddedPostgres({
      files: { 'standby.signal': '' },
      // Its superuser has another password than the primary's.
      hba: ['host all all 127.0.0.1/32 trust', 'host all all ::1/128 trust', 'local all all trust'],
      settings: { unix_socket_directories: directory, listen_addresses: '127.0.0.1,::1' },
    });
    silent = await startServer(() => undefined);
    const ended = await startServer(() => undefined);
    closed = { host: '127.0.0.1', port: ended.port };
    await ended.close();
  });
  afterAll(async () => {
    await standby.stop();
    await silent.close();
    rmSync(directory, { recursive: true });
  });

  const hostOf = (name: string): UpstreamHost => {
    const hosts: Record<string, UpstreamHost> = {
      closed,
      silent: { host: '127.0.0.1', port: silent.port },
      unknown: { host: 'no-such-host.invalid', port: 1 },
      primary: { host: '127.0.0.1', port: primary.port },
      standby: { host: '127.0.0.1', port: standby.port },
      'standby by name': { host: 'localhost', port: standby.port },
      'standby by IPv6': { host: '::1', port: standby.port },
      'standby by socket': { host: directory, port: standby.port },
    };
    return hosts[name]!;
  };
  const configOf = (names: readonly string[], more: Partial<Upstream> & { secret?: string } = {}): Upstream =>
    upstream(names.map(hostOf), {}, { user: primary.user, secret: primary.password, ...more });

  async function reach(
    config: Upstream,
    parameters: ReadonlyMap<string, string> = new Map(),
  ): Promise<string> {
    const connection = await connectUpstream(config, parameters, 1_000);
    connection.socket.destroy();
    return connection.parameters.get('in_hot_standby') === 'on' ? 'standby' : 'primary';
  }

  test.each<[names: string[], targetSessionAttrs: TargetSessionAttrs, outcome: string | RegExp]>([
    [['standby', 'primary'], 'any', 'standby'],
    [['closed', 'primary', 'standby'], 'any', 'primary'],
    [['unknown', 'primary'], 'any', 'primary'],
    [['silent', 'primary'], 'any', 'primary'],
    [['standby', 'primary'], 'read-write', 'primary'],
    [['primary', 'standby'], 'read-only', 'standby'],
    [['standby', 'primary'], 'primary', 'primary'],
    [['primary', 'standby'], 'standby', 'standby'],
    [['primary', 'standby'], 'prefer-standby', 'standby'],
    [['primary', 'closed'], 'prefer-standby', 'primary'],
    [['standby'], 'read-write', /session is read-only/],
    [['primary'], 'read-only', /session is not read-only/],
    [['standby', 'closed'], 'primary', /server is in hot standby mode; ECONNREFUSED/],
    [['primary'], 'standby', /server is not in hot standby mode/],
    [['silent'], 'any', /timed out/],
  ])('%j for %s', async (names, targetSessionAttrs, outcome) => {
    const asked = reach(configOf(names, { targetSessionAttrs }));
    if (typeof outcome === 'string') expect(await asked).toBe(outcome);
    else await expect(asked).rejects.toThrow(outcome);
  });

  test('a session that asks to read only may still be had from a server that writes', async () => {
    const asked = new Map([['options', '-c default_transaction_read_only=on']]);
    expect(await reach(configOf(['standby', 'primary'], { targetSessionAttrs: 'read-write' }), asked)).toBe(
      'primary',
    );
  });

  test('a server that refuses the session is the answer, not the next one', async () => {
    const config = configOf(['primary', 'standby'], { database: 'no_such_database' });
    await expect(reach(config)).rejects.toMatchObject({ sqlstate: '3D000' });
    await expect(reach(configOf(['primary', 'standby'], { secret: 'wrong' }))).rejects.toThrow(REJECTED);
  });

  test('in random order, each has its turn', async () => {
    const config = configOf(['primary', 'standby'], { loadBalanceHosts: 'random' });
    const reached = await Promise.all(Array.from({ length: 24 }, () => reach(config)));
    expect(new Set(reached).size).toBe(2);
  });

  test.each([
    ['standby by name', /^plain (127\.0\.0\.1|::1)$/],
    ['standby by IPv6', /^plain ::1$/],
    ['standby by socket', /^plain socket$/],
  ])('%s', async (name, outcome) => {
    expect(await probe(configOf([name]))).toMatch(outcome);
  });

  test('a socket of a server that is not there', async () => {
    await expect(reach(upstream([{ host: directory, port: 1 }], {}))).rejects.toThrow(/ENOENT/);
  });
});
