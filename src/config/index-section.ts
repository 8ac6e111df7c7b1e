/** `index`: where the index of the ledger is kept. */
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import type { IndexDatabase, IndexDatabaseTls } from './index-database.ts';
import { isLoopback, readKeyPair } from './listen-section.ts';
import type { RawIndex, RawIndexDatabase } from './raw-config.ts';

export const INDEX_TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
export const INDEX_DEFAULTS = { port: 5432, schema: 'sluice_index' } as const;

export function readIndex(reading: ConfigReading, { postgres }: RawIndex = {}) {
  return postgres === undefined ? {} : { postgres: readDatabase(reading, ['index', 'postgres'], postgres) };
}

function readDatabase(reading: ConfigReading, path: ConfigPath, raw: RawIndexDatabase): IndexDatabase {
  const { host, port = INDEX_DEFAULTS.port, database, user, schema = INDEX_DEFAULTS.schema } = raw;
  if (schema.startsWith('pg_') || schema === 'public' || schema === 'information_schema')
    reading.error([...path, 'schema'], `${schema} is not for the index alone`, 'Name a schema of its own.');
  const password =
    raw.password === undefined ? undefined : reading.secret([...path, 'password'], raw.password);
  return {
    ...{ host, port, database, user, schema },
    ...(password === undefined ? {} : { password }),
    tls: readTls(reading, [...path, 'tls'], raw),
  };
}

function readTls(
  reading: ConfigReading,
  path: ConfigPath,
  { host, tls }: RawIndexDatabase,
): IndexDatabaseTls {
  const isNear = host.startsWith('/') || isLoopback(host);
  const mode = tls?.mode ?? (isNear ? 'disable' : 'verify-full');
  const verifies = mode.startsWith('verify');
  if (!isNear && !verifies)
    reading.warn(
      [...path, 'mode'],
      `tls.mode ${mode} does not prove that ${host} is the database`,
      'Set it to verify-full.',
    );
  if (host.startsWith('/') && mode !== 'disable')
    reading.error([...path, 'mode'], 'a Unix socket has no TLS', 'Remove tls.');
  if (tls?.ca !== undefined && !verifies)
    reading.error(
      [...path, 'ca'],
      `tls.ca has no effect with tls.mode ${mode}`,
      'Set tls.mode to verify-full, or remove ca.',
      'key',
    );
  const ca = tls?.ca === undefined ? undefined : reading.pem([...path, 'ca'], tls.ca, 'CERTIFICATE');
  const keyPair = tls === undefined ? undefined : readKeyPair(reading, path, tls);
  return { mode, ...(ca === undefined ? {} : { ca }), ...(keyPair === undefined ? {} : { keyPair }) };
}
