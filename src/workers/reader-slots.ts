/** How much of the record one reader may have read at once: searches are answered one after the other, and nobody may fill the queue alone. */
import { SluiceError } from '../errors/sluice-error.ts';

export class ReaderSlots {
  readonly #most: number;
  readonly #taken = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns lets go of it; harmless if repeated. @throws {SluiceError} too_many_connections */
  take(reader: string): () => void {
    const taken = this.#taken.get(reader) ?? 0;
    if (taken >= this.#most) {
      throw new SluiceError('too_many_connections', `${reader} has ${taken} searches under way`, {
        hint: 'Wait for one of them.',
      });
    }
    this.#taken.set(reader, taken + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.#taken.get(reader) as number) - 1;
      if (left === 0) this.#taken.delete(reader);
      else this.#taken.set(reader, left);
    };
  }
}
