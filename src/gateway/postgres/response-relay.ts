/**
 * From the database to the client. Results pass untouched in the slices they came in; what the gate must know (which
 * statement ended how, transaction status, parameters) is read in passing. Answers to the gate's own questions are taken out,
 * and errors are replaced where the gate refused or must withhold.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Plan } from '../../session/plan.ts';
import type { Session, StatementOutcome, Ticket } from '../../session/session.ts';
import {
  BACKEND_TYPE as B,
  backendFrameLimit,
  decodeBackendMessage,
  ErrorFields,
  type FrameSink,
  FrameWalker,
  type TransactionStatus,
  wholeFramesExcept,
} from '../../wire/postgres/index.ts';
import type { ClientSender } from './client-sender.ts';
import { CommitWatch } from './commit-watch.ts';
import { isFatal, outOfOrder, unanswered } from './database-errors.ts';
import { type Expectation, Expectations } from './expectations.ts';
import {
  answers,
  completionOf,
  currentTicket,
  isAnsweredCall,
  isUnseen,
  noteOwnAnswer,
  type Own,
  planOf,
  ticketsOwed,
  wasAdmitted,
} from './expected-answers.ts';
import { LateQuotes } from './late-quotes.ts';
import { clientErrorFields } from './refusals.ts';
import type { RelayEvents, RelayOptions } from './relay-events.ts';
import { ResultMetering } from './result-metering.ts';
import type { SessionObjects } from './session-objects.ts';
import { isHarmlessNotice } from './withheld-errors.ts';

const MAX_CONTROL_FRAME_BYTES = 1_048_576 * 4;
/** A skipped statement's SQLSTATE in the ledger: it was forwarded and the database did not run it. */
const SKIPPED = '25P02';

export class ResponseRelay implements FrameSink {
  readonly expectations = new Expectations();
  transactionStatus: TransactionStatus = 'I';
  /** True in a transaction block, which no Sync ends. */
  inBlock = false;
  /** True after an error until the next Sync: the database ignores everything in between, and so does the gate. */
  skipping = false;
  /** True while the database works for the client. */
  get busy(): boolean {
    return (this.expectations.head()?.kind ?? 'own') !== 'own';
  }

  /** True while the database takes COPY data. */
  copyingIn = false;
  /** Forwarded messages that may redefine prepared statements or cursors and whose end is awaited. */
  redefinitions = 0;
  /** The database has told the client itself that the session ends. */
  toldFatal = false;

  readonly #session: Session;
  readonly #objects: SessionObjects;
  readonly #sender: ClientSender;
  readonly #events: RelayEvents;
  readonly #errorFrame: (error: SluiceError) => Buffer;
  readonly #whole = wholeFramesExcept(B.DataRow, B.CopyData, B.FunctionCallResponse);
  readonly #walker: FrameWalker;
  readonly metering = new ResultMetering({
    head: () => this.expectations.head(),
    status: () => this.transactionStatus,
    walk: (chunk) => this.#walk(chunk),
    answer: (head, type, frame) => this.#answer(head, type, frame),
    fail: (head, frame) => {
      this.#error(head, frame);
      return !this.toldFatal;
    },
    setReading: (reading) => this.#sender.setReading(reading),
    errorFrame: (error) => this.#errorFrame(error),
    onCut: (step) => this.#events.onCut(step),
  });
  readonly #commits = new CommitWatch();
  #chunk: Buffer = Buffer.alloc(0);
  #from = 0;
  #catalogChanged = false;
  readonly #withholding = new LateQuotes();

