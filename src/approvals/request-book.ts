/**
 * One request after the other through its states, for everything that moves requests: each step is on disk in the ledger before the
 * store has it, steps of the same thing are taken one at a time, and those who wait are told last.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRequest, ApprovalState } from '../model/approval.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { ApprovalRecord, ApprovalStore, NewNotice } from '../store/store.ts';
import { Turns } from './turns.ts';
import type { Waiters } from './waiters.ts';

export interface RequestBookOptions {
  readonly store: ApprovalStore;
  readonly ledger: Pick<Ledger, 'append' | 'durable'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What is to be sent about a request as it has become; kept with it, in one step. Pure. */
  readonly noticesOf: (record: ApprovalRecord) => readonly NewNotice[];
  /** Told of each request that was made or changed, once that is durable. Must not throw. */
  readonly onChange: (request: ApprovalRequest) => void;
}

type ApprovalEvent = Extract<LedgerEvent, { kind: 'approval' }>;
export type Particulars = Partial<Omit<ApprovalEvent, 'kind' | 'request' | 'step'>>;

export class RequestBook {
  readonly turns = new Turns();
  readonly #o: RequestBookOptions;
  readonly #waiters: Waiters;
  /** Told when a request has left the state it was in. */
  readonly #onMoved: (request: ApprovalRequest) => void;

  constructor(options: RequestBookOptions, waiters: Waiters, onMoved: (request: ApprovalRequest) => void) {
    this.#o = options;
    this.#waiters = waiters;
    this.#onMoved = onMoved;
  }

  /** Records and keeps a new one. */
  async insert(record: ApprovalRecord, particulars: Particulars): Promise<void> {
    const { store, ledger, noticesOf, onChange } = this.#o;
    await ledger.durable(this.append(record.request, 'requested', particulars));
    await store.insert(record, noticesOf(record));
    onChange(record.request);
  }

  /** Records the step, then takes it, then tells those who wait. @throws {SluiceError} conflict, ledger_*, store_unavailable */
  async move(
    record: ApprovalRecord,
    state: Exclude<ApprovalState, 'pending'>,
    particulars: Particulars,
  ): Promise<ApprovalRecord> {
    await this.#o.ledger.durable(this.append(record.request, state, particulars));
    const moved = await this.replace({ ...record, request: { ...record.request, state } });
    this.#onMoved(moved.request);
    this.tellIfSettled(moved.request);
    return moved;
  }

  async replace(record: ApprovalRecord): Promise<ApprovalRecord> {
    const { store, noticesOf, onChange } = this.#o;
    const changed = { ...record, revision: record.revision + 1 };
    if (await store.replace(changed, noticesOf(changed))) {
      onChange(changed.request);
      return changed;
    }
    throw new SluiceError(
      'conflict',
      `request ${record.request.id} was changed by another gateway meanwhile`,
    );
  }

  append(request: ApprovalRequest, step: ApprovalEvent['step'], particulars: Particulars): number {
    return this.#o.ledger.append({ ...particulars, kind: 'approval', request: request.id, step });
  }

  tellIfSettled({ id, state }: ApprovalRequest): void {
    if (state !== 'pending') this.#waiters.tell(id, state === 'used' ? 'approved' : state);
  }

  /** Works on the request as it is when its turn comes. @throws {SluiceError} not_found */
  async inTurnOf(
    id: string,
    work: (record: ApprovalRecord) => Promise<ApprovalRecord>,
  ): Promise<ApprovalRecord> {
    const { subjectDigest } = await this.require(id);
    return this.turns.take(subjectDigest, async () => work(await this.require(id)));
  }

  /** @throws {SluiceError} not_found */
  async require(id: string): Promise<ApprovalRecord> {
    const record = await this.#o.store.byId(id);
    if (record !== undefined) return record;
    throw new SluiceError('not_found', `there is no approval request ${JSON.stringify(id.slice(0, 40))}`);
  }

  /** As it is now. */
  async current(record: ApprovalRecord): Promise<ApprovalRequest> {
    if (!this.#isDue(record.request)) return record.request;
    return (await this.inTurnOf(record.request.id, (found) => this.expireIfDue(found))).request;
  }

  async expireIfDue(record: ApprovalRecord): Promise<ApprovalRecord> {
    return this.#isDue(record.request) ? this.move(record, 'expired', {}) : record;
  }

  #isDue({ state, expiresAt }: ApprovalRequest): boolean {
    return (state === 'pending' || state === 'approved') && this.#o.now() >= expiresAt;
  }
}
