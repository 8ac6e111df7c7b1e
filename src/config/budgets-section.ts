/** `budgets`: how much of something may be used within some time. */
import type { Budget } from '../model/budget.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { ApprovalConfig } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readDuration } from './limits-section.ts';
import { didYouMean } from './nearest-name.ts';
import { checkGroups, KINDS } from './principals-section.ts';
import { parseBytes } from './quantity.ts';
import type { RawBudget, RawConfig } from './raw-config.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

/** @param approvals what an approval's particulars are if the budget does not say */
export function readBudgets(
  reading: ConfigReading,
  raw: RawConfig,
  approvals: ApprovalConfig,
): ReadonlyMap<string, Budget> {
  return new Map(
    Object.entries(raw.budgets ?? {}).map(([name, budget]) => {
      const path = ['budgets', name];
      checkNames(reading, raw, path, budget);
      checkCount(reading, path, budget);
      return [name, budgetOf(reading, raw, { path, name, approvals }, budget)];
    }),
  );
}

interface Place {
  readonly path: ConfigPath;
  readonly name: string;
  readonly approvals: ApprovalConfig;
}

function budgetOf(reading: ConfigReading, raw: RawConfig, place: Place, budget: RawBudget): Budget {
  const { path, name } = place;
  const { count, for: holders = {}, per = ['principal'] } = budget;
  return {
    name,
    for: {
      kinds: (holders.kinds ?? []).map((kind) => KINDS[kind]),
      groups: holders.groups ?? [],
      principals: holders.principals ?? [],
    },
    databases: budget.databases ?? [],
    count,
    labels: budget.labels ?? [],
    limit: readLimit(reading, path, budget),
    windowMs: readDuration(reading, [...path, 'window'], budget.window, HOUR, [SECOND, 31 * DAY]),
    per,
    onBehalfOf: budget.onBehalfOf ?? false,
    exceeded: budget.exceeded === 'hold' ? readApproval(reading, raw, place, budget) : 'deny',
  };
}

function readLimit(reading: ConfigReading, path: ConfigPath, { count, limit }: RawBudget): number {
  if (typeof limit === 'string' && count !== 'bytes') {
    reading.error([...path, 'limit'], `a number of ${count} has no unit`, 'Write a whole number.');
  }
  const amount = parseBytes(limit) ?? 0;
  if (Number.isSafeInteger(amount)) return amount;
  reading.error([...path, 'limit'], 'the limit is too large', 'Leave the budget out.');
  return 0;
}

function readApproval(
  reading: ConfigReading,
  raw: RawConfig,
  { path, approvals }: Place,
  { count, approval = {} }: RawBudget,
): ApprovalRule {
  if (count === 'held') {
    reading.error(
      [...path, 'exceeded'],
      'requests for approval cannot be held for approval',
      'Write exceeded: deny.',
    );
  }
  const { groups = approvals.groups, quorum = approvals.quorum, expires } = approval;
  checkGroups(reading, raw.groups, [...path, 'approval', 'groups'], approval.groups ?? []);
  if (groups.length === 0) {
    reading.error(
      [...path, 'exceeded'],
      'nobody could approve what exceeds it',
      'Add approval: { groups: [dba] } to the budget, or groups to approvals.',
    );
  }
  const bounds = [10 * SECOND, 7 * DAY] as const;
  const expiresMs = readDuration(
    reading,
    [...path, 'approval', 'expires'],
    expires,
    approvals.expiresMs,
    bounds,
  );
  return { groups, quorum, expiresMs };
}

function checkNames(reading: ConfigReading, raw: RawConfig, path: ConfigPath, budget: RawBudget): void {
  const { groups = [], principals = [] } = budget.for ?? {};
  checkGroups(reading, raw.groups, [...path, 'for', 'groups'], groups);
  const check = (names: readonly string[], known: object, where: ConfigPath, what: string) => {
    for (const [index, name] of names.entries()) {
      if (Object.hasOwn(known, name)) continue;
      const fix = didYouMean(name, Object.keys(known), `Name a ${what} of this file.`);
      reading.error([...where, index], `there is no ${what} "${name}"`, fix);
    }
  };
  check(principals, raw.principals ?? {}, [...path, 'for', 'principals'], 'principal');
  check(budget.databases ?? [], raw.databases ?? {}, [...path, 'databases'], 'database');
}

function checkCount(
  reading: ConfigReading,
  path: ConfigPath,
  { count, labels, per = [], approval, exceeded }: RawBudget,
): void {
  if (labels !== undefined && count !== 'unmasked')
    reading.error(
      [...path, 'labels'],
      `labels do not matter to ${count}`,
      'Write count: unmasked, or remove them.',
    );
  if (per.includes('label') && (labels ?? []).length === 0)
    reading.error([...path, 'per'], 'a budget of each label needs labels', 'Add labels: [email, …].');
  if (approval !== undefined && exceeded !== 'hold')
    reading.error(
      [...path, 'approval'],
      'nothing is held by this budget',
      'Add exceeded: hold, or remove approval.',
    );
}
