/**
 * The answers a database still owes, in the order of the messages that were forwarded. PostgreSQL answers strictly in order,
 * and after an error in the extended protocol skips everything up to the next Sync: this queue does the same, so that
 * every answer is tied to the statement that asked for it.
 *
 * Source: PostgreSQL's manual, 54.2 "Message Flow"; tcop/postgres.c (`ignore_till_sync`).
 */
import type { Plan } from '../../session/plan.ts';
import type { Ticket } from '../../session/session.ts';
import type { Refusal } from './refusals.ts';
import type { Undo } from './session-objects.ts';

/** One forwarded message. */
export type Expectation =
  /** A Query: a CommandComplete a ticket, ended by ReadyForQuery. With `refusal`, a text made to fail: its error is replaced. */
  | {
      readonly kind: 'query';
      readonly plan?: Plan;
      readonly tickets: readonly Ticket[];
      next: number;
      readonly refusal?: Refusal;
    }
  /** ParseComplete, BindComplete or CloseComplete. */
  | {
      readonly kind: 'parse' | 'bind' | 'close';
      readonly undo: Undo | undefined;
      /** What its errors speak of. */
      readonly plan?: Plan;
      readonly refusal?: Refusal;
    }
  /** ParameterDescription, RowDescription or NoData. */
  | { readonly kind: 'describe' }
  /** Rows, ended by CommandComplete, EmptyQueryResponse, PortalSuspended or an error. */
  | {
      readonly kind: 'execute';
      readonly plan?: Plan;
      readonly ticket: Ticket | undefined;
      readonly refusal?: Refusal;
    }
  /** ReadyForQuery. */
  | { readonly kind: 'sync' }
  /** Marks that CopyDone or CopyFail was forwarded; owes nothing. */
  | { readonly kind: 'copy-end' }
  /** A question of the gate's own, whose answers the client never sees. */
  | { readonly kind: 'own'; readonly answers: OwnAnswers; readonly synced: boolean };

/** Collects the answers to a question of the gate's own. */
export interface OwnAnswers {
  readonly rows: (string | null)[][];
  /** CloseComplete still to come; the last ends a question that has no Sync of its own. */
  closes: number;
  resolve(): void;
  reject(error: Error): void;
}

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

  /** What is answered now; skips marks. */
  head(): Expectation | undefined {
    let head = this.#items[this.#head];
    while (head !== undefined && head.kind === 'copy-end') {
      this.shift();
      head = this.#items[this.#head];
    }
    return head;
  }

  shift(): Expectation | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
      this.#becameEmpty();
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

  /**
   * COPY FROM STDIN swallows Sync and Flush until CopyDone or CopyFail (commands/copyfromparse.c, CopyGetData): those already
   * forwarded behind the head will never be answered.
   */
  swallowSyncsOfCopy(): void {
    const kept: (Expectation | undefined)[] = [];
    let swallowing = true;
    for (const item of this.#items.slice(this.#head + 1)) {
      if (item?.kind === 'copy-end') swallowing = false;
      if (!(swallowing && item?.kind === 'sync')) kept.push(item);
    }
    this.#items = [this.#items[this.#head], ...kept];
    this.#head = 0;
  }

  /** True if a copy's end was already forwarded behind the head. */
  get copyEndForwarded(): boolean {
    for (let i = this.#head; i < this.#items.length; i += 1)
      if (this.#items[i]?.kind === 'copy-end') return true;
    return false;
  }

  /** Everything owed, for when the connection breaks. */
  drain(): Expectation[] {
    const rest = this.#items.slice(this.#head).filter((item) => item !== undefined);
    this.#items = [];
    this.#head = 0;
    this.#becameEmpty();
    return rest;
  }

  /** Resolves when nothing is owed. */
  whenEmpty(): Promise<void> {
    this.head();
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #becameEmpty(): void {
    if (this.#onEmpty.length === 0) return;
    const waiters = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiters) resolve();
  }
}
