/**
 * What one session may still use. Everything here is known without asking anybody, but for a budget that is nearly used up.
 */
import { asSluiceError, type SluiceError } from '../errors/sluice-error.ts';
import type { Budget } from '../model/budget.ts';
import type { Facts } from '../model/facts.ts';
import type { BudgetCount } from '../model/standing.ts';
import { type Account, accountsOf, type BudgetSession } from './account.ts';
import { budgetError, type Excess } from './excess.ts';
import type { Lease, LeaseDesk } from './lease-desk.ts';
import { LeaseMeter, type MeteredLease, type ResultMeter } from './result-meter.ts';

/** What budgets look at of a statement. */
export interface BudgetedStatement {
  readonly facts: Facts;
  /** Labels that it reads as they are. */
  readonly unmasked: readonly string[];
}

interface Held extends Account {
  readonly lease: Lease;
}

export class SessionBudgets {
  readonly #accounts: readonly Held[];
  readonly #leave: () => void;

  private constructor(accounts: readonly Held[], leave: () => void) {
    this.#accounts = accounts;
    this.#leave = leave;
  }

  /**
   * The budgets that a session draws on; undefined if there are none.
   * @throws {SluiceError} if the book cannot be asked
   */
  static async open(
    budgets: readonly Budget[],
    desk: LeaseDesk,
    session: BudgetSession,
  ): Promise<SessionBudgets | undefined> {
    const accounts = accountsOf(budgets, session);
    if (accounts.length === 0) return undefined;
    const keys = accounts.map(({ key }) => key);
    const leases = await desk.join(keys);
    const own = accounts.filter(({ subject }) => subject.session !== undefined).map(({ key }) => key);
    const held = accounts.map((account, i) => ({ ...account, lease: leases[i]! }));
    return new SessionBudgets(held, () => desk.leave(keys, own));
  }

  /** The least that is left of those that count this. */
  left(count: BudgetCount): number | undefined {
    const found = this.#accounts.filter(({ budget }) => budget.count === count);
    if (found.length === 0) return undefined;
    return Math.min(...found.map(({ lease }) => Math.max(0, lease.left) + lease.pool));
  }

  /**
   * Takes what statements use up by running at all, or nothing, and looks whether there is something left of what they use up later.
   * @returns what stands in their way, if something does
   * @throws {SluiceError} if the book cannot be asked
   */
  take(statements: readonly BudgetedStatement[]): Excess | undefined | Promise<Excess | undefined> {
    const demands = this.#demandsOf(statements);
    const short = demands.find(([{ lease }, amount]) => lease.left < amount);
    if (short !== undefined) return this.#takeLate(demands);
    takeAll(demands);
    return undefined;
  }

