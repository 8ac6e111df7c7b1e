/**
 * How budgets are shared out between the processes that serve. The primary has the book; each process draws slices of it, which count as
 * used from the moment they are handed out, spends them without asking, and tells or gives back the rest. So nothing is spent twice, whatever
 * process dies when. Pure types.
 */

/** A process wants more of a share. Everything it has spent of earlier slices and not told yet comes with it. */
export interface SliceDemand {
  readonly key: string;
  readonly spent: number;
  /** Without less than that it cannot go on; at least 1. */
  readonly want: number;
}

/** What became of a slice. */
export interface SliceReport {
  readonly key: string;
  readonly spent: number;
  /** Given back unspent. */
  readonly returned: number;
  /** The session whose share it was has ended. */
  readonly ended?: boolean;
}

export interface Slice {
  /** 0 if nothing is left. */
  readonly granted: number;
  /** What others can still have. */
  readonly pool: number;
  /** When something is left again, in milliseconds since the epoch; absent if nothing is used. */
  readonly refillsAt?: number;
}

/** The book as a process that serves sees it. */
export interface BudgetBank {
  /** One slice a demand. @throws {SluiceError} if the book cannot be asked or written: then nothing was granted */
  draw(demands: readonly SliceDemand[]): Promise<readonly Slice[]>;
  /** Must not throw. */
  settle(reports: readonly SliceReport[]): void;
}
