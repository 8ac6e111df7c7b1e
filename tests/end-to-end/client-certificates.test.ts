/** Certificates of clients: whom they stand for, alone or beside a token, and what ends with them. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import type { RawClientCertificates } from '../../src/config/raw-config.ts';
import { type CertificateRequest, createAuthority, type IssuedCertificate } from '../support/certificates.ts';
import { type Gate, startGate } from '../support/gate.ts';

const authority = createAuthority('clients-ca');
const stranger = createAuthority('other-ca');
const issue = (CN: string, more: Partial<CertificateRequest> = {}): IssuedCertificate =>
  authority.issue({ subject: { CN, O: 'Shop' }, ...more });
const alice = issue('alice');
const revoked = issue('alice');

let gate: Gate;
afterEach(() => gate.stop());

const start = async (rules: Omit<RawClientCertificates, 'ca'>, crl = '', workers = 0): Promise<void> => {
  gate = await startGate({
    workers,
    environment: 'dev',
    listener: { tls: { mode: 'require', clientCertificates: { ca: 'ca.crt', ...rules } } },
    files: { 'ca.crt': authority.cert, 'clients.crl': crl },
  });
};

interface Attempt {
  readonly user?: string;
  readonly certificate?: IssuedCertificate | undefined;
  readonly password?: string;
  readonly ssl?: ConnectionOptions | false;
}

const open: pg.Client[] = [];
afterEach(() => Promise.all(open.splice(0).map((client) => client.end().catch(() => undefined))));

async function connect({ user = 'alice', certificate, password, ssl }: Attempt): Promise<pg.Client> {
  const { cert, key } = certificate ?? {};
  const client = new pg.Client({
    ...{ host: '127.0.0.1', port: gate.port, database: 'shop', user, ...(password && { password }) },
    ssl: ssl ?? { rejectUnauthorized: false, ...(cert && { cert }), ...(key && { key }) },
  });
  client.on('error', () => undefined);
  await client.connect();
  open.push(client);
  return client;
}

const outcome = (attempt: Attempt): Promise<string> =>
  connect(attempt).then(
    () => 'in',
    (error) => `${error.code ?? ''} ${error.message} ${error.detail ?? ''}`.trim(),
  );

const REFUSED = /^28000 .*certificate authentication failed for user/;
const NO_PASSWORD = /password must be a string/;

describe('that suffice', () => {
  test('stand in for the token, and are recorded', async () => {
    await start({ suffices: true });
    const client = await connect({ certificate: alice });
    expect((await client.query('SELECT count(*)::int AS n FROM orders')).rows).toEqual([{ n: 1000 }]);
    const opened = (await gate.entries()).find(({ event }) => event.kind === 'session-opened')?.event;
    expect(opened).toMatchObject({ principal: 'alice', tls: true, certificateSubject: 'O=Shop,CN=alice' });
    expect(opened).toMatchObject({ certificate: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(opened).not.toHaveProperty('token');
  });

  test('let in nobody but those they stand for', async () => {
    await start({ suffices: true, crl: 'clients.crl' }, authority.revoke([revoked]));
    const expired = issue('alice', { validForMs: -60_000 });
    const foreign = stranger.issue({ subject: { CN: 'alice' } });
    const manyNames = authority.issue({ subject: { CN: ['alice', 'bob'] } });
    expect(await outcome({ certificate: alice })).toBe('in');
    expect(await outcome({ certificate: alice, user: 'bob' })).toMatch(/stands for somebody else/);
    expect(await outcome({ certificate: manyNames })).toMatch(REFUSED);
    expect(await outcome({ certificate: foreign })).toMatch(/not accepted: (UNABLE_TO|SELF_SIGNED)/);
    expect(await outcome({ certificate: expired })).toMatch(/not accepted: CERT_HAS_EXPIRED/);
    expect(await outcome({ certificate: revoked })).toMatch(/not accepted: CERT_REVOKED/);
    // A certificate for a name that nobody has.
    expect(await outcome({ certificate: issue('nobody'), user: 'nobody' })).toMatch(/^28P01/);
    // Without one, a token does; with a certificate of others, not even that.
    const password = await gate.token('alice');
    expect(await outcome({ password })).toBe('in');
    expect(await outcome({ password, certificate: issue('bob') })).toMatch(REFUSED);
    expect(await outcome({})).toMatch(NO_PASSWORD);
    const failed = (await gate.entries()).filter(({ event }) => event.kind === 'authentication-failed');
    expect(failed.length).toBeGreaterThanOrEqual(6);
  });

  test('stand for whom the rules name', async () => {
    await start({
      suffices: true,
      principals: [
        { from: 'email', match: '*@shop.example' },
        { from: 'uri', match: 'spiffe://shop.example/agent/*', principal: 'report-*' },
        { from: 'subject', match: 'O=Shop,CN=The App', principal: 'app' },
      ],
    });
    const mail = issue('x', { emails: ['alice@shop.example', 'bob@shop.example.evil.example'] });
    expect(await outcome({ certificate: mail })).toBe('in');
    expect(await outcome({ certificate: mail, user: 'bob' })).toMatch(REFUSED);
    // One name that reads like two.
    const forged = issue('x', { emails: ['x@y, email:bob@shop.example'] });
    expect(await outcome({ certificate: forged, user: 'bob' })).toMatch(REFUSED);
    const agent = issue('x', { uris: ['spiffe://shop.example/agent/bot'] });
    expect(await outcome({ certificate: agent, user: 'report-bot' })).toBe('in');
    expect(await outcome({ certificate: issue('The App'), user: 'app' })).toBe('in');
    expect(await outcome({ certificate: issue('app'), user: 'app' })).toMatch(REFUSED);
  });

  test('end with their time', async () => {
    await start({ suffices: true });
    // Times of certificates are whole seconds.
    const client = await connect({ certificate: issue('alice', { validForMs: 3_000 }) });
    const ended = new Promise<pg.DatabaseError>((resolve) =>
      client.on('error', (error) => resolve(error as pg.DatabaseError)),
    );
    expect(await ended).toMatchObject({ code: '57P01', message: expect.stringContaining('expired') });
  });
});

test.each([0, 2])('renewed while %i workers serve: what is revoked ends, others come in', async (workers) => {
  await start({ suffices: true, crl: 'clients.crl' }, authority.revoke([]), workers);
  const [first, second] = await Promise.all([
    connect({ certificate: alice }),
    connect({ certificate: revoked }),
  ]);
  const ended = new Promise<pg.DatabaseError>((resolve) =>
    second.on('error', (error) => resolve(error as pg.DatabaseError)),
  );
  const directory = dirname(gate.dataDir);
  writeFileSync(join(directory, 'ca.crt'), 'no certificate');
  expect((await gate.admin('POST', '/admin/policies/reload')).status).toBe(400);
  expect(await outcome({ certificate: revoked })).toBe('in');
  writeFileSync(join(directory, 'ca.crt'), authority.cert + stranger.cert);
  const lists = authority.revoke([revoked]) + stranger.revoke([]);
  writeFileSync(join(directory, 'clients.crl'), lists);
  expect((await gate.admin('POST', '/admin/policies/reload')).status).toBe(200);
  expect(await ended).toMatchObject({ code: '57P01', message: expect.stringContaining('revoked') });
  expect((await first.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  for (let i = 0; i < 4; i += 1) {
    expect(await outcome({ certificate: revoked })).toMatch(/CERT_REVOKED/);
    expect(await outcome({ certificate: stranger.issue({ subject: { CN: 'alice' } }) })).toBe('in');
  }
});

describe('that are required', () => {
  test('go with a token of the same principal', async () => {
    await start({ required: true });
    const password = await gate.token('alice');
    expect(await outcome({ certificate: alice, password })).toBe('in');
    expect(await outcome({ password })).toBe('28000 sluice: connection requires a valid client certificate');
    expect(await outcome({ certificate: alice })).toMatch(NO_PASSWORD);
    expect(await outcome({ certificate: alice, password: 'wrong' })).toMatch(/^28P01/);
    expect(await outcome({ certificate: alice, user: 'bob', password: await gate.token('bob') })).toMatch(
      REFUSED,
    );
    expect(await outcome({ certificate: alice, password: await gate.token('bob') })).toMatch(/^28P01/);
    expect(await outcome({ password, ssl: false })).toMatch(/^28000 .*encrypted connections only/);
  });
});
