/**
 * One text or execution through the pipeline: read, planned, decided, held, recorded, and only then handed to `forward`. Everything
 * that stands in its way is told to `refuse` instead. Exactly one of the two is called, unless the database is skipping or the client
 * is gone: then neither.
 */
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import type { RowBinding } from '../../model/approval.ts';
import type { Opaque } from '../../model/facts.ts';
import type { ParameterValue } from '../../model/session.ts';
import { boundWrites, takeBudgets, takeRequest } from '../../session/budget-steps.ts';
import { awaitApproval, isOnSameObjects } from '../../session/hold.ts';
import { takeLookups } from '../../session/lookup-meter.ts';
import type { Plan } from '../../session/plan.ts';
import type { Session, Ticket } from '../../session/session.ts';
import { refused } from '../../session/statement-record.ts';
import type { Admission, Pending, Refuse } from './admission.ts';
import { EVERYTHING, estimateContext } from './blast-radius.ts';
import type { DatabaseService } from './database-service.ts';
import type { ForwardChannel } from './forward-channel.ts';
import { settingRefusal } from './named-settings.ts';
import { readEarlier } from './reading-moments.ts';
import { readingSettings } from './reading-settings.ts';
import { heldNotice } from './refusals.ts';
import type { ResponseRelay } from './response-relay.ts';
import { SessionEstimates } from './session-estimates.ts';
import type { SessionLabels } from './session-labels.ts';
import type { SessionObjects } from './session-objects.ts';
import type { SessionPlanner } from './session-planner.ts';
import { errorAsWritten, type StatementText } from './session-reading.ts';
import { namesIn } from './session-scope.ts';

/** SQLSTATEs by which statements end that were recorded and never forwarded. */
const SKIPPED = '25P02';
const CANCELLED = '57014';

export interface AdmissionOptions {
  readonly session: Session;
  readonly service: DatabaseService;
  readonly responses: ResponseRelay;
  readonly planner: SessionPlanner;
  readonly objects: SessionObjects;
  readonly channel: ForwardChannel;
  readonly labels: SessionLabels;
}

export class StatementAdmission {
  readonly #o: AdmissionOptions;
  #holding: AbortController | undefined;
  #held: Plan | undefined;
  /** Messages that wait for work of the gate's own. */
  #waiting = 0;
  #cancelled = false;
  #cancelArrived: Promise<void> | undefined;
  readonly #cancels = new Set<(error: SluiceError) => void>();

  readonly #estimates: SessionEstimates;

  constructor(options: AdmissionOptions) {
    this.#o = options;
    const { channel, responses, planner, service } = options;
    const { reading } = planner;
    this.#estimates = new SessionEstimates({ channel, responses, reading, catalog: () => service.catalog });
  }

  /** What waits for an approval. */
  get held(): Plan | undefined {
    return this.#held;
  }

  /** Withdraws the approval being waited for; false if none is. */
  cancelHold(): boolean {
    this.#holding?.abort();
    return this.#holding !== undefined;
  }

