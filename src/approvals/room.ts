/** Bounds how many requests are pending, of everyone and of one principal. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalStore } from '../store/store.ts';

export interface RoomOptions {
  readonly store: Pick<ApprovalStore, 'countPending'>;
  readonly maxPending: number;
  readonly maxPendingPerPrincipal: number;
}

export class Room {
  readonly #options: RoomOptions;
  /** Those being made, which the store does not count yet. */
  readonly #making = new Map<string, number>();
  #makingAll = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /**
   * Does `make`, which adds one pending request of `principal`, if there is room for it.
   * @throws {SluiceError} conflict if there is not.
   */
  async take<T>(principal: string, make: () => Promise<T>): Promise<T> {
    this.#count(principal, 1);
    try {
      await this.#check(principal);
      return await make();
    } finally {
      this.#count(principal, -1);
    }
  }

  async #check(principal: string): Promise<void> {
    const { store, maxPending, maxPendingPerPrincipal } = this.#options;
    const { all, own } = await store.countPending(principal);
    const ownFull = own + (this.#making.get(principal) ?? 0) > maxPendingPerPrincipal;
    if (!ownFull && all + this.#makingAll <= maxPending) return;
    const what = ownFull
      ? `${principal} has as many pending approval requests as it may`
      : 'too many approval requests are pending';
    throw new SluiceError('conflict', what, { hint: 'Wait until some are answered, or withdraw them.' });
  }

  #count(principal: string, change: number): void {
    this.#makingAll += change;
    const count = (this.#making.get(principal) ?? 0) + change;
    if (count === 0) this.#making.delete(principal);
    else this.#making.set(principal, count);
  }
}
