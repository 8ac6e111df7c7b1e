import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config, Listener } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { makeSelfSignedCertificate } from './self-signed-certificate.ts';
import { loadServerCertificate } from './tls-certificates.ts';

const NOW = Date.now();
const DAY = 86_400_000;
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const listener = (host: string): Listener => ({ host, port: 0, tls: { mode: 'prefer' } });
const configFor = (host: string): Pick<Config, 'dataDir' | 'listen'> => ({
  dataDir,
  listen: { postgres: { ...listener(host), keepAliveMs: 0 }, http: listener('127.0.0.1'), adminSocket: '' },
});
const load = (host = '127.0.0.1', now = NOW) =>
  loadServerCertificate(configFor(host), listener(host), { now: () => now, randomBytes });

describe('a self-signed certificate', () => {
  const names = ['localhost', '127.0.0.1', '::1', '2001:db8::5:0:7', '::ffff:1.2.3.4', 'db.example.com'];
  const { cert, key } = makeSelfSignedCertificate(names, NOW, randomBytes);
  const parsed = new X509Certificate(cert);

  it('is signed by its own key, for ten years', () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(parsed.ca).toBe(false);
    expect(parsed.subject).toBe('CN=localhost');
    expect(Math.round((parsed.validToDate.getTime() - NOW) / DAY)).toBe(3650);
    expect(parsed.validFromDate.getTime()).toBeLessThan(NOW);
    expect(parsed.serialNumber).toHaveLength(32);
  });

  it.each(names)('is for %s', (name) => {
    const isAddress = name.includes(':') || /^[\d.]+$/.test(name);
    expect(isAddress ? parsed.checkIP(name) : parsed.checkHost(name)).toBeDefined();
  });

  it('is for nothing else', () => {
    expect(parsed.checkHost('example.com')).toBeUndefined();
    expect(parsed.checkIP('127.0.0.2')).toBeUndefined();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('serves a verifying client over %s', async (version) => {
    const server = createServer({ cert, key: key.reveal() }, (socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const text = await new Promise<string>((resolve, reject) => {
      const client = connect({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: cert,
        minVersion: version,
        maxVersion: version,
      });
      client.once('data', (data) => resolve(data.toString())).once('error', reject);
    });
    server.close();
    expect(text).toBe('hello');
  });

  it('is written right after 2049, when the form of dates changes', () => {
    const late = makeSelfSignedCertificate(['localhost'], Date.UTC(2045, 0, 1), randomBytes);
    expect(new X509Certificate(late.cert).validToDate.getUTCFullYear()).toBe(2054);
  });
});

describe('loading', () => {
  it('makes one on first start, closed to others, and keeps it', () => {
    const first = load();
    expect(first.origin).toBe('made');
    for (const name of ['server.crt', 'server.key']) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    }
    const second = load();
    expect(second).toMatchObject({ origin: 'kept', cert: first.cert });
    expect(second.key.reveal()).toBe(first.key.reveal());
  });

  it.each<[string, () => void, string, number]>([
    ['it expired', () => {}, '127.0.0.1', NOW + 3651 * DAY],
    ['the address is not in it', () => {}, '10.9.8.7', NOW],
    [
      'the key is of another',
      () =>
        writeFileSync(
          join(dataDir, 'server.key'),
          makeSelfSignedCertificate(['x'], NOW, randomBytes).key.reveal(),
        ),
      '127.0.0.1',
      NOW,
    ],
    ['the file is damaged', () => writeFileSync(join(dataDir, 'server.crt'), 'x'), '127.0.0.1', NOW],
    ['the key is gone', () => rmSync(join(dataDir, 'server.key')), '127.0.0.1', NOW],
  ])('makes another if %s', (_why, change, host, now) => {
    const first = load();
    change();
    const second = load(host, now);
    expect(second.origin).toBe('made');
    expect(second.cert).not.toBe(first.cert);
    expect(load(host, now).origin).toBe('kept');
  });

  it('takes the configured pair', () => {
    const { cert, key } = makeSelfSignedCertificate(['x'], NOW, randomBytes);
    const configured: Listener = { host: 'x', port: 0, tls: { mode: 'require', keyPair: { cert, key } } };
    const loaded = loadServerCertificate(configFor('x'), configured, { now: () => NOW, randomBytes });
    expect(loaded).toMatchObject({ origin: 'configured', cert });
  });

  it('refuses a configured pair that does not fit, without quoting it', () => {
    const { cert } = makeSelfSignedCertificate(['x'], NOW, randomBytes);
    const { key } = makeSelfSignedCertificate(['x'], NOW, randomBytes);
    for (const wrong of [key, new Secret('nonsense')]) {
      const configured: Listener = {
        host: 'x',
        port: 0,
        tls: { mode: 'require', keyPair: { cert, key: wrong } },
      };
      const refused = () =>
        loadServerCertificate(configFor('x'), configured, { now: () => NOW, randomBytes });
      expect(refused).toThrow('the configured TLS certificate and key do not fit together');
    }
  });
});