  /**
   * Cancels a message that waits for the gate's own work; false if none does.
   * @param cancelBackend cancels what the session's backend runs; resolves when the request has arrived there
   */
  cancelWait(cancelBackend: () => Promise<void>): boolean {
    if (this.#waiting === 0) return false;
    this.#cancelled = true;
    // A question of the gate's own may wait for a lock. What runs next is not to be cancelled in its place.
    if (this.#o.responses.expectations.size > 0) this.#cancelArrived = cancelBackend();
    for (const cancel of this.#cancels) cancel(cancelled());
    return true;
  }

  /** Work that is waited for until it is done or the client cancels. It must not touch the session afterwards. */
  untilCancelled<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#cancels.add(reject);
      work.then(resolve, reject).finally(() => this.#cancels.delete(reject));
    });
  }

  /**
   * Reads and plans a client's text.
   * @param doubt why it may do something else than its text says, if so
   */
  plan(bytes: Buffer, then: (plan: Plan) => Pending, refuse: Refuse, doubt?: Opaque): Pending {
    let statement: StatementText | undefined;
    const planned = (read: StatementText): Plan | Promise<Plan> => {
      statement = read;
      return this.#o.planner.planStatement(read, doubt);
    };
    return this.attempt(
      () => {
        const read = this.#o.planner.read(bytes);
        return read instanceof Promise ? read.then(planned) : planned(read);
      },
      then,
      (error) => {
        this.#recordRefusal(statement?.text ?? '', error);
        if (statement === undefined) refuse(error);
        else refuse(errorAsWritten(error, statement), statement.written);
      },
    );
  }

  /** Does work that may have to wait and goes on with what came of it; a failure is told to the client as a refusal. */
  attempt<T>(work: () => T | Promise<T>, then: (done: T) => Pending, refuse: Refuse): Pending {
    try {
      const done = work();
      if (!(done instanceof Promise)) return then(done);
      this.#o.channel.flush();
      return this.#waitFor(done)
        .then((value) => (this.moot ? undefined : then(value)))
        .catch((thrown) => (this.moot ? undefined : refuse(asSluiceError(thrown))));
    } catch (thrown) {
      refuse(asSluiceError(thrown));
      return undefined;
    }
  }

  /** Waits for work that has to come to its end even if the client cancels. @throws {SluiceError} cancelled then */
  async #waitFor<T>(work: Promise<T>): Promise<T> {
    this.#waiting += 1;
    try {
      const value = await work;
      if (this.#cancelled) throw cancelled();
      return value;
    } finally {
      await this.#cancelArrived;
      this.#waiting -= 1;
      this.#cancelled = false;
      this.#cancelArrived = undefined;
    }
  }

  /** Records what may not run and tells the client. */
  refuse(plan: Plan, refuse: Refuse, parameters: readonly ParameterValue[] = []): Pending {
    const told = (): undefined => {
      refuse(plan.refusal!);
    };
    return this.attempt(() => this.#o.session.refuse(plan, parameters, 'deny'), told, refuse);
  }

  /** Decides, records and forwards what was planned. */
  admit(plan: Plan, admission: Admission): Pending {
    const { session } = this.#o;
    const { parameters, approval, refuse } = admission;
    if (plan.refusal !== undefined) return this.refuse(plan, refuse, parameters);
    const hidden = plan.namesSettings ? settingRefusal(plan, admission.values) : undefined;
    if (hidden !== undefined)
      return this.refuse(refused(plan, hidden, 'sluice:settings'), refuse, parameters);
    if (this.#mustEstimate(plan, admission)) return this.#estimate(plan, admission);
    const counts = plan.lookups !== undefined || session.budgets !== undefined;
    if (counts && admission.counted !== true) return this.#count(plan, admission);
    if (plan.outcome === 'hold' && approval === undefined) return this.#admitHeld(plan, admission);
    if (plan.bringsLabels && admission.broughtLabels !== true) return this.#bringLabels(plan, admission);
    return this.attempt(
      () => {
        this.#meet(plan);
        const tickets = session.admit(plan, parameters, approval);
        return tickets instanceof Promise ? tickets.then((durable) => this.#unlessMoot(durable)) : tickets;
      },
      (tickets) => this.#forward(plan, tickets, admission, approval),
      refuse,
    );
  }

  /** Of what is held, reviewers want to know; of what goes on (the rest of a portal), nobody asks again. */
  #mustEstimate(plan: Plan, { estimates, approval, counted }: Admission): boolean {
    if (estimates !== undefined || approval !== undefined || counted === true) return false;
    return plan.wantsEstimates || plan.outcome === 'hold';
  }

  /** Asks what the database expects, decides by that, and goes on. */
  #estimate(plan: Plan, admission: Admission): Pending {
    const { values } = admission;
    const { service, planner } = this.#o;
    const isHeld = plan.outcome === 'hold';
    return this.attempt(
      () =>
        values === undefined
          ? []
          : this.#estimates.of(plan, values, ({ wantsEstimate }) => isHeld || wantsEstimate),
      (estimates) => {
        // What stands behind other statements may depend on what they do: nobody knows, so it counts as touching everything.
        const known = plan.statements.map(
          (_, i) => estimateContext(estimates[i]) ?? (i > 0 ? EVERYTHING : undefined),
        );
        const decided = plan.wantsEstimates ? service.planner.decideAnew(plan, planner.asked, known) : plan;
        return this.admit(decided, { ...admission, estimates });
      },
      admission.refuse,
    );
  }

  /** Counts what a plan uses of budgets and looks up, and goes on if that was not too much. */
  #count(plan: Plan, admission: Admission): Pending {
    const { session } = this.#o;
    return this.attempt(
      () => takeBudgets(session, plan),
      (counted) =>
        counted.refusal === undefined
          ? this.#countLookups(counted, admission)
          : this.refuse(counted, admission.refuse, admission.parameters),
      (error) => {
        this.refuse(refused(plan, error, 'sluice:budgets'), admission.refuse, admission.parameters);
      },
    );
  }

  /** Labels of what is about to be copied are known before it is. */
  #bringLabels(plan: Plan, admission: Admission): Pending {
    return this.attempt(
      () => this.#o.labels.bring(plan),
      () => this.admit(plan, { ...admission, broughtLabels: true }),
      admission.refuse,
    );
  }

