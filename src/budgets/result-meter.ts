/**
 * How much of one statement's result may pass. Rows and bytes are taken from what is in hand before they pass, so that a result ends where
 * a budget does, to the row.
 */
import type { SluiceError } from '../errors/sluice-error.ts';
import type { Lease } from './lease-desk.ts';

/** What may pass without asking again. */
export interface Room {
  readonly rows: number;
  readonly bytes: number;
}

/** Whatever may end a result in its middle. */
export interface ResultMeter {
  room(): Room;
  /** So much has passed. */
  passed(rows: number, bytes: number): void;
  /** There is no room for the next row of so many bytes: resolves when there is, or with the error by which the result ends. Must not reject. */
  more(rowBytes: number): Promise<SluiceError | undefined>;
}

/** A lease that a row draws on: by so much itself, or by its bytes. */
export interface MeteredLease {
  readonly lease: Lease;
  readonly unit: 'bytes' | number;
  /** Why the result ends if nothing is left; undefined where an approval covers whatever is used. */
  readonly exceeded: (() => SluiceError) | undefined;
}

export class LeaseMeter implements ResultMeter {
  readonly #metered: readonly MeteredLease[];
  readonly #failed: (thrown: unknown) => SluiceError;

  /** @param failed what is told if the book cannot be asked */
  constructor(metered: readonly MeteredLease[], failed: (thrown: unknown) => SluiceError) {
    this.#metered = metered;
    this.#failed = failed;
  }

  room(): Room {
    let rows = Number.POSITIVE_INFINITY;
    let bytes = Number.POSITIVE_INFINITY;
    for (const { lease, unit, exceeded } of this.#metered) {
      if (exceeded === undefined) continue;
      if (unit === 'bytes') bytes = Math.min(bytes, lease.left);
      else rows = Math.min(rows, Math.floor(lease.left / unit));
    }
    return { rows: Math.max(0, rows), bytes: Math.max(0, bytes) };
  }

  passed(rows: number, bytes: number): void {
    for (const { lease, unit } of this.#metered) lease.spend(unit === 'bytes' ? bytes : rows * unit);
  }

  async more(rowBytes: number): Promise<SluiceError | undefined> {
    try {
      for (const { lease, unit, exceeded } of this.#metered) {
        if (exceeded === undefined) continue;
        if (!(await lease.more(unit === 'bytes' ? rowBytes : unit))) return exceeded();
      }
      return undefined;
    } catch (thrown) {
      return this.#failed(thrown);
    }
  }
}
