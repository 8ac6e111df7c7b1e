/** What an approval is good for, as digests: equal digests, the same thing asked twice. */
import { hash } from 'node:crypto';
import { canonicalJson } from '../ledger/canonical-json.ts';
import type { ApprovalBinding } from '../model/approval.ts';

/** Both digests of a binding, hex. */
export interface BindingDigests {
  readonly subject: string;
  readonly binding: string;
}

/** @throws {TypeError} as `bindingDigestOf` */
export function digestsOf(binding: ApprovalBinding): BindingDigests {
  return { subject: subjectDigestOf(binding), binding: bindingDigestOf(binding) };
}

/**
 * Hex SHA-256 of the canonical JSON of the binding: of everything an approval is bound to.
 * @throws {TypeError} if a text of it is no Unicode: two such texts could not be told apart.
 */
export function bindingDigestOf(binding: ApprovalBinding): string {
  return digest({ ...subjectOf(binding), objectsDigests: binding.objectsDigests });
}

/** The same without the objects: equal subjects with different bindings are a drift. */
export function subjectDigestOf(binding: ApprovalBinding): string {
  return digest(subjectOf(binding));
}

/** Names each member, so that one more on the object given never goes unnoticed into the digest. */
function subjectOf({ principal, onBehalfOf, database, astDigests, parameters }: ApprovalBinding) {
  return { principal, onBehalfOf, database, astDigests, parameters };
}

function digest(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'hex');
}