  async #takeLate(demands: readonly Demand[]): Promise<Excess | undefined> {
    // What an approval cannot lift is found out first.
    const ordered = demands.toSorted(([a], [b]) => Number(mayBeLifted(a)) - Number(mayBeLifted(b)));
    for (;;) {
      const short = ordered.find(([{ lease }, amount]) => lease.left < amount);
      if (short === undefined) break;
      const [account, amount] = short;
      if (await account.lease.more(amount)) continue;
      // It may run yet: then it has used up what there was of others.
      if (mayBeLifted(account)) takeAll(demands.filter(([{ lease }, wanted]) => lease.left >= wanted));
      return { account, refillsAt: account.lease.refillsAt };
    }
    takeAll(demands);
    return undefined;
  }

  /** A request for an approval is about to be made. @throws {SluiceError} budget_exceeded, or if the book cannot be asked */
  async takeRequest(): Promise<Excess | undefined> {
    const demands = this.#accounts
      .filter(({ budget }) => budget.count === 'held')
      .map((one): Demand => [one, 1]);
    return this.#takeLate(demands);
  }

  /** What a result may hold; undefined if nothing counts it. @param approved an approval covers whatever it needs of budgets that ask for one */
  meterOf(
    { unmasked }: BudgetedStatement,
    approved: boolean,
    onExceeded: (excess: Excess) => void,
  ): ResultMeter | undefined {
    const metered = this.#accounts.flatMap((account): MeteredLease[] => {
      const unit = unitOf(account, unmasked);
      if (unit === undefined) return [];
      const { lease, budget } = account;
      const exceeded = (): SluiceError => {
        const excess = { account, refillsAt: lease.refillsAt };
        onExceeded(excess);
        return budgetError(excess);
      };
      return [{ lease, unit, exceeded: approved && budget.exceeded !== 'deny' ? undefined : exceeded }];
    });
    return metered.length === 0 ? undefined : new LeaseMeter(metered, asSluiceError);
  }

  /** True if rows written have to be counted. */
  get countsWrites(): boolean {
    return this.#accounts.some(({ budget }) => budget.count === 'written');
  }

  /**
   * A statement has changed so many rows, and waits for whether that may be kept. Takes them, or nothing.
   * @returns the budget that has not so many left; one that approvals lift is only used up
   * @throws {SluiceError} if the book cannot be asked
   */
  async takeWritten(rows: number): Promise<Excess | undefined> {
    const written = this.#accounts.filter(({ budget }) => budget.count === 'written');
    for (;;) {
      const short = written.find((account) => !mayBeLifted(account) && account.lease.left < rows);
      if (short === undefined) break;
      if (!(await short.lease.more(rows))) return { account: short, refillsAt: short.lease.refillsAt };
    }
    for (const { lease } of written) lease.spend(rows);
    return undefined;
  }

  close(): void {
    this.#leave();
  }

  #demandsOf(statements: readonly BudgetedStatement[]): readonly Demand[] {
    // Whoever is in a transaction must be able to end it.
    const counted = statements.filter(({ facts }) => facts.transaction === 'none');
    return this.#accounts.flatMap((account): Demand[] => {
      const amount = amountOf(account, counted);
      return amount === 0 ? [] : [[account, amount]];
    });
  }
}

const mayBeLifted = ({ budget }: Account): boolean => budget.exceeded !== 'deny';

/** An account and what has to be left of it. */
type Demand = readonly [account: Held, amount: number];

function takeAll(demands: readonly Demand[]): void {
  for (const [{ lease, budget }, amount] of demands)
    if (budget.count === 'statements' || budget.count === 'held') lease.spend(amount);
}

function amountOf({ budget, subject }: Account, statements: readonly BudgetedStatement[]): number {
  const least = (needs: (one: BudgetedStatement) => boolean) => (statements.some(needs) ? 1 : 0);
  switch (budget.count) {
    case 'statements':
      return statements.length;
    // A statement that writes may return nothing: if it does return something, its result is cut.
    case 'rows':
    case 'bytes':
      return least(({ facts }) => !facts.writes && returnsRows(facts));
    case 'unmasked':
      return least((one) => !one.facts.writes && valuesPerRow(budget, subject, one.unmasked) > 0);
    case 'written':
      return least(({ facts }) => facts.actions.some((action) => WRITING.has(action)));
    case 'held':
      return 0;
  }
}

const WRITING: ReadonlySet<string> = new Set(['Insert', 'Update', 'Delete', 'Truncate']);

const returnsRows = ({ actions }: Facts): boolean => actions.includes('Read') || actions.includes('Export');

function unitOf({ budget, subject }: Account, unmasked: readonly string[]): MeteredLease['unit'] | undefined {
  if (budget.count === 'bytes') return 'bytes';
  if (budget.count === 'rows') return 1;
  const values = budget.count === 'unmasked' ? valuesPerRow(budget, subject, unmasked) : 0;
  return values === 0 ? undefined : values;
}

/** How many labelled values a row counts for. */
function valuesPerRow(budget: Budget, { label }: Account['subject'], unmasked: readonly string[]): number {
  const labels = label === undefined ? budget.labels : [label];
  return labels.length === 0 ? unmasked.length : unmasked.filter((one) => labels.includes(one)).length;
}
