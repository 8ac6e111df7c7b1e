/** `approvals.slack`, `.teams` and `.email`: where people are asked. */
import type { ApprovalConfig } from './config.ts';
import {
  DEFAULT_EMAIL_EVENTS,
  DEFAULT_SLACK_API,
  DEFAULT_TEAMS_URLS,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
} from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readDuration } from './limits-section.ts';
import { isLoopback } from './listen-section.ts';
import type { EmailConfig, SlackConfig, TeamsConfig } from './notification-config.ts';
import type { RawEmail, RawSlack, RawTeams } from './raw-config.ts';
import { readUrl } from './web-address.ts';

interface RawNotifications {
  readonly slack: RawSlack | undefined;
  readonly teams: RawTeams | undefined;
  readonly email: RawEmail | undefined;
}

const TIMEOUT_BOUNDS = [100, 60_000] as const;

export function readNotifications(
  reading: ConfigReading,
  { slack, teams, email }: RawNotifications,
): Pick<ApprovalConfig, 'slack' | 'teams' | 'email'> {
  return {
    ...(slack === undefined ? {} : { slack: readSlack(reading, slack) }),
    ...(teams === undefined ? {} : { teams: readTeams(reading, teams) }),
    ...(email === undefined ? {} : { email: readEmail(reading, email) }),
  };
}

function readSlack(reading: ConfigReading, raw: RawSlack): SlackConfig {
  const path = ['approvals', 'slack'];
  const token = reading.secret([...path, 'token'], raw.token);
  const signingSecret =
    raw.signingSecret === undefined
      ? undefined
      : reading.secret([...path, 'signingSecret'], raw.signingSecret);
  return {
    ...(token === undefined ? {} : { token }),
    team: raw.team,
    channel: raw.channel,
    hasButtons: raw.signingSecret !== undefined,
    ...(signingSecret === undefined ? {} : { signingSecret }),
    matchEmail: raw.matchEmail ?? false,
    ...readShared(reading, path, raw),
    apiUrl: readBase(reading, [...path, 'apiUrl'], raw.apiUrl ?? DEFAULT_SLACK_API),
  };
}

function readTeams(reading: ConfigReading, raw: RawTeams): TeamsConfig {
  const path = ['approvals', 'teams'];
  const password = reading.secret([...path, 'password'], raw.password);
  const url = (key: keyof typeof DEFAULT_TEAMS_URLS) =>
    readBase(reading, [...path, key], raw[key] ?? DEFAULT_TEAMS_URLS[key]);
  return {
    ...{ tenant: raw.tenant, appId: raw.appId, channel: raw.channel },
    ...(password === undefined ? {} : { password }),
    ...readShared(reading, path, raw),
    ...{ serviceUrl: url('serviceUrl'), loginUrl: url('loginUrl'), keysUrl: url('keysUrl') },
  };
}

function readEmail(reading: ConfigReading, raw: RawEmail): EmailConfig {
  const path = ['approvals', 'email'];
  const { host, tls = 'starttls', from, to = [], events = DEFAULT_EMAIL_EVENTS } = raw;
  if (tls === 'disable' && raw.insecure !== true && !isLoopback(host)) {
    reading.error([...path, 'tls'], 'mails would be sent in clear', 'Write starttls, or set insecure: true.');
  }
  const ca = raw.ca === undefined ? undefined : reading.pem([...path, 'ca'], raw.ca, 'CERTIFICATE');
  return {
    ...{ host, port: raw.port ?? (tls === 'tls' ? 465 : 587), tls },
    ...(ca === undefined ? {} : { ca }),
    ...readLogin(reading, path, raw),
    ...{ from, to, events },
    ...readShared(reading, path, raw),
  };
}

function readLogin(
  reading: ConfigReading,
  path: ConfigPath,
  { user, password }: RawEmail,
): Pick<EmailConfig, 'login'> {
  if ((user === undefined) !== (password === undefined)) {
    reading.error(path, 'user and password belong together', 'Give both, or neither.');
  }
  if (user === undefined || password === undefined) return {};
  const secret = reading.secret([...path, 'password'], password);
  return { login: { user, ...(secret === undefined ? {} : { password: secret }) } };
}

function readShared(
  reading: ConfigReading,
  path: ConfigPath,
  { includeStatement = false, timeout }: { readonly includeStatement?: boolean; readonly timeout?: string },
) {
  const timeoutPath = [...path, 'timeout'];
  const timeoutMs = readDuration(reading, timeoutPath, timeout, DEFAULT_WEBHOOK_TIMEOUT_MS, TIMEOUT_BOUNDS);
  return { includeStatement, timeoutMs };
}

function readBase(reading: ConfigReading, path: ConfigPath, text: string): string {
  return readUrl(reading, path, text, false)?.href.replace(/\/+$/, '') ?? '';
}
