/**
 * `/v1/access`: ask for a membership or the sight of a label for a time, see what is lent, give it back. The request is answered like any other
 * (`/v1/approvals`), and what was lent is a grant like any other (`/v1/grants`).
 */
import type { FastifyInstance } from 'fastify';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AccessWish } from '../model/grant.ts';
import type { Actor } from '../model/principal.ts';
import { actorOfRequest } from './bearer.ts';
import { type GrantDesk, visibleGrants } from './grant-routes.ts';
import { REASON_SCHEMA } from './reason-schema.ts';

/** What the routes need of those who take requests for access. */
export interface AccessRequests {
  /** @throws {SluiceError} not_found, forbidden, bad_request, conflict */
  ask(actor: Actor, wish: AccessWish, reason: string): Promise<ApprovalRequest>;
}

const NAME = { type: 'string', minLength: 1, maxLength: 63 } as const;
const WISH = {
  forMs: { type: 'integer' },
  reason: REASON_SCHEMA,
} as const;
const ASK_SCHEMA = {
  type: 'object',
  oneOf: [
    {
      required: ['group', 'forMs', 'reason'],
      additionalProperties: false,
      properties: { group: NAME, ...WISH },
    },
    {
      required: ['unmask', 'database', 'forMs', 'reason'],
      additionalProperties: false,
      properties: { unmask: NAME, database: NAME, ...WISH },
    },
  ],
} as const;
const LIST_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'integer', minimum: 1, maximum: 500, default: 100 } },
} as const;

/** A membership, or the sight of a label in a database. */
export type AccessBody = AccessWish['right'] & { readonly forMs: number; readonly reason: string };

export function addAccessRoutes(app: FastifyInstance, access: AccessRequests, grants: GrantDesk): void {
  app.post<{ Body: AccessBody }>('/v1/access', { schema: { body: ASK_SCHEMA } }, async (request, reply) => {
    const { forMs, reason, ...right } = request.body;
    const asked = await access.ask(actorOfRequest(request), { right, forMs }, reason);
    return reply.code(201).send(asked);
  });
  app.get<{ Querystring: { limit: number } }>(
    '/v1/access',
    { schema: { querystring: LIST_SCHEMA } },
    async (request) => {
      const seen = await visibleGrants(grants, actorOfRequest(request));
      return { access: seen.filter(({ kind }) => kind === 'access').slice(0, request.query.limit) };
    },
  );
}
