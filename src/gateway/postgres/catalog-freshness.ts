/**
 * How old the catalog may be. While there are sessions, and for a while after the last one, it is read every fifteen seconds, so that a
 * session that begins need not wait for it; later, the first session has it read.
 */

/** DDL that does not pass the gate is seen at the latest after this. */
export const REFRESH_INTERVAL_MS = 15_000;
/** How long it is kept fresh for the next session. */
const KEPT_MS = 300_000;

export class CatalogFreshness {
  readonly #now: () => number;
  #sessions = 0;
  #usedAt = Number.NEGATIVE_INFINITY;
  /** When its last load began. */
  loadedAt = Number.NEGATIVE_INFINITY;

  /** @param now in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** True if it is to be read at each interval. */
  get isKept(): boolean {
    return this.#sessions > 0 || this.#now() - this.#usedAt < KEPT_MS;
  }

  /** A session begins. @returns true if the catalog has to be read for it: it was not kept fresh, or that has failed */
  begin(): boolean {
    const age = this.#now() - this.loadedAt;
    const isOld = age > (this.isKept ? 2 * REFRESH_INTERVAL_MS : REFRESH_INTERVAL_MS);
    this.#sessions += 1;
    return isOld;
  }

  end(): void {
    this.#sessions -= 1;
    this.#usedAt = this.#now();
  }
}
