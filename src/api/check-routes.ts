/** `POST /v1/check`: decides a statement without running it, for whoever would run it. */
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Principals } from '../identity/actor-chain.ts';
import type { Actor } from '../model/principal.ts';
import type { Checker, CheckQuery } from '../session/check-report.ts';
import { actorOfRequest } from './bearer.ts';

interface CheckBody {
  readonly database: string;
  readonly sql: string;
  readonly principal?: string;
}

const BODY_SCHEMA = {
  type: 'object',
  required: ['database', 'sql'],
  additionalProperties: false,
  properties: {
    database: { type: 'string', minLength: 1, maxLength: 63 },
    sql: { type: 'string' },
    principal: { type: 'string', minLength: 1, maxLength: 63 },
  },
} as const;

export function addCheckRoutes(app: FastifyInstance, check: Checker, principals: Principals): void {
  app.post<{ Body: CheckBody }>('/v1/check', { schema: { body: BODY_SCHEMA } }, async (request) => {
    const { principal, ...asked } = request.body;
    return check({ ...identityFor(actorOfRequest(request), principal, principals), ...asked });
  });
}

/** Callers may ask as themselves, and as agents and services that may act for them. */
function identityFor(
  actor: Actor,
  principal: string | undefined,
  principals: Principals,
): Pick<CheckQuery, 'principal' | 'onBehalfOf' | 'purpose'> {
  const purpose = actor.purpose === undefined ? {} : { purpose: actor.purpose };
  if (principal === undefined || principal === actor.principal.id) {
    return { principal: actor.principal.id, onBehalfOf: actor.onBehalfOf.map(({ id }) => id), ...purpose };
  }
  const mayActForCaller = principals.get(principal)?.mayActFor.includes(actor.principal.id) ?? false;
  if (mayActForCaller && actor.onBehalfOf.length === 0) {
    return { principal, onBehalfOf: [actor.principal.id], ...purpose };
  }
  throw new SluiceError('forbidden', `you may not ask as ${JSON.stringify(principal)}`, {
    hint: 'Leave principal out to ask as yourself, or name an agent that may act for you.',
  });
}
