/** Refusals of the rewriting: what cannot be answered on masked values. */
import { SluiceError } from '../../errors/sluice-error.ts';

/**
 * @param reason one sentence without values of the database
 * @param hint the nearest thing that would be answered
 */
export function maskRefused(reason: string, hint?: string): SluiceError {
  return new SluiceError('mask_refused', reason, hint === undefined ? {} : { hint });
}

/** The rewritten text was not what it should be: a defect, and nothing may run because of it. */
export function rewriteFailed(detail: string): SluiceError {
  return new SluiceError('mask_refused', `the statement could not be rewritten to masked values: ${detail}`);
}
