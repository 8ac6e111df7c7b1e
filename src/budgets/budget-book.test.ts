import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Budget } from '../model/budget.ts';
import type { BudgetStore, StoredUsage } from '../store/store.ts';
import { accountsOf } from './account.ts';
import { BudgetBook, type Teller } from './budget-book.ts';
import { type Lease, LeaseDesk } from './lease-desk.ts';
import { Usage } from './usage.ts';

const BUDGET: Budget = {
  ...{ name: 'rows', for: { kinds: [], groups: [], principals: [] }, databases: [], count: 'rows' },
  ...{ labels: [], limit: 1000, windowMs: 60_000, per: ['principal'], onBehalfOf: false, exceeded: 'deny' },
};
const ACTOR = { principal: { id: 'bot', kind: 'Agent', groups: [] }, onBehalfOf: [] } as const;
const [ACCOUNT] = accountsOf([BUDGET], { id: 's', actor: ACTOR, database: 'shop' });
const { key: KEY } = ACCOUNT!;

/** Keeps what it is told in memory, as a disk would. */
function makeStore(): BudgetStore & { readonly kept: Map<string, StoredUsage> } {
  const kept = new Map<string, StoredUsage>();
  const put = (usages: readonly StoredUsage[]) => {
    for (const one of usages) kept.set(one.key, structuredClone(one));
  };
  return {
    kept,
    keep: async (usages) => put(usages),
    all: async () => [...kept.values()],
    replaceAll: async (usages) => {
      kept.clear();
      put(usages);
    },
  };
}

async function makeBank({ limit = 1000, store = makeStore(), clock = { now: 1_000_000 } } = {}) {
  const budgets = new Map([['rows', { ...BUDGET, limit }]]);
  const book = await BudgetBook.open({ budgets, store, now: () => clock.now });
  const openDesk = () => {
    const teller: Teller = { recall: (keys) => desk.recall(keys) };
    const desk: LeaseDesk = new LeaseDesk({
      draw: (demands) => book.draw(teller, demands),
      settle: (reports) => book.settle(teller, reports),
    });
    return { desk, die: () => book.lost(teller) };
  };
  return { book, store, clock, openDesk };
}

/** Spends one by one until there is nothing left. */
async function spendAll(lease: Lease): Promise<number> {
  for (let spent = 0; ; spent += 1) {
    if (lease.left < 1 && !(await lease.more(1))) return spent;
    lease.spend(1);
  }
}

describe('slices', () => {
  test('of several processes come to the limit together, none unused', async () => {
    const { openDesk } = await makeBank();
    const leases = await Promise.all([1, 2, 3].map(() => openDesk().desk.join([KEY])));
    const spent = await Promise.all(leases.map(([lease]) => spendAll(lease!)));
    expect(spent.reduce((a, b) => a + b)).toBe(1000);
  });

  test('are drawn in advance: with much left, nobody has to wait', async () => {
    const { openDesk } = await makeBank({ limit: 1_000_000 });
    const [lease] = await openDesk().desk.join([KEY]);
    for (let i = 0; i < 500_000; i += 1000) {
      expect(lease!.left).toBeGreaterThan(1000);
      lease!.spend(1000);
      await Promise.resolve().then(() => new Promise(setImmediate));
    }
  });

  test('that a dead process held are spent', async () => {
    const { openDesk } = await makeBank();
    const dead = openDesk();
    await dead.desk.join([KEY]);
    dead.die();
    const [lease] = await openDesk().desk.join([KEY]);
    expect(await spendAll(lease!)).toBe(750);
  });

  test('come back when nobody uses them any more, and at the end', async () => {
    const { book, openDesk } = await makeBank();
    const { desk } = openDesk();
    const [lease] = await desk.join([KEY]);
    lease!.spend(7);
    desk.leave([KEY]);
    desk.tell();
    desk.tell();
    expect(await book.list()).toMatchObject([{ budget: 'rows', principal: 'bot', used: 7, left: 993 }]);
    const other = openDesk();
    await other.desk.join([KEY]);
    other.desk.close();
    expect(await book.list()).toMatchObject([{ used: 7 }]);
  });

  test('what was approved beyond the limit counts, and is no debt twice', async () => {
    const { book, clock, openDesk } = await makeBank();
    const [lease] = await openDesk().desk.join([KEY]);
    lease!.spend(5000);
    expect(await lease!.more(1)).toBe(false);
    expect(await book.list()).toMatchObject([{ used: 5000, left: 0 }]);
    clock.now += 62_000;
    expect(await lease!.more(1000)).toBe(true);
  });
});

