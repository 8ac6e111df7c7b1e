/**
 * `/v1/approvals`: see held statements, answer them, take them back. Whether an answer counts is decided by `approvals`; here is decided
 * only who may see a request at all, because its statement may hold values: whoever asked, the people on whose behalf, and
 * people in a group that may answer. To everybody else it does not exist.
 */
import type { FastifyInstance } from 'fastify';
import { answeringGroups } from '../approvals/quorum.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest, ApprovalState } from '../model/approval.ts';
import type { Preview } from '../model/preview.ts';
import type { Actor } from '../model/principal.ts';
import type { ReviewDesk } from './approval-review.ts';
import { actorOfRequest } from './bearer.ts';
import { REASON_SCHEMA } from './reason-schema.ts';

/** What the routes need of `approvals`. */
export interface ApprovalDesk {
  /** The newest first. */
  list(filter: {
    readonly state?: ApprovalState;
    readonly limit: number;
  }): Promise<readonly ApprovalRequest[]>;
  get(id: string): Promise<ApprovalRequest | undefined>;
  /**
   * Counts one answer and returns the request as it then is.
   * @throws {SluiceError} not_found, forbidden (self-approval, not in a group, not a person), conflict (not pending)
   */
  vote(
    id: string,
    voter: Actor,
    verdict: 'approve' | 'deny',
    reason?: string,
    via?: string,
  ): Promise<ApprovalRequest>;
  /**
   * Takes a request back.
   * @throws {SluiceError} not_found, forbidden (not theirs), conflict (settled)
   */
  withdraw(id: string, actor: Actor): Promise<ApprovalRequest>;
}

const STATES: readonly ApprovalState[] = [
  'pending',
  'approved',
  'used',
  'denied',
  'expired',
  'drifted',
  'cancelled',
];

/** How many of the newest requests are searched for those that the caller may see. */
const MAX_LOOKED_AT = 5000;

const QUERY_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    state: { enum: STATES },
    limit: { type: 'integer', minimum: 1, maximum: 500, default: 100 },
  },
} as const;
const VOTE_SCHEMA = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { reason: REASON_SCHEMA },
} as const;

const NO_BODY_SCHEMA = { type: ['object', 'null'], additionalProperties: false } as const;

/** Runs a held statement and takes it back, for somebody who may answer. */
export type Previewer = (id: string, reviewer: Actor) => Promise<Preview>;

export interface ApprovalRouteDeps {
  readonly desk: ApprovalDesk;
  readonly preview: Previewer;
  readonly reviews: ReviewDesk;
}

export function addApprovalRoutes(app: FastifyInstance, { desk, preview, reviews }: ApprovalRouteDeps): void {
  app.get<{ Querystring: { state?: ApprovalState; limit: number } }>(
    '/v1/approvals',
    { schema: { querystring: QUERY_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const { limit, ...filter } = request.query;
      const newest = await desk.list({ ...filter, limit: MAX_LOOKED_AT });
      const seen = newest.filter((approval) => maySee(actor, approval)).slice(0, limit);
      return { approvals: seen.map((approval) => reviews.revealed(approval, actor)) };
    },
  );
  app.get<{ Params: { id: string } }>('/v1/approvals/:id', async (request) => {
    const actor = actorOfRequest(request);
    const found = await visibleRequest(desk, actor, request.params.id);
    return { ...reviews.revealed(found, actor), review: await reviews.review(found, actor) };
  });
  app.post<{ Params: { id: string } }>(
    '/v1/approvals/:id/cancel',
    { schema: { body: NO_BODY_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const { id } = await visibleRequest(desk, actor, request.params.id);
      return reviews.revealed(await desk.withdraw(id, actor), actor);
    },
  );
  app.post<{ Params: { id: string } }>(
    '/v1/approvals/:id/preview',
    { schema: { body: NO_BODY_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const { id } = await visibleRequest(desk, actor, request.params.id);
      return preview(id, actor);
    },
  );
  addVoteRoute(app, desk, reviews, 'approve');
  addVoteRoute(app, desk, reviews, 'deny');
}

function addVoteRoute(
  app: FastifyInstance,
  desk: ApprovalDesk,
  reviews: ReviewDesk,
  verdict: 'approve' | 'deny',
): void {
  app.post<{ Params: { id: string }; Body: { reason?: string } | null }>(
    `/v1/approvals/:id/${verdict}`,
    { schema: { body: VOTE_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const { id } = await visibleRequest(desk, actor, request.params.id);
      return reviews.revealed(await desk.vote(id, actor, verdict, request.body?.reason), actor);
    },
  );
}

/** @throws {SluiceError} not_found, also for what the actor may not see */
export async function visibleRequest(desk: ApprovalDesk, actor: Actor, id: string): Promise<ApprovalRequest> {
  const request = await desk.get(id);
  if (request !== undefined && maySee(actor, request)) return request;
  throw new SluiceError('not_found', `there is no approval request ${JSON.stringify(id.slice(0, 40))}`, {
    hint: 'sluice approvals list shows the requests you may see.',
  });
}

/** Agents see what they asked for the same people, and nothing else: groups are a matter of people. */
export function maySee({ principal, onBehalfOf }: Actor, request: ApprovalRequest): boolean {
  const { binding } = request;
  const asked =
    binding.principal === principal.id &&
    sameList(
      binding.onBehalfOf,
      onBehalfOf.map(({ id }) => id),
    );
  if (asked) return true;
  if (principal.kind !== 'Human' || onBehalfOf.length > 0) return false;
  return (
    binding.onBehalfOf.includes(principal.id) ||
    answeringGroups(request).some((group) => principal.groups.includes(group))
  );
}

export function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
