/**
 * A connection beside the sessions, for what must not touch them: estimates of statements that nobody sends yet, and previews. Each piece
 * of work has it for itself, in a transaction that is rolled back whatever happens.
 */
import type { Upstream } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import { quoteName } from '../../sql/postgres/identifiers.ts';
import type { BoundValues } from './own-questions.ts';
import { type Row, SqlClient } from './sql-client.ts';

/** How long one piece of work may take in all. */
const TIMEOUT_MS = 120_000;

export interface SideTransaction {
  /** @param searchPath schemas, in order */
  readonly searchPath: readonly string[];
  readonly lockTimeoutMs: number;
  /** Of each statement. */
  readonly statementTimeoutMs: number;
}

export type AskAside = (sql: string, values?: BoundValues) => Promise<Row[]>;

/** Whoever comes when so many wait already is sent away. */
const MAX_WAITING = 8;

export class SideConnection {
  readonly #client: SqlClient;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(upstream: Upstream) {
    this.#client = new SqlClient(upstream, TIMEOUT_MS);
  }

  /**
   * Does work in a transaction that ends with ROLLBACK. One at a time; the next waits, and when nobody does, the connection is closed.
   * @throws whatever the work throws; {SluiceError} conflict (too many wait), upstream_unavailable, upstream_lost
   */
  inTransaction<T>(how: SideTransaction, work: (ask: AskAside) => Promise<T>): Promise<T> {
    if (this.#waiting === MAX_WAITING) {
      throw new SluiceError('conflict', 'too many others wait for an estimate or a preview of this database');
    }
    this.#waiting += 1;
    const done = this.#last
      .then(() => this.#run(how, work))
      .finally(() => {
        this.#waiting -= 1;
        if (this.#waiting === 0) this.#client.close();
      });
    this.#last = done.catch(() => {});
    return done;
  }

  close(): void {
    this.#client.close();
  }

  async #run<T>(how: SideTransaction, work: (ask: AskAside) => Promise<T>): Promise<T> {
    const path = how.searchPath.map(quoteName).join(', ');
    await this.#client.query(
      `BEGIN; SET LOCAL search_path = ${path === '' ? "''" : path}; SET LOCAL lock_timeout = ${how.lockTimeoutMs}; ` +
        `SET LOCAL statement_timeout = ${how.statementTimeoutMs}; SET LOCAL standard_conforming_strings = on`,
    );
    try {
      return await work((sql, values) => this.#client.query(sql, values));
    } finally {
      // A connection that cannot even do that is not used again: what it has begun ends with it.
      await this.#client.query('ROLLBACK').catch(() => this.#client.close());
    }
  }
}
