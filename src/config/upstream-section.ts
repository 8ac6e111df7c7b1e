/** How a database is reached: hosts, credentials, TLS. */
import { isIPv6 } from 'node:net';
import type { KeyPair, Upstream, UpstreamHost, UpstreamTls, UpstreamTlsMode } from './config.ts';
import { DEFAULT_KEEP_ALIVE_MS } from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { KEEP_ALIVE_BOUNDS, readDuration } from './limits-section.ts';
import { isLoopback, readKeyPair } from './listen-section.ts';
import type { RawUpstream } from './raw-config.ts';

const DEFAULT_PORT = 5432;
const VERIFYING: readonly UpstreamTlsMode[] = ['verify-ca', 'verify-full'];
/** May end up unencrypted. */
const WEAK: readonly UpstreamTlsMode[] = ['disable', 'allow', 'prefer'];

export function readUpstream(
  reading: ConfigReading,
  path: ConfigPath,
  name: string,
  raw: RawUpstream,
): Upstream {
  const password =
    raw.password === undefined ? undefined : reading.secret([...path, 'password'], raw.password);
  const hosts = readHosts(reading, path, raw);
  return {
    hosts,
    targetSessionAttrs: raw.targetSessionAttrs ?? 'any',
    loadBalanceHosts: raw.loadBalanceHosts ?? 'disable',
    database: raw.database ?? name,
    user: raw.user,
    ...(password === undefined ? {} : { password }),
    tls: readTls(reading, path, raw, hosts),
    keepAliveMs: readDuration(
      reading,
      [...path, 'keepAlive'],
      raw.keepAlive,
      DEFAULT_KEEP_ALIVE_MS,
      KEEP_ALIVE_BOUNDS,
    ),
    warmConnections: raw.warmConnections ?? 0,
  };
}

function readHosts(reading: ConfigReading, path: ConfigPath, raw: RawUpstream): UpstreamHost[] {
  const port = raw.port ?? DEFAULT_PORT;
  if (typeof raw.host === 'string') return [readHost(reading, [...path, 'host'], raw.host, port)];
  return raw.host.map((text, index) => readHost(reading, [...path, 'host', index], text, port));
}

/** `name`, `name:port`, `1.2.3.4:port`, `::1`, `[::1]:port`, `/directory`, `/directory:port`. */
function readHost(reading: ConfigReading, path: ConfigPath, text: string, fallback: number): UpstreamHost {
  if (isIPv6(text)) return { host: text, port: fallback };
  const parts = /^(?:\[([^\]]+)\]|([^[\]]*?))(?::(\d{1,5}))?$/.exec(text);
  const host = parts?.[1] ?? parts?.[2] ?? '';
  const port = parts?.[3] === undefined ? fallback : Number(parts[3]);
  const isHost =
    parts?.[1] === undefined ? host !== '' && (host.startsWith('/') || !host.includes(':')) : isIPv6(host);
  if (!isHost || port < 1 || port > 65_535) {
    const fix = 'Write name, name:port, [address]:port or /directory, with a port of 1 to 65535.';
    reading.error(path, `"${text}" is no host`, fix);
  }
  return { host, port };
}

function readTls(
  reading: ConfigReading,
  path: ConfigPath,
  raw: RawUpstream,
  hosts: readonly UpstreamHost[],
): UpstreamTls {
  const far = hosts.filter(({ host }) => !host.startsWith('/') && !isLoopback(host));
  const mode = (raw.tls?.mode ?? (far.length === 0 ? 'prefer' : 'verify-full')) as UpstreamTlsMode;
  const verifies = VERIFYING.includes(mode);
  const tlsPath = [...path, 'tls'];
  if (!verifies && far.length > 0) {
    const message = `tls.mode ${mode} does not prove that ${far[0]!.host} is the database`;
    reading.warn([...tlsPath, 'mode'], message, 'Set it to verify-full.');
  }
  const { negotiation = 'postgres', channelBinding = 'prefer' } = raw.tls ?? {};
  if (WEAK.includes(mode)) refuseWeak(reading, tlsPath, mode, negotiation, channelBinding);
  const keyPair = raw.tls === undefined ? undefined : readKeyPair(reading, tlsPath, raw.tls);
  return {
    mode,
    negotiation,
    channelBinding,
    ...readTrust(reading, tlsPath, raw, mode),
    ...(keyPair === undefined ? {} : { keyPair }),
  } satisfies { keyPair?: KeyPair } & UpstreamTls;
}

/** What may be sent in clear is neither begun with a handshake nor bound to one. */
function refuseWeak(
  reading: ConfigReading,
  path: ConfigPath,
  mode: UpstreamTlsMode,
  negotiation: string,
  channelBinding: string,
): void {
  const fix = 'Set tls.mode to require, verify-ca or verify-full.';
  if (negotiation === 'direct')
    reading.error([...path, 'negotiation'], `direct TLS does not go with tls.mode ${mode}`, fix);
  if (channelBinding === 'require')
    reading.error([...path, 'channelBinding'], `there may be no TLS to bind to with tls.mode ${mode}`, fix);
}

function readTrust(
  reading: ConfigReading,
  path: ConfigPath,
  raw: RawUpstream,
  mode: UpstreamTlsMode,
): Pick<UpstreamTls, 'ca' | 'crl'> {
  const trust: { ca?: string; crl?: string } = {};
  for (const key of ['ca', 'crl'] as const) {
    const file = raw.tls?.[key];
    if (file === undefined) continue;
    if (!VERIFYING.includes(mode)) {
      const message = `tls.${key} has no effect with tls.mode ${mode}`;
      reading.error([...path, key], message, `Set tls.mode to verify-full, or remove ${key}.`, 'key');
    }
    const text = reading.pem([...path, key], file, key === 'ca' ? 'CERTIFICATE' : 'X509 CRL');
    if (text !== undefined) trust[key] = text;
  }
  return trust;
}
