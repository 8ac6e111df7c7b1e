/** Watching over sessions: who may, and what is recorded of it. */
import { noSession, type SessionDesk } from '../api/session-routes.ts';
import type { SessionHost } from './session-host.ts';
import type { SharedServices } from './shared-services.ts';

export function createSessionDesk(
  { config, ledger, policies }: SharedServices,
  host: SessionHost,
): SessionDesk {
  return {
    list: () => host.sessions(),
    kill: async (id, { by, reason }) => {
      const { sessions } = await host.sessions();
      if (!sessions.some((session) => session.id === id)) throw noSession(id);
      const door = by === undefined ? 'admin-socket' : 'http';
      const asked = { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
      await ledger.durable(ledger.append({ kind: 'session-killed', session: id, door, ...asked }));
      // It may have ended by itself meanwhile, which is what was wanted.
      await host.killSession(id);
    },
    clearTaint: async (id, reason) => {
      const { sessions } = await host.sessions();
      if (!sessions.some((session) => session.id === id)) throw noSession(id);
      await ledger.durable(ledger.append({ kind: 'taint-cleared', session: id, reason }));
      if (!(await host.clearTaint(id))) throw noSession(id);
    },
    mayAdminister: (actor, name) => {
      const database = config.databases.get(name);
      const now = new Date();
      return database !== undefined && policies.current().administers(actor, database, { now });
    },
  };
}
