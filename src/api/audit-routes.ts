/**
 * `/v1/search`: finds entries of the ledger by a filter. `/v1/sessions/<id>/events`: what a session did. Everybody finds what they did themselves and what was done on their behalf; whoever
 * may read the audit of a database finds all that concerns it. Every such reading is recorded.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { jsonLine } from '../html/visible-text.ts';
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
  /**
   * Everything a session did, in order, in batches; records who asked first.
   * @throws {SluiceError} not_found if there is no such session, or none that the reader may see; as `search` does
   */
  replay(
    reader: AuditReader,
    query: ReplayQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly Hit[]>>;
  indexStatus(): IndexStatus;
  /** Makes the index anew from the ledger. */
  rebuildIndex(): void;
}

export interface ReplayQuery {
  readonly session: string;
  /** Only what stands behind this place of the ledger. */
  readonly after?: number;
  /** Whether to wait for more while the session lives: for some 25 seconds, then ask again with `after`. */
  readonly follow: boolean;
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

/** The query of a replay. */
export const REPLAY_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: { after: { type: 'integer', minimum: -1 }, follow: { type: 'boolean', default: false } },
} as const;

/** Hits as lines of JSON, as they come; ends what is under way when the reader goes. */
export async function sendReplay(
  reply: FastifyReply,
  replay: (signal: AbortSignal) => Promise<AsyncIterable<readonly Hit[]>>,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const batches = await replay(gone.signal);
  const lines = async function* () {
    for await (const hits of batches) yield hits.map((hit) => `${jsonLine(hit)}\n`).join('');
  };
  return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(lines()));
}

export function addAuditRoutes(app: FastifyInstance, desk: AuditDesk): void {
  app.get<{ Querystring: SearchQuery }>('/v1/search', { schema: { querystring: SEARCH_SCHEMA } }, (request) =>
    desk.search({ actor: actorOfRequest(request) }, request.query),
  );
  app.get<{ Params: { id: string }; Querystring: Omit<ReplayQuery, 'session'> }>(
    '/v1/sessions/:id/events',
    { schema: { querystring: REPLAY_SCHEMA } },
    (request, reply) => {
      const query = { session: request.params.id, ...request.query };
      return sendReplay(reply, (signal) => desk.replay({ actor: actorOfRequest(request) }, query, signal));
    },
  );
}
