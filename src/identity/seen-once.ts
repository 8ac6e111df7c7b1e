/** Remembers what was seen for a while, in bounded memory, so that it counts once. Never forgets anything early. */

const MAX_REMEMBERED = 20_000;

export class SeenOnce {
  readonly #keepMs: number;
  readonly #now: () => number;
  /** Until when each is remembered; the oldest first. */
  readonly #seen = new Map<string, number>();

  /** @param now milliseconds since the epoch */
  constructor(keepMs: number, now: () => number) {
    this.#keepMs = keepMs;
    this.#now = now;
  }

  /** Whether this is the first time; `busy` if there is no room to remember it. */
  take(key: string): 'first' | 'repeated' | 'busy' {
    const now = this.#now();
    for (const [old, until] of this.#seen) {
      if (until > now) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(key)) return 'repeated';
    if (this.#seen.size >= MAX_REMEMBERED) return 'busy';
    this.#seen.set(key, now + this.#keepMs);
    return 'first';
  }
}
