/** Approvals with whom they tell: opened together, because a message is kept in one step with what it tells. */
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { Approvals } from '../approvals/approvals.ts';
import { type ReadyWebhook, Webhooks } from '../approvals/notifications/webhooks.ts';
import type { ApprovalConfig, WebhookConfig } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Store } from '../store/store.ts';

export interface ApprovalDeskOptions {
  readonly config: ApprovalConfig;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly log: Logger;
}

export interface RunningApprovals {
  readonly approvals: Approvals;
  /** Before the store is closed. */
  close(): Promise<void>;
}

/** @throws {SluiceError} config_invalid, ledger_*, store_unavailable */
export async function openApprovals(options: ApprovalDeskOptions): Promise<RunningApprovals> {
  const { config, store, ledger } = options;
  const webhooks = new Webhooks({
    store: store.notices,
    webhooks: config.webhooks.map(withSecret),
    ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
    now: Date.now,
    random: Math.random,
    report: measureWebhooks(options, () => webhooks.waiting()),
  });
  const approvals = new Approvals({
    store: store.approvals,
    ledger,
    now: Date.now,
    maxPending: config.maxPending,
    maxPendingPerPrincipal: config.maxPendingPerPrincipal,
    noticesOf: (record) => webhooks.noticesOf(record),
    onChange: () => webhooks.poke(),
  });
  await approvals.recover();
  await webhooks.start();
  const close = async () => {
    approvals.close();
    await webhooks.close();
  };
  return { approvals, close };
}

function withSecret(webhook: WebhookConfig): ReadyWebhook {
  const { secret } = webhook;
  if (secret !== undefined) return { ...webhook, secret };
  throw new SluiceError('config_invalid', `the secret of the webhook ${webhook.name} was not read`);
}

function measureWebhooks(
  { registry, log }: ApprovalDeskOptions,
  waiting: () => Promise<ReadonlyMap<string, number>>,
) {
  const registers = [registry];
  const messages = new Counter({
    name: 'sluice_webhook_messages_total',
    help: 'Messages to webhooks: delivered, failed attempts, given up, dropped',
    labelNames: ['webhook', 'result'],
    registers,
  });
  new Gauge({
    name: 'sluice_webhook_waiting',
    help: 'Messages that wait to be sent',
    labelNames: ['webhook'],
    registers,
    async collect() {
      // Metrics are wanted most when something is broken, the store included.
      const counts = await waiting().catch(() => new Map<string, number>());
      for (const [name, count] of counts) this.set({ webhook: name }, count);
    },
  });
  return (webhook: string, result: string, count: number, why?: string) => {
    messages.inc({ webhook, result }, count);
    if (result !== 'delivered') log.warn({ webhook, result, count, why }, 'a webhook was not told');
  };
}
