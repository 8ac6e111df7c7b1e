/**
 * Approval requests from the moment a statement is held until it ran or never will.
 *
 *     pending ──▶ approved ──▶ used
 *        │            └──────▶ expired, drifted, cancelled
 *        └──▶ denied, expired, cancelled
 *
 * Every step is on disk in the ledger before it takes effect. Steps of the same thing are taken one at a time, and the store
 * takes a change only of the state it was made for, so of two claims or votes at once one comes first. What a statement is,
 * is known here only as digests; no protocol, no policy.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalBinding, ApprovalRequest, ApprovalState, ApprovalVote } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Actor } from '../model/principal.ts';
import type { ApprovalFilter, ApprovalRecord, ApprovalStore, NewNotice } from '../store/store.ts';
import { type BindingDigests, digestsOf } from './binding.ts';
import { ExpiryTimers } from './expiry-timers.ts';
import { newRequestId } from './request-id.ts';
import { Room } from './room.ts';
import { isSame, isSameRule } from './same-request.ts';
import { Turns } from './turns.ts';
import { checkVote, checkWithdrawal } from './vote-rules.ts';
import { type ApprovalAnswer, type Waiter, Waiters } from './waiters.ts';

export interface ApprovalsOptions {
  readonly store: ApprovalStore;
  readonly ledger: Pick<Ledger, 'append' | 'durable'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Requests that may be pending at once, of everyone and of one principal. */
  readonly maxPending: number;
  readonly maxPendingPerPrincipal: number;
  /** What is to be sent about a request as it has become; kept with it, in one step. Pure. */
  readonly noticesOf?: (record: ApprovalRecord) => readonly NewNotice[];
  /** Told of each request that was made or changed, once that is durable. Must not throw. */
  readonly onChange?: (request: ApprovalRequest) => void;
}

/** What is asked for. */
export type ApprovalDemand = Omit<
  ApprovalRequest,
  'id' | 'state' | 'bindingDigest' | 'votes' | 'createdAt' | 'expiresAt'
>;

type ApprovalEvent = Extract<LedgerEvent, { kind: 'approval' }>;
type Particulars = Partial<Pick<ApprovalEvent, 'by' | 'reason' | 'verdict' | 'binding' | 'session'>>;

/** What sessions need of them. Another process may stand behind it: every answer takes its time. */
export type SessionApprovals = Pick<
  Approvals,
  'request' | 'wait' | 'claim' | 'claimGranted' | 'drift' | 'get'
>;

/** A reviewer reads a request; nobody reads more than this, in characters of its JSON. */
export const MAX_REQUEST_LENGTH = 1024 * 1024;
const EXPIRY_RETRY_MS = 5000;
const KEEP_FINISHED_MS = 90 * 24 * 3600 * 1000;

export class Approvals {
  readonly #store: ApprovalStore;
  readonly #ledger: ApprovalsOptions['ledger'];
  readonly #now: () => number;
  readonly #noticesOf: NonNullable<ApprovalsOptions['noticesOf']>;
  readonly #onChange: NonNullable<ApprovalsOptions['onChange']>;
  readonly #room: Room;
  readonly #turns = new Turns();
  readonly #waiters = new Waiters();
  readonly #timers: ExpiryTimers;
  #closed = false;

  constructor(options: ApprovalsOptions) {
    this.#store = options.store;
    this.#ledger = options.ledger;
    this.#now = options.now;
    this.#noticesOf = options.noticesOf ?? (() => []);
    this.#onChange = options.onChange ?? (() => {});
    this.#room = new Room(options);
    this.#timers = new ExpiryTimers(options.now, (id) => void this.#expireOnTime(id));
  }

