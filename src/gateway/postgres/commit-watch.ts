/**
 * Whether a transaction that changes something may have been committed without anybody having been told: what a client must know when
 * its connection breaks, because trying again is safe only if nothing was (SQLSTATE 08007, transaction_resolution_unknown).
 *
 * It errs on one side only: what it calls known to have failed has not been committed.
 *
 * Source: PostgreSQL's manual, 54.2.2.1 and 54.2.3 (implicit transactions of Query and of pipelines).
 */
import type { Facts } from '../../model/facts.ts';
import type { Expectation } from './expectations.ts';

type Effect = Pick<Facts, 'transaction' | 'writes'>;

/** A transaction, as far as its end matters. */
interface State {
  /** In a block, which only COMMIT ends. */
  block: boolean;
  /** It has changed something, or may have. */
  wrote: boolean;
  /** It can only be rolled back. */
  failed: boolean;
  /** Another has been committed since the client was last told that it may go on; until then, drivers tell nobody. */
  untold: boolean;
}

const NOTHING: State = { block: false, wrote: false, failed: false, untold: false };

export class CommitWatch {
  #state: State = { ...NOTHING };

  /** A statement has been answered. */
  completed(effect: Effect): void {
    if (advance(this.#state, effect)) this.#state.untold = true;
  }

  /** ReadyForQuery passed. */
  ready(status: 'I' | 'T' | 'E'): void {
    this.#state = {
      block: status !== 'I',
      wrote: status !== 'I' && this.#state.wrote,
      failed: status === 'E',
      untold: false,
    };
  }

  /** @param owed what was forwarded and has not been answered, in order */
  isUnknown(owed: readonly Expectation[]): boolean {
    const state = { ...this.#state };
    return state.untold || owed.some((expectation) => mayCommit(state, expectation));
  }
}

/** True if the message may have committed something; else what follows it begins in `state`. */
function mayCommit(state: State, expectation: Expectation): boolean {
  switch (expectation.kind) {
    case 'query': {
      // After an error, the rest of it is not run, and what it began itself is rolled back.
      if (expectation.failed === true || expectation.refusal !== undefined) return false;
      const { tickets, next } = expectation;
      if (tickets.slice(next).some(({ planned }) => advance(state, planned.facts))) return true;
      return !state.block && state.wrote;
    }
    case 'execute':
    case 'bind':
      return expectation.ticket !== undefined && advance(state, expectation.ticket.planned.facts);
    case 'sync':
      return !state.block && state.wrote;
    default:
      return false;
  }
}

/** Takes a statement into account; true if it commits something itself. */
function advance(state: State, { transaction, writes }: Effect): boolean {
  switch (transaction) {
    case 'begin':
      state.block = true;
      return false;
    case 'commit':
    case 'prepare': {
      const commits = state.wrote && !state.failed;
      state.block = false;
      state.wrote = false;
      state.failed = false;
      return commits;
    }
    case 'rollback':
      state.block = false;
      state.wrote = false;
      state.failed = false;
      return false;
    case 'rollback-to':
      state.failed = false;
      return false;
    default:
      if (writes && !state.failed) state.wrote = true;
      return false;
  }
}
