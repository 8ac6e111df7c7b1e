/** Lets work on the same thing happen one after the other, and work on different things at the same time. */

const DONE: Promise<unknown> = Promise.resolve();

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does `work` once all work that was given before for `key` has ended, however it ended. Not to be nested. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? DONE).then(work);
    const ended: Promise<void> = turn.then(
      () => this.#end(key, ended),
      () => this.#end(key, ended),
    );
    this.#last.set(key, ended);
    return turn;
  }

  #end(key: string, ended: Promise<unknown>): void {
    if (this.#last.get(key) === ended) this.#last.delete(key);
  }
}
