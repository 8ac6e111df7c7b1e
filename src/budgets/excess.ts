/** What is told of a budget that is used up. Pure. */
import { formatDuration } from '../config/quantity.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Budget } from '../model/budget.ts';
import type { BudgetCount } from '../model/standing.ts';
import { refusalDetail } from '../policy/refusal-detail.ts';
import type { Account } from './account.ts';

/** A share of a budget of which not enough is left. */
export interface Excess {
  readonly account: Account;
  /** When something is left again, in milliseconds since the epoch. */
  readonly refillsAt: number | undefined;
}

/** Ids of budgets among those of policies, in decisions and in the ledger. */
export const budgetPolicy = ({ name }: Budget): string => `budget:${name}`;

const NOUNS: Readonly<Record<BudgetCount, string>> = {
  statements: 'statements',
  rows: 'rows',
  bytes: 'bytes of results',
  unmasked: 'real values of labelled columns',
  written: 'rows written',
  held: 'requests for approval',
};

/** `no more than 10000 rows in 1h for report-bot (budget agent-rows)`. */
export function limitText({ budget, subject }: Account): string {
  const whose = [subject.principal, subject.database, subject.label].filter((part) => part !== undefined);
  const share =
    subject.session === undefined ? whose.join(', ') : ['this session', ...whose.slice(1)].join(', ');
  const what = `no more than ${budget.limit} ${NOUNS[budget.count]} in ${formatDuration(budget.windowMs)}`;
  return `${what}${share === '' ? '' : ` for ${share}`} (budget ${budget.name})`;
}

export function budgetError({ account, refillsAt }: Excess): SluiceError {
  const { budget } = account;
  const at = refillsAt === undefined ? undefined : new Date(refillsAt).toISOString();
  const held = budget.exceeded === 'deny' ? '' : ' Sent again, the statement is held for approval.';
  const when =
    at === undefined
      ? 'A part of it is free again when what was used is older than that.'
      : `A part of it is free again at ${at}.`;
  return new SluiceError('budget_exceeded', limitText(account), {
    detail: refusalDetail(
      'budget_exceeded',
      { policies: [{ id: budgetPolicy(budget) }] },
      {
        ...{ budget: budget.name, count: budget.count, limit: budget.limit },
        ...{ window: formatDuration(budget.windowMs), ...account.subject },
        ...(at === undefined ? {} : { refillsAt: at }),
      },
    ),
    hint: `${when}${held}`,
    policies: [budgetPolicy(budget)],
  });
}
