/**
 * Statements that count only once it is known what they did: under a limit or a budget of rows, or by an approval that is good for certain
 * rows.
 *
 * Whatever a statement changes, itself, by triggers, foreign keys and functions, is counted by the database, asked in the same transaction
 * before and behind it; until that is known the client is told of no success, and nothing that would commit is forwarded. A statement that
 * did too much is followed by a message that fails, so that the database itself rolls it back.
 */
import { budgetError } from '../../budgets/excess.ts';
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import type { RowLimit } from '../../model/decision.ts';
import type { Plan } from '../../session/plan.ts';
import { rowLimitError, rowsText } from '../../session/row-limit.ts';
import type { Session, Ticket } from '../../session/session.ts';
import {
  type BoundRows,
  type BoundRowsOptions,
  driftOfRun,
  type LockedRows,
  lockRows,
} from './bound-rows.ts';
import type { Completion } from './expectations.ts';

/** Rows changed so far in this transaction; or none, if nobody counts. */
const COUNT = `SELECT pg_catalog.current_setting('track_counts'),
  (SELECT coalesce(pg_catalog.sum(n_tup_ins OPERATOR(pg_catalog.+) n_tup_upd OPERATOR(pg_catalog.+) n_tup_del), 0)::pg_catalog.text
    FROM pg_catalog.pg_stat_xact_user_tables)`;
const SKIPPED = '25P02';

export interface GuardedRunsOptions extends BoundRowsOptions {
  readonly session: Session;
  /** Lets the pipeline fail with this error. */
  readonly fail: (error: SluiceError) => void;
  /** What was approved cannot run any more. Must not throw. */
  readonly drift: (request: string) => void;
}

/** What is to run if it may, once. */
export interface GuardedRun {
  readonly limit: RowLimit | undefined;
  /** The rows that it may change, if an approval says so. */
  readonly bound: BoundRows | undefined;
  readonly plan: Plan;
  readonly ticket: Ticket;
  /** Forwards it; its end is told to `completion`. */
  readonly forward: (completion: Completion) => void;
}

/** What was so before it ran. */
interface Before {
  /** Undefined if it is bound to no rows. */
  readonly locked: LockedRows | undefined;
  /** Changed so far in this transaction. */
  readonly rows: number;
}

export class GuardedRuns {
  readonly #o: GuardedRunsOptions;
  /** What goes on when the client has sent the data of a COPY, or the COPY has failed. */
  #afterCopy: (() => Promise<void>) | undefined;

  constructor(options: GuardedRunsOptions) {
    this.#o = options;
  }

