/**
 * Results that something may end in their middle: rows pass as long as there is room for them, the database waits while more room is asked
 * for, and if there is none the client gets an error in place of the rest.
 *
 * What the database makes of it is asked for (a cancel request), not awaited: it may have done the whole statement already. So the rest of
 * its answer is taken out, and where it did not fail by itself it is made to, before the client hears of it: a block is aborted, a pipeline
 * skipped up to its Sync. Both sides agree where they stand, as after any error. Only what a Query has committed at its end stays done, and
 * the error says so.
 */
import type { ResultMeter } from '../../budgets/result-meter.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Ticket } from '../../session/session.ts';
import { BACKEND_TYPE as B, type RowRoom, type TransactionStatus } from '../../wire/postgres/index.ts';
import type { Expectation } from './expectations.ts';
import { currentTicket, planOf } from './expected-answers.ts';
import type { ResultScan } from './result-scan.ts';

/** What has to be done at the database because a result was cut off. */
export type CutStep =
  /** Stop what runs. */
  | 'cancel'
  /** The client sends no data for a COPY that it does not know of. */
  | 'refuse-copy'
  /** Let the pipeline fail. */
  | 'skip-to-sync'
  /** Let the transaction fail. */
  | 'abort';

/** The relay that it works for. */
export interface MeteredRelay {
  readonly head: () => Expectation | undefined;
  readonly status: () => TransactionStatus;
  /** Goes on with what was kept back. */
  readonly walk: (chunk: Buffer) => void;
  /** Takes note of an answer, and of an error, without showing it; false for an error that ends the session. */
  readonly answer: (head: Expectation | undefined, type: number, frame: Buffer) => void;
  readonly fail: (head: Expectation | undefined, frame: Buffer) => boolean;
  readonly setReading: (reading: boolean) => void;
  readonly errorFrame: (error: SluiceError) => Buffer;
  readonly onCut: (step: CutStep) => void;
}

export class ResultMetering {
  /** Statements that are forwarded and may be cut off. */
  owed = 0;
  /** Looks at rows before they pass; absent where none does. */
  scan: ResultScan | undefined;
  readonly #relay: MeteredRelay;
  /** What has come and was not looked at: there is no room for it yet, or a header is cut. */
  #rest: Buffer | undefined;
  #waiting = false;
  /** By what the result that comes now was cut off. */
  #cut: SluiceError | undefined;
  /** The statement was done when it was cut off, and what comes next is the end of its pipeline. */
  #endsAtSync = false;
  #ended = false;

  constructor(relay: MeteredRelay) {
    this.#relay = relay;
  }

  /** True if the result of a statement may be cut off. */
  mayCut({ meter }: Ticket): boolean {
    return meter !== undefined || this.scan?.stops === true;
  }

  /** By what the result that comes now was cut off; nothing of it is shown then. */
  get cut(): SluiceError | undefined {
    return this.#cut;
  }

  /** What may pass of the rows that come now, at that place of the chunk; undefined for all. */
  room(chunk: Buffer, at: number): RowRoom | undefined {
    if (this.#cut !== undefined) return undefined;
    const meter = this.#meter;
    const own = meter && {
      ...meter.room(),
      take: (rows: number, bytes: number) => meter.passed(rows, bytes),
    };
    return this.scan === undefined ? own : this.scan.room(chunk, at, currentTicket(this.#relay.head()), own);
  }

  /** What there is to look at now that this has come; undefined while nothing is to be looked at. */
  arrived(chunk: Buffer): Buffer | undefined {
    const all = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = this.#waiting ? all : undefined;
    return this.#waiting ? undefined : all;
  }

  /** The rest could not be looked at. @param rowBytes of the row for which there is no room, if that is why */
  keep(rest: Buffer, rowBytes: number | undefined): void {
    this.#rest = rest;
    const found = this.scan?.takeFound();
    if (found !== undefined) {
      this.#goOn(found);
      return;
    }
    const meter = this.#meter;
    if (rowBytes === undefined || meter === undefined || this.scan?.limits === true) return;
    this.#waiting = true;
    this.#relay.setReading(false);
    void meter.more(rowBytes).then((error) => this.#goOn(error));
  }

  /** Nothing more will come. */
  end(): void {
    this.#ended = true;
  }

  /** Takes an answer of a result that was cut off, and returns what the client gets in its place. */
  answer(head: Expectation | undefined, type: number, frame: Buffer): Buffer | undefined {
    const error = this.#cut!;
    if (type === B.ErrorResponse) {
      if (!this.#relay.fail(head, frame)) return frame;
      return this.#finish(error);
    }
    this.#relay.answer(head, type, frame);
    if (type === B.CopyInResponse) this.#relay.onCut('refuse-copy');
    if (type === B.ReadyForQuery) return this.#ready(error, frame, head);
    if (head?.kind === 'execute' && this.#relay.head() !== head) return this.#tooLate(error);
    return undefined;
  }

  get #meter(): ResultMeter | undefined {
    return currentTicket(this.#relay.head())?.meter;
  }

  #goOn(error: SluiceError | undefined): void {
    this.#waiting = false;
    if (this.#ended) return;
    this.#relay.setReading(true);
    this.#cut = error;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#relay.walk(rest);
    // What has come already may have been the end of it.
    if (this.#cut !== undefined && !this.#endsAtSync) this.#relay.onCut('cancel');
  }

  #finish(error: SluiceError): Buffer {
    this.#cut = undefined;
    return this.#relay.errorFrame(error);
  }

  /** The database has done all of an Execute. */
  #tooLate(error: SluiceError): Buffer | undefined {
    if (this.#relay.head()?.kind === 'sync') {
      this.#endsAtSync = true;
      return undefined;
    }
    this.#relay.onCut('skip-to-sync');
    return this.#finish(error);
  }

  /** Everything is answered, and the database has not failed. */
  #ready(error: SluiceError, frame: Buffer, head: Expectation | undefined): Buffer {
    this.#endsAtSync = false;
    if (this.#relay.status() === 'T') {
      this.#relay.onCut('abort');
      return this.#finish(error);
    }
    const kept = planOf(head)?.writes === true;
    return Buffer.concat([this.#finish(kept ? carriedOut(error) : error), frame]);
  }
}

/** A Query commits at its end, and nobody can take that back. */
function carriedOut({ code, message, detail, policies }: SluiceError): SluiceError {
  return new SluiceError(code, `${message}; the statement was carried out, only its result was cut off`, {
    ...(detail === undefined ? {} : { detail }),
    hint: 'Do not send it again: it has taken effect.',
    policies,
  });
}
