/** Limits of rows: how many may still be returned, and what is told when one is met. */

import type { ResultMeter, Room } from '../budgets/result-meter.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { RowLimit } from '../model/decision.ts';
import { refusalDetail } from '../policy/refusal-detail.ts';
import type { Plan } from './plan.ts';

/** Rows that a portal or cursor has returned so far, in however many portions. */
export interface RowCounter {
  rows: number;
}

/** Lets as many rows pass as a policy allows, and no more than another meter does. */
export class RowLimitMeter implements ResultMeter {
  readonly #limit: RowLimit;
  readonly #counter: RowCounter;
  readonly #other: ResultMeter | undefined;

  constructor(limit: RowLimit, counter: RowCounter, other: ResultMeter | undefined) {
    this.#limit = limit;
    this.#counter = counter;
    this.#other = other;
  }

  room(): Room {
    const other = this.#other?.room() ?? { rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
    return { ...other, rows: Math.min(other.rows, Math.max(0, this.#limit.rows - this.#counter.rows)) };
  }

  passed(rows: number, bytes: number): void {
    this.#counter.rows += rows;
    this.#other?.passed(rows, bytes);
  }

  async more(rowBytes: number): Promise<SluiceError | undefined> {
    if (this.#counter.rows < this.#limit.rows) return this.#other?.more(rowBytes);
    return rowLimitError(this.#limit, `the statement returns more than ${rowsText(this.#limit.rows)}`);
  }
}

/** The same plan under one more limit, of the rows that each of its statements changes and returns. */
export function capped(plan: Plan, limit: RowLimit): Plan {
  const lower = (one: RowLimit | undefined) => (one !== undefined && one.rows <= limit.rows ? one : limit);
  const statements = plan.statements.map((statement) => {
    const { facts, decision } = statement;
    const { returned, written } = decision.rowLimits ?? {};
    const rowLimits = {
      returned: lower(returned),
      ...(facts.writes ? { written: lower(written) } : {}),
    };
    return { ...statement, decision: { ...decision, rowLimits } };
  });
  return { ...plan, statements, cap: limit };
}

/** For a statement that was stopped. */
export function rowLimitError({ rows, policy }: RowLimit, message: string): SluiceError {
  return new SluiceError('row_limit_exceeded', message, {
    detail: refusalDetail('row_limit_exceeded', { policies: [{ id: policy }] }, { limit: rows }),
    policies: [policy],
  });
}

export function rowsText(rows: number): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}`;
}
