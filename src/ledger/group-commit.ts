/**
 * Group commit: everyone who waits while one sync runs shares the next one. Decides when to write and sync, never how; one
 * sync runs at a time.
 */

/** One sync and all who wait for it. */
type Round = PromiseWithResolvers<void> & {
  /** The number of entries written when it began. */
  covers: number;
};

/** What a group commit drives. */
export interface CommitTarget {
  /** Writes what was appended. Throws after it has told `GroupCommit.refuse`. */
  write(): void;
  /** Brings what is written to stable storage. Throws the file system's errors. */
  sync(): Promise<void>;
  /** How many entries are written, and how many appended entries are not yet on stable storage. */
  written(): number;
  lag(): number;
  /** True while nothing may be synced. */
  blocked(): boolean;
  onSynced(): void;
  /** Turns the error of a failed sync into what those who wait are told. */
  onSyncFailure(cause: unknown): Error;
}

export class GroupCommit {
  readonly #target: CommitTarget;
  readonly #maxDelayMs: number;
  #running: Round | undefined;
  #next: Round | undefined;
  #scheduled: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** What nobody waits for is synced `maxDelayMs` after `arm`. */
  constructor(target: CommitTarget, maxDelayMs: number) {
    this.#target = target;
    this.#maxDelayMs = maxDelayMs;
  }

  /** The running sync, if entry `seq` was written when it began. */
  covering(seq: number): Promise<void> | undefined {
    return this.#running !== undefined && seq < this.#running.covers ? this.#running.promise : undefined;
  }

  /** The next sync, which covers all that is appended before this turn of the event loop ends. */
  join(): Promise<void> {
    this.#next ??= newRound();
    if (this.#running === undefined) this.#scheduled ??= setImmediate(this.#run);
    return this.#next.promise;
  }

  /** Says that something was appended for which nobody waits yet. */
  arm(): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#stopped) return;
    this.#timer = setTimeout(this.#run, this.#maxDelayMs);
  }

  /** Tells those who wait for the next sync that there will be none. */
  refuse(failure: Error): void {
    this.#next?.reject(failure);
    this.#next = undefined;
  }

  /** Resolves when no sync runs; what is done then in the same turn is done alone. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.promise.catch(() => {});
  }

  /** Syncs what is written now. Only while idle. Throws what those who wait are told. */
  async syncNow(): Promise<void> {
    const round = newRound();
    await this.#sync(round);
    await round.promise;
  }

  /** Nothing is done on its own any more. Returns the promise of those who wait, to be settled by the caller. */
  stop(): PromiseWithResolvers<void> | undefined {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#scheduled);
    const waiting = this.#next;
    this.#next = undefined;
    return waiting;
  }

  readonly #run = async (): Promise<void> => {
    this.#scheduled = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running !== undefined || this.#stopped || this.#target.blocked()) return;
    try {
      this.#target.write();
    } catch {
      return; // Those who wait have been refused.
    }
    const round = this.#next ?? newRound();
    this.#next = undefined;
    await this.#sync(round);
  };

  /** Runs a round, and begins the next one if somebody came meanwhile. Never throws: `round` says how it went. */
  async #sync(round: Round): Promise<void> {
    round.covers = this.#target.written();
    this.#running = round;
    try {
      await this.#target.sync();
    } catch (cause) {
      round.reject(this.#target.onSyncFailure(cause));
      return;
    } finally {
      this.#running = undefined;
    }
    round.resolve();
    this.#target.onSynced();
    if (this.#next !== undefined) void this.#run();
    else if (this.#target.lag() > 0) this.arm();
  }
}

function newRound(): Round {
  const round = { ...Promise.withResolvers<void>(), covers: 0 };
  // A round may fail with nobody waiting.
  round.promise.catch(() => {});
  return round;
}
