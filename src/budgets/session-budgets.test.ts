import { describe, expect, test } from 'vitest';
import { facts, use } from '../../tests/support/sample-facts.ts';
import type { Budget } from '../model/budget.ts';
import { BudgetBook } from './budget-book.ts';
import { budgetError } from './excess.ts';
import { LeaseDesk } from './lease-desk.ts';
import { SessionBudgets } from './session-budgets.ts';

const BOT = { id: 'bot', kind: 'Agent', groups: ['agents'] } as const;
const BOB = { id: 'bob', kind: 'Human', groups: ['support'] } as const;
const APPROVAL = { groups: ['dba'], quorum: 1, expiresMs: 60_000 };

const budget = (name: string, more: Partial<Budget>): Budget => ({
  ...{ name, for: { kinds: [], groups: [], principals: [] }, databases: [], count: 'statements', labels: [] },
  ...{ limit: 3, windowMs: 60_000, per: ['principal'], onBehalfOf: false, exceeded: 'deny', ...more },
});

async function open(budgets: readonly Budget[]) {
  const store = { keep: async () => {}, all: async () => [], replaceAll: async () => {} };
  const byName = new Map(budgets.map((one) => [one.name, one]));
  const book = await BudgetBook.open({ budgets: byName, store, now: () => 1_000_000 });
  const desk: LeaseDesk = new LeaseDesk({
    draw: (demands) => book.draw(teller, demands),
    settle: (reports) => book.settle(teller, reports),
  });
  const teller = { recall: (keys: readonly string[]) => desk.recall(keys) };
  const session = { id: 's', actor: { principal: BOT, onBehalfOf: [BOB] }, database: 'shop' };
  return { budgets: await SessionBudgets.open(budgets, desk, session), book };
}

const read = {
  facts: facts('SELECT', { actions: ['Read'], relations: [use('Read', 'public.t')] }),
  unmasked: ['email', 'phone'],
};
const commit = { facts: facts('COMMIT', { transaction: 'commit' }), unmasked: [] };
const write = { facts: facts('UPDATE', { actions: ['Update'], writes: true }), unmasked: [] };

describe('whom a budget counts', () => {
  test.each<[string, Partial<Budget>, boolean]>([
    ['everybody', {}, true],
    ['the kind', { for: { kinds: ['Agent'], groups: [], principals: [] } }, true],
    ['another kind', { for: { kinds: ['Human'], groups: [], principals: [] } }, false],
    [
      'those it acts for, if so wanted',
      { onBehalfOf: true, for: { kinds: ['Human'], groups: [], principals: [] } },
      true,
    ],
    ['a group or the principal', { for: { kinds: [], groups: ['agents'], principals: ['alice'] } }, true],
    ['another database', { databases: ['hr'] }, false],
  ])('%s', async (_, more, counts) => {
    const { budgets } = await open([budget('b', more)]);
    expect(budgets?.left('statements')).toBe(counts ? 3 : undefined);
  });

  test('each of the chain has a share of its own', async () => {
    const { budgets, book } = await open([budget('b', { onBehalfOf: true })]);
    await budgets?.take([read]);
    const shares = (await book.list()).map(({ principal, used }) => [principal, used]);
    expect(shares).toEqual([
      ['bot', 1],
      ['bob', 1],
    ]);
  });
});

describe('taking', () => {
  test('all statements of a text or none, but for those that end a transaction', async () => {
    const { budgets } = await open([budget('b', {})]);
    expect(await budgets?.take([read, read, commit])).toBeUndefined();
    expect(await budgets?.take([read, read])).toMatchObject({ account: { budget: { name: 'b' } } });
    expect(budgets?.left('statements')).toBe(1);
    expect(await budgets?.take([commit])).toBeUndefined();
  });

  test('what nobody can lift stops before what is held', async () => {
    const held = budget('held', { exceeded: APPROVAL, limit: 0 });
    const both = await open([held, budget('denied', { limit: 1 })]);
    expect(await both.budgets?.take([read])).toMatchObject({ account: { budget: { name: 'held' } } });
    // It may have run: the other budget is used up.
    expect(await both.budgets?.take([read])).toMatchObject({ account: { budget: { name: 'denied' } } });
  });

  test('a statement that writes is not stopped for the rows that it may return', async () => {
    const { budgets } = await open([budget('rows', { count: 'rows', limit: 0 })]);
    expect(await budgets?.take([write])).toBeUndefined();
    expect(await budgets?.take([read])).toBeDefined();
  });
});

describe('a result', () => {
  test('ends by the tightest of its budgets, and an approval lifts those that are held', async () => {
    const { budgets } = await open([
      budget('rows', { count: 'rows', limit: 9, exceeded: APPROVAL }),
      budget('values', { count: 'unmasked', limit: 7, labels: ['email'] }),
      budget('bytes', { count: 'bytes', limit: 1000 }),
    ]);
    const exceeded: string[] = [];
    const note = ({ account }: { readonly account: { readonly budget: Budget } }) =>
      exceeded.push(account.budget.name);
    const meter = budgets!.meterOf(read, false, note)!;
    expect(await meter.more(10)).toBeUndefined();
    meter.passed(7, 70);
    expect(meter.room()).toEqual({ rows: 0, bytes: expect.any(Number) });
    expect(await meter.more(10)).toMatchObject({ code: 'budget_exceeded', policies: ['budget:values'] });
    expect(exceeded).toEqual(['values']);
    const lifted = budgets!.meterOf({ ...read, unmasked: [] }, true, note)!;
    expect(lifted.room().rows).toBe(Number.POSITIVE_INFINITY);
  });
});

test('the error says what, whose, and when there is more', async () => {
  const { budgets } = await open([budget('b', { limit: 1, exceeded: APPROVAL })]);
  await budgets?.take([read]);
  const excess = (await budgets?.take([read]))!;
  const { message, detail, hint, sqlstate } = budgetError(excess);
  expect([sqlstate, message]).toEqual(['SL030', 'no more than 1 statements in 1m for bot (budget b)']);
  expect(JSON.parse(detail!)).toEqual({
    policies: ['budget:b'],
    next: 'wait',
    ...{ budget: 'b', count: 'statements', limit: 1, window: '1m', principal: 'bot' },
    refillsAt: '1970-01-01T00:17:41.000Z',
  });
  expect(hint).toBe(
    'A part of it is free again at 1970-01-01T00:17:41.000Z. Sent again, the statement is held for approval.',
  );
});
