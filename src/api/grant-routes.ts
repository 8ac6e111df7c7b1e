/**
 * `/v1/approvals/<id>/grant` and `/v1/grants`: give more than one statement with an approval, see what was given, take it back.
 * Whether an answer counts is decided by `approvals`. A grant is seen by those who have it, for whom it was asked, and who may give
 * it; to everybody else it does not exist.
 */
import type { FastifyInstance } from 'fastify';
import { readBound } from '../approvals/value-bounds.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Grant, GrantTerms, ValueBound } from '../model/grant.ts';
import type { Actor } from '../model/principal.ts';
import type { ReviewDesk } from './approval-review.ts';
import { type ApprovalDesk, sameList, visibleRequest } from './approval-routes.ts';
import { actorOfRequest } from './bearer.ts';
import { REASON_SCHEMA } from './reason-schema.ts';

/** What the routes need of grants. */
export interface GrantDesk {
  /**
   * Approves a request, and grants the shape of its statement within these terms.
   * @throws {SluiceError} as `ApprovalDesk.vote`, and bad_request for terms that cannot be
   */
  grant(id: string, voter: Actor, terms: GrantTerms, reason?: string): Promise<ApprovalRequest>;
  /** The newest first. */
  list(limit: number): Promise<readonly Grant[]>;
  get(id: string): Promise<Grant | undefined>;
  /** @throws {SluiceError} not_found, forbidden, conflict (ended) */
  revoke(id: string, actor: Actor, reason?: string): Promise<Grant>;
}

/** How many of the newest grants are searched for those that the caller may see. */
const MAX_LOOKED_AT = 5000;
const MAX_BOUNDS = 1000;

const BOUNDS = {
  type: 'object',
  propertyNames: { pattern: '^[1-9][0-9]{0,4}$' },
  additionalProperties: { type: 'string', maxLength: 1000 },
  maxProperties: MAX_BOUNDS,
} as const;
const TERMS_SCHEMA = {
  type: 'object',
  required: ['times', 'forMs'],
  additionalProperties: false,
  properties: {
    ...{
      times: { type: 'integer' },
      forMs: { type: 'integer' },
      maxRows: { type: 'integer' },
      reason: REASON_SCHEMA,
    },
    ...{ parameters: BOUNDS, literals: BOUNDS },
  },
} as const;
const REVOKE_SCHEMA = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { reason: REASON_SCHEMA },
} as const;
const LIST_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'integer', minimum: 1, maximum: 500, default: 100 } },
} as const;

/** Bounds as they are written, by number from 1; what is not named must be as in the statement that was asked for. */
export interface GrantBody {
  readonly times: number;
  readonly forMs: number;
  readonly maxRows?: number;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly literals?: Readonly<Record<string, string>>;
  readonly reason?: string;
}

export function addGrantRoutes(
  app: FastifyInstance,
  approvals: ApprovalDesk,
  grants: GrantDesk,
  reviews: ReviewDesk,
): void {
  app.post<{ Params: { id: string }; Body: GrantBody }>(
    '/v1/approvals/:id/grant',
    { schema: { body: TERMS_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const found = await visibleRequest(approvals, actor, request.params.id);
      if (reviews.revealed(found, actor).valuesHidden === true) refuseProbes(request.body);
      const terms = termsOf(found, request.body);
      return reviews.revealed(await grants.grant(found.id, actor, terms, request.body.reason), actor);
    },
  );
  app.get<{ Querystring: { limit: number } }>(
    '/v1/grants',
    { schema: { querystring: LIST_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const seen = (await visibleGrants(grants, actor)).slice(0, request.query.limit);
      return { grants: seen.map((grant) => reviews.revealedGrant(grant, actor)) };
    },
  );
  app.get<{ Params: { id: string } }>('/v1/grants/:id', async (request) => {
    const actor = actorOfRequest(request);
    return reviews.revealedGrant(await visibleGrant(grants, actor, request.params.id), actor);
  });
  app.post<{ Params: { id: string }; Body: { reason?: string } | null }>(
    '/v1/grants/:id/revoke',
    { schema: { body: REVOKE_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const { id } = await visibleGrant(grants, actor, request.params.id);
      return reviews.revealedGrant(await grants.revoke(id, actor, request.body?.reason), actor);
    },
  );
}

/** Bounds that hold or not would tell whoever writes them what they may not see. */
function refuseProbes({ parameters, literals }: GrantBody): void {
  const bounds = [...Object.values(parameters ?? {}), ...Object.values(literals ?? {})];
  if (bounds.every((bound) => bound === '*')) return;
  throw new SluiceError('forbidden', 'bounds are set by those who may see the values of the statement', {
    hint: 'Grant the values as they are, or * for any.',
  });
}

function termsOf({ binding, shape }: ApprovalRequest, body: GrantBody): GrantTerms {
  const { times, forMs, maxRows } = body;
  return {
    ...{ times, forMs, ...(maxRows === undefined ? {} : { maxRows }) },
    parameters: boundsOf('parameter', binding.parameters, body.parameters),
    literals: boundsOf('literal', shape?.literals ?? [], body.literals),
  };
}

function boundsOf(
  what: string,
  values: readonly (string | null)[],
  written: Readonly<Record<string, string>> = {},
): ValueBound[] {
  const beyond = Object.keys(written).find((number) => Number(number) > values.length);
  if (beyond !== undefined) {
    throw new SluiceError('bad_request', `the statement has no ${what} ${beyond}: it has ${values.length}`);
  }
  return values.map((is, index) => {
    const text = written[String(index + 1)];
    return text === undefined ? { is } : readBound(text);
  });
}

/** Those that the actor may see, the newest first. */
export async function visibleGrants(desk: GrantDesk, actor: Actor): Promise<readonly Grant[]> {
  const newest = await desk.list(MAX_LOOKED_AT);
  return newest.filter((grant) => maySee(actor, grant));
}

async function visibleGrant(desk: GrantDesk, actor: Actor, id: string): Promise<Grant> {
  const grant = await desk.get(id);
  if (grant !== undefined && maySee(actor, grant)) return grant;
  throw new SluiceError('not_found', `there is no grant ${JSON.stringify(id.slice(0, 40))}`, {
    hint: 'sluice approvals grants shows the grants you may see.',
  });
}

function maySee({ principal, onBehalfOf }: Actor, grant: Grant): boolean {
  const chain = onBehalfOf.map(({ id }) => id);
  if (grant.principal === principal.id && sameList(grant.onBehalfOf, chain)) return true;
  if (principal.kind !== 'Human' || chain.length > 0) return false;
  return (
    grant.onBehalfOf.includes(principal.id) ||
    grant.rule.groups.some((group) => principal.groups.includes(group))
  );
}
