/** Those who wait in their connections for an answer. In memory: they do not outlive the process. */

/** How waiting ended. */
export type ApprovalAnswer = 'approved' | 'denied' | 'expired' | 'cancelled' | 'drifted';

export type Waiter = PromiseWithResolvers<ApprovalAnswer>;

export class Waiters {
  readonly #byRequest = new Map<string, Set<Waiter>>();

  /** Adds one who waits; whoever adds it removes it. */
  add(id: string): Waiter {
    const waiter = Promise.withResolvers<ApprovalAnswer>();
    // It may be rejected before anyone looks.
    waiter.promise.catch(() => {});
    const waiters = this.#byRequest.get(id);
    if (waiters === undefined) this.#byRequest.set(id, new Set([waiter]));
    else waiters.add(waiter);
    return waiter;
  }

  remove(id: string, waiter: Waiter): void {
    const waiters = this.#byRequest.get(id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byRequest.delete(id);
  }

  tell(id: string, answer: ApprovalAnswer): void {
    for (const waiter of this.#byRequest.get(id) ?? []) waiter.resolve(answer);
  }

  /** Says that the answer cannot be had. */
  fail(id: string, error: unknown): void {
    for (const waiter of this.#byRequest.get(id) ?? []) waiter.reject(error);
  }

  tellAll(answer: ApprovalAnswer): void {
    for (const id of this.#byRequest.keys()) this.tell(id, answer);
  }
}
