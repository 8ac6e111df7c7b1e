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

/** So many sets are prepared at once; a set of some dozen policies takes 60 KiB. */
const MAX_PREPARED = 64;
/** The name under which each is prepared, the least recently used first. */
const prepared = new Map<PreparedPolicies, string>();

/** Names that nothing is prepared under. */
const spare: string[] = Array.from({ length: MAX_PREPARED }, (_, i) => `slice-${i}`);

/** A name to prepare something under: that of the least recently used, if all are taken. */
function freeName(): string {
  const free = spare.pop();
  if (free !== undefined) return free;
  const [oldest, name] = prepared.entries().next().value!;
  prepared.delete(oldest);
  return name;
}

/** A set of policies, prepared on first use and again if others have taken its place. */
export class PreparedPolicies {
  readonly #texts: Record<string, string>;

  constructor(texts: Readonly<Record<string, string>>) {
    this.#texts = { ...texts };
  }

  /** Asks Cedar. Never throws: a failure of any kind is an answer of kind `failed`. */
  ask(request: Request): Answer {
    try {
      const name = this.#prepare();
      return read(
        cedar.statefulIsAuthorized({
          principal: request.principal,
          action: { type: 'Action', id: request.action },
          resource: request.resource,
          context: request.context,
          entities: request.entities,
          preparsedPolicySetId: name,
          preparsedSchemaName: SCHEMA_NAME,
          validateRequest: true,
        }),
      );
    } catch {
      return { kind: 'failed', policies: [] };
    }
  }

  /** @returns the name under which it is prepared */
  #prepare(): string {
    prepareSchema();
    const name = prepared.get(this) ?? this.#prepareAt(freeName());
    prepared.delete(this);
    prepared.set(this, name);
    return name;
  }

  #prepareAt(name: string): string {
    const answer = cedar.preparsePolicySet(name, { staticPolicies: this.#texts });
    if (answer.type === 'success') return name;
    spare.push(name);
    throw new SluiceError('internal', 'a loaded policy set does not parse', { cause: answer });
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
