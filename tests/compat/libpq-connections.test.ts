/** libpq's own ways to connect, as psql has them, against what the gate offers; with the outcomes of a PostgreSQL that offers the same. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { hasProgram } from './gate.ts';
import { runProgram } from './program.ts';

const authority = createAuthority('gate-ca');
const stranger = createAuthority('other-ca');
const server = authority.issue({ subject: { CN: 'gate' }, hosts: ['localhost', '127.0.0.1'] });
const elsewhere = authority.issue({ subject: { CN: 'gate' }, hosts: ['gate.example.com'] });
const clients = createAuthority('clients-ca');
const alice = clients.issue({ subject: { CN: 'alice' } });
const bob = clients.issue({ subject: { CN: 'bob' } });

const QUESTION = `SELECT 'in'`;

describe.skipIf(!hasProgram('psql'))('psql', () => {
  const gates: Record<string, Gate> = {};
  let directory: string;
  let files: Record<'ca' | 'other' | 'cert' | 'key' | 'bobCert' | 'bobKey', string>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-libpq-'));
    const put = (name: string, text: string): string => {
      const path = join(directory, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    files = {
      ca: put('ca.crt', authority.cert),
      other: put('other.crt', stranger.cert),
      cert: put('alice.crt', alice.cert),
      key: put('alice.key', alice.key),
      bobCert: put('bob.crt', bob.cert),
      bobKey: put('bob.key', bob.key),
    };
    const sockets = join(directory, 's');
    mkdirSync(sockets);
    chmodSync(sockets, 0o755);
    const given = { 'server.crt': server.cert, 'server.key': server.key, 'clients.crt': clients.cert };
    const pair = { cert: 'server.crt', key: 'server.key' };
    const start = (
      listener: NonNullable<Parameters<typeof startGate>[0]>['listener'],
      more = given,
    ): Promise<Gate> => startGate({ environment: 'dev', files: more, ...(listener && { listener }) });
    const [prefer, require, disable, moved, certified] = await Promise.all([
      start({ tls: { mode: 'prefer', ...pair }, unixSocket: { directory: sockets } }),
      start({ tls: { mode: 'require', ...pair } }),
      start({ tls: { mode: 'disable' } }),
      start(
        { tls: { mode: 'prefer', ...pair } },
        { ...given, 'server.crt': elsewhere.cert, 'server.key': elsewhere.key },
      ),
      start({ tls: { mode: 'require', ...pair, clientCertificates: { ca: 'clients.crt', suffices: true } } }),
    ]);
    Object.assign(gates, { prefer, require, disable, moved, certified });
  });
  afterAll(async () => {
    for (const gate of Object.values(gates)) await gate.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** `in`, with `tls` or `plain` before it, or what psql says. */
  async function connect(gate: Gate, env: Record<string, string>): Promise<string> {
    const { user, password } = (await gate.connection('alice')) as { user: string; password: string };
    const given = {
      ...{ PGHOST: 'localhost', PGPORT: String(gate.port), PGDATABASE: 'shop', PGCONNECT_TIMEOUT: '20' },
      ...{ PGUSER: user, PGPASSWORD: password, HOME: directory, ...env },
    };
    const { stdout, stderr } = await runProgram(
      'psql',
      ['-X', '-At', '-c', '\\conninfo', '-c', QUESTION],
      given,
    );
    if (!stdout.includes('\nin')) return stderr.trim();
    return `${stdout.includes('SSL connection') ? 'tls' : 'plain'} in`;
  }

  type Env = () => Record<string, string>;
  test.each<[gate: string, sslmode: string, more: Env, outcome: string | RegExp]>([
    ['prefer', 'disable', () => ({}), 'plain in'],
    ['prefer', 'allow', () => ({}), 'plain in'],
    ['prefer', 'prefer', () => ({}), 'tls in'],
    ['prefer', 'require', () => ({}), 'tls in'],
    ['prefer', 'verify-ca', () => ({ PGSSLROOTCERT: files.ca }), 'tls in'],
    ['prefer', 'verify-full', () => ({ PGSSLROOTCERT: files.ca }), 'tls in'],
    ['prefer', 'verify-full', () => ({ PGSSLROOTCERT: files.ca, PGHOST: '127.0.0.1' }), 'tls in'],
    ['prefer', 'verify-ca', () => ({ PGSSLROOTCERT: files.other }), /certificate verify failed/],
    ['prefer', 'verify-full', () => ({ PGSSLROOTCERT: files.other }), /certificate verify failed/],
    ['moved', 'verify-ca', () => ({ PGSSLROOTCERT: files.ca }), 'tls in'],
    ['moved', 'verify-full', () => ({ PGSSLROOTCERT: files.ca }), /does not match host name/],
    ['require', 'disable', () => ({}), /encrypted connections only/],
    ['require', 'allow', () => ({}), 'tls in'],
    ['require', 'prefer', () => ({}), 'tls in'],
    ['require', 'require', () => ({}), 'tls in'],
    ['disable', 'disable', () => ({}), 'plain in'],
    ['disable', 'prefer', () => ({}), 'plain in'],
    ['disable', 'require', () => ({}), /server does not support SSL/],
    ['prefer', 'require', () => ({ PGCHANNELBINDING: 'require' }), 'tls in'],
    ['prefer', 'require', () => ({ PGCHANNELBINDING: 'disable' }), 'tls in'],
    ['prefer', 'disable', () => ({ PGCHANNELBINDING: 'require' }), /channel binding/],
    ['prefer', 'prefer', () => ({ PGTARGETSESSIONATTRS: 'read-write' }), 'tls in'],
    ['prefer', 'prefer', () => ({ PGTARGETSESSIONATTRS: 'primary' }), 'tls in'],
    ['prefer', 'prefer', () => ({ PGTARGETSESSIONATTRS: 'standby' }), /not in hot standby mode/],
    ['prefer', 'prefer', () => ({ PGHOST: join(directory, 's') }), 'plain in'],
    ['prefer', 'require', () => ({ PGPASSWORD: 'wrong' }), /password authentication failed/],
    [
      'certified',
      'require',
      () => ({ PGSSLCERT: files.cert, PGSSLKEY: files.key, PGPASSWORD: '' }),
      'tls in',
    ],
    [
      'certified',
      'require',
      () => ({ PGSSLCERT: files.bobCert, PGSSLKEY: files.bobKey }),
      /certificate authentication failed/,
    ],
    ['certified', 'require', () => ({}), 'tls in'],
  ])('a gate that has TLS as in %s, sslmode=%s: %#', async (gate, sslmode, more, outcome) => {
    const said = await connect(gates[gate]!, { PGSSLMODE: sslmode, ...more() });
    if (typeof outcome === 'string') expect(said).toBe(outcome);
    else expect(said).toMatch(outcome);
  });

  test('one that dies in mid-list is passed over', async () => {
    const { prefer } = gates;
    const said = await connect(prefer!, { PGHOST: '127.0.0.1,127.0.0.1', PGPORT: `1,${prefer!.port}` });
    expect(said).toBe('tls in');
  });
});