describe('restarts', () => {
  test('nothing is forgotten, and what was handed out counts as spent', async () => {
    const first = await makeBank();
    const [lease] = await first.openDesk().desk.join([KEY]);
    lease!.spend(100);
    // Killed: nobody tells anybody anything.
    const second = await makeBank({ store: first.store, clock: first.clock });
    expect(await second.book.list()).toMatchObject([{ used: 250, left: 750 }]);
    first.clock.now += 62_000;
    const third = await makeBank({ store: first.store, clock: first.clock });
    expect(await third.book.list()).toEqual([]);
  });

  test('an orderly end gives back what was not spent', async () => {
    const { book, openDesk, store, clock } = await makeBank();
    const { desk } = openDesk();
    const [lease] = await desk.join([KEY]);
    lease!.spend(100);
    desk.close();
    await book.close();
    const next = await makeBank({ store, clock });
    expect(await next.book.list()).toMatchObject([{ used: 100 }]);
  });

  test('a store that fails grants nothing', async () => {
    const store = makeStore();
    const { book, openDesk } = await makeBank({ store });
    store.keep = () => Promise.reject(new Error('disk full'));
    await expect(openDesk().desk.join([KEY])).rejects.toThrow('disk full');
    expect(await book.list()).toMatchObject([{ used: 0, left: 1000 }]);
  });

  test('shares of budgets that are counted otherwise since are dropped', async () => {
    const { openDesk, store, clock } = await makeBank();
    await openDesk().desk.join([KEY]);
    const budgets = new Map([['rows', { ...BUDGET, per: ['database'] as const }]]);
    const book = await BudgetBook.open({ budgets, store, now: () => clock.now });
    expect(await book.list()).toEqual([]);
    expect(store.kept.size).toBe(0);
  });
});

describe('a window that slides', () => {
  test('never sees more than was used in it, and forgets nothing too early', () => {
    const steps = fc.array(fc.record({ wait: fc.nat(20_000), amount: fc.nat(50) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (all) => {
        const usage = new Usage(60_000);
        const used: { at: number; amount: number }[] = [];
        let now = 0;
        for (const { wait, amount } of all) {
          now += wait;
          usage.add(amount, now);
          used.push({ at: now, amount });
          const sum = (since: number) =>
            used.filter(({ at }) => at > since).reduce((total, one) => total + one.amount, 0);
          expect(usage.total(now)).toBeGreaterThanOrEqual(sum(now - 60_000));
          expect(usage.total(now)).toBeLessThanOrEqual(sum(now - 62_001));
        }
      }),
    );
  });

  test('says when something is free again', () => {
    const usage = new Usage(60_000);
    usage.add(5, 1000);
    usage.add(5, 30_000);
    expect([usage.freesAt(1), usage.freesAt(5), usage.freesAt(6), usage.freesAt(11)]).toEqual([
      62_000,
      62_000,
      91_000,
      undefined,
    ]);
  });
});

test('whatever processes draw, spend, give back and die: the limit holds', async () => {
  const step = fc.record({
    who: fc.nat(2),
    what: fc.constantFrom('spend', 'spend', 'spend', 'more', 'tell', 'recall', 'die'),
    amount: fc.integer({ min: 1, max: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { book, openDesk, clock } = await makeBank({ limit: 300 });
      const open = async () => {
        const process = openDesk();
        const [lease] = await process.desk.join([KEY]);
        return { ...process, lease: lease! };
      };
      const processes = [await open(), await open(), await open()];
      let spent = 0;
      for (const { who, what, amount } of steps) {
        clock.now += 10;
        const { desk, lease, die } = processes[who]!;
        if (what === 'more') await lease.more(amount);
        else if (what === 'tell') desk.tell();
        else if (what === 'recall') await book.list();
        else if (what === 'die') {
          die();
          processes[who] = await open();
        } else if (lease.left >= amount) {
          lease.spend(amount);
          spent += amount;
        }
        expect(spent).toBeLessThanOrEqual(300);
      }
      const [{ used = 0 } = {}] = await book.list();
      expect(used).toBeGreaterThanOrEqual(spent);
    }),
    { numRuns: 200 },
  );
}, 60_000);
