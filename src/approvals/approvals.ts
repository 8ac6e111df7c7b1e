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
import type { ApprovalBinding, ApprovalRequest, ApprovalState } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { GrantTerms, ShapeUse } from '../model/grant.ts';
import type { Actor, Principal } from '../model/principal.ts';
import type { ApprovalFilter, ApprovalRecord, ApprovalStore, NewNotice } from '../store/store.ts';
import { type BindingDigests, digestsOf } from './binding.ts';
import { ExpiryTimers } from './expiry-timers.ts';
import type { Grants, GrantUse } from './grants.ts';
import { areOpen } from './open-windows.ts';
import { Previews } from './previews.ts';
import { type Particulars, RequestBook } from './request-book.ts';
import { newRequestId } from './request-id.ts';
import { Room } from './room.ts';
import { notNow, untilRunnable } from './run-window.ts';
import { isSame, isSameRule } from './same-request.ts';
import { checkWithdrawal } from './vote-rules.ts';
import { type AutomaticAnswer, Voting } from './voting.ts';
import { type ApprovalAnswer, type Waiter, Waiters } from './waiters.ts';

export interface ApprovalsOptions {
  readonly store: ApprovalStore;
  /** Where an approval may give more than one statement. */
  readonly grants: Grants;
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
  'id' | 'state' | 'bindingDigest' | 'votes' | 'escalated' | 'grant' | 'createdAt' | 'expiresAt'
>;

/** What sessions need of them. Another process may stand behind it: every answer takes its time. */
export type SessionApprovals = Pick<
  Approvals,
  'request' | 'wait' | 'claim' | 'claimGranted' | 'claimShape' | 'drift' | 'get'
>;

/** A reviewer reads a request; nobody reads more than this, in characters of its JSON. */
export const MAX_REQUEST_LENGTH = 1024 * 1024;
const RETRY_MS = 5000;
const KEEP_FINISHED_MS = 90 * 24 * 3600 * 1000;

export class Approvals {
  readonly #store: ApprovalStore;
  readonly #now: () => number;
  readonly #room: Room;
  readonly #waiters = new Waiters();
  readonly #book: RequestBook;
  readonly #grants: Grants;
  readonly previews: Previews;
  readonly #voting: Voting;
  readonly #expiries: ExpiryTimers;
  readonly #escalations: ExpiryTimers;
  #closed = false;

