/** Errors and notices that come late and could quote what an earlier statement wrote. */
import type { TransactionStatus } from '../../wire/postgres/index.ts';
import type { Expectation } from './expectations.ts';
import { planOf } from './expected-answers.ts';

export class LateQuotes {
  /** A write to a masked table has run in this transaction: what is raised at its end may quote values, too. */
  active = false;

  /** Deferred triggers and constraints of earlier writes to masked tables run where their transaction ends, or may end. */
  mayQuoteLate(head: Expectation | undefined, status: TransactionStatus): boolean {
    if (!this.active) return false;
    if (head?.kind === 'sync' || (head?.kind === 'query' && status !== 'T')) return true;
    const statements = planOf(head)?.statements ?? [];
    return statements.some(
      ({ facts }) =>
        facts.transaction !== 'none' || facts.command === 'SET CONSTRAINTS' || facts.opaque.length > 0,
    );
  }
}
