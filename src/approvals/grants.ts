/**
 * Grants from the moment an approval gives one until it is used up, over, or taken back.
 *
 *     active ──▶ used-up, expired, revoked
 *
 * Every step is on disk in the ledger before it takes effect, every use too. The store takes a change only of the state it was made
 * for, so uses are counted exactly, whoever serves the sessions.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import { canonicalJson } from '../ledger/canonical-json.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type {
  AccessGrant,
  AccessRight,
  AccessWish,
  Grant,
  GrantState,
  GrantTerms,
  ShapeGrant,
  ShapeUse,
} from '../model/grant.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Actor } from '../model/principal.ts';
import type { GrantRecord, GrantStore } from '../store/store.ts';
import { digestOf, shapeSubjectOf } from './binding.ts';
import { ExpiryTimers } from './expiry-timers.ts';
import { areOpen } from './open-windows.ts';
import { timesText } from './run-window.ts';
import { isSameRule } from './same-request.ts';
import { Turns } from './turns.ts';
import { isWithin } from './value-bounds.ts';

export interface GrantsOptions {
  readonly store: GrantStore;
  readonly ledger: Pick<Ledger, 'append' | 'durable'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of each grant that was given or has ended, once that is durable; waited for. Must not reject. */
  readonly onChange?: (grant: Grant) => Promise<void>;
}

/** A use that was counted: the statement runs by this grant. */
export interface GrantUse {
  readonly id: string;
  /** How many rows it may touch. */
  readonly maxRows?: number;
  /** Present if it may not be used now, and so was not: when it may. */
  readonly only?: string;
}

type GrantEvent = Extract<LedgerEvent, { kind: 'grant' }>;
type Particulars = Partial<Omit<GrantEvent, 'kind' | 'grant' | 'step'>>;

const RETRY_MS = 5000;
const KEEP_ENDED_MS = 90 * 24 * 3600 * 1000;

export class Grants {
  readonly #o: GrantsOptions;
  readonly #turns = new Turns();
  readonly #timers: ExpiryTimers;
  #closed = false;

  constructor(options: GrantsOptions) {
    this.#o = options;
    this.#timers = new ExpiryTimers(options.now, (id) => void this.#expireOnTime(id));
  }