  constructor(options: RelayOptions) {
    this.#errorFrame = options.errorFrame;
    this.metering.scan = options.scan;
    this.#session = options.session;
    this.#objects = options.objects;
    this.#sender = options.sender;
    this.#events = options.events;
    this.#walker = new FrameWalker({
      whole: this.#whole,
      maxFrameBytes: backendFrameLimit(MAX_CONTROL_FRAME_BYTES),
    });
  }

  /** Takes what the database sent. The chunk must not be changed afterwards. */
  onChunk(chunk: Buffer): void {
    const arrived = this.metering.arrived(chunk);
    if (arrived !== undefined) this.#walk(arrived);
  }

  #walk(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#from = 0;
    try {
      const settled = this.#walker.walk(chunk, this);
      // What is withheld begins a message, so what is not ends one.
      const whole = settled < chunk.length || this.#walker.atBoundary;
      const shown = this.metering.cut === undefined && settled > this.#from;
      if (shown) this.#sender.push(chunk.subarray(this.#from, settled), whole);
      const { halt } = this.#walker;
      if (halt !== undefined) this.metering.keep(chunk.subarray(settled), halt.frameBytes);
    } catch (thrown) {
      const cause = thrown instanceof SluiceError ? thrown : undefined;
      this.#events.onFailure(
        cause ??
          new SluiceError('internal', 'internal error while reading from the database', { cause: thrown }),
      );
    }
  }

  /** A question of the gate's own begins or ends: its rows have to be seen. */
  showRows(shown: boolean): void {
    this.#whole[B.DataRow] = shown ? 1 : 0;
  }

  /** Sends a message of the gate's own, behind what is pending and between two messages of the database. */
  send(frame: Buffer): void {
    this.#sender.insert(frame);
  }

  /** Sends nothing until this is settled. Must not reject. */
  holdUntil(settled: Promise<unknown>): void {
    this.#sender.holdUntil(settled);
  }

  /** Announces that the pending bytes rest on these entries. */
  restOn(tickets: readonly Ticket[]): void {
    const last = tickets[tickets.length - 1];
    if (last !== undefined) this.#sender.restOn(last.seq);
    for (const ticket of tickets) if (this.metering.mayCut(ticket)) this.metering.owed += 1;
  }

  /** A transaction may have been committed, and the client has not been told. */
  get outcomeUnknown(): boolean {
    return this.#commits.isUnknown(this.expectations.owed);
  }

  /** Nothing more will come: whatever was asked and not answered is recorded so. */
  onLost(): void {
    this.metering.end();
    const sqlstate = this.outcomeUnknown ? '08007' : '08006';
    for (const expectation of this.expectations.drain()) this.#abandon(expectation, sqlstate);
  }

  readonly room = (at: number) => this.metering.room(this.#chunk, at);

  onRows(count: number, bytes: number): void {
    if (this.metering.cut !== undefined) return;
    const ticket = currentTicket(this.expectations.head());
    if (ticket === undefined) throw outOfOrder('rows');
    ticket.rows += count;
    ticket.bytes += bytes;
  }

  onFrame(type: number, frame: Buffer, start: number, end: number): void {
    const isCut = this.metering.cut !== undefined;
    if (isCut && start > this.#from) this.#from = start;
    const shown = this.#understand(type, frame);
    if (shown === frame && start >= 0 && !isCut) return;
    if (start > this.#from) this.#sender.push(this.#chunk.subarray(this.#from, start), true);
    if (shown !== undefined) this.#sender.push(shown, true);
    this.#from = end;
  }

  /** Returns what the client gets of it: the frame itself, another, or nothing. */
  #understand(type: number, frame: Buffer): Buffer | undefined {
    const head = this.expectations.head();
    // What a database says of its own accord comes between any two answers.
    switch (type) {
      case B.NotificationResponse:
        return frame;
      case B.ParameterStatus:
        return this.#parameter(frame);
      case B.NoticeResponse:
        return this.#notice(head, frame);
    }
    if (head?.kind === 'own') return this.#answerOwn(head, type, frame);
    if (this.metering.cut !== undefined) return this.metering.answer(head, type, frame);
    if (type === B.ErrorResponse) return this.#error(head, frame);
    this.#answer(head, type, frame);
    return isUnseen(type, head) ? undefined : frame;
  }

  /** Ties an answer to what asked for it. @throws {SluiceError} upstream_lost if nothing did: then nothing can be tied any more */
  #answer(head: Expectation | undefined, type: number, frame: Buffer): void {
    if (head === undefined || !answers(type, head)) throw outOfOrder(`a message of type ${type}`);
    switch (type) {
      case B.ParseComplete:
      case B.BindComplete:
      case B.CloseComplete:
        this.#changed(head);
        break;
      case B.RowDescription:
      case B.NoData:
        this.metering.scan?.describe(frame);
        if (head.kind === 'describe') this.expectations.shift();
        break;
      case B.CommandComplete:
        this.#complete(head, { tag: frame.toString('latin1', 5, frame.length - 1) }, frame);
        break;
      case B.PortalSuspended:
        this.#complete(head, { tag: 'PORTAL SUSPENDED' }, frame);
        break;
      case B.EmptyQueryResponse:
        if (head.kind === 'execute') this.expectations.shift();
        break;
      case B.ReadyForQuery:
        this.#ready(head, frame[5]!);
        break;
      case B.CopyInResponse:
        // From now on the database answers nothing until the client has sent its data.
        this.copyingIn = true;
        this.expectations.release();
        break;
      default:
        break;
    }
  }

  /** A Parse, Bind or Close has succeeded. */
  #changed(head: Expectation): void {
    this.expectations.shift();
    if ('change' in head) head.change?.settle(true);
    if (head.kind === 'bind' && head.ticket !== undefined) this.#finish(head.ticket, { tag: 'BIND' });
    this.#settle(head);
  }

  #complete(head: Expectation, outcome: StatementOutcome, frame?: Buffer): void {
    // Nothing runs in a failed transaction but what ends it.
    if (this.transactionStatus === 'E') this.transactionStatus = 'T';
    const ticket = currentTicket(head);
    const plan = planOf(head);
    if (ticket === undefined || plan === undefined)
      throw outOfOrder('more answers than there are statements');
    const { cut } = this.metering;
    const completion = cut === undefined ? completionOf(head) : undefined;
    const ended = cut === undefined ? outcome : { ...outcome, sqlstate: cut.sqlstate };
    if (completion === undefined) this.#conclude(ticket, plan, ended);
    else {
      const accept = () => this.#conclude(ticket, plan, outcome, frame);
      const reject = (sqlstate: string) => this.#finish(ticket, { ...outcome, sqlstate });
      completion.ended = { tag: outcome.tag ?? '', accept, reject };
    }
    if (head.kind === 'query') head.next += 1;
    else {
      this.expectations.shift();
      this.#settle(head);
    }
  }

  #conclude(ticket: Ticket, plan: Plan, outcome: StatementOutcome, told?: Buffer): void {
    if (told !== undefined) this.send(told);
    this.#finish(ticket, outcome);
    this.#commits.completed(ticket.planned.facts);
    if (outcome.tag !== 'PORTAL SUSPENDED') this.#took(ticket, plan);
    if (plan.withholdsErrors) this.#withholding.active = true;
  }

  /** A statement took effect. */
  #took(ticket: Ticket, plan: Plan): void {
    this.#objects.completed(ticket.planned, plan);
    if (ticket.planned.facts.changesCatalog) this.#catalogChanged = true;
  }

  #finish(ticket: Ticket, outcome: StatementOutcome): void {
    if (this.metering.mayCut(ticket)) this.metering.owed -= 1;
    this.#sender.restOn(this.#session.finish(ticket, outcome));
  }

  /** What was admitted is answered. */
  #settle(expectation: Expectation): void {
    if (planOf(expectation)?.redefines === true && wasAdmitted(expectation)) this.redefinitions -= 1;
  }

  #ready(head: Expectation, status: number): void {
    // What a call returned has passed like a row: it may be as large.
    if (isAnsweredCall(head)) this.#complete(head, { tag: 'FUNCTION CALL' });
    this.transactionStatus = String.fromCharCode(status) as TransactionStatus;
    this.#commits.ready(this.transactionStatus);
    if (head.kind !== 'query' || !head.inPipeline) this.inBlock = this.transactionStatus === 'T';
    if (head.kind === 'query') {
      const missing = head.failed !== true && head.next < head.tickets.length;
      this.#abandon(head, SKIPPED);
      if (missing) throw outOfOrder('fewer answers than there are statements');
    }
    this.expectations.shift();
    if (this.transactionStatus === 'I') {
      this.#withholding.active = false;
      this.#objects.endTransaction();
      if (this.#catalogChanged) {
        this.#catalogChanged = false;
        this.#events.onCatalogChange();
      }
    }
    this.#events.onReady(this.transactionStatus);
  }

  #error(head: Expectation | undefined, frame: Buffer): Buffer | undefined {
    const fields = ErrorFields.decode('ErrorResponse', frame.subarray(5));
    const sqlstate = this.metering.cut?.sqlstate ?? fields.get('C') ?? 'XX000';
    if (isFatal(fields)) this.toldFatal = true;
    const refusal = head !== undefined && 'refusal' in head ? head.refusal : undefined;
    const plan = planOf(head);
    if (head?.kind === 'query') {
      const failed = head.tickets[head.next];
      if (!head.failed) head.next += 1;
      if (!head.failed && failed !== undefined) this.#finish(failed, { sqlstate });
      head.failed = true;
    } else if (head !== undefined && head.kind !== 'sync') this.#skip(sqlstate);
    if (this.copyingIn) {
      this.copyingIn = false;
      this.#events.onCopyFailed();
    }
    if (refusal !== undefined) return refusal(fields);
    const shown = clientErrorFields(
      fields,
      plan,
      this.#withholding.mayQuoteLate(head, this.transactionStatus),
    );
    return shown === undefined ? frame : shown.encode('ErrorResponse');
  }

  #notice(head: Expectation | undefined, frame: Buffer): Buffer | undefined {
    const withheld =
      planOf(head)?.withholdsErrors === true || this.#withholding.mayQuoteLate(head, this.transactionStatus);
    return head?.kind === 'own' || this.metering.cut !== undefined || (withheld && !isHarmlessNotice(frame))
      ? undefined
      : frame;
  }

  /** After an error in the extended protocol the database ignores everything up to the next Sync. */
  #skip(sqlstate: string): void {
    const skipped = this.expectations.skipToSync();
    skipped.forEach((expectation, i) => {
      this.#abandon(expectation, i === 0 ? sqlstate : SKIPPED);
    });
    if (this.expectations.size === 0) this.skipping = true;
  }

  #abandon(expectation: Expectation, sqlstate: string): void {
    this.#settle(expectation);
    if ('change' in expectation) expectation.change?.settle(false);
    for (const ticket of ticketsOwed(expectation)) this.#finish(ticket, { sqlstate });
    if (expectation.kind !== 'own') return;
    this.showRows(false);
    expectation.answers.reject(new SluiceError('upstream_lost', 'the question was not answered'));
  }

  #parameter(frame: Buffer): Buffer {
    const message = decodeBackendMessage(frame);
    if (message.type === 'ParameterStatus') this.#events.onParameter(message.name, message.value);
    return frame;
  }

  /** Nothing of it reaches the client, but an error that ends a pipeline or the session. */
  #answerOwn(head: Own, type: number, frame: Buffer): Buffer | undefined {
    if (type === B.ErrorResponse) return this.#failOwn(head, frame);
    const isLast = noteOwnAnswer(head, type, frame);
    if (type === B.ReadyForQuery)
      this.transactionStatus = String.fromCharCode(frame[5]!) as TransactionStatus;
    if (isLast) this.#endOwn(head);
    return undefined;
  }

  #endOwn(head: Own): void {
    this.showRows(false);
    this.expectations.shift();
    head.answers.resolve();
  }

  /** Synced: the session stands where it stood. Unsynced: the client's own pipeline has failed, and it has to know. */
  #failOwn(head: Own, frame: Buffer): Buffer | undefined {
    const fields = ErrorFields.decode('ErrorResponse', frame.subarray(5));
    const fatal = isFatal(fields);
    head.answers.reject(unanswered(fields));
    if (fatal) this.toldFatal = true;
    if (head.synced) return fatal ? frame : undefined;
    this.#skip(fields.get('C') ?? 'XX000');
    return frame;
  }
}
