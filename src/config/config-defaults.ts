/** What holds where `sluice.yaml` is silent. The schema and docs/configuration.md show these same values. */
import type {
  ApprovalConfig,
  BehaviourSettings,
  Limits,
  TaintConfig,
  TokenConfig,
  WebhookEvent,
} from './config.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const MIB = 1024 * 1024;

export const DEFAULT_DATA_DIR = './.sluice';
export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_POSTGRES_PORT = 6432;
export const DEFAULT_HTTP_PORT = 6480;
export const DEFAULT_KEEP_ALIVE_MS = MINUTE;
/** Whoever may write to the Unix socket may connect: at first, only the user of the gateway. */
export const DEFAULT_SOCKET_MODE = 0o700;
/** The name of the admin socket inside the data directory. */
export const ADMIN_SOCKET_NAME = 'admin.sock';

export const DEFAULT_APPROVALS: ApprovalConfig = {
  groups: [],
  quorum: 1,
  expiresMs: 15 * MINUTE,
  holdMode: 'wait',
  maxPending: 1000,
  maxPendingPerPrincipal: 20,
  webhooks: [],
  reviewers: [],
};

/** The longest that access may be lent. */
export const DEFAULT_ACCESS_MS = 4 * HOUR;

export const DEFAULT_REVIEW_TIMEOUT_MS = 20 * SECOND;
export const DEFAULT_WEBHOOK_TIMEOUT_MS = 10 * SECOND;
export const DEFAULT_SLACK_API = 'https://slack.com/api';
export const DEFAULT_TEAMS_URLS = {
  serviceUrl: 'https://smba.trafficmanager.net/teams',
  loginUrl: 'https://login.microsoftonline.com',
  keysUrl: 'https://login.botframework.com/v1/.well-known/openidconfiguration',
} as const;
/** Mails cannot be changed once they are sent: only the question and its end. */
export const DEFAULT_EMAIL_EVENTS: readonly WebhookEvent[] = [
  'requested',
  'escalated',
  'approved',
  'denied',
  'expired',
  'cancelled',
  'drifted',
];
/** All there are. */
export const WEBHOOK_EVENTS: readonly WebhookEvent[] = [
  'requested',
  'voted',
  'escalated',
  'approved',
  'denied',
  'expired',
  'cancelled',
  'drifted',
  'used',
];

export const DEFAULT_TOKENS: TokenConfig = {
  defaultTtlMs: HOUR,
  maxTtlMs: 24 * HOUR,
  maxActivePerPrincipal: 32,
  scramIterations: 4096,
};

export const DEFAULT_BEHAVIOUR: BehaviourSettings = {
  learnMs: 7 * 24 * HOUR,
  windowMs: 30 * 24 * HOUR,
  rememberMs: 24 * HOUR,
};

export const DEFAULT_TAINT: TaintConfig = { rememberMs: HOUR, per: 'principal' };

export const DEFAULT_LIMITS: Limits = {
  maxConnections: 1000,
  maxConnectionsPerPrincipal: 200,
  startupTimeoutMs: 10 * SECOND,
  upstreamConnectTimeoutMs: 10 * SECOND,
  idleSessionTimeoutMs: 0,
  idleInTransactionTimeoutMs: 0,
  drainTimeoutMs: 30 * SECOND,
  maxStatementBytes: MIB,
  maxMessageBytes: 64 * MIB,
  authFailureDelayMs: 250,
  authFailureMaxDelayMs: 5 * SECOND,
};
