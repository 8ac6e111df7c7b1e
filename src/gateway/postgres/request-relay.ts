/**
 * From the client to the database: each message in order, one at a time. A message that has to wait (for the disk, for an
 * approval, for the catalog) holds back those behind it, of this session only.
 *
 * A refused message is not dropped but replaced by one that is certain to fail, and the database's error by the gate's own. So the
 * database itself aborts the transaction and skips to the next Sync, and both sides always agree where they stand.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import type { ParameterValue } from '../../model/session.ts';
import { awaitApproval } from '../../session/hold.ts';
import type { Plan } from '../../session/plan.ts';
import type { Session, Ticket } from '../../session/session.ts';
import {
  decodeBind,
  decodeClose,
  decodeExecute,
  decodeParse,
  encodeFrontendMessage,
  FRONTEND_TYPE as F,
  type Frame,
  FrameReader,
  formatOf,
  frontendFrameLimit,
  queryText,
} from '../../wire/postgres/index.ts';
import type { DatabaseService } from './database-service.ts';
import { errorFrame, heldNotice, isDatabaseError, refusalFor } from './refusals.ts';
import type { ResponseRelay } from './response-relay.ts';
import { objectName, type SessionObjects, type Undo } from './session-objects.ts';
import type { SessionPlanner } from './session-planner.ts';
import { decodeStatement, recordParameter } from './statement-text.ts';

/** Input that may wait behind a message that waits, before the client is no longer read. */
const MAX_WAITING_BYTES = 1_048_576;
/** Certain not to parse, whatever the settings: it stands in for a refused message. */
const FAILING_TEXT = Buffer.from('sluice refused this statement');
const FAILING_QUERY = encodeFrontendMessage({ type: 'Query', text: FAILING_TEXT });
/** Named, so that the client's unnamed statement survives. It fails before the name is looked at. */
const FAILING_PARSE = encodeFrontendMessage({
  type: 'Parse',
  statement: '_sluice_refused',
  text: FAILING_TEXT,
  parameterTypes: [],
});
/** A name no client can guess: messages that use it fail as those with a wrong name do. */
const MISSING_NAME = `_sluice_${randomBytes(12).toString('hex')}`;
const MISSING_STATEMENT = encodeFrontendMessage({
  type: 'Bind',
  portal: MISSING_NAME,
  statement: MISSING_NAME,
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
});
const MISSING_PORTAL = encodeFrontendMessage({ type: 'Execute', portal: MISSING_NAME, maxRows: 0 });
const FLUSH = encodeFrontendMessage({ type: 'Flush' });

export interface RequestRelayOptions {
  readonly session: Session;
  readonly service: DatabaseService;
  readonly objects: SessionObjects;
  readonly responses: ResponseRelay;
  readonly planner: SessionPlanner;
  readonly client: Socket;
  readonly upstream: Socket;
  readonly maxMessageBytes: number;
  readonly onTerminate: () => void;
  readonly onFailure: (error: SluiceError) => void;
}

export class RequestRelay {
  readonly #o: RequestRelayOptions;
  readonly #frames: FrameReader;
  /** Bytes to forward, gathered over one run of `#pump`. */
  #out: Buffer[] = [];
  /** A message is waiting for something. */
  #waiting = false;
  #ended = false;
  /** Aborts the approval being waited for. */
  #hold: AbortController | undefined;
  /** Extended-protocol messages were forwarded since the last Sync. */
  inPipeline = false;

  constructor(options: RequestRelayOptions) {
    this.#o = options;
    this.#frames = new FrameReader({ maxFrameBytes: frontendFrameLimit(options.maxMessageBytes) });
  }

  /** True if nothing of the client's is under way. */
  get idle(): boolean {
    return !this.#waiting && !this.inPipeline && this.#o.responses.expectations.size === 0;
  }

