/** `listen`: addresses, ports and TLS towards clients. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { readClientCertificates } from './certificates-section.ts';
import type { Config, KeyPair, Listener, ListenerTlsMode, PostgresListener } from './config.ts';
import {
  ADMIN_SOCKET_NAME,
  DEFAULT_HOST,
  DEFAULT_HTTP_PORT,
  DEFAULT_KEEP_ALIVE_MS,
  DEFAULT_POSTGRES_PORT,
  DEFAULT_SOCKET_MODE,
} from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { KEEP_ALIVE_BOUNDS, readDuration } from './limits-section.ts';
import type { RawConfig, RawListener, RawPostgresListener, RawTls } from './raw-config.ts';

/** The longest path of a Unix socket that every supported system takes (`sun_path` less its final zero). */
const MAX_SOCKET_PATH_BYTES = 103;

export function readListen(
  reading: ConfigReading,
  raw: RawConfig['listen'],
  dataDir: string,
  principals: readonly string[],
): Config['listen'] {
  const postgres = readPostgres(reading, raw?.postgres, principals);
  const http = readListener(reading, ['listen', 'http'], raw?.http, DEFAULT_HTTP_PORT, 'disable');
  if (postgres.port !== 0 && postgres.port === http.port && postgres.host === http.host) {
    reading.error(
      ['listen', 'http', 'port'],
      `port ${http.port} is taken by listen.postgres`,
      'Choose another port.',
    );
  }
  warnIfPlain(reading, ['listen', 'postgres'], postgres, postgres.tls.mode !== 'require');
  warnIfPlain(reading, ['listen', 'http'], http, http.tls.mode === 'disable');
  return { postgres, http, adminSocket: readAdminSocket(reading, raw?.adminSocket, dataDir) };
}

/** Whether `host` can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function readPostgres(
  reading: ConfigReading,
  raw: RawPostgresListener | undefined,
  principals: readonly string[],
): PostgresListener {
  const path = ['listen', 'postgres'];
  const listener = readListener(reading, path, raw, DEFAULT_POSTGRES_PORT, 'prefer');
  const asked = raw?.tls?.clientCertificates;
  const { mode } = listener.tls;
  const clientCertificates =
    asked === undefined ? undefined : readClientCertificates(reading, asked, mode, principals);
  const unixSocket = raw?.unixSocket;
  return {
    ...listener,
    tls: { ...listener.tls, ...(clientCertificates === undefined ? {} : { clientCertificates }) },
    keepAliveMs: readDuration(
      reading,
      [...path, 'keepAlive'],
      raw?.keepAlive,
      DEFAULT_KEEP_ALIVE_MS,
      KEEP_ALIVE_BOUNDS,
    ),
    ...(unixSocket === undefined ? {} : { unixSocket: readUnixSocket(reading, unixSocket) }),
  };
}

function readUnixSocket(
  reading: ConfigReading,
  raw: NonNullable<RawPostgresListener['unixSocket']>,
): NonNullable<PostgresListener['unixSocket']> {
  const directory = reading.resolve(raw.directory);
  // `/.s.PGSQL.` and a port of five digits.
  if (Buffer.byteLength(directory) + 15 > MAX_SOCKET_PATH_BYTES) {
    reading.error(
      ['listen', 'postgres', 'unixSocket', 'directory'],
      `the path of the socket is longer than ${MAX_SOCKET_PATH_BYTES} bytes, which the system cannot open`,
      'Choose a shorter directory.',
    );
  }
  return { directory, mode: raw.mode === undefined ? DEFAULT_SOCKET_MODE : Number.parseInt(raw.mode, 8) };
}

function readListener(
  reading: ConfigReading,
  path: ConfigPath,
  raw: RawListener | undefined,
  port: number,
  mode: ListenerTlsMode,
): Listener {
  const keyPair = raw?.tls === undefined ? undefined : readKeyPair(reading, [...path, 'tls'], raw.tls);
  return {
    host: raw?.host ?? DEFAULT_HOST,
    port: raw?.port ?? port,
    tls: { mode: (raw?.tls?.mode ?? mode) as ListenerTlsMode, ...(keyPair === undefined ? {} : { keyPair }) },
  };
}

/** `cert` and `key`, which go together. */
export function readKeyPair(reading: ConfigReading, path: ConfigPath, raw: RawTls): KeyPair | undefined {
  if (raw.cert === undefined && raw.key === undefined) return undefined;
  if (raw.cert === undefined || raw.key === undefined) {
    const [given, missing] = raw.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    return reading.error(
      [...path, given],
      `${given} stands alone`,
      `Add ${missing}, or remove ${given}.`,
      'key',
    );
  }
  if (!reading.readsSecrets) return undefined;
  const cert = reading.pem([...path, 'cert'], raw.cert, 'CERTIFICATE');
  const key = reading.privateKey([...path, 'key'], raw.key);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

function readAdminSocket(reading: ConfigReading, raw: string | undefined, dataDir: string): string {
  const socket = raw === undefined ? join(dataDir, ADMIN_SOCKET_NAME) : reading.resolve(raw);
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
    reading.error(
      raw === undefined ? ['dataDir'] : ['listen', 'adminSocket'],
      `the path of the admin socket is longer than ${MAX_SOCKET_PATH_BYTES} bytes, which the system cannot open`,
      'Set listen.adminSocket to a shorter path, in a directory that only the user of Sluice may enter.',
    );
  }
  return socket;
}

function warnIfPlain(reading: ConfigReading, path: ConfigPath, listener: Listener, plain: boolean): void {
  if (!plain || isLoopback(listener.host)) return;
  reading.warn(
    [...path, 'host'],
    `clients on the network may connect to ${path.at(-1)} without TLS`,
    `Set ${path.join('.')}.tls.mode to require.`,
  );
}
