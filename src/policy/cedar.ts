/**
 * Our only door to Cedar: one prepared schema, and policy sets that take turns under fixed names, because each new name would
 * keep its memory for ever. Whatever goes wrong inside is an answer that refuses; nothing here throws while deciding.
 *
 * https://docs.cedarpolicy.com/auth/authorization.html
 */

import type { CedarValueJson, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { SluiceError } from '../errors/sluice-error.ts';
import { cedarSchema } from './schema.ts';

export type {
  CedarValueJson,
  DetailedError,
  EntityJson,
  Expr,
  PolicyJson,
  TypeAndId,
  ValidationError,
} from '@cedar-policy/cedar-wasm/nodejs';
export { checkParsePolicySet, policyToJson, validate } from '@cedar-policy/cedar-wasm/nodejs';

/** What Cedar answered. `failed` is anything but a clean answer and must be taken as a refusal. */
export type Answer =
  | { readonly kind: 'allow' | 'deny'; readonly policies: readonly string[] }
  | { readonly kind: 'failed'; readonly policies: readonly string[] };

export interface Request {
  readonly principal: TypeAndId;
  readonly action: string;
  readonly resource: TypeAndId;
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

const SCHEMA_NAME = 'sluice';
let schemaPrepared = false;

function prepareSchema(): void {
  if (schemaPrepared) return;
  const answer = cedar.preparseSchema(SCHEMA_NAME, cedarSchema());
  if (answer.type === 'failure')
    throw new SluiceError('internal', 'the policy schema does not parse', { cause: answer });
  schemaPrepared = true;
}

/** Which instance is prepared under each name now. */
const prepared = new Map<string, PreparedPolicies>();

/** A set of policies, prepared on first use and again whenever another set of the same role took its place. */
export class PreparedPolicies {
  readonly #role: string;
  readonly #texts: Record<string, string>;

  /** `role` is one of a few constants: it names a slot that is never freed. */
  constructor(role: 'all' | 'permits', texts: Readonly<Record<string, string>>) {
    this.#role = role;
    this.#texts = { ...texts };
  }

  /** Asks Cedar. Never throws: a failure of any kind is an answer of kind `failed`. */
  ask(request: Request): Answer {
    try {
      this.#prepare();
      return read(
        cedar.statefulIsAuthorized({
          principal: request.principal,
          action: { type: 'Action', id: request.action },
          resource: request.resource,
          context: request.context,
          entities: request.entities,
          preparsedPolicySetId: this.#role,
          preparsedSchemaName: SCHEMA_NAME,
          validateRequest: true,
        }),
      );
    } catch {
      return { kind: 'failed', policies: [] };
    }
  }

  #prepare(): void {
    if (prepared.get(this.#role) === this) return;
    prepareSchema();
    prepared.delete(this.#role);
    const answer = cedar.preparsePolicySet(this.#role, { staticPolicies: this.#texts });
    if (answer.type === 'failure')
      throw new SluiceError('internal', 'a loaded policy set does not parse', { cause: answer });
    prepared.set(this.#role, this);
  }
}

/** An error in any policy fails the whole answer: Cedar skips such a policy, so an erring forbid would not forbid. */
function read(answer: cedar.AuthorizationAnswer): Answer {
  if (answer.type === 'failure') return { kind: 'failed', policies: [] };
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) {
    return { kind: 'failed', policies: diagnostics.errors.map((error) => error.policyId) };
  }
  return { kind: decision === 'allow' ? 'allow' : 'deny', policies: diagnostics.reason };
}
