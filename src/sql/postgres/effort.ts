/**
 * How much work one text may cause while its names are resolved. Every name is looked up in every FROM item of its level, so a
 * text of some thousand characters could ask for hours; the gate resolves on the thread that serves everybody.
 *
 * Analysis is synchronous and never nested: one counter for the process is enough.
 */
import { SluiceError } from '../../errors/sluice-error.ts';

/** In columns and items looked at; some tenth of a microsecond each. */
const MAX_EFFORT = 3_000_000;

let left = Number.POSITIVE_INFINITY;

/** Runs an analysis within the limit. @throws {SluiceError} statement_too_complex, and what `analysis` throws */
export function withLimitedEffort<T>(analysis: () => T): T {
  left = MAX_EFFORT;
  try {
    return analysis();
  } finally {
    left = Number.POSITIVE_INFINITY;
  }
}

/** Notes work that is about to be done. @throws {SluiceError} statement_too_complex if that is too much */
export function spendEffort(units: number): void {
  left -= units;
  if (left < 0)
    throw new SluiceError('statement_too_complex', 'the statement names too many columns and relations');
}
