/** Approvals with whom they tell: opened together, because a message is kept in one step with what it tells. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Approvals } from '../approvals/approvals.ts';
import { Grants } from '../approvals/grants.ts';
import { Notifications } from '../approvals/notifications/notifications.ts';
import type { ApprovalConfig } from '../config/config.ts';
import type { Principals } from '../identity/actor-chain.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Store } from '../store/store.ts';
import { measureNotifications, receiversOf } from './receivers.ts';

export interface ApprovalDeskOptions {
  readonly config: ApprovalConfig;
  readonly principals: Principals;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly log: Logger;
}

export interface RunningApprovals {
  readonly approvals: Approvals;
  readonly grants: Grants;
  /** Before the store is closed. */
  close(): Promise<void>;
}

/** @throws {SluiceError} config_invalid, ledger_*, store_unavailable */
export async function openApprovals(options: ApprovalDeskOptions): Promise<RunningApprovals> {
  const { config, store, ledger } = options;
  const notifications: Notifications = new Notifications({
    store: store.notices,
    receivers: receiversOf(config, options.principals),
    now: Date.now,
    random: Math.random,
    report: measureNotifications(options, () => notifications.waiting()),
  });
  const grants = new Grants({ store: store.grants, ledger, now: Date.now });
  const approvals = new Approvals({
    store: store.approvals,
    grants,
    ledger,
    now: Date.now,
    maxPending: config.maxPending,
    maxPendingPerPrincipal: config.maxPendingPerPrincipal,
    noticesOf: (record) => notifications.noticesOf(record),
    onChange: () => notifications.poke(),
  });
  await grants.recover();
  await approvals.recover();
  await notifications.start();
  const close = async () => {
    approvals.close();
    grants.close();
    await notifications.close();
  };
  return { approvals, grants, close };
}
