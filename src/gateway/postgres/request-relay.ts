/**
 * From the client to the database: each message in order, one at a time. A message that has to wait (for the disk, for an
 * approval, for the catalog) holds back those behind it, of this session only.
 *
 * A refused message is not dropped but replaced by one that is certain to fail, and the database's error by the gate's own. So the
 * database itself aborts the transaction and skips to the next Sync, and both sides always agree where they stand.
 */
import type { Socket } from 'node:net';
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import type { Plan } from '../../session/plan.ts';
import type { Ticket } from '../../session/session.ts';
import {
  decodeBind,
  decodeClose,
  decodeExecute,
  decodeParse,
  encodeBackendMessage,
  encodeFrontendMessage,
  encodeQuery,
  FRONTEND_TYPE as F,
  type Frame,
  FrameReader,
  formatOf,
  frontendFrameLimit,
  queryText,
} from '../../wire/postgres/index.ts';
import type { Expectation } from './expectations.ts';
import { FAILING_BIND, FAILING_EXECUTE, FAILING_PARSE, FAILING_QUERY } from './failing-messages.ts';
import { ForwardChannel } from './forward-channel.ts';
import { errorFrame, isDatabaseError, refusalFor } from './refusals.ts';
import { objectName, type Prepared, type SessionObjects } from './session-objects.ts';
import { type AdmissionOptions, type Pending, StatementAdmission } from './statement-admission.ts';
import { recordParameter } from './statement-text.ts';

/** Input that may wait behind a message that waits, before the client is no longer read. */
const MAX_WAITING_BYTES = 512 * 1_024;
const READY_IDLE = encodeBackendMessage({ type: 'ReadyForQuery', status: 'I' });

export interface RequestRelayOptions extends Omit<AdmissionOptions, 'channel'> {
  readonly objects: SessionObjects;
  readonly client: Socket;
  readonly upstream: Socket;
  readonly maxMessageBytes: number;
  readonly onTerminate: () => void;
  readonly onFailure: (error: SluiceError) => void;
}

export class RequestRelay {
  readonly channel: ForwardChannel;
  readonly #o: RequestRelayOptions;
  readonly #frames: FrameReader;
  readonly #admission: StatementAdmission;
  /** A message is waiting for something. */
  #waiting = false;
  /** The database takes no more bytes for now. */
  #full = false;

  constructor(options: RequestRelayOptions) {
    this.#o = options;
    this.#frames = new FrameReader({ maxFrameBytes: frontendFrameLimit(options.maxMessageBytes) });
    this.channel = new ForwardChannel(options.upstream, options.responses, (full) => this.#onPressure(full));
    this.#admission = new StatementAdmission({ ...options, channel: this.channel });
  }

  /** True if nothing of the client's is under way. */
  get idle(): boolean {
    return !this.#waiting && this.channel.idle;
  }

  onChunk(chunk: Buffer): void {
    this.#frames.push(chunk);
    if (!this.#waiting) this.#pump();
    else if (this.#frames.bufferedBytes > MAX_WAITING_BYTES) this.#o.client.pause();
  }

  /** Withdraws the approval being waited for; false if none is. */
  cancelHold(): boolean {
    return this.#admission.cancelHold();
  }

  /** The client is gone: nothing more is forwarded. */
  end(): void {
    this.channel.ended = true;
    this.#admission.cancelHold();
  }

  #onPressure(full: boolean): void {
    this.#full = full;
    if (full) this.#o.client.pause();
    else if (!this.#waiting) this.#o.client.resume();
  }

  #pump(): void {
    try {
      while (!this.channel.ended) {
        const frame = this.#frames.next();
        if (frame === undefined) break;
        const pending = this.#handle(frame);
        if (pending === undefined) continue;
        this.#waitFor(pending);
        break;
      }
      this.channel.flush();
    } catch (thrown) {
      this.#o.onFailure(asSluiceError(thrown));
    }
  }

  #waitFor(pending: Promise<void>): void {
    this.#waiting = true;
    pending.then(
      () => {
        this.#waiting = false;
        this.channel.flush();
        if (this.channel.ended) return;
        if (!this.#full) this.#o.client.resume();
        this.#pump();
      },
      (thrown) => this.#o.onFailure(asSluiceError(thrown)),
    );
  }

  #handle(frame: Frame): Pending {
    const { type } = frame;
    // The database ignores everything after an error until Sync, so nothing is planned, recorded or forwarded either.
    if (this.#o.responses.skipping && type !== F.Sync && type !== F.Terminate) return undefined;
    switch (type) {
      case F.Query:
        return this.#query(frame);
      case F.Parse:
        return this.#parse(frame);
      case F.Bind:
        return this.#whenDefined(() => this.#bind(frame));
      case F.Execute:
        return this.#whenDefined(() => this.#execute(frame));
      case F.Describe:
        return this.#expect(frame.bytes, { kind: 'describe' });
      case F.Close:
        return this.#close(frame);
      case F.Sync:
        return this.#sync(frame);
      case F.Flush:
      case F.CopyData:
        this.channel.forward(frame.bytes);
        return undefined;
      case F.CopyDone:
      case F.CopyFail:
        return this.#endCopyIn(frame);
      case F.Terminate:
        this.channel.flush();
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

  #query(frame: Frame): Pending {
    const forward = (plan: Plan, tickets: readonly Ticket[]): void => {
      const bytes = plan.splices.length === 0 ? frame.bytes : encodeQuery(plan.forwardText);
      this.#expect(bytes, { kind: 'query', plan, tickets, next: 0 });
    };
    return this.#admission.plan(
      queryText(frame.body),
      (plan) => this.#admission.admit(plan, [], forward, this.#refuseQuery),
      this.#refuseQuery,
    );
  }

  readonly #refuseQuery = (error: SluiceError): void => {
    const { responses } = this.#o;
    // On an idle connection there is nothing the database has to know.
    if (this.channel.idle && responses.transactionStatus === 'I' && !isDatabaseError(error)) {
      responses.send(Buffer.concat([errorFrame(error), READY_IDLE]));
    } else this.#expect(FAILING_QUERY, { kind: 'query', tickets: [], next: 0, refusal: refusalFor(error) });
  };

  // --- extended protocol

  #parse(frame: Frame): Pending {
    const message = decodeParse(frame.body);
    const forward = (plan: Plan): Pending => {
      if (plan.outcome === 'deny') return this.#admission.admit(plan, [], () => {}, this.#refuseExtended);
      const facts = plan.statements.map((statement) => statement.facts);
      const undo = this.#o.objects.addPrepared(objectName(message.statement), { plan, facts });
      const verbatim = plan.splices.length === 0;
      const bytes = verbatim
        ? frame.bytes
        : encodeFrontendMessage({ ...message, text: Buffer.from(plan.forwardText) });
      return this.#expect(bytes, { kind: 'parse', undo, plan });
    };
    return this.#admission.plan(message.text, forward, this.#refuseExtended);
  }

