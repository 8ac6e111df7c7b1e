/**
 * One text or execution through the pipeline: decoded, planned, decided, held, recorded, and only then handed to `forward`. Everything
 * that stands in its way is told to `refuse` instead. Exactly one of the two is called, unless the database is skipping or the client
 * is gone: then neither.
 */
import { asSluiceError, type SluiceError } from '../../errors/sluice-error.ts';
import type { ParameterValue } from '../../model/session.ts';
import { awaitApproval } from '../../session/hold.ts';
import type { Plan } from '../../session/plan.ts';
import type { Session, Ticket } from '../../session/session.ts';
import type { DatabaseService } from './database-service.ts';
import type { ForwardChannel } from './forward-channel.ts';
import { heldNotice } from './refusals.ts';
import type { ResponseRelay } from './response-relay.ts';
import type { SessionPlanner } from './session-planner.ts';
import { decodeStatement } from './statement-text.ts';

export interface AdmissionOptions {
  readonly session: Session;
  readonly service: DatabaseService;
  readonly responses: ResponseRelay;
  readonly planner: SessionPlanner;
  readonly channel: ForwardChannel;
}

export type Forward = (plan: Plan, tickets: readonly Ticket[]) => void;
export type Refuse = (error: SluiceError) => void;

/** Undefined if it was done at once, which is the rule. */
export type Pending = Promise<void> | undefined;

export class StatementAdmission {
  readonly #o: AdmissionOptions;
  #hold: AbortController | undefined;

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  /** Withdraws the approval being waited for; false if none is. */
  cancelHold(): boolean {
    this.#hold?.abort();
    return this.#hold !== undefined;
  }

  /** Plans a client's text. */
  plan(bytes: Buffer, then: (plan: Plan) => Pending, refuse: Refuse): Pending {
    let text = '';
    const failed = (thrown: unknown): void => {
      const error = asSluiceError(thrown);
      this.#recordRefusal(text, error);
      refuse(error);
    };
    try {
      text = decodeStatement(bytes, this.#o.planner.clientEncoding);
      const plan = this.#o.planner.plan(text);
      if (!(plan instanceof Promise)) return then(plan);
      this.#o.channel.flush();
      return plan.then(
        (made) => (this.#moot ? undefined : then(made)),
        (thrown) => (this.#moot ? undefined : failed(thrown)),
      );
    } catch (thrown) {
      failed(thrown);
      return undefined;
    }
  }

  /** Decides, records and forwards what was planned. */
  admit(plan: Plan, parameters: readonly ParameterValue[], forward: Forward, refuse: Refuse): Pending {
    const { session } = this.#o;
    try {
      if (plan.outcome === 'deny') {
        session.refuse(plan, parameters, 'deny');
        refuse(plan.refusal!);
        return undefined;
      }
      if (plan.outcome === 'hold') return this.attempt(this.#held(plan, parameters, forward), refuse);
      const tickets = session.admit(plan, parameters);
      if (!(tickets instanceof Promise)) this.#forward(plan, tickets, forward);
      else
        return this.attempt(
          tickets.then((durable) => this.#forward(plan, durable, forward)),
          refuse,
        );
    } catch (thrown) {
      refuse(asSluiceError(thrown));
    }
    return undefined;
  }

  /** Waits for work; a failure is told to the client as a refusal. */
  attempt(work: Promise<unknown>, refuse: Refuse): Promise<void> {
    this.#o.channel.flush();
    return work.then(
      () => undefined,
      (thrown) => (this.#moot ? undefined : refuse(asSluiceError(thrown))),
    );
  }

  /** An error of an earlier message arrived, or the client left, while this one waited: it is skipped. */
  get #moot(): boolean {
    return this.#o.channel.ended || this.#o.responses.skipping;
  }

  #forward(plan: Plan, tickets: readonly Ticket[], forward: Forward): void {
    const { responses, planner, session } = this.#o;
    if (this.#moot) {
      for (const ticket of tickets) session.finish(ticket, { sqlstate: '25P02' });
      return;
    }
    responses.restOn(tickets);
    if (plan.redefines && tickets.length > 0) responses.redefinitions += 1;
    planner.forwarded(plan);
    forward(plan, tickets);
  }

  async #held(plan: Plan, parameters: readonly ParameterValue[], forward: Forward): Promise<void> {
    const { session, service, responses, planner } = this.#o;
    if (service.approvals === undefined) throw new TypeError('sessions need approvals');
    const hold = new AbortController();
    this.#hold = hold;
    const heldAt = performance.now();
    try {
      const released = await awaitApproval(service.approvals, {
        session: session.info,
        plan,
        parameters,
        signal: hold.signal,
        onHeld: (request) => {
          session.refuse(plan, parameters, 'hold', request.id);
          if (session.info.holdMode === 'wait') responses.send(heldNotice(request));
        },
        replan: () => planner.planAnew(plan.text),
      });
      const tickets = await session.admit(released.plan, parameters, released.approval);
      this.#forward(released.plan, tickets, forward);
    } finally {
      this.#hold = undefined;
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