  /**
   * Gives what the approvers of a request agreed on. The statement that was asked for is the first use.
   * @throws {SluiceError} ledger_*, store_unavailable
   */
  async give(id: string, request: ApprovalRequest, shape: string, terms: GrantTerms): Promise<void> {
    const { binding, rule, statement, hidden } = request;
    const { principal, onBehalfOf, database, objectsDigests } = binding;
    const grant: ShapeGrant = {
      ...{ kind: 'shape', id, state: 'active', request: request.id, principal, onBehalfOf, database, shape },
      ...{ objectsDigests, rule, statement, terms, used: 1 },
      ...(hidden === undefined ? {} : { hidden }),
      grantedBy: approversOf(request),
      createdAt: this.#o.now(),
      until: this.#o.now() + terms.forMs,
    };
    await this.#insert(
      { grant, revision: 0, subjectDigest: shapeSubjectOf({ ...binding, shape }) },
      {
        ...{ times: terms.times, terms: digestOf(terms) },
      },
    );
  }

  /**
   * Lends what was asked for, from now on.
   * @throws {SluiceError} ledger_*, store_unavailable
   */
  async lend(id: string, request: ApprovalRequest, { right, forMs }: AccessWish): Promise<void> {
    const { principal, onBehalfOf } = request.binding;
    const grant: AccessGrant = {
      ...{ kind: 'access', id, state: 'active', request: request.id, principal, onBehalfOf, right },
      ...{ rule: request.rule, grantedBy: approversOf(request) },
      ...{ createdAt: this.#o.now(), until: this.#o.now() + forMs },
    };
    const subjectDigest = digestOf({ principal, onBehalfOf, right });
    await this.#insert({ grant, revision: 0, subjectDigest }, { right: rightName(right) });
  }

  /**
   * Counts one use of a grant that holds for what is about to run, under `rule`, if its hours are open.
   * @returns undefined if there is none
   * @throws {SluiceError} ledger_*, store_unavailable: then nothing may run by it.
   */
  use(use: ShapeUse, rule: ApprovalRule): Promise<GrantUse | undefined> {
    const subject = shapeSubjectOf(use);
    return this.#turns.take(subject, async () => {
      for (const record of await this.#o.store.activeBySubject(subject)) {
        const current = await this.#expireIfDue(record);
        const { grant } = current;
        if (grant.kind !== 'shape' || grant.state !== 'active' || !holdsFor(grant, use, rule)) continue;
        if (!areOpen(grant.rule.runWithin, this.#o.now()))
          return { id: grant.id, only: timesText(grant.rule.runWithin) };
        return this.#count({ ...current, grant }, use.session);
      }
      return undefined;
    });
  }

  /** Takes a grant back. @throws {SluiceError} not_found, forbidden, conflict (ended), ledger_*, store_unavailable */
  async revoke(id: string, actor: Actor, reason?: string): Promise<Grant> {
    const by = actor.principal.id;
    const why = reason === undefined ? {} : { reason };
    const revoked = await this.#inTurnOf(id, async (found) => {
      const record = await this.#expireIfDue(found);
      checkRevocation(record.grant, actor);
      const grant = { ...record.grant, revoked: { by, ...why } };
      return this.#end({ ...record, grant }, 'revoked', { by, ...why });
    });
    return revoked.grant;
  }

  /** As it is now. */
  async get(id: string): Promise<Grant | undefined> {
    const record = await this.#o.store.byId(id);
    return record === undefined
      ? undefined
      : (await this.#inTurnOf(id, (one) => this.#expireIfDue(one))).grant;
  }

  /** The newest first. */
  async list(limit: number): Promise<readonly Grant[]> {
    const records = await this.#o.store.list(limit);
    return Promise.all(records.map(async ({ grant }) => (await this.get(grant.id)) ?? grant));
  }

  /** After a start, before anything else. Returns those that are active, or were when the process ended. */
  async recover(): Promise<readonly Grant[]> {
    const active = await this.#o.store.active();
    for (const { grant } of active) this.#timers.set(grant.id, grant.until);
    await this.#o.store.prune(this.#o.now() - KEEP_ENDED_MS);
    return active.map(({ grant }) => grant);
  }

  close(): void {
    this.#closed = true;
    this.#timers.clearAll();
  }

  async #insert(record: GrantRecord, particulars: Particulars): Promise<void> {
    const { store, ledger, onChange } = this.#o;
    const { grant } = record;
    const { request, principal, until } = grant;
    await ledger.durable(this.#append(grant, 'given', { request, principal, until, ...particulars }));
    await store.insert(record);
    this.#timers.set(grant.id, until);
    await onChange?.(grant);
  }

  async #count(record: GrantRecord & { grant: ShapeGrant }, session: string): Promise<GrantUse> {
    const used = record.grant.used + 1;
    const grant = { ...record.grant, used };
    await this.#o.ledger.durable(this.#append(grant, 'used', { session, use: used }));
    const counted = await this.#replace({ ...record, grant });
    if (used >= grant.terms.times) await this.#end(counted, 'used-up', {});
    const { maxRows } = grant.terms;
    return { id: grant.id, ...(maxRows === undefined ? {} : { maxRows }) };
  }

  async #end(
    record: GrantRecord,
    state: Exclude<GrantState, 'active'>,
    particulars: Particulars,
  ): Promise<GrantRecord> {
    await this.#o.ledger.durable(this.#append(record.grant, state, particulars));
    const ended = await this.#replace({ ...record, grant: { ...record.grant, state } });
    this.#timers.clear(record.grant.id);
    await this.#o.onChange?.(ended.grant);
    return ended;
  }

  async #replace(record: GrantRecord): Promise<GrantRecord> {
    const changed = { ...record, revision: record.revision + 1 };
    if (await this.#o.store.replace(changed)) return changed;
    throw new SluiceError('conflict', `grant ${record.grant.id} was changed by another gateway meanwhile`);
  }

  #append(grant: Grant, step: GrantEvent['step'], particulars: Particulars): number {
    return this.#o.ledger.append({ ...particulars, kind: 'grant', grant: grant.id, step });
  }

  async #inTurnOf(id: string, work: (record: GrantRecord) => Promise<GrantRecord>): Promise<GrantRecord> {
    const { subjectDigest } = await this.#require(id);
    return this.#turns.take(subjectDigest, async () => work(await this.#require(id)));
  }

  async #require(id: string): Promise<GrantRecord> {
    const record = await this.#o.store.byId(id);
    if (record !== undefined) return record;
    throw new SluiceError('not_found', `there is no grant ${JSON.stringify(id.slice(0, 40))}`);
  }

  async #expireIfDue(record: GrantRecord): Promise<GrantRecord> {
    const { state, until } = record.grant;
    return state === 'active' && this.#o.now() >= until ? this.#end(record, 'expired', {}) : record;
  }

  async #expireOnTime(id: string): Promise<void> {
    try {
      await this.#inTurnOf(id, (record) => this.#expireIfDue(record));
    } catch {
      // It is over all the same, as every use finds; that could not be recorded yet.
      if (!this.#closed) this.#timers.set(id, this.#o.now() + RETRY_MS);
    }
  }
}

