/**
 * What is used of every share of every budget, for all processes that serve and beyond a restart. There is one.
 *
 * A slice counts as used, and is in the store as such, before it is handed out; what comes back unspent is taken off again. A process that dies
 * has spent its slices, as far as anybody knows. So the sum over all processes never exceeds a limit, but by what was approved.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Budget, BudgetStatus } from '../model/budget.ts';
import type { BudgetStore, StoredUsage } from '../store/store.ts';
import { type Account, accountOfKey } from './account.ts';
import type { Slice, SliceDemand, SliceReport } from './bank.ts';
import { Usage } from './usage.ts';

/** Beyond it, whoever has no share yet gets nothing: to forget one would be to forgive what it used. */
const MAX_SHARES = 100_000;
/** Of what is left, a process gets this part at once if it does not need more. */
const PART = 1 / 4;

/** A process that draws on the book. */
export interface Teller {
  /** Takes back what it has not spent of these shares. Must not reject; a process that does not answer keeps what it has. */
  recall(keys: readonly string[]): Promise<readonly SliceReport[]> | readonly SliceReport[];
}

interface Share {
  readonly account: Account;
  readonly usage: Usage;
  /** What each process has been granted and not told of. */
  readonly out: Map<Teller, number>;
}

export interface BudgetBookOptions {
  readonly budgets: ReadonlyMap<string, Budget>;
  readonly store: BudgetStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export class BudgetBook {
  readonly #o: BudgetBookOptions;
  readonly #shares = new Map<string, Share>();

  private constructor(options: BudgetBookOptions, kept: readonly StoredUsage[]) {
    this.#o = options;
    const now = options.now();
    for (const { key, slots, reserved } of kept) {
      const account = accountOfKey(options.budgets, key);
      if (account === undefined) continue;
      const usage = new Usage(account.budget.windowMs, slots, now);
      // Nobody knows any more what was spent of it.
      usage.add(reserved, now);
      if (usage.total(now) > 0) this.#shares.set(key, { account, usage, out: new Map() });
    }
  }

  /** @throws {SluiceError} store_unavailable */
  static async open(options: BudgetBookOptions): Promise<BudgetBook> {
    const book = new BudgetBook(options, await options.store.all());
    await options.store.replaceAll([...book.#shares.values()].map(storedOf));
    return book;
  }

  /**
   * Hands out slices.
   * @throws {SluiceError} store_unavailable, bad_request; then nothing was granted
   */
  async draw(teller: Teller, demands: readonly SliceDemand[]): Promise<readonly Slice[]> {
    const shares = demands.map(({ key }) => this.#share(key));
    for (const [i, { spent }] of demands.entries()) this.#settle(shares[i], teller, spent, 0);
    const short = shares.filter((share, i) => share !== undefined && this.#left(share) < demands[i]!.want);
    await this.#recall(teller, short as readonly Share[]);
    const slices = demands.map(({ want }, i) => this.#grant(shares[i], teller, want));
    const lasting = shares.filter((share) => share !== undefined && isLasting(share)) as Share[];
    try {
      await this.#o.store.keep([...new Set(lasting)].map(storedOf));
    } catch (thrown) {
      for (const [i, { granted }] of slices.entries()) this.#settle(shares[i], teller, 0, granted);
      throw thrown;
    }
    return slices;
  }

  /** What became of slices. The store learns of it with the next slice, or when the book is closed. */
  settle(teller: Teller, reports: readonly SliceReport[]): void {
    for (const { key, spent, returned, ended } of reports) {
      const share = this.#shares.get(key);
      this.#settle(share, teller, spent, returned);
      if (ended && share?.account.subject.session !== undefined) this.#shares.delete(key);
    }
  }

  /** A process is gone: what it had counts as spent. */
  lost(teller: Teller): void {
    const now = this.#o.now();
    for (const share of this.#shares.values()) {
      share.usage.add(share.out.get(teller) ?? 0, now);
      share.out.delete(teller);
    }
  }

  /** Every share of which something is used, as it is now. */
  async list(): Promise<readonly BudgetStatus[]> {
    await this.#recall(undefined, [...this.#shares.values()]);
    return [...this.#shares.values()].map((share) => this.#statusOf(share));
  }

  /** @throws {SluiceError} store_unavailable */
  async close(): Promise<void> {
    await this.#o.store.replaceAll([...this.#shares.values()].filter(isLasting).map(storedOf));
  }

  #statusOf(share: Share): BudgetStatus {
    const { budget, subject } = share.account;
    const { name, count, limit, windowMs } = budget;
    const used = share.usage.total(this.#o.now()) + outOf(share);
    const refillsAt = share.usage.freesAt(Math.max(1, used - limit + 1));
    return {
      ...{ budget: name, count, limit, windowMs, ...subject, used, left: Math.max(0, limit - used) },
      ...(refillsAt === undefined ? {} : { refillsAt }),
    };
  }

  #grant(share: Share | undefined, teller: Teller, want: number): Slice {
    if (share === undefined) return { granted: 0, pool: 0 };
    const left = this.#left(share);
    const part = share.account.subject.session === undefined ? Math.ceil(left * PART) : left;
    const granted = Math.min(left, Math.max(want, part));
    if (granted > 0) share.out.set(teller, (share.out.get(teller) ?? 0) + granted);
    const { refillsAt } = this.#statusOf(share);
    return { granted, pool: left - granted, ...(refillsAt === undefined ? {} : { refillsAt }) };
  }

  #left(share: Share): number {
    const used = share.usage.total(this.#o.now()) + outOf(share);
    return Math.max(0, share.account.budget.limit - used);
  }

  /** Takes back what processes hold of shares, but for one that asks for more itself. */
  async #recall(asking: Teller | undefined, shares: readonly Share[]): Promise<void> {
    const tellers = new Set(shares.flatMap(({ out }) => [...out.keys()]));
    if (asking !== undefined) tellers.delete(asking);
    await Promise.all(
      [...tellers].map(async (teller) => {
        const keys = shares.filter(({ out }) => out.has(teller)).map(({ account }) => account.key);
        this.settle(teller, await teller.recall(keys));
      }),
    );
  }

  #settle(share: Share | undefined, teller: Teller, spent: number, returned: number): void {
    if (share === undefined) return;
    share.usage.add(spent, this.#o.now());
    // What was approved may be more than was granted.
    const out = Math.max(0, (share.out.get(teller) ?? 0) - spent - returned);
    if (out > 0) share.out.set(teller, out);
    else share.out.delete(teller);
  }

  #share(key: string): Share | undefined {
    const known = this.#shares.get(key);
    if (known !== undefined) return known;
    const account = accountOfKey(this.#o.budgets, key);
    if (account === undefined) throw new SluiceError('bad_request', 'there is no such budget');
    if (this.#shares.size >= MAX_SHARES) this.#sweep();
    if (this.#shares.size >= MAX_SHARES) return undefined;
    const share: Share = { account, usage: new Usage(account.budget.windowMs), out: new Map() };
    this.#shares.set(key, share);
    return share;
  }

  #sweep(): void {
    const now = this.#o.now();
    for (const [key, { usage, out }] of this.#shares)
      if (out.size === 0 && usage.total(now) === 0) this.#shares.delete(key);
  }
}

/** What a session has for itself ends with it. */
const isLasting = ({ account }: Share): boolean => account.subject.session === undefined;

const outOf = ({ out }: Share): number => [...out.values()].reduce((sum, amount) => sum + amount, 0);

function storedOf(share: Share): StoredUsage {
  return { key: share.account.key, slots: share.usage.slots, reserved: outOf(share) };
}
