/**
 * `/v1/sessions`: see who is connected, and end sessions. Everybody sees their own sessions and those of agents that act on their behalf;
 * whoever may administer a database sees all of its sessions. To everybody else they do not exist.
 */
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Actor } from '../model/principal.ts';
import type { SessionStatus } from '../model/session.ts';
import { sameList } from './approval-routes.ts';
import { actorOfRequest } from './bearer.ts';
import { REASON_SCHEMA } from './reason-schema.ts';

/** All sessions there are, as far as they could be had. */
export interface SessionListing {
  readonly sessions: readonly SessionStatus[];
  /** Workers that did not answer: their sessions are missing. */
  readonly silentWorkers: readonly number[];
}

/** Who asks for a session's end. */
export interface SessionKill {
  /** The principal; absent for whoever may open the admin socket. */
  readonly by?: string;
  readonly reason?: string;
}

/** What the routes need of those who serve sessions. */
export interface SessionDesk {
  list(): Promise<SessionListing>;
  /**
   * Records who asked, and ends the session: its client is told 57P01.
   * @throws {SluiceError} not_found, ledger_*
   */
  kill(id: string, asked: SessionKill): Promise<void>;
  /**
   * Records that somebody asked, and why, and takes the taint from a session and its reader. For whoever may open the admin socket.
   * @throws {SluiceError} not_found, conflict while it runs something, ledger_*
   */
  clearTaint(id: string, reason: string): Promise<void>;
  /** Whether the actor may administer a database, be it with approval: nobody waits for one here. */
  mayAdminister(actor: Actor, database: string): boolean;
}

/** The body of a request to end a session. */
export const KILL_SCHEMA = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { reason: REASON_SCHEMA },
} as const;

/** The body of a request to take the taint from a session: nobody does so without a reason. */
export const CLEAR_SCHEMA = {
  type: 'object',
  required: ['reason'],
  additionalProperties: false,
  properties: { reason: REASON_SCHEMA },
} as const;

export interface KillBody {
  readonly reason?: string;
}

export function addSessionRoutes(app: FastifyInstance, desk: Omit<SessionDesk, 'clearTaint'>): void {
  app.get('/v1/sessions', async (request) => {
    const { sessions, silentWorkers } = await desk.list();
    return { sessions: sessions.filter(visibleTo(actorOfRequest(request), desk)), silentWorkers };
  });
  app.post<{ Params: { id: string }; Body: KillBody | null }>(
    '/v1/sessions/:id/kill',
    { schema: { body: KILL_SCHEMA } },
    async (request, reply) => {
      const { id } = request.params;
      const actor = actorOfRequest(request);
      const { sessions } = await desk.list();
      const found = sessions.filter((session) => session.id === id).some(visibleTo(actor, desk));
      if (!found) throw noSession(id);
      await desk.kill(id, { by: actor.principal.id, ...request.body });
      return reply.code(204).send();
    },
  );
}

export function noSession(id: string): SluiceError {
  return new SluiceError('not_found', `there is no session ${JSON.stringify(id.slice(0, 40))}`, {
    hint: 'sluice sessions list shows the sessions you may see.',
  });
}

/** An agent is as narrow as its token: it sees what the same agent does for the same people. */
function visibleTo(
  { principal, onBehalfOf, ...actor }: Actor,
  desk: Pick<SessionDesk, 'mayAdminister'>,
): (session: SessionStatus) => boolean {
  const chain = onBehalfOf.map(({ id }) => id);
  const administered = new Map<string, boolean>();
  return (session) => {
    if (session.principal === principal.id && sameList(session.onBehalfOf, chain)) return true;
    if (chain.length === 0 && session.onBehalfOf.includes(principal.id)) return true;
    const known = administered.get(session.database);
    const may = known ?? desk.mayAdminister({ principal, onBehalfOf, ...actor }, session.database);
    administered.set(session.database, may);
    return may;
  };
}