function approversOf({ votes }: ApprovalRequest): string[] {
  return votes.filter(({ verdict }) => verdict === 'approve').map(({ principal }) => principal);
}

/** `group:dba`, `unmask:shop/email`. */
export function rightName(right: AccessRight): string {
  return 'group' in right ? `group:${right.group}` : `unmask:${right.database}/${right.unmask}`;
}

/** What may be granted at once, so that a slip of the finger grants no year. */
const MAX_TIMES = 10_000;
const MAX_ROWS = 1_000_000_000;
/** Commands of which the database tells how many rows they touch. */
const COUNTABLE: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']);
const MAX_FOR_MS = 30 * 24 * 3600 * 1000;

/**
 * Checks that these terms can be granted for this request: it has a shape, and itself lies within them.
 * @throws {SluiceError} bad_request, conflict
 */
export function checkTerms({ id, binding, shape, rule, facts }: ApprovalRequest, terms: GrantTerms): void {
  if (rule.previewRequired === true) {
    throw new SluiceError('conflict', `request ${id} is approved on a preview, which is of one statement`);
  }
  if (shape === undefined) {
    throw new SluiceError('conflict', `request ${id} cannot be granted as a shape, only approved`, {
      hint: 'Only a single statement whose literals can be told from the rest for sure has a shape.',
    });
  }
  const refuse = (why: string): never => {
    throw new SluiceError('bad_request', why);
  };
  if (!Number.isSafeInteger(terms.times) || terms.times < 2 || terms.times > MAX_TIMES)
    refuse(`a grant is for 2 to ${MAX_TIMES} times; approve a statement that is to run once`);
  if (!Number.isSafeInteger(terms.forMs) || terms.forMs < 1000 || terms.forMs > MAX_FOR_MS)
    refuse('a grant lasts from 1s to 30d');
  if (terms.maxRows !== undefined) {
    if (!Number.isSafeInteger(terms.maxRows) || terms.maxRows < 0 || terms.maxRows > MAX_ROWS)
      refuse(`the limit of rows is from 0 to ${MAX_ROWS}`);
    if (!facts.every(({ command, opaque }) => COUNTABLE.has(command) && opaque.length === 0))
      refuse('the rows that such a statement touches cannot be counted for sure');
  }
  if (!areWithin(terms.parameters, binding.parameters) || !areWithin(terms.literals, shape.literals))
    refuse('the statement that was asked for lies outside of these bounds');
}

export function areSameTerms(a: GrantTerms | undefined, b: GrantTerms | undefined): boolean {
  return a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b);
}

/** Who may take a grant back: whoever has it or for whom it was asked, and whoever may give it. */
export function checkRevocation(grant: Grant, actor: Actor): void {
  const { id, groups, kind } = actor.principal;
  const chain = actor.onBehalfOf.map((principal) => principal.id);
  const isTheirs = grant.principal === id && grant.onBehalfOf.join('\n') === chain.join('\n');
  const isPerson = kind === 'Human' && chain.length === 0;
  const mayGive = grant.rule.groups.some((group) => groups.includes(group));
  if (!isTheirs && !(isPerson && (grant.onBehalfOf.includes(id) || mayGive))) {
    throw new SluiceError(
      'forbidden',
      'a grant is taken back by whoever has it, or by those who may give it',
    );
  }
  if (grant.state !== 'active')
    throw new SluiceError('conflict', `grant ${grant.id} is ${grant.state} already`);
}

function holdsFor(grant: ShapeGrant, use: ShapeUse, rule: ApprovalRule): boolean {
  return (
    canonicalJson(grant.objectsDigests) === canonicalJson(use.objectsDigests) &&
    isSameRule(grant.rule, rule) &&
    areWithin(grant.terms.parameters, use.parameters) &&
    areWithin(grant.terms.literals, use.literals)
  );
}

function areWithin(bounds: GrantTerms['parameters'], values: readonly (string | null)[]): boolean {
  return bounds.length === values.length && bounds.every((bound, index) => isWithin(bound, values[index]!));
}
