/** `approvals`: what annotations leave out, and who is told of requests. */
import type { ApprovalConfig, WebhookConfig } from './config.ts';
import { DEFAULT_APPROVALS, DEFAULT_WEBHOOK_TIMEOUT_MS, WEBHOOK_EVENTS } from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readDuration } from './limits-section.ts';
import { readNotifications } from './notification-section.ts';
import { checkGroups } from './principals-section.ts';
import type { RawConfig, RawWebhook } from './raw-config.ts';
import type { Secret } from './secret.ts';
import { readUrl } from './web-address.ts';

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;
/** A key shorter than this can be guessed. The specification of the signature asks for as much. */
const MIN_KEY_BYTES = 24;

export function readApprovals(reading: ConfigReading, raw: RawConfig): ApprovalConfig {
  const given = raw.approvals ?? {};
  checkGroups(reading, raw.groups, ['approvals', 'groups'], given.groups ?? []);
  const { expires, webhooks = [], publicUrl, slack, teams, email, ...rest } = given;
  const bounds = [SECOND, 7 * DAY] as const;
  const expiresPath = ['approvals', 'expires'];
  const expiresMs = readDuration(reading, expiresPath, expires, DEFAULT_APPROVALS.expiresMs, bounds);
  const url =
    publicUrl === undefined ? undefined : readUrl(reading, ['approvals', 'publicUrl'], publicUrl, true);
  return {
    ...DEFAULT_APPROVALS,
    ...rest,
    expiresMs,
    webhooks: readWebhooks(reading, webhooks),
    ...readNotifications(reading, { slack, teams, email }),
    ...(url === undefined ? {} : { publicUrl: url.href.replace(/\/+$/, '') }),
  };
}

function readWebhooks(reading: ConfigReading, raw: readonly RawWebhook[]): WebhookConfig[] {
  const names = new Set(['slack', 'teams', 'email']);
  return raw.map((entry, index) => {
    const path = ['approvals', 'webhooks', index];
    const url = readUrl(reading, [...path, 'url'], entry.url, entry.insecure ?? false);
    const name = entry.name ?? url?.host ?? '';
    if (names.has(name)) {
      reading.error(
        path,
        `something else that is told is called ${name}`,
        'Give each of them a name of its own.',
      );
    }
    names.add(name);
    const secret = readSigningKey(reading, [...path, 'secret'], entry.secret);
    const timeoutPath = [...path, 'timeout'];
    const bounds = [100, 60 * SECOND] as const;
    return {
      name,
      url: url?.href ?? '',
      ...(secret === undefined ? {} : { secret }),
      events: entry.events ?? WEBHOOK_EVENTS,
      includeStatement: entry.includeStatement ?? false,
      timeoutMs: readDuration(reading, timeoutPath, entry.timeout, DEFAULT_WEBHOOK_TIMEOUT_MS, bounds),
    };
  });
}

/** A secret that signs. */
export function readSigningKey(
  reading: ConfigReading,
  path: ConfigPath,
  raw: RawWebhook['secret'],
): Secret | undefined {
  const secret = reading.secret(path, raw);
  const text = secret?.reveal();
  if (text === undefined) return undefined;
  const isEncoded = text.startsWith('whsec_');
  const bytes = isEncoded ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text);
  const isBase64 = !isEncoded || /^[A-Za-z0-9+/]+={0,2}$/.test(text.slice(6));
  if (isBase64 && bytes.length >= MIN_KEY_BYTES) return secret;
  return reading.error(
    path,
    `the secret is not a key of ${MIN_KEY_BYTES} bytes or more`,
    'Make one with: echo "whsec_$(openssl rand -base64 32)".',
  );
}