  #countLookups(plan: Plan, admission: Admission): Pending {
    return this.attempt(
      () => this.#takeLookups(plan),
      () => this.admit(plan, { ...admission, counted: true }),
      (error) => {
        this.refuse(refused(plan, error, 'sluice:lookups'), admission.refuse, admission.parameters);
      },
    );
  }

  #takeLookups({ lookups = [] }: Plan): void | Promise<void> {
    const { session, service } = this.#o;
    if (lookups.length === 0) return;
    if (service.lookups === undefined) throw new TypeError('sessions need a meter of lookups');
    return takeLookups(service.lookups, session.info.actor, session.info.database.name, lookups);
  }

  /** What the client learns from untrusted text, others are to know that it has. */
  #meet(plan: Plan): void {
    const told = this.#o.session.meet(plan);
    if (told !== undefined) this.#o.responses.holdUntil(told);
  }

  #unlessMoot(tickets: readonly Ticket[]): readonly Ticket[] {
    if (this.moot) this.#o.session.abandon(tickets, SKIPPED);
    else if (this.#cancelled) this.#o.session.abandon(tickets, CANCELLED);
    return tickets;
  }

  /** An error of an earlier message arrived, or the client left, while this one waited: it is skipped. */
  get moot(): boolean {
    return this.#o.channel.ended || this.#o.responses.skipping;
  }

  #forward(
    plan: Plan,
    tickets: readonly Ticket[],
    { forward, returned }: Admission,
    approval: string | undefined,
    rows?: RowBinding,
  ): Pending {
    const { responses, planner, session } = this.#o;
    session.meter(tickets, approval !== undefined, returned);
    responses.restOn(tickets);
    planner.forwarded(plan);
    if (plan.redefines && tickets.length > 0) responses.redefinitions += 1;
    return forward(plan, tickets, approval, rows);
  }

  /**
   * What is held is judged as the objects are now: a change that did not pass the gate may not be in the catalog yet, and an approval may
   * have been given before it.
   */
  #admitHeld(plan: Plan, admission: Admission): Pending {
    const { readAt, refuse, parameters, replan } = admission;
    const earlier = readEarlier(plan, readAt, this.#o.objects.moments);
    if (earlier !== undefined)
      return this.refuse(refused(plan, earlier, 'sluice:readings'), refuse, parameters);
    if (admission.isFresh === true) return this.#hold(plan, admission);
    return this.attempt(
      replan,
      (fresh) => {
        const same = isOnSameObjects(plan, fresh) && fresh.refusal === undefined;
        // Something else than was counted, and estimated, is counted and estimated by itself.
        const again = same ? admission : { ...admission, estimates: undefined, counted: undefined };
        return this.admit(same ? plan : fresh, { ...again, isFresh: true });
      },
      refuse,
    );
  }

  #hold(plan: Plan, admission: Admission): Pending {
    const hold = new AbortController();
    this.#holding = hold;
    this.#held = plan;
    return this.attempt(
      () =>
        this.#release(plan, admission, hold.signal).finally(() => {
          this.#holding = undefined;
          this.#held = undefined;
        }),
      ({ plan: now, tickets, approval, rows }) => this.#forward(now, tickets, admission, approval, rows),
      admission.refuse,
    );
  }

  /** Waits for the approval and records what it releases. The caller forwards it at once. */
  async #release(plan: Plan, { parameters, replan, values, estimates = [] }: Admission, signal: AbortSignal) {
    const { session, service, responses, planner, channel } = this.#o;
    if (service.approvals === undefined) throw new TypeError('sessions need approvals');
    const heldAt = performance.now();
    try {
      const released = await awaitApproval(service.approvals, {
        session: session.info,
        plan,
        parameters,
        signal,
        labels: service.labels,
        blastRadius: () => service.blastRadius(plan.statements, estimates),
        names: namesIn(planner.asked.scope, values?.parameterTypes),
        settings: () => readingSettings(channel),
        onHeld: (request) => {
          session.refuse(plan, parameters, 'hold', request.id);
          if (session.info.holdMode === 'wait') responses.send(heldNotice(request));
        },
        beforeRequest: () => takeRequest(session, plan, parameters),
        replan: async () => replan(),
      });
      // A policy that grants lookups may have come while it was held.
      if (plan.lookups === undefined && released.plan.lookups !== undefined)
        await this.#takeLookups(released.plan);
      const bounded = boundWrites(session, released.plan);
      this.#meet(bounded);
      await this.#o.labels.bring(bounded);
      const tickets = await session.admit(bounded, parameters, released.approval);
      if (!signal.aborted && !this.moot) return { ...released, plan: bounded, tickets };
      session.abandon(tickets, CANCELLED);
      throw cancelled();
    } finally {
      session.held((performance.now() - heldAt) / 1000);
    }
  }

  #recordRefusal(text: string, error: SluiceError): void {
    try {
      this.#o.session.refuseText(text, error);
    } catch {
      // Nothing runs, so nothing runs unrecorded; the ledger reports its own failure.
    }
  }
}

/** In the database's own words. */
function cancelled(): SluiceError {
  return new SluiceError('cancelled', 'canceling statement due to user request');
}
