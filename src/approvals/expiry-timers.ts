/** One timer a request that is open. Keeps no process alive. */

/** The longest delay a timer takes; a longer one is reached in steps. */
const MAX_DELAY_MS = 0x7fff_ffff;

export class ExpiryTimers {
  readonly #now: () => number;
  readonly #onDue: (id: string) => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  /** `onDue` is called once the time given to `set` has come; the timer is gone then. */
  constructor(now: () => number, onDue: (id: string) => void) {
    this.#now = now;
    this.#onDue = onDue;
  }

  /** Calls `onDue` for `id` at `at`, milliseconds since the epoch, and at no other time. */
  set(id: string, at: number): void {
    this.clear(id);
    const delayMs = Math.min(MAX_DELAY_MS, Math.max(0, at - this.#now()));
    this.#timers.set(id, setTimeout(() => this.#fire(id, at), delayMs).unref());
  }

  clear(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  clearAll(): void {
    for (const id of [...this.#timers.keys()]) this.clear(id);
  }

  #fire(id: string, at: number): void {
    this.#timers.delete(id);
    if (this.#now() < at) this.set(id, at);
    else this.#onDue(id);
  }
}
