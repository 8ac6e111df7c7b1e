/** `approvals`: what annotations leave out, and who is told of requests. */
import type { ApprovalConfig, WebhookConfig } from './config.ts';
import { DEFAULT_APPROVALS, DEFAULT_WEBHOOK_TIMEOUT_MS, WEBHOOK_EVENTS } from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import { readDuration } from './limits-section.ts';
import { readNotifications } from './notification-section.ts';
import { checkGroups } from './principals-section.ts';
import type { RawConfig, RawWebhook } from './raw-config.ts';
import { readReviewers } from './reviewers-section.ts';
import { readSigningKey } from './signing-key.ts';
import { readUrl } from './web-address.ts';

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;

export function readApprovals(reading: ConfigReading, raw: RawConfig): ApprovalConfig {
  const given = raw.approvals ?? {};
  checkGroups(reading, raw.groups, ['approvals', 'groups'], given.groups ?? []);
  const { expires, webhooks = [], reviewers = [], publicUrl, slack, teams, email, ...rest } = given;
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
    reviewers: readReviewers(reading, raw, reviewers),
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
