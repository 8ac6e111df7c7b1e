/** What errors of the database mean for the session, and for questions of the gate's own. Pure. */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ErrorFields } from '../../wire/postgres/index.ts';

/** What it would say of a text that it cannot convert either. */
const ENCODING_ERRORS: ReadonlySet<string> = new Set(['22021', '22P05']);

export function isFatal(fields: ErrorFields): boolean {
  const severity = fields.get('V') ?? fields.get('S');
  return severity === 'FATAL' || severity === 'PANIC';
}

/** Why a question of the gate's own has no answer: cancelled by the client, or for a reason that is the session's own affair. */
export function unanswered(fields: ErrorFields): SluiceError {
  if (fields.get('C') === '57014') return new SluiceError('cancelled', fields.get('M') ?? 'cancelled');
  const sqlstate = fields.get('C') ?? '';
  if (ENCODING_ERRORS.has(sqlstate)) {
    return new SluiceError('bad_encoding', fields.get('M') ?? 'invalid byte sequence', { sqlstate });
  }
  return new SluiceError('not_understood', 'the database refused a question of the gate', {
    detail: `${fields.get('C')}: ${fields.get('M')}`,
  });
}

export function outOfOrder(what: string): SluiceError {
  return new SluiceError('upstream_lost', `the database sent ${what} out of order`);
}
