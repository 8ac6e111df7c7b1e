/**
 * The slices of budgets that one process that serves has in hand. Sessions spend them without asking anybody; more is drawn before they run
 * out, and what is spent is told every few seconds. Only when a budget is nearly used up does a statement wait for the book.
 */
import type { BudgetBank, Slice, SliceReport } from './bank.ts';

/** How often spending is told, so that it counts from about when it happened. */
const TELLING_MS = 2_000;
/** A slice that no session uses any more is given back at the second telling. */
const IDLE_TELLINGS = 2;

/** What is in hand of one share. Belongs to the desk; sessions may spend it, and must not keep it after `leave`. */
export interface Lease {
  /** Negative if more was approved than there was. */
  readonly left: number;
  /** What others could have when the book was asked last. */
  readonly pool: number;
  /** When something is left again, as the book said last. */
  readonly refillsAt: number | undefined;
  spend(amount: number): void;
  /** Draws until at least `want` is left; false if there is not so much. @throws {SluiceError} if the book cannot be asked */
  more(want: number): Promise<boolean>;
}

class HeldLease implements Lease {
  readonly key: string;
  readonly #draw: (lease: HeldLease, want: number) => Promise<void>;
  left = 0;
  pool = 0;
  refillsAt: number | undefined;
  /** Not told yet. */
  spent = 0;
  sessions = 0;
  idleTellings = 0;
  /** Below it, more is drawn in advance. */
  #low = 0;
  #drawing: Promise<void> | undefined;

  constructor(key: string, draw: (lease: HeldLease, want: number) => Promise<void>) {
    this.key = key;
    this.#draw = draw;
  }

  spend(amount: number): void {
    this.left -= amount;
    this.spent += amount;
    // Who has to wait in the end will hear what went wrong.
    if (this.left < this.#low && this.pool > 0) this.#drawOnce(1).catch(() => {});
  }

  async more(want: number): Promise<boolean> {
    // A drawing that is under way may have asked for less.
    while (this.#drawing !== undefined && this.left < want) await this.#drawing;
    if (this.left < want) await this.#drawOnce(want - Math.max(0, this.left));
    return this.left >= want;
  }

  /** What was spent and is to be told now. Of what was approved beyond the slice, the book knows then. */
  takeSpent(): number {
    const { spent } = this;
    this.spent = 0;
    this.left = Math.max(0, this.left);
    return spent;
  }

  take({ granted, pool, refillsAt }: Slice): void {
    this.left += granted;
    this.pool = pool;
    this.refillsAt = refillsAt;
    this.#low = Math.floor(this.left / 2);
  }

  #drawOnce(want: number): Promise<void> {
    this.#drawing ??= this.#draw(this, want).finally(() => {
      this.#drawing = undefined;
    });
    return this.#drawing;
  }
}

export class LeaseDesk {
  readonly #bank: BudgetBank;
  readonly #leases = new Map<string, HeldLease>();
  readonly #timer: NodeJS.Timeout;

  constructor(bank: BudgetBank) {
    this.#bank = bank;
    this.#timer = setInterval(() => this.tell(), TELLING_MS);
    this.#timer.unref();
  }

  /**
   * A session begins to draw on these shares: the leases, in order, with something in each if anything is left.
   * @throws {SluiceError} if the book cannot be asked
   */
  async join(keys: readonly string[]): Promise<readonly Lease[]> {
    const leases = keys.map((key) => this.#lease(key));
    for (const lease of leases) lease.sessions += 1;
    try {
      await Promise.all(leases.map((lease) => (lease.left > 0 ? true : lease.more(1))));
    } catch (thrown) {
      this.leave(keys);
      throw thrown;
    }
    return leases;
  }

  /** A session has ended. @param own the shares that nobody else draws on */
  leave(keys: readonly string[], own: readonly string[] = []): void {
    for (const key of keys) {
      const lease = this.#leases.get(key);
      if (lease !== undefined) lease.sessions -= 1;
    }
    const ended = own.flatMap((key) => {
      const lease = this.#leases.get(key);
      return lease === undefined ? [] : [{ ...this.#takeBack(lease), ended: true }];
    });
    for (const { key } of ended) this.#leases.delete(key);
    if (ended.length > 0) this.#bank.settle(ended);
  }

  /** Gives back what is not spent of these shares, because somebody else needs it. */
  recall(keys: readonly string[]): readonly SliceReport[] {
    return keys.flatMap((key) => {
      const lease = this.#leases.get(key);
      return lease === undefined ? [] : [this.#takeBack(lease)];
    });
  }

  /** Tells what was spent, and gives back what nobody uses any more. */
  tell(): void {
    const reports: SliceReport[] = [];
    for (const lease of this.#leases.values()) {
      lease.idleTellings = lease.sessions > 0 ? 0 : lease.idleTellings + 1;
      if (lease.idleTellings >= IDLE_TELLINGS) {
        this.#leases.delete(lease.key);
        reports.push(this.#takeBack(lease));
      } else if (lease.spent > 0) {
        reports.push({ key: lease.key, spent: lease.takeSpent(), returned: 0 });
      }
    }
    if (reports.length > 0) this.#bank.settle(reports);
  }

  /** Gives everything back. */
  close(): void {
    clearInterval(this.#timer);
    const reports = this.recall([...this.#leases.keys()]);
    this.#leases.clear();
    if (reports.length > 0) this.#bank.settle(reports);
  }

  #lease(key: string): HeldLease {
    const known = this.#leases.get(key);
    if (known !== undefined) return known;
    const lease = new HeldLease(key, (one, want) => this.#draw(one, want));
    this.#leases.set(key, lease);
    return lease;
  }

  async #draw(lease: HeldLease, want: number): Promise<void> {
    const { key } = lease;
    const spent = lease.takeSpent();
    try {
      const [slice] = await this.#bank.draw([{ key, spent, want }]);
      if (slice === undefined) return;
      if (this.#leases.get(key) === lease) lease.take(slice);
      // It was given back meanwhile.
      else this.#bank.settle([{ key, spent: 0, returned: slice.granted }]);
    } catch (thrown) {
      // It may have been told, and then counts twice: too much rather than too little.
      lease.spent += spent;
      throw thrown;
    }
  }

  #takeBack(lease: HeldLease): SliceReport {
    const spent = lease.takeSpent();
    const returned = lease.left;
    lease.left = 0;
    lease.pool += returned;
    return { key: lease.key, spent, returned };
  }
}
