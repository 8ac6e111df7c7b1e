/** Those who are told of approval requests, as the configuration names them, and what is measured of it. */
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DeliveryOptions } from '../approvals/notifications/delivery-lane.ts';
import { Mailbox } from '../approvals/notifications/mailbox.ts';
import type { Receiver } from '../approvals/notifications/receiver.ts';
import { SlackApi } from '../approvals/notifications/slack-api.ts';
import { SlackChannel } from '../approvals/notifications/slack-channel.ts';
import { TeamsApi } from '../approvals/notifications/teams-api.ts';
import { TeamsChannel } from '../approvals/notifications/teams-channel.ts';
import { Webhook } from '../approvals/notifications/webhook.ts';
import type { ApprovalConfig } from '../config/config.ts';
import type { SlackConfig, TeamsConfig } from '../config/notification-config.ts';
import type { Secret } from '../config/secret.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Principals } from '../identity/actor-chain.ts';

/** @throws {SluiceError} config_invalid if a secret was not read */
export function receiversOf(config: ApprovalConfig, principals: Principals): Receiver[] {
  const { publicUrl, slack, teams, email } = config;
  const context = { now: Date.now, ...(publicUrl === undefined ? {} : { publicUrl }) };
  return [
    ...config.webhooks.map((webhook) => {
      const secret = requireSecret(webhook.secret, `the webhook ${webhook.name}`);
      return new Webhook({ ...webhook, secret }, context);
    }),
    ...(slack === undefined ? [] : [new SlackChannel(slack, slackApi(slack), publicUrl)]),
    ...(teams === undefined ? [] : [new TeamsChannel(teams, teamsApi(teams), publicUrl)]),
    ...(email === undefined ? [] : [new Mailbox(email, principals, publicUrl)]),
  ];
}

/** @throws {SluiceError} config_invalid if the secret was not read */
export function slackApi({ token, apiUrl }: SlackConfig): SlackApi {
  return new SlackApi({ token: requireSecret(token, 'Slack'), apiUrl });
}

function teamsApi(config: TeamsConfig): TeamsApi {
  return new TeamsApi({ ...config, password: requireSecret(config.password, 'Teams'), now: Date.now });
}

/** @throws {SluiceError} config_invalid */
export function requireSecret(secret: Secret | undefined, whose: string): Secret {
  if (secret !== undefined) return secret;
  throw new SluiceError('config_invalid', `the secret of ${whose} was not read`);
}

export function measureNotifications(
  { registry, log }: { readonly registry: Registry; readonly log: Logger },
  waiting: () => Promise<ReadonlyMap<string, number>>,
): DeliveryOptions['report'] {
  const registers = [registry];
  const messages = new Counter({
    name: 'sluice_notifications_total',
    help: 'Messages about approval requests: delivered, failed attempts, given up, dropped',
    labelNames: ['receiver', 'result'],
    registers,
  });
  new Gauge({
    name: 'sluice_notifications_waiting',
    help: 'Messages about approval requests that wait to be sent',
    labelNames: ['receiver'],
    registers,
    async collect() {
      // Metrics are wanted most when something is broken, the store included.
      const counts = await waiting().catch(() => new Map<string, number>());
      for (const [receiver, count] of counts) this.set({ receiver }, count);
    },
  });
  return (receiver, result, count, why) => {
    messages.inc({ receiver, result }, count);
    if (result !== 'delivered') log.warn({ receiver, result, count, why }, 'a message was not sent');
  };
}
