/**
 * From the client to the database: each message in order, one at a time. A message that has to wait (for the disk, for an
 * approval, for the catalog) holds back those behind it, of this session only.
 *
 * A refused message is not dropped but replaced by one that is certain to fail, and the database's error by the gate's own. So the
 * database itself aborts the transaction and skips to the next Sync, and both sides always agree where they stand.
 */
import type { Socket } from 'node:net';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Plan } from '../../session/plan.ts';
import type { Ticket } from '../../session/session.ts';
import {
  type Bind,
  decodeBind,
  decodeClose,
  decodeExecute,
  decodeParse,
  encodeFrontendMessage,
  FRONTEND_TYPE as F,
  type Frame,
} from '../../wire/postgres/index.ts';
import type { Forward, Pending, Refuse } from './admission.ts';
import { boundTo } from './bound-rows.ts';
import { type Completion, DESCRIBE_EXPECTATION, type Expectation, SYNC_EXPECTATION } from './expectations.ts';
import { FAILING_BIND, FAILING_EXECUTE, failingParse } from './failing-messages.ts';
import { ForwardChannel } from './forward-channel.ts';
import { handleCall } from './function-call.ts';
import { MessagePump } from './message-pump.ts';
import { MeteredPipeline } from './metered-pipeline.ts';
import { UNANSWERED } from './name-space.ts';
import { noteRelease, underCap } from './portal-release.ts';
import { QueryMessages } from './query-messages.ts';
import { recordParameters } from './recorded-parameters.ts';
import { type InClient, type Refusal, refusalFor } from './refusals.ts';
import type { SessionLabels } from './session-labels.ts';
import { objectName, type Prepared, portalOf, preparedBy } from './session-objects.ts';
import { type AdmissionOptions, StatementAdmission } from './statement-admission.ts';

/** Messages that may be forwarded and not answered. */
const MAX_OWED_ANSWERS = 4_096;
const NOT_ASCII = /[\x80-\xff]/;
const SYNC = encodeFrontendMessage({ type: 'Sync' });

export interface RequestRelayOptions extends Omit<AdmissionOptions, 'channel'> {
  readonly labels: SessionLabels;
  readonly client: Socket;
  readonly upstream: Socket;
  readonly maxMessageBytes: number;
  readonly onTerminate: () => void;
  readonly onFailure: (error: SluiceError) => void;
}

export class RequestRelay {
  readonly channel: ForwardChannel;
  readonly #o: RequestRelayOptions;
  readonly #pump: MessagePump;
  readonly admission: StatementAdmission;
  readonly pipeline: MeteredPipeline;
  readonly #queries: QueryMessages;
  /** Syncs sent within a COPY before any of its data. */
  #heldSyncs = 0;