  #bind(frame: Frame): Pending {
    const message = decodeBind(frame.body);
    const { objects } = this.#o;
    const prepared = objects.prepared(objectName(message.statement));
    if (prepared === undefined) {
      const { statement } = message;
      const what = statement === '' ? 'unnamed prepared statement' : `prepared statement "${statement}"`;
      const refusal = refusalFor(new SluiceError('no_such_statement', `${what} does not exist`));
      return this.#expect(FAILING_BIND, { kind: 'bind', undo: undefined, refusal });
    }
    const parameters = message.parameters.map((value, i) =>
      recordParameter(value, formatOf(message.parameterFormats, i) === 1),
    );
    const undo = objects.addPortal(objectName(message.portal), { prepared, parameters });
    return this.#expect(frame.bytes, { kind: 'bind', undo, plan: prepared.plan });
  }

  #execute(frame: Frame): Pending {
    const { portal: name } = decodeExecute(frame.body);
    const { objects } = this.#o;
    const portal = objects.portal(objectName(name));
    const prepared = portal?.prepared ?? objects.cursor(objectName(name));
    if (prepared === undefined) {
      const refusal = refusalFor(new SluiceError('no_such_portal', `portal "${name}" does not exist`));
      return this.#expect(FAILING_EXECUTE, { kind: 'execute', ticket: undefined, refusal });
    }
    const forward = (plan: Plan, tickets: readonly Ticket[]): void => {
      this.#expect(frame.bytes, { kind: 'execute', plan, ticket: tickets[0] });
    };
    const admit = (plan: Plan): Pending =>
      this.#admission.admit(plan, portal?.parameters ?? [], forward, this.#refuseExtended);
    return this.#current(prepared, admit);
  }

  /** What was prepared under other policies, labels or catalog, or by SQL, is decided anew and must still be right. */
  #current(prepared: Prepared, admit: (plan: Plan) => Pending): Pending {
    const { planner } = this.#o;
    if (prepared.executedAs === undefined && planner.isCurrent(prepared.plan)) return admit(prepared.plan);
    return this.#admission.attempt(planner.revalidate(prepared).then(admit), this.#refuseExtended);
  }

  #close(frame: Frame): Pending {
    const message = decodeClose(frame.body);
    const map = message.target === 'S' ? 'prepared' : 'portal';
    const undo = this.#o.objects.close(map, objectName(message.name));
    return this.#expect(frame.bytes, { kind: 'close', undo });
  }

  #sync(frame: Frame): Pending {
    const { responses } = this.#o;
    responses.skipping = false;
    // While the database takes COPY data, it ignores Sync and answers nothing.
    if (!responses.copyingIn) return this.#expect(frame.bytes, { kind: 'sync' });
    this.channel.forward(frame.bytes);
    return undefined;
  }

  #endCopyIn(frame: Frame): Pending {
    const { responses } = this.#o;
    this.channel.forward(frame.bytes);
    responses.copyingIn = false;
    if (responses.expectations.size > 0) responses.expectations.push({ kind: 'copy-end' });
    return undefined;
  }

  readonly #refuseExtended = (error: SluiceError): void => {
    this.#expect(FAILING_PARSE, { kind: 'parse', undo: undefined, refusal: refusalFor(error) });
  };

  /** Forwards, with the signature of a handler that is done at once. */
  #expect(frame: Buffer, expectation: Expectation): undefined {
    this.channel.forwardExpecting(frame, expectation);
  }

  /** Names may only be used once every text that could redefine them has been answered. */
  #whenDefined(handle: () => Pending): Pending {
    if (this.#o.responses.redefinitions === 0) return handle();
    return this.channel.quiet().then(() => (this.#o.responses.skipping ? undefined : handle()));
  }
}
