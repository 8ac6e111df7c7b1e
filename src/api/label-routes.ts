/**
 * `/v1/labels`: which labels columns of a database have that no configuration gives them, and letting go of them. For those who may
 * administer the database; to everybody else it does not exist.
 */
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Label } from '../model/labels.ts';
import type { Actor } from '../model/principal.ts';
import { actorOfRequest } from './bearer.ts';
import { REASON_SCHEMA } from './reason-schema.ts';

/** A label that is remembered. */
export interface ListedLabel {
  readonly relation: string;
  /** `*` stands for which rows there are; empty for every column. */
  readonly column: string;
  readonly label: Label;
  readonly path?: readonly string[];
  /** `config:`, `suspect:` or `copy:` and the column that has it of its own. */
  readonly origin: string;
  /** The column that the values were copied from. */
  readonly because?: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** What is to be forgotten: what was copied into a column, as `schema.table.column`. */
export interface ForgetQuery {
  readonly column: string;
  readonly label?: Label;
  readonly reason?: string;
}

export interface LabelDesk {
  /** @throws {SluiceError} not_found */
  list(database: string): Promise<readonly ListedLabel[]>;
  /**
   * Records who asked, and forgets.
   * @param by the principal; absent for whoever may open the admin socket
   * @returns `relation.column:label` of what is not labelled so any more
   * @throws {SluiceError} not_found, bad_request, ledger_*
   */
  forget(database: string, query: ForgetQuery, by?: string): Promise<readonly string[]>;
  mayAdminister(actor: Actor, database: string): boolean;
}

/** The body of a request to forget a label. */
export const FORGET_SCHEMA = {
  type: 'object',
  required: ['column'],
  additionalProperties: false,
  properties: {
    column: { type: 'string', minLength: 1, maxLength: 200 },
    label: { type: 'string', minLength: 1, maxLength: 63 },
    reason: REASON_SCHEMA,
  },
} as const;

export function addLabelRoutes(app: FastifyInstance, desk: LabelDesk): void {
  type Params = { readonly database: string };
  const requireAdministrator = (actor: Actor, database: string): void => {
    if (desk.mayAdminister(actor, database)) return;
    throw new SluiceError('not_found', `there is no database ${JSON.stringify(database.slice(0, 63))}`);
  };
  app.get<{ Params: Params }>('/v1/labels/:database', async (request) => {
    const { database } = request.params;
    requireAdministrator(actorOfRequest(request), database);
    return { labels: await desk.list(database) };
  });
  app.post<{ Params: Params; Body: ForgetQuery }>(
    '/v1/labels/:database/forget',
    { schema: { body: FORGET_SCHEMA } },
    async (request) => {
      const { database } = request.params;
      const actor = actorOfRequest(request);
      requireAdministrator(actor, database);
      return { forgotten: await desk.forget(database, request.body, actor.principal.id) };
    },
  );
}
