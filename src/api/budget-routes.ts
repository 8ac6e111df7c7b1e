/**
 * `/v1/budgets`: what is used of budgets, and what is left. Everybody sees their own; whoever may administer every database sees those
 * of all.
 */
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../errors/sluice-error.ts';
import type { BudgetStatus } from '../model/budget.ts';
import type { Actor } from '../model/principal.ts';
import { actorOfRequest } from './bearer.ts';

export interface BudgetDesk {
  /**
   * The shares that a principal draws on, those it has not used yet included; without one, every share of which something is used.
   * @throws {SluiceError} not_found
   */
  list(principal?: string): Promise<readonly BudgetStatus[]>;
  /** Whether the actor may administer every database, be it with approval. */
  seesAll(actor: Actor): boolean;
}

export interface BudgetQuery {
  readonly principal?: string;
}

export const BUDGETS_QUERY_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: { principal: { type: 'string', minLength: 1, maxLength: 63 } },
} as const;

export function addBudgetRoutes(app: FastifyInstance, desk: BudgetDesk): void {
  app.get<{ Querystring: BudgetQuery }>(
    '/v1/budgets',
    { schema: { querystring: BUDGETS_QUERY_SCHEMA } },
    async (request) => {
      const actor = actorOfRequest(request);
      const { id } = actor.principal;
      const asked = request.query.principal;
      if (asked === id) return { budgets: await desk.list(id) };
      if (desk.seesAll(actor)) return { budgets: await desk.list(asked) };
      if (asked === undefined) return { budgets: await desk.list(id) };
      throw new SluiceError('forbidden', 'you may see your own budgets only');
    },
  );
}
