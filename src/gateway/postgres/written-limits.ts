/**
 * Limits of rows that a statement changes. Whatever it changes, itself, by triggers, foreign keys and functions, is counted by the database,
 * asked in the same transaction before and behind it; until that is known the client is told of no success, and nothing that would commit
 * is forwarded. A statement that changed too many rows is followed by a message that fails, so that the database itself rolls it back.
 */
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import type { RowLimit } from '../../model/decision.ts';
import type { Plan } from '../../session/plan.ts';
import { rowLimitError, rowsText } from '../../session/row-limit.ts';
import type { Session, Ticket } from '../../session/session.ts';
import type { Completion } from './expectations.ts';
import type { ForwardChannel } from './forward-channel.ts';
import type { ResponseRelay } from './response-relay.ts';

/** Rows changed so far in this transaction; or none, if nobody counts. */
const COUNT = `SELECT pg_catalog.current_setting('track_counts'),
  (SELECT coalesce(pg_catalog.sum(n_tup_ins OPERATOR(pg_catalog.+) n_tup_upd OPERATOR(pg_catalog.+) n_tup_del), 0)::pg_catalog.text
    FROM pg_catalog.pg_stat_xact_user_tables)`;
const SKIPPED = '25P02';

export interface WrittenLimitsOptions {
  readonly session: Session;
  readonly channel: ForwardChannel;
  readonly responses: ResponseRelay;
  /** Lets the pipeline fail with this error. */
  readonly fail: (error: SluiceError) => void;
}

/** What is to run if it may, once. */
export interface LimitedRun {
  readonly limit: RowLimit;
  readonly plan: Plan;
  readonly ticket: Ticket;
  /** Forwards it; its end is told to `completion`. */
  readonly forward: (completion: Completion) => void;
}

export class WrittenLimits {
  readonly #o: WrittenLimitsOptions;
  /** What goes on when the client has sent the data of a COPY, or the COPY has failed. */
  #afterCopy: (() => Promise<void>) | undefined;

  constructor(options: WrittenLimitsOptions) {
    this.#o = options;
  }

  /**
   * Runs it and waits for what came of it, or until it takes COPY data: `then` is called when all is settled. Never rejects.
   */
  async run(limited: LimitedRun, then: () => Promise<void> = async () => {}): Promise<void> {
    const { channel, responses, session } = this.#o;
    const completion: Completion = {};
    const before = await this.#count();
    if (before === undefined) {
      session.abandon([limited.ticket], SKIPPED);
      if (limited.plan.redefines) responses.redefinitions -= 1;
      return then();
    }
    limited.forward(completion);
    await channel.quiet();
    const settle = () => this.#settle(limited, completion, before).then(then);
    if (!responses.copyingIn) return settle();
    this.#afterCopy = settle;
  }

  /** Forwards a statement, and waits for it if it is under a limit; undefined if not. */
  runIfLimited(
    plan: Plan,
    ticket: Ticket | undefined,
    forward: (more?: { completion: Completion }) => void,
  ): Promise<void> | undefined {
    const limit = ticket?.planned.decision.rowLimits?.written;
    if (ticket !== undefined && limit !== undefined)
      return this.run({ limit, plan, ticket, forward: (completion) => forward({ completion }) });
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

  async #settle({ limit }: LimitedRun, { ended }: Completion, before: number): Promise<void> {
    // It failed, or the database is gone: that is told already.
    if (ended === undefined) return;
    const after = await this.#count();
    const rows = Math.max((after ?? 0) - before, rowsOfTag(ended.tag));
    if (after !== undefined && rows <= limit.rows) {
      ended.accept();
      return;
    }
    const error = rowLimitError(
      limit,
      `the statement changed ${rowsText(rows)}, and ${limit.rows} are allowed; nothing of it is kept`,
    );
    ended.reject(error.sqlstate);
    if (after !== undefined) this.#o.fail(error);
  }

  /** Undefined if nobody can be asked any more; what runs then is undone. */
  async #count(): Promise<number | undefined> {
    const { channel, responses, fail } = this.#o;
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
      // Where the pipeline has failed by it, the client knows.
      if (!channel.ended && !responses.skipping) fail(asSluiceError(thrown));
    }
    return undefined;
  }
}

/** `UPDATE 5`, `INSERT 0 5`, `COPY 5`; 0 for what only reads. */
function rowsOfTag(tag: string): number {
  return Number(/^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)$/.exec(tag)?.[1] ?? 0);
}