  constructor(options: RequestRelayOptions) {
    this.#o = options;
    this.channel = new ForwardChannel(options.upstream, options.responses, (full) =>
      this.#pump.onPressure(full),
    );
    this.#pump = new MessagePump({
      client: options.client,
      maxMessageBytes: options.maxMessageBytes,
      handle: (frame) => this.#handle(frame) ?? this.#untilFewerOwed(),
      flush: () => this.channel.flush(),
      ended: () => this.channel.ended,
      onEnd: options.onTerminate,
      onFailure: options.onFailure,
    });
    this.pipeline = new MeteredPipeline(this.channel, options.responses);
    this.admission = new StatementAdmission({ ...options, channel: this.channel });
    this.#queries = new QueryMessages({
      ...options,
      channel: this.channel,
      admission: this.admission,
      answered: (plan) => this.#answered(plan),
      settled: () => this.pipeline.before(F.Query),
      sync: () => this.#sync(SYNC),
    });
  }

  /** True if nothing of the client's is under way. */
  get idle(): boolean {
    return !this.#pump.waiting && this.channel.idle;
  }

  onChunk(chunk: Buffer): void {
    this.#pump.onChunk(chunk);
  }

  /** The client sends nothing more. What it has sent is handled, but nobody waits for an approval any more. */
  onInputEnd(): void {
    this.admission.cancelHold();
    this.#pump.onEnd();
  }

  /** Cancels what a message waits for here: its approval, or being planned and recorded. False if none waits. */
  cancelWait(cancelBackend: () => Promise<void>): boolean {
    return (
      this.admission.cancelHold() || (!this.#o.responses.busy && this.admission.cancelWait(cancelBackend))
    );
  }

  /** The client is gone: nothing more is forwarded. */
  end(): void {
    this.channel.ended = true;
    this.admission.cancelHold();
  }

  /** Answers that are owed are kept account of, and a client may ask faster than it reads. */
  #untilFewerOwed(): Pending {
    return this.#o.responses.expectations.size < MAX_OWED_ANSWERS ? undefined : this.channel.quiet();
  }

  #handle(frame: Frame): Pending {
    const { type } = frame;
    const { responses } = this.#o;
    if (responses.copyingIn) return this.#handleInCopy(frame);
    const before = this.pipeline.before(type);
    if (before !== undefined)
      return before.then(() => (this.channel.ended ? undefined : this.#handle(frame)));
    // The database ignores everything after an error until Sync, so nothing is planned, recorded or forwarded either.
    if (responses.skipping && type !== F.Sync && type !== F.Terminate) return undefined;
    switch (type) {
      case F.Query:
        return this.#queries.query(frame);
      case F.Parse:
        return this.#parse(frame);
      case F.Bind:
        return this.#bind(frame);
      case F.Execute:
        return this.#execute(frame);
      case F.Describe:
        return this.#expect(frame.bytes, DESCRIBE_EXPECTATION);
      case F.Close:
        return this.#close(frame);
      case F.Sync:
        return this.#sync(frame.bytes);
      case F.Flush:
        this.channel.forward(frame.bytes);
        return undefined;
      case F.CopyData:
      case F.CopyDone:
      case F.CopyFail:
        // What a client still sends when its COPY has failed already.
        return undefined;
      case F.Terminate:
        this.#terminate();
        return undefined;
      case F.FunctionCall:
        return handleCall(frame, {
          ...this.#o,
          admission: this.admission,
          channel: this.channel,
          refuse: (error) => this.#queries.refuse(error),
        });
      default:
        throw unexpected(type);
    }
  }

  #terminate(): void {
    this.channel.flush();
    this.#o.onTerminate();
  }

  // --- COPY FROM STDIN

  /**
   * While the database takes COPY data it takes nothing else, and ignores Flush and Sync (commands/copyfromparse.c, CopyGetData).
   * A Sync sent before any data is held back: should the COPY fail before it reads anything, the Sync counts.
   */
  #handleInCopy(frame: Frame): Pending {
    switch (frame.type) {
      case F.CopyData:
        this.#heldSyncs = 0;
        this.channel.forward(frame.bytes);
        return undefined;
      case F.CopyDone:
      case F.CopyFail:
        this.#heldSyncs = 0;
        this.#o.responses.copyingIn = false;
        this.channel.forward(frame.bytes);
        return this.channel.quiet().then(() => this.#queries.guarded.copyEnded());
      case F.Sync:
        this.#heldSyncs += 1;
        return undefined;
      case F.Flush:
        return undefined;
      case F.Terminate:
        this.#terminate();
        return undefined;
      default:
        // Had the COPY not failed already, the database would end the connection: it shall say.
        return this.channel.leaveCopy().then(() => (this.channel.ended ? undefined : this.#handle(frame)));
    }
  }

  /** The database has ended the COPY by an error. */
  copyFailed(): void {
    const held = this.#heldSyncs;
    this.#heldSyncs = 0;
    for (let i = 0; i < held; i += 1) this.#sync(SYNC);
    this.channel.flush();
    void this.#queries.guarded.copyEnded();
  }

  /** Whether a COPY takes data shows in the answer; until then nobody knows how the messages behind it will be taken. */
  #answered(plan: Plan): Pending {
    const mayCopyIn = plan.statements.some(({ facts }) => facts.command === 'COPY' && facts.writes);
    return mayCopyIn ? this.channel.quiet() : undefined;
  }

  // --- extended protocol

  #parse(frame: Frame): Pending {
    const message = decodeParse(frame.body);
    const { objects, planner } = this.#o;
    const refuse: Refuse = (error, text) => {
      const said = text === undefined ? undefined : { bytes: message.text, text };
      const { frame: failing, refusal } = failingParse(error, this.#inClient, message.statement, said);
      this.#expect(failing, { kind: 'parse', refusal });
    };
    const doubt = planner.doubtOf(message.parameterTypes);
    let statement = '';
    const forward = (plan: Plan): Pending => {
      if (plan.refusal !== undefined) return this.admission.refuse(plan, refuse);
      objects.requireRoom();
      const change = objects.parse(statement, preparedBy(plan, doubt, message.parameterTypes));
      const verbatim = plan.splices.length === 0;
      const bytes = verbatim
        ? frame.bytes
        : encodeFrontendMessage({ ...message, text: planner.reading.bytesOf(plan.forwardText) });
      return this.#expect(bytes, { kind: 'parse', change, plan });
    };
    return this.#named([message.statement], refuse, ([name]) => {
      statement = objectName(name!);
      return this.admission.plan(message.text, forward, refuse, doubt);
    });
  }

  #bind(frame: Frame): Pending {
    const message = decodeBind(frame.body);
    return this.#named([message.statement, message.portal], this.#refuseExtended, ([statement, portal]) =>
      this.#bindNamed(frame, message, statement!, objectName(portal!)),
    );
  }

  #bindNamed(frame: Frame, message: Bind, statement: string, portal: string): Pending {
    const { objects, planner } = this.#o;
    const prepared = objects.prepared(objectName(statement));
    if (prepared === UNANSWERED || this.#redefining) return this.#later(() => this.#bind(frame));
    if (prepared === undefined) return this.#refuseBind(message.statement);
    return this.admission.attempt(
      () => {
        objects.requireRoom();
        return planner.planOf(prepared);
      },
      (plan) => this.#bindTo(frame, message, portal, prepared, plan),
      this.#refuseExtended,
    );
  }

  #bindTo(frame: Frame, message: Bind, name: string, prepared: Prepared, plan: Plan): Pending {
    const { objects, planner } = this.#o;
    const parameters = recordParameters(message, planner.reading.encodings);
    const bind = (current: Plan, ticket?: Ticket, approval?: string): undefined => {
      const change = objects.bind(name, portalOf(prepared, parameters, current, approval, message));
      const admitted = ticket === undefined ? {} : { ticket };
      return this.#expect(frame.bytes, { kind: 'bind', change, plan: current, ...admitted });
    };
    if (plan.outcome !== 'deny' && !planner.runsWhenBound(plan)) return bind(plan);
    return this.admission.admit(plan, {
      ...{ parameters, readAt: prepared.readAt },
      replan: () => planner.planOf(prepared, true),
      forward: (current, [ticket], approval) => bind(current, ticket, approval),
      refuse: this.#refuseExtended,
    });
  }

  #refuseBind(name: string): undefined {
    const what = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`;
    return this.#expect(FAILING_BIND, { kind: 'bind', refusal: refusalOf('no_such_statement', what) });
  }

  #execute(frame: Frame): Pending {
    const { portal } = decodeExecute(frame.body);
    return this.#named([portal], this.#refuseExtended, ([name]) => this.#executeNamed(frame, name!));
  }

  #executeNamed(frame: Frame, name: string): Pending {
    const { objects, planner } = this.#o;
    const portal = objects.portal(objectName(name));
    if (portal === UNANSWERED || this.#redefining) return this.#later(() => this.#execute(frame));
    if (portal === undefined) {
      return this.#expect(FAILING_EXECUTE, {
        kind: 'execute',
        ticket: undefined,
        refusal: refusalOf('no_such_portal', `portal "${decodeExecute(frame.body).portal}"`),
      });
    }
    const forward: Forward = (plan, [ticket], approval, rows) => {
      noteRelease(portal, plan, approval);
      if (plan.writes) this.pipeline.writes = true;
      const run = (more: { completion?: Completion } = {}): undefined =>
        this.#expect(frame.bytes, { kind: 'execute', plan, ticket, ...more });
      const bound = boundTo(rows, portal.values);
      return this.#queries.guarded.runIfGuarded(plan, ticket, bound, run) ?? this.#answered(plan);
    };
    const refuse = this.#refuseExtended;
    return this.admission.attempt(
      () => planner.planOfPortal(portal),
      (plan) =>
        this.admission.admit(underCap(portal, plan), {
          ...{ parameters: portal.parameters, readAt: portal.readAt },
          approval: portal.approval,
          counted: portal.counted,
          values: portal.values,
          returned: portal.returned,
          replan: () => planner.planOfPortal(portal, true),
          forward,
          refuse,
        }),
      refuse,
    );
  }

  #close(frame: Frame): Pending {
    const { target, name } = decodeClose(frame.body);
    return this.#named([name], this.#refuseExtended, ([known]) => {
      const change = this.#o.objects.close(target, objectName(known!));
      return this.#expect(frame.bytes, { kind: 'close', change });
    });
  }

  #sync(bytes: Buffer): undefined {
    const { responses, objects, planner } = this.#o;
    responses.skipping = false;
    this.pipeline.writes = false;
    objects.sync();
    if (!responses.inBlock) planner.transactionMayEnd();
    return this.#expect(bytes, SYNC_EXPECTATION);
  }

  readonly #refuseExtended = (error: SluiceError): void => {
    const { frame, refusal } = failingParse(error, this.#inClient);
    this.#expect(frame, { kind: 'parse', refusal });
  };

  /** Forwards, with the signature of a handler that is done at once. */
  #expect(frame: Buffer, expectation: Expectation): undefined {
    this.channel.forwardExpecting(frame, expectation);
  }

  /** Names may only be used once every text that could redefine them has been answered. */
  get #redefining(): boolean {
    return this.#o.responses.redefinitions > 0;
  }

  /** Handles a message once everything before it is answered, unless it is to be skipped then. */
  #later(handle: () => Pending): Promise<void> {
    return this.channel.quiet().then(() => (this.admission.moot ? undefined : handle()));
  }

  /** Bytes that are one name in one encoding are another in another: names are known by what the database makes of them. */
  #named(names: readonly string[], refuse: Refuse, handle: (names: readonly string[]) => Pending): Pending {
    if (!names.some((name) => NOT_ASCII.test(name))) return handle(names);
    const bytes = names.map((name) => Buffer.from(name, 'latin1'));
    return this.admission.attempt(
      () => this.#o.planner.readNames(bytes),
      (texts) => handle(texts.map((text) => Buffer.from(text).toString('latin1'))),
      refuse,
    );
  }

  readonly #inClient: InClient = (text) => this.#o.planner.reading.messageBytes(text);
}

function unexpected(type: number): SluiceError {
  return new SluiceError('protocol_violation', `unexpected message type 0x${type.toString(16)}`);
}

/** What is missing, with its name in the bytes that the client used. */
function refusalOf(code: 'no_such_statement' | 'no_such_portal', what: string): Refusal {
  return refusalFor(new SluiceError(code, `${what} does not exist`), (text) => Buffer.from(text, 'latin1'));
}
