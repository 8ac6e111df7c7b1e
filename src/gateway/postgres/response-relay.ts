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
  decodeDataRow,
  ErrorFields,
  type FrameSink,
  FrameWalker,
  type TransactionStatus,
  wholeFramesExcept,
} from '../../wire/postgres/index.ts';
import type { ClientSender } from './client-sender.ts';
import { type Expectation, Expectations } from './expectations.ts';
import { clientErrorFields } from './refusals.ts';
import type { SessionObjects } from './session-objects.ts';

const MAX_CONTROL_FRAME_BYTES = 1_048_576 * 4;
/** A skipped statement's SQLSTATE in the ledger: it was forwarded and the database did not run it. */
const SKIPPED = '25P02';

export interface RelayEvents {
  /** ReadyForQuery passed: nothing before it is outstanding. */
  onReady(status: TransactionStatus): void;
  onParameter(name: string, value: string): void;
  /** DDL took effect. */
  onCatalogChange(): void;
  /** The stream cannot go on; the session ends with this error. */
  onFailure(error: SluiceError): void;
}

export class ResponseRelay implements FrameSink {
  readonly expectations = new Expectations();
  transactionStatus: TransactionStatus = 'I';
  /** True after an error until the next Sync: the database ignores everything in between, and so does the gate. */
  skipping = false;
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
  readonly #whole = wholeFramesExcept(B.DataRow, B.CopyData);
  readonly #walker: FrameWalker;
  #chunk: Buffer = Buffer.alloc(0);
  #from = 0;
  #catalogChanged = false;

  constructor(options: {
    session: Session;
    objects: SessionObjects;
    sender: ClientSender;
    events: RelayEvents;
  }) {
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
    this.#chunk = chunk;
    this.#from = 0;
    try {
      const settled = this.#walker.walk(chunk, this);
      if (settled > this.#from) this.#sender.push(chunk.subarray(this.#from, settled));
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

  /** Sends a message of the gate's own, behind everything that is pending. */
  send(frame: Buffer): void {
    this.#sender.push(frame);
  }

  /** Announces that the pending bytes rest on these entries. */
  restOn(tickets: readonly Ticket[]): void {
    const last = tickets[tickets.length - 1];
    if (last !== undefined) this.#sender.restOn(last.seq);
  }

  /** Nothing more will come: whatever was asked and not answered is recorded so. */
  onLost(): void {
    for (const expectation of this.expectations.drain()) this.#abandon(expectation, '08006');
  }

  onRows(count: number, bytes: number): void {
    const ticket = currentTicket(this.expectations.head());
    if (ticket === undefined) return;
    ticket.rows += count;
    ticket.bytes += bytes;
  }

  onFrame(type: number, frame: Buffer, start: number, end: number): void {
    const shown = this.#understand(type, frame);
    if (shown === frame && start >= 0) return;
    if (start > this.#from) this.#sender.push(this.#chunk.subarray(this.#from, start));
    if (shown !== undefined) this.#sender.push(shown);
    this.#from = end;
  }

  /** Returns what the client gets of it: the frame itself, another, or nothing. */
  #understand(type: number, frame: Buffer): Buffer | undefined {
    const head = this.expectations.head();
    if (head?.kind === 'own') return this.#answerOwn(head, type, frame);
    switch (type) {
      case B.BindComplete:
      case B.ParseComplete:
      case B.CloseComplete:
        this.expectations.shift();
        return frame;
      case B.RowDescription:
      case B.NoData:
        if (head?.kind === 'describe') this.expectations.shift();
        return frame;
      case B.CommandComplete:
        this.#complete(head, { tag: frame.toString('latin1', 5, frame.length - 1) });
        return frame;
      case B.PortalSuspended:
        this.#complete(head, { tag: 'PORTAL SUSPENDED' });
        return frame;
      case B.EmptyQueryResponse:
        if (head?.kind === 'execute') this.expectations.shift();
        return frame;
      case B.ReadyForQuery:
        this.#ready(head, frame[5]!);
        return frame;
      case B.ErrorResponse:
        return this.#error(head, frame);
      case B.NoticeResponse:
        return planOf(head)?.withholdsErrors === true ? undefined : frame;
      case B.ParameterStatus:
        return this.#parameter(frame);
      case B.CopyInResponse:
        this.#beginCopyIn(head);
        return frame;
      case B.ParameterDescription:
      case B.CopyOutResponse:
      case B.CopyDone:
      case B.NotificationResponse:
        return frame;
      default:
        throw new SluiceError('upstream_lost', `the database sent a message of type ${type} out of order`);
    }
  }

  #complete(head: Expectation | undefined, outcome: StatementOutcome): void {
    if (head?.kind === 'execute') {
      this.expectations.shift();
      if (head.ticket === undefined) return;
      this.#finish(head.ticket, outcome);
      if (outcome.tag !== 'PORTAL SUSPENDED' && head.plan !== undefined) this.#took(head.ticket, head.plan);
      this.#settle(head);
    } else if (head?.kind === 'query') {
      const ticket = head.tickets[head.next];
      head.next += 1;
      if (ticket === undefined) return;
      this.#finish(ticket, outcome);
      if (head.plan !== undefined) this.#took(ticket, head.plan);
    }
  }

  /** A statement took effect. */
  #took(ticket: Ticket, plan: Plan): void {
    this.#objects.completed(ticket.planned, plan);
    if (ticket.planned.facts.changesCatalog) this.#catalogChanged = true;
  }

  #finish(ticket: Ticket, outcome: StatementOutcome): void {
    this.#sender.restOn(this.#session.finish(ticket, outcome));
  }