  constructor(options: ApprovalsOptions) {
    const { store, ledger, now, noticesOf = () => [], onChange = () => {} } = options;
    this.#store = store;
    this.#now = now;
    this.#room = new Room(options);
    this.#expiries = new ExpiryTimers(now, (id) => void this.#expireOnTime(id));
    this.#escalations = new ExpiryTimers(now, (id) => void this.#escalateOnTime(id));
    this.#book = new RequestBook({ store, ledger, now, noticesOf, onChange }, this.#waiters, (request) =>
      this.#watch(request),
    );
    this.#grants = options.grants;
    this.previews = new Previews({ book: this.#book, ledger, now });
    this.#voting = new Voting({ book: this.#book, ledger, grants: options.grants, now });
  }

  /**
   * Makes a request, or joins the pending one for the same thing under the same rule: of the same session, or of any session
   * of the principal if neither waits.
   * @throws {SluiceError} conflict if too many are pending, statement_too_large, shutting_down, ledger_*, store_unavailable
   */
  request(demand: ApprovalDemand): Promise<ApprovalRequest> {
    const { subject: subjectDigest, binding: bindingDigest } = digestsOf(demand.binding);
    return this.#book.turns.take(subjectDigest, async () => {
      if (this.#closed) throw new SluiceError('shutting_down', 'the gateway is shutting down');
      for (const record of await this.#store.bySubject(subjectDigest, 'pending')) {
        const { request } = await this.#book.expireIfDue(record);
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
      else
        this.#book.tellIfSettled(
          (await this.#book.inTurnOf(id, (record) => this.#book.expireIfDue(record))).request,
        );
      const answer = await waiter.promise;
      return answer === 'approved'
        ? await untilRunnable(this.#book, id, { now: this.#now, isClosed: () => this.#closed, signal })
        : answer;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiters.remove(id, waiter);
    }
  }

  /**
   * Counts one answer and returns the request as it then is. One denial denies; as many different people approve as the rule
   * says. `via` says who vouches for the voter, where that is not the gate itself: an account of a chat, such as
   * `slack:U024BE7LH`.
   * @throws {SluiceError} not_found, forbidden, conflict, bad_request, ledger_*, store_unavailable
   */
  vote(
    id: string,
    voter: Actor,
    verdict: 'approve' | 'deny',
    reason?: string,
    via?: string,
  ): Promise<ApprovalRequest> {
    return this.#voting.vote(id, voter, verdict, reason, via === undefined ? {} : { via });
  }

  /**
   * Approves, and grants the same shape of statement within these terms. They hold if all whose approval counts say the same;
   * otherwise it is an approval of the one statement.
   * @throws {SluiceError} as `vote`
   */
  voteToGrant(id: string, voter: Actor, terms: GrantTerms, reason?: string): Promise<ApprovalRequest> {
    return this.#voting.vote(id, voter, 'approve', reason, { terms });
  }

  /**
   * Counts the answer of an automatic reviewer, under its own name. `escalate` decides nothing, but brings the escalation of
   * the rule forward.
   * @throws {SluiceError} not_found, forbidden, conflict, ledger_*, store_unavailable
   */
  voteAutomatically(id: string, reviewer: Principal, answer: AutomaticAnswer): Promise<ApprovalRequest> {
    return this.#voting.voteAutomatically(id, reviewer, answer);
  }

  /**
   * Takes the approval `id` for what is about to run, which is `binding` under `rule`. At most one claim of a request ever
   * succeeds. One whose objects or rule have changed since becomes `drifted`; anything else that differs leaves it alone.
   * @returns undefined if there is no such approval (any more).
   * @throws {SluiceError} approval_not_now: it stays; ledger_*, store_unavailable. Then nothing may run.
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
    return this.#book.turns.take(digests.subject, async () => {
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
    return this.#book.turns.take(digests.subject, async () => {
      for (const record of await this.#store.bySubject(digests.subject, 'approved')) {
        // One that waits in a connection belongs to that connection.
        if (record.request.holdMode === 'wait') continue;
        const claimed = await this.#claim(record, digests.binding, rule);
        if (claimed !== undefined) return claimed;
      }
      return undefined;
    });
  }

  /** Counts a use of a grant that holds for a statement of this shape. @throws {SluiceError} as `Grants.use` */
  claimShape(use: ShapeUse, rule: ApprovalRule): Promise<GrantUse | undefined> {
    return this.#grants.use(use, rule);
  }

  /** What was approved may not run any more, or was taken back when it did. Does nothing to a request in another state. */
  drift(id: string): Promise<void> {
    return this.#settle(id, ['approved', 'used'], 'drifted', {});
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
    const withdrawn = await this.#book.inTurnOf(id, async (found) => {
      const record = await this.#book.expireIfDue(found);
      checkWithdrawal(record.request, actor);
      return this.#book.move(record, 'cancelled', { by });
    });
    return withdrawn.request;
  }

  /** The newest first, as they are now. */
  async list(filter: ApprovalFilter): Promise<readonly ApprovalRequest[]> {
    const records = await this.#store.list(filter);
    const requests = await Promise.all(records.map((record) => this.#book.current(record)));
    return filter.state === undefined ? requests : requests.filter(({ state }) => state === filter.state);
  }

  /** The request as it is now. */
  async get(id: string): Promise<ApprovalRequest | undefined> {
    const record = await this.#store.byId(id);
    return record === undefined ? undefined : this.#book.current(record);
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
        this.#watch(request);
      }
    }
    await this.#store.prune(this.#now() - KEEP_FINISHED_MS);
  }

  /** Whoever waits is told that it was cancelled; the requests stay as they are, for `recover`. */
  close(): void {
    this.#closed = true;
    this.#expiries.clearAll();
    this.#escalations.clearAll();
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
      await this.#book.insert({ request, revision: 0, subjectDigest }, particulars);
    });
    this.#watch(request);
    return request;
  }

  async #claim(
    found: ApprovalRecord,
    bindingDigest: string,
    rule: ApprovalRule | undefined,
  ): Promise<ApprovalRequest | undefined> {
    const record = await this.#book.expireIfDue(found);
    if (record.request.state !== 'approved') return undefined;
    const fits =
      record.request.bindingDigest === bindingDigest &&
      (rule === undefined || isSameRule(record.request.rule, rule));
    if (fits && !areOpen(record.request.rule.runWithin, this.#now())) throw notNow(record.request);
    const moved = await this.#book.move(record, fits ? 'used' : 'drifted', {});
    return fits ? moved.request : undefined;
  }

  async #settle(
    id: string,
    from: readonly ApprovalState[],
    to: 'drifted' | 'cancelled',
    particulars: Particulars,
  ): Promise<void> {
    if ((await this.#store.byId(id)) === undefined) return;
    await this.#book.inTurnOf(id, async (found) => {
      const record = await this.#book.expireIfDue(found);
      return from.includes(record.request.state) ? this.#book.move(record, to, particulars) : record;
    });
  }

  /** Sets the timers of a request that was made or has moved. */
  #watch({ id, state, rule, createdAt, expiresAt, escalated }: ApprovalRequest): void {
    if (state === 'pending' || state === 'approved') this.#expiries.set(id, expiresAt);
    else this.#expiries.clear(id);
    if (state === 'pending' && rule.escalation !== undefined && escalated === undefined)
      this.#escalations.set(id, createdAt + rule.escalation.afterMs);
    else this.#escalations.clear(id);
  }

  async #escalateOnTime(id: string): Promise<void> {
    try {
      await this.#voting.escalate(id);
    } catch {
      // The ledger or the store says so itself; until they are back, nobody else may answer.
      if (!this.#closed) this.#escalations.set(id, this.#now() + RETRY_MS);
    }
  }

  async #expireOnTime(id: string): Promise<void> {
    try {
      await this.#book.inTurnOf(id, (record) => this.#book.expireIfDue(record));
    } catch (error) {
      // It is over all the same, but that could not be recorded yet.
      this.#waiters.fail(id, error);
      if (!this.#closed) this.#expiries.set(id, this.#now() + RETRY_MS);
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