  /**
   * Runs it and waits for what came of it, or until it takes COPY data: `then` is called when all is settled. Never rejects.
   */
  async run(guarded: GuardedRun, then: () => Promise<void> = async () => {}): Promise<void> {
    const { channel, responses, session } = this.#o;
    const completion: Completion = {};
    const lock = await this.#lock(guarded);
    const rows = lock && (await this.#count());
    if (lock === undefined || rows === undefined) {
      session.abandon([guarded.ticket], SKIPPED);
      if (guarded.plan.redefines) responses.redefinitions -= 1;
      return then();
    }
    guarded.forward(completion);
    await channel.quiet();
    const settle = () => this.#settle(guarded, completion, { ...lock, rows }).then(then);
    if (!responses.copyingIn) return settle();
    this.#afterCopy = settle;
  }

  /** Forwards a statement, and waits for it if it is guarded; undefined if not. */
  runIfGuarded(
    plan: Plan,
    ticket: Ticket | undefined,
    bound: BoundRows | undefined,
    forward: (more?: { completion: Completion }) => void,
  ): Promise<void> | undefined {
    const limit = ticket?.planned.decision.rowLimits?.written;
    if (ticket !== undefined && (limit ?? bound) !== undefined)
      return this.run({ limit, bound, plan, ticket, forward: (completion) => forward({ completion }) });
    forward();
    return undefined;
  }

  /** Goes on when a COPY has ended. */
  async copyEnded(): Promise<void> {
    const goOn = this.#afterCopy;
    this.#afterCopy = undefined;
    await goOn?.();
  }

  /** Something else goes on when a COPY that is under way has ended. */
  waitForCopy(then: () => Promise<void>): void {
    this.#afterCopy = then;
  }

  async #settle(guarded: GuardedRun, { ended }: Completion, before: Before): Promise<void> {
    // It failed, or the database is gone: that is told already.
    if (ended === undefined) return;
    const after = await this.#count();
    if (after === undefined) return ended.reject(SKIPPED);
    const own = rowsOfTag(ended.tag);
    const rows = Math.max(after - before.rows, own);
    const error =
      overLimit(guarded.limit, rows) ??
      (await this.#drift(guarded, before.locked, own)) ??
      (await this.#overBudget(guarded, rows));
    if (error === undefined) return ended.accept();
    ended.reject(error.sqlstate);
    this.#fail(error, guarded);
  }

  async #overBudget({ ticket }: GuardedRun, rows: number): Promise<SluiceError | undefined> {
    const { session } = this.#o;
    try {
      const over = await session.budgets?.takeWritten(rows);
      if (over === undefined) return undefined;
      session.exceeded(over, ticket.statement);
      return budgetError(over);
    } catch (thrown) {
      return asSluiceError(thrown);
    }
  }

  /** Undefined if the rows that it would change are not those that were approved. */
  async #lock(guarded: GuardedRun): Promise<Pick<Before, 'locked'> | undefined> {
    const { plan, bound } = guarded;
    if (bound === undefined) return { locked: undefined };
    try {
      const locked = await lockRows(plan, bound, this.#o);
      if (!(locked instanceof SluiceError)) return { locked };
      this.#fail(locked, guarded);
    } catch (thrown) {
      this.#o.drift(bound.binding.request);
      this.#failAsked(thrown);
    }
    return undefined;
  }

  async #drift(
    { bound, ticket }: GuardedRun,
    locked: LockedRows | undefined,
    own: number,
  ): Promise<SluiceError | undefined> {
    try {
      return bound && (await driftOfRun(ticket.planned, bound, locked, own, this.#o));
    } catch (thrown) {
      return asSluiceError(thrown);
    }
  }

  #fail(error: SluiceError, { bound }: GuardedRun): void {
    if (error.code === 'approval_drifted' && bound !== undefined) this.#o.drift(bound.binding.request);
    this.#o.fail(error);
  }

  /** Where the pipeline has failed by a question, the client knows. */
  #failAsked(thrown: unknown): void {
    const { channel, responses, fail } = this.#o;
    if (!channel.ended && !responses.skipping) fail(asSluiceError(thrown));
  }

  /** Undefined if nobody can be asked any more; what runs then is undone. */
  async #count(): Promise<number | undefined> {
    const { channel, fail } = this.#o;
    try {
      const [row] = (await channel.askWithin(COUNT)) ?? [];
      if (row === undefined) return undefined;
      if (row[0]?.toString('latin1') === 'on') return Number(row[1]?.toString('latin1'));
      fail(
        new SluiceError(
          'row_limit_exceeded',
          'nobody counts the rows that a statement changes: track_counts is off',
          {
            hint: 'SET track_counts = on.',
          },
        ),
      );
    } catch (thrown) {
      this.#failAsked(thrown);
    }
    return undefined;
  }
}

/** `UPDATE 5`, `INSERT 0 5`, `COPY 5`; 0 for what only reads. */
function rowsOfTag(tag: string): number {
  return Number(/^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)$/.exec(tag)?.[1] ?? 0);
}

/** @param rows all that were changed */
function overLimit(limit: RowLimit | undefined, rows: number): SluiceError | undefined {
  if (limit === undefined || rows <= limit.rows) return undefined;
  const message = `the statement changed ${rowsText(rows)}, and ${limit.rows} are allowed; nothing of it is kept`;
  return rowLimitError(limit, message);
}
