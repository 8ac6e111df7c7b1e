/**
 * What a worker asks of the primary, in the form in which sessions know it. Holds nothing of its own: the truth is in the primary, and
 * where the primary cannot be asked, nobody gets in and nothing held runs.
 */
import { type ApprovalDemand, MAX_REQUEST_LENGTH, type SessionApprovals } from '../approvals/approvals.ts';
import { digestsOf } from '../approvals/binding.ts';
import type { GrantUse } from '../approvals/grants.ts';
import type { ApprovalAnswer } from '../approvals/waiters.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ConnectionSlots, SlotAnswer } from '../gateway/postgres/connection-slots.ts';
import type { AuthThrottle, Throttle } from '../identity/auth-throttle.ts';
import type { ApprovalBinding, ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { ShapeUse } from '../model/grant.ts';
import type { Label } from '../model/labels.ts';
import type { LookupDemand, LookupMeter } from '../session/lookup-meter.ts';
import type { PrimaryCalls } from './calls.ts';
import type { Channel } from './channel.ts';
import type { KeptLabels, OtherServers } from './session-server.ts';

export type Primary = Channel<PrimaryCalls>;

export class RemoteApprovals implements SessionApprovals {
  readonly #primary: Primary;
  #nextWait = 1;

  constructor(primary: Primary) {
    this.#primary = primary;
  }

  async request(demand: ApprovalDemand): Promise<ApprovalRequest> {
    // What nobody could review does not have to travel.
    if (JSON.stringify(demand).length > MAX_REQUEST_LENGTH) {
      throw new SluiceError('statement_too_large', 'the statement is too large to be reviewed');
    }
    return this.#primary.call('requestApproval', demand);
  }

  async wait(id: string, signal: AbortSignal): Promise<ApprovalAnswer> {
    const waiting = this.#nextWait++;
    const answer = this.#primary.callUnhurried('awaitApproval', id, waiting);
    const withdraw = (): void => this.#primary.notify('withdrawWait', waiting);
    signal.addEventListener('abort', withdraw, { once: true });
    if (signal.aborted) withdraw();
    try {
      return await answer;
    } finally {
      signal.removeEventListener('abort', withdraw);
    }
  }

  async claim(
    id: string,
    binding: ApprovalBinding,
    rule?: ApprovalRule,
  ): Promise<ApprovalRequest | undefined> {
    return this.#primary.call('claimApproval', id, digestsOf(binding), rule);
  }

  async claimGranted(binding: ApprovalBinding, rule?: ApprovalRule): Promise<ApprovalRequest | undefined> {
    return this.#primary.call('claimGranted', digestsOf(binding), rule);
  }

  claimShape(use: ShapeUse, rule: ApprovalRule): Promise<GrantUse | undefined> {
    return this.#primary.call('claimShape', use, rule);
  }

  drift(id: string): Promise<void> {
    return this.#primary.call('driftApproval', id);
  }

  get(id: string): Promise<ApprovalRequest | undefined> {
    return this.#primary.call('getApproval', id);
  }
}

/**
 * Guesses count together, whichever worker they reach: each worker asks its own count, which follows what the primary passes on of all.
 */
export class SharedThrottle implements Throttle {
  readonly #primary: Primary;
  readonly #replica: AuthThrottle;

  constructor(primary: Primary, replica: AuthThrottle) {
    this.#primary = primary;
    this.#replica = replica;
  }

  delayMs(address: string, user?: string): number {
    return this.#replica.delayMs(address, user);
  }

  failed(address: string, user?: string): void {
    this.#primary.notify('authenticationFailed', address, user);
  }

  succeeded(user: string): void {
    if (this.#replica.remembers(user)) this.#primary.notify('authenticationSucceeded', user);
  }
}

export class RemoteSlots implements ConnectionSlots {
  readonly #primary: Primary;

  constructor(primary: Primary) {
    this.#primary = primary;
  }

  async acquire(principal: string, database: string, session: string): Promise<SlotAnswer> {
    const slot = await this.#primary
      .call('acquireSlot', principal, database, session)
      .catch(() => 'gateway' as const);
    return typeof slot === 'number' ? () => this.#primary.notify('releaseSlot', slot) : slot;
  }
}

export class RemoteLookupMeter implements LookupMeter {
  readonly #primary: Primary;

  constructor(primary: Primary) {
    this.#primary = primary;
  }

  take(
    principals: readonly string[],
    database: string,
    demands: readonly LookupDemand[],
  ): Promise<Label | undefined> {
    // Nothing that is not counted runs.
    return this.#primary.call('takeLookups', principals, database, demands).catch(() => demands[0]?.label);
  }
}

/** The other workers, by way of the primary. */
export function otherWorkers(primary: Primary): OtherServers {
  return {
    cancel: (processId, secret) => primary.call('cancel', processId, secret).catch(() => {}),
    catalogChanged: (database) => primary.call('catalogChanged', database).catch(() => {}),
  };
}

/** Labels as the primary keeps them. */
export function remoteLabels(primary: Primary): KeptLabels {
  return {
    keep: (database, labels, copied) => primary.call('keepLabels', database, labels, copied),
    letGo: (database, keys) => primary.call('letGoLabels', database, keys).catch(() => {}),
  };
}
