/** `ledger`: the log's name, the key that wraps data keys, and where checkpoints and tiles go besides the data directory. */
import type { LedgerConfig, LedgerStorage } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readDuration } from './limits-section.ts';
import type { RawLedger, RawSecret, RawStorage } from './raw-config.ts';
import type { Secret } from './secret.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const DEFAULT_ANCHOR_INTERVAL_MS = MINUTE;
export const DEFAULT_RETAIN_DAYS = 365;
export const DEFAULT_RETENTION_EVERY_MS = DAY;

export function readLedger(
  reading: ConfigReading,
  raw: RawLedger = {},
  databases: readonly string[] = [],
): LedgerConfig {
  const path = ['ledger'];
  for (const [index, { url }] of (raw.witnesses ?? []).entries())
    checkUrl(reading, [...path, 'witnesses', index, 'url'], url);
  const interval = [...path, 'anchorInterval'];
  return {
    ...(raw.origin === undefined ? {} : { origin: raw.origin }),
    ownsWrappingKey: raw.wrappingKey !== undefined,
    ...readSecret(reading, [...path, 'wrappingKey'], 'wrappingKey', raw.wrappingKey),
    witnesses: raw.witnesses ?? [],
    anchors: readAnchors(reading, [...path, 'anchors'], raw.anchors),
    anchorIntervalMs: readDuration(reading, interval, raw.anchorInterval, DEFAULT_ANCHOR_INTERVAL_MS, [
      1000,
      DAY,
    ]),
    retention: readRetention(reading, [...path, 'retention'], raw.retention, databases),
    ...(raw.tiles === undefined ? {} : { tiles: readStorage(reading, [...path, 'tiles'], raw.tiles) }),
  };
}

function readRetention(
  reading: ConfigReading,
  path: ConfigPath,
  { rules = [], every }: NonNullable<RawLedger['retention']> = {},
  known: readonly string[],
): LedgerConfig['retention'] {
  const read = rules.map(({ keep, kinds, databases }, index) => {
    for (const [at, name] of (databases ?? []).entries()) {
      if (known.includes(name)) continue;
      reading.warn(
        [...path, 'rules', index, 'databases', at],
        `there is no database ${name}`,
        'Correct the name, or leave it for entries of the past.',
      );
    }
    return {
      keepMs: readDuration(reading, [...path, 'rules', index, 'keep'], keep, DAY, [HOUR, 36_500 * DAY]),
      ...(kinds && { kinds }),
      ...(databases && { databases }),
    };
  });
  const everyMs = readDuration(reading, [...path, 'every'], every, DEFAULT_RETENTION_EVERY_MS, [0, 20 * DAY]);
  return { rules: read, everyMs };
}

function readAnchors(
  reading: ConfigReading,
  path: ConfigPath,
  { directory, webhook, storage }: NonNullable<RawLedger['anchors']> = {},
): LedgerConfig['anchors'] {
  if (webhook !== undefined) checkUrl(reading, [...path, 'webhook', 'url'], webhook.url);
  const secret = readSecret(reading, [...path, 'webhook', 'secret'], 'secret', webhook?.secret);
  return {
    ...(directory === undefined ? {} : { directory: reading.resolve(directory) }),
    ...(webhook === undefined ? {} : { webhook: { url: webhook.url, ...secret } }),
    ...(storage === undefined
      ? {}
      : {
          storage: {
            ...readStorage(reading, [...path, 'storage'], storage),
            retainDays: storage.retainDays ?? DEFAULT_RETAIN_DAYS,
          },
        }),
  };
}

export function readStorage(reading: ConfigReading, path: ConfigPath, raw: RawStorage): LedgerStorage {
  checkUrl(reading, [...path, 'endpoint'], raw.endpoint);
  return {
    endpoint: raw.endpoint,
    bucket: raw.bucket,
    region: raw.region ?? 'us-east-1',
    prefix: raw.prefix ?? '',
    accessKeyId: raw.accessKeyId,
    ...readSecret(reading, [...path, 'secretAccessKey'], 'secretAccessKey', raw.secretAccessKey),
  };
}

/** Absent where there is none, or where secrets are not read. */
function readSecret<Name extends string>(
  reading: ConfigReading,
  path: ConfigPath,
  name: Name,
  raw: RawSecret | undefined,
): { readonly [name in Name]?: Secret } {
  const secret = raw === undefined ? undefined : reading.secret(path, raw);
  return (secret === undefined ? {} : { [name]: secret }) as { readonly [name in Name]?: Secret };
}

function checkUrl(reading: ConfigReading, path: ConfigPath, url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  reading.error(path, `${url} is not an address`, 'Write one that begins with https://.');
}