  onChunk(chunk: Buffer): void {
    this.#frames.push(chunk);
    if (this.#waiting) {
      if (this.#frames.bufferedBytes > MAX_WAITING_BYTES) this.#o.client.pause();
    } else this.#pump();
  }

  /** Withdraws the approval being waited for; false if none is. */
  cancelHold(): boolean {
    if (this.#hold === undefined) return false;
    this.#hold.abort();
    return true;
  }

  /** The client is gone: nothing more is forwarded. */
  end(): void {
    this.#ended = true;
    this.#hold?.abort();
  }

  /** Forwards a message of the gate's own. */
  forward(frame: Buffer): void {
    this.#out.push(frame);
  }

  /** Writes out what was gathered. */
  flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    this.#out = [];
    if (this.#ended) return;
    const { upstream, client } = this.#o;
    if (!upstream.write(out.length === 1 ? out[0]! : Buffer.concat(out))) {
      // The database does not take more: neither does the gate, until it has.
      client.pause();
      upstream.once('drain', () => {
        if (!this.#waiting) client.resume();
      });
    }
  }

  #pump(): void {
    try {
      while (!this.#ended) {
        const frame = this.#frames.next();
        if (frame === undefined) break;
        const pending = this.#handle(frame);
        if (pending !== undefined) {
          this.#waitFor(pending);
          break;
        }
      }
      this.flush();
    } catch (thrown) {
      this.#o.onFailure(asSluiceError(thrown));
    }
  }

  #waitFor(pending: Promise<void>): void {
    this.#waiting = true;
    pending.then(
      () => {
        this.#waiting = false;
        this.flush();
        if (this.#ended) return;
        this.#o.client.resume();
        this.#pump();
      },
      (thrown) => this.#o.onFailure(asSluiceError(thrown)),
    );
  }

  #handle(frame: Frame): Promise<void> | undefined {
    const { type } = frame;
    // The database ignores everything after an error until Sync, so nothing is planned, recorded or forwarded either.
    if (this.#o.responses.skipping && type !== F.Sync && type !== F.Terminate) return undefined;
    switch (type) {
      case F.Query:
        return this.#query(frame);
      case F.Parse:
        return this.#parse(frame);
      case F.Bind:
        return this.#bind(frame);
      case F.Describe:
        this.#describe(frame);
        return undefined;
      case F.Execute:
        return this.#execute(frame);
      case F.Close:
        this.#close(frame);
        return undefined;
      case F.Sync:
        this.#sync(frame);
        return undefined;
      case F.Flush:
      case F.CopyData:
        this.forward(frame.bytes);
        return undefined;
      case F.CopyDone:
      case F.CopyFail:
        this.#endCopyIn(frame);
        return undefined;
      case F.Terminate:
        this.flush();
        this.#o.onTerminate();
        return undefined;
      case F.FunctionCall:
        this.#refuseQuery(
          new SluiceError('unsupported', 'the FunctionCall message is not supported', {
            hint: 'Call the function in a SELECT.',
          }),
        );
        return undefined;
      default:
        throw new SluiceError('protocol_violation', `unexpected message type 0x${type.toString(16)}`);
    }
  }

  // --- simple protocol

  #query(frame: Frame): Promise<void> | undefined {
    const bytes = queryText(frame.body);
    return this.#planned(
      bytes,
      (plan) =>
        this.#run(
          plan,
          [],
          (ready, tickets) => this.#forwardQuery(ready, tickets, frame.bytes),
          this.#refuseQuery,
        ),
      this.#refuseQuery,
    );
  }

  #forwardQuery(plan: Plan, tickets: readonly Ticket[], original: Buffer): void {
    const { responses } = this.#o;
    this.forward(
      plan.splices.length === 0
        ? original
        : encodeFrontendMessage({ type: 'Query', text: Buffer.from(plan.forwardText) }),
    );
    responses.expectations.push({ kind: 'query', plan, tickets, next: 0 });
    this.#forwarded(plan, tickets);
    // A Query ends the pipeline before it, if there was one.
    this.inPipeline = false;
  }

  readonly #refuseQuery = (error: SluiceError): void => {
    const { responses } = this.#o;
    if (this.idleApartFromThis && responses.transactionStatus === 'I' && !isDatabaseError(error)) {
      responses.send(Buffer.concat([errorFrame(error), READY_IDLE]));
      return;
    }
    this.forward(FAILING_QUERY);
    responses.expectations.push({ kind: 'query', tickets: [], next: 0, refusal: refusalFor(error) });
    this.inPipeline = false;
  };

  private get idleApartFromThis(): boolean {
    return !this.inPipeline && this.#o.responses.expectations.size === 0;
  }

  // --- extended protocol

  #parse(frame: Frame): Promise<void> | undefined {
    const message = decodeParse(frame.body);
    const name = objectName(message.statement);
    return this.#planned(
      message.text,
      (plan) => {
        if (plan.outcome === 'deny') {
          this.#o.session.refuse(plan, [], 'deny');
          this.#refuseExtended(plan.refusal!);
          return undefined;
        }
        const facts = plan.statements.map((statement) => statement.facts);
        const undo = this.#o.objects.addPrepared(name, { plan, facts });
        const text = plan.splices.length === 0 ? undefined : Buffer.from(plan.forwardText);
        this.#forwardExtended(
          text === undefined ? frame.bytes : encodeFrontendMessage({ ...message, text }),
          {
            kind: 'parse',
            undo,
            plan,
          },
        );
        return undefined;
      },
      this.#refuseExtended,
    );
  }

  #bind(frame: Frame): Promise<void> | undefined {
    if (this.#o.responses.redefinitions > 0) return this.#quiet().then(() => this.#bindNow(frame));
    this.#bindNow(frame);
    return undefined;
  }

  #bindNow(frame: Frame): void {
    if (this.#o.responses.skipping) return;
    const message = decodeBind(frame.body);
    const prepared = this.#o.objects.prepared(objectName(message.statement));
    if (prepared === undefined) {
      const what =
        message.statement === '' ? 'unnamed prepared statement' : `prepared statement "${message.statement}"`;
      const error = new SluiceError('no_such_statement', `${what} does not exist`);
      this.#forwardExtended(MISSING_STATEMENT, { kind: 'bind', undo: undefined, refusal: refusalFor(error) });
      return;
    }
    const parameters = message.parameters.map((value, i) =>
      recordParameter(value, formatOf(message.parameterFormats, i) === 1),
    );
    const undo = this.#o.objects.addPortal(objectName(message.portal), { prepared, parameters });
    this.#forwardExtended(frame.bytes, { kind: 'bind', undo, plan: prepared.plan });
  }

  #describe(frame: Frame): void {
    this.forward(frame.bytes);
    this.inPipeline = true;
    this.#o.responses.expectations.push({ kind: 'describe' });
  }

  #execute(frame: Frame): Promise<void> | undefined {
    const name = objectName(decodeExecute(frame.body).portal);
    if (this.#o.responses.redefinitions > 0)
      return this.#quiet().then(() => this.#executePortal(name, frame));
    return this.#executePortal(name, frame);
  }

  #executePortal(name: string, frame: Frame): Promise<void> | undefined {
    const { objects, planner, responses } = this.#o;
    if (responses.skipping) return undefined;
    const portal = objects.portal(name);
    const prepared = portal?.prepared ?? objects.cursor(name);
    if (prepared === undefined) {
      const error = new SluiceError('no_such_portal', `portal "${name}" does not exist`);
      this.#forwardExtended(MISSING_PORTAL, {
        kind: 'execute',
        ticket: undefined,
        refusal: refusalFor(error),
      });
      return undefined;
    }
    const parameters = portal?.parameters ?? [];
    const forward = (plan: Plan, tickets: readonly Ticket[]): void => {
      this.#forwardExtended(frame.bytes, { kind: 'execute', plan, ticket: tickets[0] });
      this.#forwarded(plan, tickets);
    };
    const run = (plan: Plan) => this.#run(plan, parameters, forward, this.#refuseExtended);
    if (prepared.executedAs === undefined && planner.isCurrent(prepared.plan)) return run(prepared.plan);
    // Prepared under other policies, labels or catalog, or by SQL: decided anew, and what was prepared must still be right.
    return this.#attempt(planner.revalidate(prepared).then(run), this.#refuseExtended);
  }

  #close(frame: Frame): void {
    const message = decodeClose(frame.body);
    const undo: Undo = this.#o.objects.close(
      message.target === 'S' ? 'prepared' : 'portal',
      objectName(message.name),
    );
    this.#forwardExtended(frame.bytes, { kind: 'close', undo });
  }

  #sync(frame: Frame): void {
    const { responses } = this.#o;
    this.forward(frame.bytes);
    responses.skipping = false;
    if (responses.copyingIn) return;
    this.inPipeline = false;
    responses.expectations.push({ kind: 'sync' });
  }

  #endCopyIn(frame: Frame): void {
    const { responses } = this.#o;
    this.forward(frame.bytes);
    responses.copyingIn = false;
    if (responses.expectations.size > 0) responses.expectations.push({ kind: 'copy-end' });
  }

  #forwardExtended(frame: Buffer, expectation: Parameters<ResponseRelay['expectations']['push']>[0]): void {
    this.forward(frame);
    this.inPipeline = true;
    this.#o.responses.expectations.push(expectation);
  }

  readonly #refuseExtended = (error: SluiceError): void => {
    this.#forwardExtended(FAILING_PARSE, { kind: 'parse', undo: undefined, refusal: refusalFor(error) });
  };

  // --- the pipeline

  /** Decodes and plans a text, then goes on; whatever is thrown on the way is told by `refuse`. */
  #planned(
    bytes: Buffer,
    then: (plan: Plan) => Promise<void> | undefined,
    refuse: (error: SluiceError) => void,
  ): Promise<void> | undefined {
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
      this.flush();
      return plan.then(
        (made) => {
          // An error of an earlier message arrived meanwhile: this one is skipped.
          if (this.#ended || (this.#o.responses.skipping && refuse === this.#refuseExtended))
            return undefined;
          return then(made);
        },
        (thrown) => (this.#o.responses.skipping ? undefined : failed(thrown)),
      );
    } catch (thrown) {
      failed(thrown);
      return undefined;
    }
  }

  #recordRefusal(text: string, error: SluiceError): void {
    try {
      this.#o.session.refuseText(text, error);
    } catch {
      // Nothing runs, so nothing runs unrecorded; the ledger reports its own failure.
    }
  }

  /** Decides, records and forwards. */
  #run(
    plan: Plan,
    parameters: readonly ParameterValue[],
    forward: (plan: Plan, tickets: readonly Ticket[]) => void,
    refuse: (error: SluiceError) => void,
  ): Promise<void> | undefined {
    const { session, responses } = this.#o;
    try {
      if (plan.outcome === 'deny') {
        session.refuse(plan, parameters, 'deny');
        refuse(plan.refusal!);
        return undefined;
      }
      if (plan.outcome === 'hold') return this.#attempt(this.#held(plan, parameters, forward), refuse);
      const tickets = session.admit(plan, parameters);
      if (tickets instanceof Promise) {
        return this.#attempt(
          tickets.then((durable) => {
            responses.restOn(durable);
            forward(plan, durable);
          }),
          refuse,
        );
      }
      responses.restOn(tickets);
      forward(plan, tickets);
    } catch (thrown) {
      refuse(asSluiceError(thrown));
    }
    return undefined;
  }

  /** Waits; a failure is told to the client as a refusal. */
  #attempt(work: Promise<unknown>, refuse: (error: SluiceError) => void): Promise<void> {
    this.flush();
    return work.then(
      () => undefined,
      (thrown) => {
        if (!this.#ended && !(this.#o.responses.skipping && refuse === this.#refuseExtended))
          refuse(asSluiceError(thrown));
      },
    );
  }

  async #held(
    plan: Plan,
    parameters: readonly ParameterValue[],
    forward: (plan: Plan, tickets: readonly Ticket[]) => void,
  ): Promise<void> {
    const { session, service, responses, planner } = this.#o;
    if (service.approvals === undefined) throw new TypeError('sessions need approvals');
    const hold = new AbortController();
    this.#hold = hold;
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
      if (this.#ended) throw new SluiceError('cancelled', 'the client went away');
      const tickets = await session.admit(released.plan, parameters, released.approval);
      responses.restOn(tickets);
      forward(released.plan, tickets);
    } finally {
      this.#hold = undefined;
    }
  }

  #forwarded(plan: Plan, tickets: readonly Ticket[]): void {
    if (plan.redefines && tickets.length > 0) this.#o.responses.redefinitions += 1;
    this.#o.planner.forwarded(plan);
  }

  // --- quiet moments

  /** Waits until the database owes nothing. */
  async #quiet(): Promise<void> {
    if (this.inPipeline && this.#o.responses.expectations.size > 0) this.forward(FLUSH);
    this.flush();
    await this.#o.responses.expectations.whenEmpty();
  }

  /**
   * Asks the database a question of the gate's own on this session's backend, in the client's transaction, unseen by the client.
   * @throws {SluiceError} if it is not answered
   */
  async ask(sql: string): Promise<(string | null)[][]> {
    await this.#quiet();
    const { responses } = this.#o;
    if (responses.skipping || responses.transactionStatus === 'E') {
      throw new SluiceError('upstream_lost', 'the transaction has failed');
    }
    const synced = !this.inPipeline;
    const rows: (string | null)[][] = [];
    const answered = new Promise<void>((resolve, reject) => {
      responses.expectations.push({ kind: 'own', answers: { rows, closes: 2, resolve, reject }, synced });
    });
    responses.showRows(true);
    const name = '_sluice_own';
    this.forward(
      encodeFrontendMessage({ type: 'Parse', statement: name, text: Buffer.from(sql), parameterTypes: [] }),
    );
    this.forward(
      encodeFrontendMessage({
        type: 'Bind',
        portal: name,
        statement: name,
        parameterFormats: [],
        parameters: [],
        resultFormats: [],
      }),
    );
    this.forward(encodeFrontendMessage({ type: 'Execute', portal: name, maxRows: 0 }));
    this.forward(encodeFrontendMessage({ type: 'Close', target: 'P', name }));
    this.forward(encodeFrontendMessage({ type: 'Close', target: 'S', name }));
    this.forward(synced ? encodeFrontendMessage({ type: 'Sync' }) : FLUSH);
    this.flush();
    await answered;
    return rows;
  }
}

const READY_IDLE = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
