/**
 * What names stand for in a backend, as far as it has said so, and what forwarded messages will make of them if they succeed.
 *
 * A message is forwarded before the one in front of it is answered, so a name may have a meaning that is only hoped for. Between
 * two Syncs that is enough: if the message that gives the meaning fails, the database skips those that use it. Beyond a Sync it
 * is not: the name might still have its old meaning there. Then the answer has to be awaited (`UNANSWERED`).
 */

/** The name's meaning depends on an answer that has not come. */
export const UNANSWERED = Symbol('unanswered');

/** What a forwarded message makes of a name. Owned by whoever made it until `settle`, which must be called once. */
export class Change<T = unknown> {
  readonly name: string;
  /** Undefined if the name is taken away. */
  readonly to: T | undefined;
  /** How many Syncs were forwarded before it. */
  readonly segment: number;
  readonly #names: NameSpace<T>;

  constructor(names: NameSpace<T>, name: string, to: T | undefined, segment: number) {
    this.#names = names;
    this.name = name;
    this.to = to;
    this.segment = segment;
  }

  /** The database has done it, or refused or skipped it. */
  settle(done: boolean): void {
    this.#names.settle(this, done);
  }
}

export class NameSpace<T> {
  readonly #meanings = new Map<string, T>();
  /** The latest unanswered change of each name. */
  readonly #unanswered = new Map<string, Change<T>>();
  readonly #weigh: (meaning: T) => number;
  /** Of all meanings, those in sight included. */
  weight = 0;

  constructor(weigh: (meaning: T) => number) {
    this.#weigh = weigh;
  }

  /** Names with a meaning, or with one in sight. */
  get size(): number {
    return this.#meanings.size + this.#unanswered.size;
  }

  /** What the name means to a message that is forwarded in this segment; undefined for nothing. */
  get(name: string, segment: number): T | undefined | typeof UNANSWERED {
    const change = this.#unanswered.get(name);
    if (change === undefined) return this.#meanings.get(name);
    return change.segment === segment ? change.to : UNANSWERED;
  }

  /** Notes that a message which changes the name is forwarded. */
  change(name: string, to: T | undefined, segment: number): Change<T> {
    const change = new Change(this, name, to, segment);
    this.#unanswered.set(name, change);
    this.weight += this.#weightOf(to);
    return change;
  }

  settle(change: Change<T>, done: boolean): void {
    const { name, to } = change;
    if (this.#unanswered.get(name) === change) this.#unanswered.delete(name);
    this.weight -= this.#weightOf(to);
    if (done) this.set(name, to);
  }

  /** What the database has said it did. */
  set(name: string, to: T | undefined): void {
    this.weight += this.#weightOf(to) - this.#weightOf(this.#meanings.get(name));
    if (to === undefined) this.#meanings.delete(name);
    else this.#meanings.set(name, to);
  }

  /** The database has forgotten those names, whatever is still in sight. */
  forget(which: (meaning: T, name: string) => boolean): void {
    for (const [name, meaning] of this.#meanings) if (which(meaning, name)) this.set(name, undefined);
  }

  #weightOf(meaning: T | undefined): number {
    return meaning === undefined ? 0 : this.#weigh(meaning);
  }
}
