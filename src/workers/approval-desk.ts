/** Approvals with whom they tell: opened together, because a message is kept in one step with what it tells. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Approvals } from '../approvals/approvals.ts';
import { Grants } from '../approvals/grants.ts';
import { Notifications } from '../approvals/notifications/notifications.ts';
import type { AutomaticReviewers } from '../approvals/reviewers/automatic-reviewers.ts';
import type { ApprovalConfig } from '../config/config.ts';
import type { Principals } from '../identity/actor-chain.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { AccessGrant, Grant } from '../model/grant.ts';
import type { Store } from '../store/store.ts';
import { measureNotifications, receiversOf } from './receivers.ts';
import { openReviewers } from './review-desk.ts';

export interface ApprovalDeskOptions {
  readonly config: ApprovalConfig;
  readonly principals: Principals;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly log: Logger;
}

/** Access that is lent at the moment, and who has to know. */
export class LentAccess {
  #current: readonly AccessGrant[] = [];
  /** Told of all that is lent when that has changed; resolves when it is in force. Whoever serves sessions sets it. */
  onChange: (grants: readonly AccessGrant[]) => Promise<void> = async () => {};

  get current(): readonly AccessGrant[] {
    return this.#current;
  }

  /** A grant was given or has ended. */
  async note(grant: Grant): Promise<void> {
    if (grant.kind !== 'access') return;
    const others = this.#current.filter(({ id }) => id !== grant.id);
    this.#current = grant.state === 'active' ? [...others, grant] : others;
    await this.onChange(this.#current);
  }
}

export interface RunningApprovals {
  readonly approvals: Approvals;
  readonly grants: Grants;
  readonly access: LentAccess;
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
  const access = new LentAccess();
  const grants = new Grants({
    ...{ store: store.grants, ledger, now: Date.now },
    onChange: (grant) => access.note(grant),
  });
  const approvals = new Approvals({
    store: store.approvals,
    grants,
    ledger,
    now: Date.now,
    maxPending: config.maxPending,
    maxPendingPerPrincipal: config.maxPendingPerPrincipal,
    noticesOf: (record) => notifications.noticesOf(record),
    onChange: (request) => {
      notifications.poke();
      reviewers.consider(request);
    },
  });
  const reviewers: AutomaticReviewers = openReviewers(options, approvals);
  for (const grant of await grants.recover()) await access.note(grant);
  await approvals.recover();
  await notifications.start();
  await reviewers.start();
  const close = async () => {
    await reviewers.close();
    approvals.close();
    grants.close();
    await notifications.close();
  };
  return { approvals, grants, access, close };
}
