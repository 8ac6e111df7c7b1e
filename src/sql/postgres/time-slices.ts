/** Long work in slices, so that the thread which does it serves others in between. */
import { setImmediate } from 'node:timers/promises';

/** How long one slice lasts. */
const SLICE_MS = 8;

export class TimeSlices {
  #startedAt = performance.now();

  /** Resolves at once, or if the slice is over, when others had their turn. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#startedAt < SLICE_MS) return;
    await setImmediate();
    this.#startedAt = performance.now();
  }

  /** Maps a list in slices. */
  async map<T, R>(items: readonly T[], make: (item: T) => R): Promise<R[]> {
    const made: R[] = [];
    for (let i = 0; i < items.length; i += 1) {
      made.push(make(items[i]!));
      if (i % 64 === 63) await this.breathe();
    }
    return made;
  }
}