  /**
   * Makes a request, or joins the pending one for the same thing under the same rule: of the same session, or of any session
   * of the principal if neither waits.
   * @throws {SluiceError} conflict if too many are pending, statement_too_large, shutting_down, ledger_*, store_unavailable
   */
  request(demand: ApprovalDemand): Promise<ApprovalRequest> {
    const { subject: subjectDigest, binding: bindingDigest } = digestsOf(demand.binding);
    return this.#turns.take(subjectDigest, async () => {
      if (this.#closed) throw new SluiceError('shutting_down', 'the gateway is shutting down');
      for (const record of await this.#store.bySubject(subjectDigest, 'pending')) {
        const { request } = await this.#expireIfDue(record);
        if (request.state === 'pending' && isSame(request, demand, bindingDigest)) return request;
      }
      return this.#create(demand, subjectDigest, bindingDigest);
    });
  }

  /**
   * Waits for the answer. When `signal` aborts, the request is cancelled, and so is the waiting.
   * @throws {SluiceError} not_found; ledger_*, store_unavailable if the answer cannot be had.
   */
  async wait(id: string, signal: AbortSignal): Promise<ApprovalAnswer> {
    const waiter = this.#waiters.add(id);
    const onAbort = () => void this.#withdraw(id, waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (this.#closed) return 'cancelled';
      if (signal.aborted) onAbort();
      else this.#tellIfSettled((await this.#inTurnOf(id, (record) => this.#expireIfDue(record))).request);
      return await waiter.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiters.remove(id, waiter);
    }
  }

  /**
   * Counts one answer and returns the request as it then is. One denial denies; `rule.quorum` different people approve.
   * @throws {SluiceError} not_found, forbidden, conflict, bad_request, ledger_*, store_unavailable
   */
  async vote(
    id: string,
    voter: Actor,
    verdict: ApprovalVote['verdict'],
    reason?: string,
  ): Promise<ApprovalRequest> {
    const voted = await this.#inTurnOf(id, async (found) => {
      const { request, ...record } = await this.#expireIfDue(found);
      checkVote(request, voter, verdict, reason);
      const by = voter.principal.id;
      const why = reason === undefined ? {} : { reason };
      const votes = [...request.votes, { principal: by, verdict, ...why, at: this.#now() }];
      const seq = this.#append(request, 'vote', { by, verdict, ...why });
      const next = stateAfter(votes, request.rule);
      const changed = { ...record, request: { ...request, votes } };
      if (next !== 'pending') return this.#move(changed, next, { by, ...why });
      await this.#ledger.durable(seq);
      return this.#replace(changed);
    });
    return voted.request;
  }

  /**
   * Takes the approval `id` for what is about to run, which is `binding` under `rule`. At most one claim of a request ever
   * succeeds. One whose objects or rule have changed since becomes `drifted`; anything else that differs leaves it alone.
   * @returns undefined if there is no such approval (any more).
   * @throws {SluiceError} ledger_*, store_unavailable: then nothing may run.
   */
  async claim(
    id: string,
    binding: ApprovalBinding,
    rule?: ApprovalRule,
  ): Promise<ApprovalRequest | undefined> {
    return this.claimByDigests(id, digestsOf(binding), rule);
  }

  /** As `claim`, for whoever has only the digests at hand. */
  claimByDigests(
    id: string,
    digests: BindingDigests,
    rule?: ApprovalRule,
  ): Promise<ApprovalRequest | undefined> {
    return this.#turns.take(digests.subject, async () => {
      const record = await this.#store.byId(id);
      if (record === undefined || record.subjectDigest !== digests.subject) return undefined;
      return this.#claim(record, digests.binding, rule);
    });
  }

  /** Takes an approval that was given earlier for exactly this to a session that did not wait. Else as `claim`. */
  async claimGranted(binding: ApprovalBinding, rule?: ApprovalRule): Promise<ApprovalRequest | undefined> {
    return this.claimGrantedByDigests(digestsOf(binding), rule);
  }

  /** As `claimGranted`, for whoever has only the digests at hand. */
  claimGrantedByDigests(digests: BindingDigests, rule?: ApprovalRule): Promise<ApprovalRequest | undefined> {
    return this.#turns.take(digests.subject, async () => {
      for (const record of await this.#store.bySubject(digests.subject, 'approved')) {
        // One that waits in a connection belongs to that connection.
        if (record.request.holdMode === 'wait') continue;
        const claimed = await this.#claim(record, digests.binding, rule);
        if (claimed !== undefined) return claimed;
      }
      return undefined;
    });
  }

  /** What was approved may not run any more. Does nothing to a request in another state. */
  drift(id: string): Promise<void> {
    return this.#settle(id, ['approved'], 'drifted', {});
  }

  /** Withdraws a request for `by`. Does nothing to one that is settled. */
  cancel(id: string, by?: string): Promise<void> {
    return this.#settle(id, ['pending', 'approved'], 'cancelled', by === undefined ? {} : { by });
  }

  /**
   * Takes back what `actor` asked, or what was asked on their behalf; whoever waits for it is told.
   * @throws {SluiceError} not_found, forbidden, conflict (settled), ledger_*, store_unavailable
   */
  async withdraw(id: string, actor: Actor): Promise<ApprovalRequest> {
    const by = actor.principal.id;
    const withdrawn = await this.#inTurnOf(id, async (found) => {
      const record = await this.#expireIfDue(found);
      checkWithdrawal(record.request, actor);
      return this.#move(record, 'cancelled', { by });
    });
    return withdrawn.request;
  }

  /** The newest first, as they are now. */
  async list(filter: ApprovalFilter): Promise<readonly ApprovalRequest[]> {
    const records = await this.#store.list(filter);
    const requests = await Promise.all(records.map((record) => this.#current(record)));
    return filter.state === undefined ? requests : requests.filter(({ state }) => state === filter.state);
  }

  /** The request as it is now. */
  async get(id: string): Promise<ApprovalRequest | undefined> {
    const record = await this.#store.byId(id);
    return record === undefined ? undefined : this.#current(record);
  }

  /**
   * After a start, before anything else: the connections that waited are gone, and so are their requests; those of sessions
   * that do not wait go on.
   */
  async recover(): Promise<void> {
    for (const { request } of await this.#store.unfinished()) {
      if (request.holdMode === 'wait') {
        const reason = 'the gateway was restarted while the session waited';
        await this.#settle(request.id, ['pending', 'approved'], 'cancelled', { reason });
      } else {
        this.#timers.set(request.id, request.expiresAt);
      }
    }
    await this.#store.prune(this.#now() - KEEP_FINISHED_MS);
  }

  /** Whoever waits is told that it was cancelled; the requests stay as they are, for `recover`. */
  close(): void {
    this.#closed = true;
    this.#timers.clearAll();
    this.#waiters.tellAll('cancelled');
  }

  async #create(
    demand: ApprovalDemand,
    subjectDigest: string,
    bindingDigest: string,
  ): Promise<ApprovalRequest> {
    const createdAt = this.#now();
    const expiresAt = createdAt + demand.rule.expiresMs;
    const id = newRequestId();
    const request: ApprovalRequest = {
      ...demand,
      id,
      state: 'pending',
      bindingDigest,
      votes: [],
      createdAt,
      expiresAt,
    };
    if (JSON.stringify(request).length > MAX_REQUEST_LENGTH) {
      throw new SluiceError('statement_too_large', 'the statement is too large to be reviewed');
    }
    const by = demand.binding.principal;
    await this.#room.take(by, async () => {
      const particulars = { by, binding: bindingDigest, session: demand.sessionId };
      await this.#ledger.durable(this.#append(request, 'requested', particulars));
      const record = { request, revision: 0, subjectDigest };
      await this.#store.insert(record, this.#noticesOf(record));
    });
    this.#timers.set(id, expiresAt);
    this.#onChange(request);
    return request;
  }

  async #claim(
    found: ApprovalRecord,
    bindingDigest: string,
    rule: ApprovalRule | undefined,
  ): Promise<ApprovalRequest | undefined> {
    const record = await this.#expireIfDue(found);
    if (record.request.state !== 'approved') return undefined;
    const fits =
      record.request.bindingDigest === bindingDigest &&
      (rule === undefined || isSameRule(record.request.rule, rule));
    const moved = await this.#move(record, fits ? 'used' : 'drifted', {});
    return fits ? moved.request : undefined;
  }

  async #settle(
    id: string,
    from: readonly ApprovalState[],
    to: 'drifted' | 'cancelled',
    particulars: Particulars,
  ): Promise<void> {
    if ((await this.#store.byId(id)) === undefined) return;
    await this.#inTurnOf(id, async (found) => {
      const record = await this.#expireIfDue(found);
      return from.includes(record.request.state) ? this.#move(record, to, particulars) : record;
    });
  }

  /** Records the step, then takes it, then tells those who wait. */
  async #move(
    record: ApprovalRecord,
    state: Exclude<ApprovalState, 'pending'>,
    particulars: Particulars,
  ): Promise<ApprovalRecord> {
    await this.#ledger.durable(this.#append(record.request, state, particulars));
    const moved = await this.#replace({ ...record, request: { ...record.request, state } });
    if (state !== 'approved') this.#timers.clear(record.request.id);
    this.#tellIfSettled(moved.request);
    return moved;
  }

  async #replace(record: ApprovalRecord): Promise<ApprovalRecord> {
    const changed = { ...record, revision: record.revision + 1 };
    if (await this.#store.replace(changed, this.#noticesOf(changed))) {
      this.#onChange(changed.request);
      return changed;
    }
    throw new SluiceError(
      'conflict',
      `request ${record.request.id} was changed by another gateway meanwhile`,
    );
  }

  #append(request: ApprovalRequest, step: ApprovalEvent['step'], particulars: Particulars): number {
    return this.#ledger.append({ ...particulars, kind: 'approval', request: request.id, step });
  }

  #tellIfSettled({ id, state }: ApprovalRequest): void {
    if (state !== 'pending') this.#waiters.tell(id, state === 'used' ? 'approved' : state);
  }

  /** @throws {SluiceError} not_found */
  async #inTurnOf(
    id: string,
    work: (record: ApprovalRecord) => Promise<ApprovalRecord>,
  ): Promise<ApprovalRecord> {
    const { subjectDigest } = await this.#require(id);
    return this.#turns.take(subjectDigest, async () => work(await this.#require(id)));
  }

  async #require(id: string): Promise<ApprovalRecord> {
    const record = await this.#store.byId(id);
    if (record !== undefined) return record;
    throw new SluiceError('not_found', `there is no approval request ${JSON.stringify(id.slice(0, 40))}`);
  }

  async #current(record: ApprovalRecord): Promise<ApprovalRequest> {
    if (!this.#isDue(record.request)) return record.request;
    return (await this.#inTurnOf(record.request.id, (found) => this.#expireIfDue(found))).request;
  }

  #isDue({ state, expiresAt }: ApprovalRequest): boolean {
    return (state === 'pending' || state === 'approved') && this.#now() >= expiresAt;
  }

  async #expireIfDue(record: ApprovalRecord): Promise<ApprovalRecord> {
    return this.#isDue(record.request) ? this.#move(record, 'expired', {}) : record;
  }

  async #expireOnTime(id: string): Promise<void> {
    try {
      await this.#inTurnOf(id, (record) => this.#expireIfDue(record));
    } catch (error) {
      // It is over all the same, but that could not be recorded yet.
      this.#waiters.fail(id, error);
      if (!this.#closed) this.#timers.set(id, this.#now() + EXPIRY_RETRY_MS);
    }
  }

  async #withdraw(id: string, waiter: Waiter): Promise<void> {
    try {
      await this.cancel(id);
    } catch {
      // Whoever waited is gone; only they could have used it.
    }
    waiter.resolve('cancelled');
  }
}

function stateAfter(votes: readonly ApprovalVote[], rule: ApprovalRule): 'pending' | 'approved' | 'denied' {
  if (votes.some((vote) => vote.verdict === 'deny')) return 'denied';
  return votes.length >= rule.quorum ? 'approved' : 'pending';
}
