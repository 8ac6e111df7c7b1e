/**
 * What was used within a sliding window: amounts by the slot of time they fall into. A slot counts until the window after its end is over,
 * so that no period of the window's length ever sees more than the limit. Pure; time comes with each call.
 */

/** How many slots a window has. */
const SLOTS = 60;

export interface UsageSlot {
  /** Milliseconds since the epoch. */
  readonly at: number;
  amount: number;
}

export class Usage {
  readonly #windowMs: number;
  readonly #slots: UsageSlot[] = [];
  #total = 0;

  /** @param slots of an earlier process; what lies in the future counts from now on */
  constructor(windowMs: number, slots: readonly UsageSlot[] = [], now = 0) {
    this.#windowMs = windowMs;
    for (const { at, amount } of slots.toSorted((a, b) => a.at - b.at)) this.add(amount, Math.min(at, now));
  }

  get slots(): readonly UsageSlot[] {
    return this.#slots;
  }

  add(amount: number, now: number): void {
    if (amount === 0) return;
    const last = this.#slots.at(-1);
    // A clock that was set back makes nothing count for less.
    if (last !== undefined && now - last.at < this.#slotMs) last.amount += amount;
    else this.#slots.push({ at: now, amount });
    this.#total += amount;
  }

  total(now: number): number {
    while (this.#slots.length > 0 && this.#endOf(this.#slots[0]!) <= now)
      this.#total -= this.#slots.shift()!.amount;
    return this.#total;
  }

  /** When at least `amount` of what counts now counts no longer; undefined if so much does not count. */
  freesAt(amount: number): number | undefined {
    let freed = 0;
    for (const slot of this.#slots) {
      freed += slot.amount;
      if (freed >= amount) return this.#endOf(slot);
    }
    return undefined;
  }

  get #slotMs(): number {
    return this.#windowMs / SLOTS;
  }

  #endOf({ at }: UsageSlot): number {
    return Math.ceil(at + this.#slotMs + this.#windowMs);
  }
}
