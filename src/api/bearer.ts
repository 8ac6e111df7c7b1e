/**
 * Lets a request in if it carries a valid token: `Authorization: Bearer slc_…`. Looks at it before the body is read.
 * Repeated failures of an address are slowed down.
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError } from '../errors/sluice-error.ts';
import type { AuthThrottle } from '../identity/auth-throttle.ts';
import type { Actor } from '../model/principal.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set on every route that demands a token. */
    actor: Actor | undefined;
  }
}

export interface BearerDeps {
  /** The actor of a token's text, or undefined; see `TokenAuthority.verifyBearer`. */
  readonly verifyBearer: (text: string) => Promise<Actor | undefined>;
  readonly throttle: AuthThrottle;
  /** Told of every request that is let in, for the record; what it throws refuses the request. */
  readonly onAuthorized?: (clientAddress: string, actor: Actor) => void;
  /** Told of every refusal, for metrics and the record. */
  readonly onUnauthorized?: (clientAddress: string) => void;
}

/** Longer headers are refused unread; a token has 66 characters. */
const MAX_TOKEN_LENGTH = 200;
/** Requests of one address that may be delayed at once: whoever is slowed down must not hold all connections meanwhile. */
const MAX_DELAYED_PER_ADDRESS = 16;

/**
 * The actor of a token's text that came from an address.
 * @throws {SluiceError} unauthorized, too_many_connections
 */
export type Authenticate = (address: string, token: string | undefined) => Promise<Actor>;

export function createAuthenticate(deps: BearerDeps): Authenticate {
  const delay = delayer(deps.throttle);
  return async (address, token) => {
    await delay(address);
    const actor = token === undefined ? undefined : await deps.verifyBearer(token);
    if (actor !== undefined) {
      deps.onAuthorized?.(address, actor);
      return actor;
    }
    // A request without any token is a mistake, not a guess.
    if (token !== undefined) deps.throttle.failed(address);
    deps.onUnauthorized?.(address);
    throw new SluiceError('unauthorized', 'the request has no valid token', {
      hint: 'Send the header "Authorization: Bearer <token>"; sluice token issue makes one.',
    });
  };
}

/** Demands a token on every route of `app` (an encapsulated context). */
export function demandBearer(app: FastifyInstance, authenticate: Authenticate): void {
  app.decorateRequest('actor', undefined);
  app.addHook('onRequest', async (request) => {
    request.actor = await authenticate(request.ip, tokenOf(request));
  });
}

/** Waits as long as the failures of an address demand, but only so many of its requests at once. */
function delayer(throttle: AuthThrottle): (address: string) => Promise<void> {
  const delayed = new Map<string, number>();
  return async (address) => {
    const delayMs = throttle.delayMs(address);
    if (delayMs === 0) return;
    const others = delayed.get(address) ?? 0;
    if (others >= MAX_DELAYED_PER_ADDRESS) {
      throw new SluiceError('too_many_connections', 'too many requests after failures to authenticate');
    }
    delayed.set(address, others + 1);
    await wait(delayMs);
    const left = delayed.get(address)! - 1;
    if (left === 0) delayed.delete(address);
    else delayed.set(address, left);
  };
}

/** The actor of a request that came through `demandBearer`. */
export function actorOfRequest(request: FastifyRequest): Actor {
  if (request.actor === undefined) throw new SluiceError('unauthorized', 'the request has no valid token');
  return request.actor;
}

function tokenOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > MAX_TOKEN_LENGTH) return header === undefined ? undefined : '';
  return /^bearer +(\S+)$/i.exec(header)?.[1] ?? '';
}