  #settle(expectation: Expectation): void {
    const runs = expectation.kind === 'query' || expectation.kind === 'execute';
    if (runs && expectation.plan?.redefines === true) this.redefinitions -= 1;
  }

  #ready(head: Expectation | undefined, status: number): void {
    this.transactionStatus = String.fromCharCode(status) as TransactionStatus;
    this.copyingIn = false;
    if (head?.kind === 'query') this.#abandon(head, SKIPPED);
    if (head?.kind === 'query' || head?.kind === 'sync') this.expectations.shift();
    else if (head !== undefined) throw new SluiceError('upstream_lost', 'the database answered out of order');
    if (this.transactionStatus === 'I') {
      this.#objects.endTransaction();
      if (this.#catalogChanged) {
        this.#catalogChanged = false;
        this.#events.onCatalogChange();
      }
    }
    this.#events.onReady(this.transactionStatus);
  }

  #error(head: Expectation | undefined, frame: Buffer): Buffer {
    const fields = ErrorFields.decode('ErrorResponse', frame.subarray(5));
    const sqlstate = fields.get('C') ?? 'XX000';
    this.copyingIn = false;
    if (fields.get('V') === 'FATAL' || fields.get('V') === 'PANIC') this.toldFatal = true;
    if (head === undefined || head.kind === 'sync') return frame;
    const refusal = 'refusal' in head ? head.refusal : undefined;
    const plan = planOf(head);
    if (head.kind === 'query') {
      const failed = head.tickets[head.next];
      head.next += 1;
      if (failed !== undefined) this.#finish(failed, { sqlstate });
    } else this.#skip(sqlstate);
    if (refusal !== undefined) return refusal(fields);
    const shown = clientErrorFields(fields, plan);
    return shown === undefined ? frame : shown.encode('ErrorResponse');
  }

  /** After an error in the extended protocol the database ignores everything up to the next Sync. */
  #skip(sqlstate: string): void {
    const skipped = this.expectations.skipToSync();
    // Newest first, so that the oldest of several definitions of a name is what remains.
    for (let i = skipped.length - 1; i >= 0; i -= 1) this.#abandon(skipped[i]!, i === 0 ? sqlstate : SKIPPED);
    if (this.expectations.size === 0) this.skipping = true;
  }

  #abandon(expectation: Expectation, sqlstate: string): void {
    this.#settle(expectation);
    switch (expectation.kind) {
      case 'parse':
      case 'bind':
      case 'close':
        if (expectation.undo !== undefined) this.#objects.undo(expectation.undo);
        break;
      case 'execute':
        if (expectation.ticket !== undefined) this.#finish(expectation.ticket, { sqlstate });
        break;
      case 'query':
        for (const ticket of expectation.tickets.slice(expectation.next)) this.#finish(ticket, { sqlstate });
        break;
      case 'own':
        this.showRows(false);
        expectation.answers.reject(new SluiceError('upstream_lost', 'the question was not answered'));
        break;
      default:
        break;
    }
  }

  #parameter(frame: Buffer): Buffer {
    const message = decodeBackendMessage(frame);
    if (message.type === 'ParameterStatus') this.#events.onParameter(message.name, message.value);
    return frame;
  }

  #beginCopyIn(head: Expectation | undefined): void {
    if (head === undefined || this.expectations.copyEndForwarded) return;
    this.copyingIn = true;
    this.expectations.swallowSyncsOfCopy();
  }

  /** Nothing of it reaches the client, but what the database says of its own accord and an error that ends a pipeline. */
  #answerOwn(head: Extract<Expectation, { kind: 'own' }>, type: number, frame: Buffer): Buffer | undefined {
    switch (type) {
      case B.DataRow:
        head.answers.rows.push(
          decodeDataRow(frame.subarray(5)).columns.map((value) => value?.toString('utf8') ?? null),
        );
        return undefined;
      case B.ErrorResponse:
        return this.#failOwn(head, frame);
      case B.CloseComplete:
        head.answers.closes -= 1;
        if (!head.synced && head.answers.closes === 0) this.#endOwn(head);
        return undefined;
      case B.ReadyForQuery:
        this.transactionStatus = String.fromCharCode(frame[5]!) as TransactionStatus;
        this.#endOwn(head);
        return undefined;
      case B.NotificationResponse:
        return frame;
      case B.ParameterStatus:
        return this.#parameter(frame);
      default:
        return undefined;
    }
  }

  #endOwn(head: Extract<Expectation, { kind: 'own' }>): void {
    this.showRows(false);
    this.expectations.shift();
    head.answers.resolve();
  }

  /** Synced: the session stands where it stood. Unsynced: the client's own pipeline has failed, and it has to know. */
  #failOwn(head: Extract<Expectation, { kind: 'own' }>, frame: Buffer): Buffer | undefined {
    const error = new SluiceError('upstream_lost', 'the database refused a question of the gateway');
    head.answers.reject(error);
    if (head.synced) return undefined;
    this.#skip('XX000');
    return frame;
  }
}

function planOf(expectation: Expectation | undefined): Plan | undefined {
  return expectation !== undefined && 'plan' in expectation ? expectation.plan : undefined;
}

function currentTicket(head: Expectation | undefined): Ticket | undefined {
  if (head?.kind === 'query') return head.tickets[head.next];
  return head?.kind === 'execute' ? head.ticket : undefined;
}
