/** `databases`: where they are, how to log in, and what their columns hold. */
import type { ColumnLabel } from '../model/labels.ts';
import type { DatabaseConfig, Upstream, UpstreamTlsMode } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { isLoopback } from './listen-section.ts';
import { didYouMean } from './nearest-name.ts';
import type { RawDatabase } from './raw-config.ts';

const DEFAULT_PORT = 5432;

export function readDatabase(reading: ConfigReading, name: string, raw: RawDatabase): DatabaseConfig {
  const path = ['databases', name];
  const labels = readLabels(raw);
  checkMasks(reading, path, raw, labels);
  return {
    name,
    environment: raw.environment,
    engine: raw.engine,
    upstream: readUpstream(reading, path, name, raw),
    labels,
    masks: raw.masks ?? {},
    ...(raw.maxConnections === undefined ? {} : { maxConnections: raw.maxConnections }),
  };
}

function readUpstream(reading: ConfigReading, path: ConfigPath, name: string, raw: RawDatabase): Upstream {
  const password =
    raw.password === undefined ? undefined : reading.secret([...path, 'password'], raw.password);
  return {
    host: raw.host,
    port: raw.port ?? DEFAULT_PORT,
    database: raw.database ?? name,
    user: raw.user,
    ...(password === undefined ? {} : { password }),
    tls: readTls(reading, path, raw),
  };
}

function readTls(reading: ConfigReading, path: ConfigPath, raw: RawDatabase): Upstream['tls'] {
  const near = isLoopback(raw.host);
  const mode = (raw.tls?.mode ?? (near ? 'prefer' : 'verify-full')) as UpstreamTlsMode;
  const verifies = mode === 'verify-ca' || mode === 'verify-full';
  if (!verifies && !near) {
    const message = `tls.mode ${mode} does not prove that ${raw.host} is the database`;
    reading.warn([...path, 'tls', 'mode'], message, 'Set it to verify-full.');
  }
  if (raw.tls?.ca === undefined) return { mode };
  if (!verifies) {
    const message = `tls.ca has no effect with tls.mode ${mode}`;
    reading.error([...path, 'tls', 'ca'], message, 'Set tls.mode to verify-full, or remove ca.', 'key');
  }
  const ca = reading.pem([...path, 'tls', 'ca'], raw.tls.ca, 'CERTIFICATE');
  return ca === undefined ? { mode } : { mode, ca };
}

function readLabels(raw: RawDatabase): ColumnLabel[] {
  return Object.entries(raw.labels ?? {}).flatMap(([relation, columns]) =>
    Object.entries(columns).map(([column, label]) => ({ relation, column, label })),
  );
}

function checkMasks(
  reading: ConfigReading,
  path: ConfigPath,
  raw: RawDatabase,
  labels: readonly ColumnLabel[],
): void {
  const used = new Set(labels.map(({ label }) => label));
  for (const label of Object.keys(raw.masks ?? {})) {
    if (used.has(label)) continue;
    const fix = didYouMean(label, used, 'Label a column with it, or remove the mask.');
    reading.warn([...path, 'masks', label], `no column has the label "${label}"`, fix, 'key');
  }
}
