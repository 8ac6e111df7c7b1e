/** What an approval is good for, as digests: equal digests, the same thing asked twice. */
import { hash } from 'node:crypto';
import { canonicalJson } from '../ledger/canonical-json.ts';
import type { ApprovalBinding } from '../model/approval.ts';
import type { ShapeUse } from '../model/grant.ts';

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
  return digestOf({ ...subjectOf(binding), objectsDigests: binding.objectsDigests });
}

/** The same without the objects: equal subjects with different bindings are a drift. */
export function subjectDigestOf(binding: ApprovalBinding): string {
  return digestOf(subjectOf(binding));
}

/** What all uses of a shape grant have in common, but for the objects. */
export function shapeSubjectOf({
  principal,
  onBehalfOf,
  database,
  shape,
}: Pick<ShapeUse, 'principal' | 'onBehalfOf' | 'database' | 'shape'>): string {
  return digestOf({ principal, onBehalfOf, database, shape });
}

/** Names each member, so that one more on the object given never goes unnoticed into the digest. */
function subjectOf({ principal, onBehalfOf, database, astDigests, parameters, meaning }: ApprovalBinding) {
  const { settings = {}, parameterTypes = [] } = meaning ?? {};
  return { principal, onBehalfOf, database, astDigests, parameters, settings, parameterTypes };
}

/** Hex SHA-256 of the canonical JSON. @throws {TypeError} for texts that are no Unicode */
export function digestOf(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'hex');
}
