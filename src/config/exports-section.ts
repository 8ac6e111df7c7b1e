/** `exports`: where ledger entries are handed on to. */

import type { ExportConfig, ExportSink, ExportTls } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readStorage } from './ledger-section.ts';
import { readDuration, readSize } from './limits-section.ts';
import type { RawExport, RawExportTls, RawSecret } from './raw-config.ts';
import type { Secret } from './secret.ts';
import { readSigningKey } from './signing-key.ts';
import { readUrl } from './web-address.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const MIB = 1024 ** 2;

export const EXPORT_FORMATS = ['sluice', 'ocsf'] as const;

export const EXPORT_DEFAULTS = {
  timeoutMs: 10 * SECOND,
  maxFileBytes: 100 * MIB,
  keptFiles: 10,
  syslogPort: 6514,
  appName: 'sluice',
  storageEveryMs: 60 * SECOND,
} as const;

const SINKS = ['file', 'syslog', 'webhook', 'otlp', 'kafka', 'storage'] as const;

export function readExports(
  reading: ConfigReading,
  raw: readonly RawExport[] = [],
  databases: readonly string[],
): ExportConfig[] {
  const names = new Set<string>();
  return raw.flatMap((entry, index) => {
    const path = ['exports', index];
    if (names.has(entry.name)) {
      reading.error(
        [...path, 'name'],
        `two exports are called ${entry.name}`,
        'Give each a name of its own.',
      );
    }
    names.add(entry.name);
    for (const [at, name] of (entry.databases ?? []).entries()) {
      if (databases.includes(name)) continue;
      reading.error(
        [...path, 'databases', at],
        `there is no database ${name}`,
        'Name one of the section databases.',
      );
    }
    const sink = readSink(reading, path, entry);
    if (sink === undefined) return [];
    const { name, format = 'sluice', from = 'beginning', kinds, decisions } = entry;
    return {
      ...{ name, format, from, sink },
      ...(kinds && { kinds }),
      ...(decisions && { decisions }),
      ...(entry.databases && { databases: entry.databases }),
    };
  });
}

function readSink(reading: ConfigReading, path: ConfigPath, raw: RawExport): ExportSink | undefined {
  const given = SINKS.filter((name) => raw[name] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    return reading.error(
      path,
      given.length === 0 ? 'the export has no destination' : `the export has ${given.length} destinations`,
      `Write exactly one of ${SINKS.join(', ')}.`,
    );
  }
  return READERS[kind](reading, [...path, kind], raw);
}

type Reader = (reading: ConfigReading, path: ConfigPath, raw: RawExport) => ExportSink | undefined;

const READERS: Readonly<Record<(typeof SINKS)[number], Reader>> = {
  file: (reading, path, { file }) => ({
    kind: 'file',
    path: reading.resolve(file?.path ?? ''),
    maxBytes: readSize(reading, [...path, 'maxSize'], file?.maxSize, EXPORT_DEFAULTS.maxFileBytes, [
      MIB,
      1024 * 1024 * MIB,
    ]),
    keep: file?.keep ?? EXPORT_DEFAULTS.keptFiles,
  }),
  syslog: (reading, path, { syslog }) => ({
    kind: 'syslog',
    host: syslog?.host ?? '',
    port: syslog?.port ?? EXPORT_DEFAULTS.syslogPort,
    appName: syslog?.appName ?? EXPORT_DEFAULTS.appName,
    tls: readTls(reading, path, syslog),
    timeoutMs: readTimeout(reading, path, syslog?.timeout),
  }),
  webhook: (reading, path, { webhook }) => {
    const url = readUrl(reading, [...path, 'url'], webhook?.url ?? '', webhook?.insecure ?? false);
    const secret = readSigningKey(reading, [...path, 'secret'], webhook?.secret ?? {});
    return {
      kind: 'webhook',
      url: url?.href ?? '',
      ...(secret === undefined ? {} : { secret }),
      timeoutMs: readTimeout(reading, path, webhook?.timeout),
    };
  },
  otlp: (reading, path, { otlp }) => {
    const url = readUrl(reading, [...path, 'url'], otlp?.url ?? '', otlp?.insecure ?? false);
    return {
      kind: 'otlp',
      url: url?.href ?? '',
      encoding: otlp?.encoding ?? 'protobuf',
      headers: readHeaders(reading, [...path, 'headers'], otlp?.headers),
      timeoutMs: readTimeout(reading, path, otlp?.timeout),
    };
  },
  kafka: (reading, path, { kafka }) => {
    const sasl = kafka?.sasl;
    const password = sasl && reading.secret([...path, 'sasl', 'password'], sasl.password);
    return {
      kind: 'kafka',
      brokers: kafka?.brokers ?? [],
      topic: kafka?.topic ?? '',
      ...(kafka?.tls && { tls: readTls(reading, [...path, 'tls'], kafka.tls) }),
      ...(sasl && {
        sasl: { mechanism: sasl.mechanism, username: sasl.username, ...(password && { password }) },
      }),
      timeoutMs: readTimeout(reading, path, kafka?.timeout),
    };
  },
  storage: (reading, path, { storage }) =>
    storage && {
      kind: 'storage',
      storage: readStorage(reading, path, storage),
      everyMs: readDuration(reading, [...path, 'every'], storage.every, EXPORT_DEFAULTS.storageEveryMs, [
        SECOND,
        HOUR,
      ]),
    },
};

function readTimeout(reading: ConfigReading, path: ConfigPath, text: string | undefined): number {
  return readDuration(reading, [...path, 'timeout'], text, EXPORT_DEFAULTS.timeoutMs, [100, 300 * SECOND]);
}

function readTls(reading: ConfigReading, path: ConfigPath, raw: RawExportTls = {}): ExportTls {
  const ca = raw.ca === undefined ? undefined : reading.pem([...path, 'ca'], raw.ca, 'CERTIFICATE');
  if ((raw.cert === undefined) !== (raw.key === undefined)) {
    const [there, missing] = raw.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    reading.error([...path, there], `${there} is given without ${missing}`, 'Give both of them, or neither.');
  }
  const cert = raw.cert && reading.pem([...path, 'cert'], raw.cert, 'CERTIFICATE');
  const key = raw.key && reading.readsSecrets ? reading.privateKey([...path, 'key'], raw.key) : undefined;
  return { ...(ca && { ca }), ...(cert && key && { keyPair: { cert, key } }) };
}

function readHeaders(
  reading: ConfigReading,
  path: ConfigPath,
  raw: Readonly<Record<string, RawSecret>> = {},
): ReadonlyMap<string, Secret> {
  const headers = Object.entries(raw).map(
    ([name, value]) => [name, reading.secret([...path, name], value)] as const,
  );
  return new Map(headers.filter((header): header is readonly [string, Secret] => header[1] !== undefined));
}
