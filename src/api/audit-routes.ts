/**
 * `/v1/search`: finds entries of the ledger by a filter. Everybody finds what they did themselves and what was done on their behalf; whoever
 * may read the audit of a database finds all that concerns it. Every search is recorded.
 */
import type { FastifyInstance } from 'fastify';
import type { Actor } from '../model/principal.ts';
import type { Order } from '../search/find.ts';
import type { Hit } from '../search/hits.ts';
import type { IndexStatus } from '../search/index-loop.ts';
import { actorOfRequest } from './bearer.ts';

export interface SearchQuery {
  /** docs/search.md has the language. Empty finds everything. */
  readonly q: string;
  readonly limit: number;
  readonly order: Order;
  /** As the page before gave it. */
  readonly cursor?: string;
  /** Whether to count all that is found, on every page. */
  readonly count: boolean;
}

export interface SearchAnswer {
  readonly hits: readonly Hit[];
  /** Present if there are more: to ask for the next page with. */
  readonly cursor?: string;
  /** How many there are in all, if that was asked. */
  readonly count?: number;
  /** The newest entries of the ledger that the index does not have yet, and that are missing here. */
  readonly behind: number;
}

/** Who reads: a principal, or whoever may open the admin socket, as they say of themselves. */
export type AuditReader = { readonly actor: Actor } | { readonly administrator: string };

export interface AuditDesk {
  /** Records who asked for what, then answers. @throws {SluiceError} bad_request, store_unavailable, ledger_* */
  search(reader: AuditReader, query: SearchQuery): Promise<SearchAnswer>;
  indexStatus(): IndexStatus;
  /** Makes the index anew from the ledger. */
  rebuildIndex(): void;
}

const MAX_HITS = 1000;

/** The query of a search. */
export const SEARCH_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    q: { type: 'string', maxLength: 4000, default: '' },
    limit: { type: 'integer', minimum: 1, maximum: MAX_HITS, default: 50 },
    order: { type: 'string', enum: ['newest', 'oldest'], default: 'newest' },
    cursor: { type: 'string', minLength: 1, maxLength: 100 },
    count: { type: 'boolean', default: false },
  },
} as const;

export function addAuditRoutes(app: FastifyInstance, desk: AuditDesk): void {
  app.get<{ Querystring: SearchQuery }>('/v1/search', { schema: { querystring: SEARCH_SCHEMA } }, (request) =>
    desk.search({ actor: actorOfRequest(request) }, request.query),
  );
}
