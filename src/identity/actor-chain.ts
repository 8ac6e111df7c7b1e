/** Who acts for whom: turns the names of a token into an `Actor`, as far as the configuration still allows it. */
import type { PrincipalConfig } from '../config/config.ts';
import { didYouMean } from '../config/nearest-name.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Actor, Principal } from '../model/principal.ts';
import type { TokenRecord } from './token.ts';

/** The configured principals by id. */
export type Principals = ReadonlyMap<string, PrincipalConfig>;

/** Longer chains are refused; nobody can review them. */
const MAX_CHAIN_LENGTH = 8;

/**
 * The actor that a token stands for, or undefined if its principal is gone or may no longer act for everyone in its
 * chain.
 */
export function actorOf(
  token: Pick<TokenRecord, 'id' | 'principal' | 'onBehalfOf' | 'purpose'>,
  principals: Principals,
): Actor | undefined {
  const principal = principals.get(token.principal);
  if (principal === undefined || chainProblem(principal, token.onBehalfOf, principals) !== undefined)
    return undefined;
  return {
    principal: plainPrincipal(principal),
    onBehalfOf: token.onBehalfOf.map((id) => plainPrincipal(principals.get(id)!)),
    ...(token.purpose === undefined ? {} : { purpose: token.purpose }),
    tokenId: token.id,
  };
}

/** Whoever is known without a token (by a certificate, an account of a chat) and acts for nobody else; undefined if there is no such principal. */
export function actorAlone(id: string, principals: Principals): Actor | undefined {
  const principal = principals.get(id);
  return principal === undefined ? undefined : { principal: plainPrincipal(principal), onBehalfOf: [] };
}

/**
 * The principal of that id.
 * @throws {SluiceError} not_found
 */
export function requirePrincipal(id: string, principals: Principals): PrincipalConfig {
  const principal = principals.get(id);
  if (principal !== undefined) return principal;
  throw new SluiceError('not_found', `no principal ${JSON.stringify(id)} is configured`, {
    hint: didYouMean(id, principals.keys(), 'Add it to principals in the configuration.'),
  });
}

/** Why `principal` may not act for the chain `onBehalfOf` (nearest first), or undefined if it may. */
export function chainProblem(
  principal: PrincipalConfig,
  onBehalfOf: readonly string[],
  principals: Principals,
): SluiceError | undefined {
  if (onBehalfOf.length > MAX_CHAIN_LENGTH) {
    return new SluiceError('bad_request', `a chain may name at most ${MAX_CHAIN_LENGTH} principals`);
  }
  if (new Set([principal.id, ...onBehalfOf]).size <= onBehalfOf.length) {
    return new SluiceError('bad_request', 'a chain may name each principal only once');
  }
  let actor = principal;
  for (const id of onBehalfOf) {
    const next = principals.get(id);
    if (next === undefined || actor.kind === 'Human' || !actor.mayActFor.includes(id))
      return refuseLink(actor, id);
    actor = next;
  }
  return undefined;
}

function refuseLink(actor: PrincipalConfig, id: string): SluiceError {
  const hint =
    actor.kind === 'Human'
      ? 'Only agents and services act for others.'
      : `Add it to principals.${actor.id}.mayActFor in the configuration.`;
  return new SluiceError('forbidden', `${actor.id} may not act for ${JSON.stringify(id)}`, { hint });
}

/** Without what only the configuration knows. */
function plainPrincipal({ id, kind, displayName, groups }: PrincipalConfig): Principal {
  return { id, kind, groups, ...(displayName === undefined ? {} : { displayName }) };
}
