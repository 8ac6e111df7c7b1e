/**
 * The answers a database still owes, in the order of the messages that were forwarded. PostgreSQL answers strictly in order,
 * and after an error in the extended protocol skips everything up to the next Sync: this queue does the same, so that
 * every answer is tied to the statement that asked for it.
 *
 * Source: PostgreSQL's manual, 54.2 "Message Flow"; tcop/postgres.c (`ignore_till_sync`).
 */
import type { Plan } from '../../session/plan.ts';
import type { Ticket } from '../../session/session.ts';
import type { Change } from './name-space.ts';
import type { Refusal } from './refusals.ts';
import type { Portal, Prepared } from './session-objects.ts';

/** One forwarded message. With `refusal` it was made to fail, and its error is replaced; with `unseen` the client did not send it. */
export type Expectation =
  /** A Query: a CommandComplete a ticket, ended by ReadyForQuery. Or a FunctionCall. */
  | {
      readonly kind: 'query';
      /** Answered by a FunctionCallResponse. */
      readonly isCall?: true;
      readonly plan?: Plan;
      readonly tickets: readonly Ticket[];
      /** The ticket whose statement runs now. */
      next: number;
      /** Forwarded between messages of the extended protocol: the transaction it reports may be that of their pipeline. */
      readonly inPipeline: boolean;
      /** An error came: nothing but ReadyForQuery follows. */
      failed?: boolean;
      readonly refusal?: Refusal;
    }
  /** ParseComplete, BindComplete or CloseComplete. */
  | {
      readonly kind: 'parse' | 'bind' | 'close';
      readonly change?: Change<Prepared> | Change<Portal>;
      /** What its errors speak of. */
      readonly plan?: Plan;
      /** Of a Bind that may run something while it plans. */
      readonly ticket?: Ticket;
      readonly refusal?: Refusal;
      readonly unseen?: true;
    }
  /** ParameterDescription, RowDescription or NoData. */
  | { readonly kind: 'describe'; readonly unseen?: true }
  /** Rows, ended by CommandComplete, EmptyQueryResponse, PortalSuspended or an error. */
  | {
      readonly kind: 'execute';
      readonly plan?: Plan;
      readonly ticket: Ticket | undefined;
      readonly refusal?: Refusal;
      /** Present if its end is not told before somebody has judged it. */
      readonly completion?: Completion;
    }
  /** ReadyForQuery. */
  | { readonly kind: 'sync' }
  /** A question of the gate's own, whose answers the client never sees. */
  | { readonly kind: 'own'; readonly answers: OwnAnswers; readonly synced: boolean }
  /** A Close of the gate's own, by which the database shows that it takes messages again. */
  | { readonly kind: 'probe' };

/** How an Execute ended that somebody has to judge; nothing if it failed. */
export interface Completion {
  ended?: {
    readonly tag: string;
    /** It counts, and the client is told. */
    accept(): void;
    /** It does not: what comes next makes the database take it back. */
    reject(sqlstate: string): void;
  };
}

/** Collects the answers to questions of the gate's own. */
export interface OwnAnswers {
  readonly rows: (Buffer | null)[][];
  /** How many rows there were when each question was answered. */
  readonly ends: number[];
  /** CloseComplete still to come; the last ends a question that has no Sync of its own. */
  closes: number;
  resolve(): void;
  reject(error: Error): void;
}

/** Those without particulars are one object each: a client may send them by the hundred thousand. */
export const DESCRIBE_EXPECTATION: Expectation = { kind: 'describe' };
export const SYNC_EXPECTATION: Expectation = { kind: 'sync' };

/** The queue. Head is what the database answers now. */
export class Expectations {
  #items: (Expectation | undefined)[] = [];
  #head = 0;
  #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(expectation: Expectation): void {
    this.#items.push(expectation);
  }

  /** What is answered now. */
  head(): Expectation | undefined {
    return this.#items[this.#head];
  }

  shift(): Expectation | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
      this.release();
    } else if (this.#head > 256) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Removes what the database skips after an error: all up to the next Sync, newest last. */
  skipToSync(): Expectation[] {
    const skipped: Expectation[] = [];
    for (
      let item = this.#items[this.#head];
      item !== undefined && item.kind !== 'sync';
      item = this.#items[this.#head]
    ) {
      skipped.push(item);
      this.shift();
    }
    return skipped;
  }

  /** Everything owed, in order. */
  get owed(): readonly Expectation[] {
    return this.#items.slice(this.#head).filter((item) => item !== undefined);
  }

  /** Everything owed, for when the connection breaks. */
  drain(): readonly Expectation[] {
    const rest = this.owed;
    this.#items = [];
    this.#head = 0;
    this.release();
    return rest;
  }

  /** Resolves when nothing is owed, or when the database waits for the client itself (`release`). */
  whenEmpty(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** The database answers nothing more until the client sends COPY data. */
  release(): void {
    if (this.#onEmpty.length === 0) return;
    const waiters = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiters) resolve();
  }
}
