/** What a client is told of what may not run. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Decision } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import { refusalDetail } from '../policy/refusal-detail.ts';
import type { PlannedStatement } from './plan.ts';

/** What a client is told of a denied statement. A relation that nobody knows is reported as the database would. */
export function refusalOfStatement({ facts, decision, analyzed }: PlannedStatement): SluiceError {
  const [name] = analyzed.unresolved;
  const unknownOnly = facts.opaque.length > 0 && facts.opaque.every((one) => one.kind === 'relation');
  if (
    name === undefined ||
    !unknownOnly ||
    decision.policies.some((policy) => policy.id !== 'sluice:not-understood')
  ) {
    return refusalOf(decision, facts);
  }
  return new SluiceError('no_such_relation', `relation "${name}" does not exist`);
}

/** What a client is told of a statement that has no answer on masked values. */
export function unmaskable(error: SluiceError, statements: readonly PlannedStatement[]): SluiceError {
  const { code, message, hint, position, cause } = error;
  if (code !== 'mask_refused') return error;
  const policies = [{ id: 'sluice:masking' }];
  return new SluiceError(code, message, {
    detail: refusalDetail(code, { policies, facts: statements.map(({ facts }) => facts) }),
    ...(hint === undefined ? {} : { hint }),
    ...(position === undefined ? {} : { position }),
    policies: policies.map(({ id }) => id),
    cause,
  });
}

/** What a client is told of a denial. */
export function refusalOf(decision: Decision, facts: Facts): SluiceError {
  const policies = decision.policies.map((policy) => policy.id);
  const opaque = policies.includes('sluice:not-understood');
  const code = opaque ? 'not_understood' : 'statement_denied';
  return new SluiceError(code, decision.reason, {
    detail: refusalDetail(code, { policies: decision.policies, facts: [facts] }),
    ...(decision.hint === undefined ? {} : { hint: decision.hint }),
    policies,
  });
}
