/**
 * Wiring: makes the rooms from a configuration, connects them, and takes them down in the reverse order. Nothing is decided here.
 */
import type { FastifyInstance } from 'fastify';
import { createAdminApi, listenAdmin } from './api/admin-api.ts';
import { type ApiDeps, createApi } from './api/api.ts';
import type { Config } from './config/config.ts';
import { asSluiceError } from './errors/sluice-error.ts';
import { Acceptor } from './gateway/postgres/acceptor.ts';
import type { ChangeAuthor } from './model/ledger-entry.ts';
import { createAuditDesk, openIndex } from './workers/audit-desk.ts';
import { createBudgetDesk } from './workers/budget-desk.ts';
import { openSlackDoor, openTeamsDoor } from './workers/chat-doors.ts';
import { exportProblem } from './workers/exporting.ts';
import { createLabelDesk } from './workers/label-desk.ts';
import { openRequestView } from './workers/request-view.ts';
import { createSessionDesk } from './workers/session-desk.ts';
import { hostHere, type SessionHost } from './workers/session-host.ts';
import {
  type GatewayRuntime,
  openSharedServices,
  type SharedServices,
  type Undo,
} from './workers/shared-services.ts';
import { WorkerPool } from './workers/worker-pool.ts';

/** A gateway that serves. */
export interface RunningGateway {
  /** `host:port`; the admin socket's path. */
  readonly listeners: { readonly postgres: string; readonly http: string; readonly admin: string };
  /**
   * Policies, and the certificates of the PostgreSQL listener with what is asked of clients. What changed is recorded with its author.
   * @throws {SluiceError} policy_invalid, config_invalid: the old ones stay in force
   */
  reloadPolicies(author: ChangeAuthor): Promise<void>;
  /** Lets sessions finish what is under way, ends the rest, and closes. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

/**
 * Starts everything and resolves when it serves. Whatever fails on the way is taken down again.
 * @throws {SluiceError} config_invalid, policy_invalid, ledger_*, and errors of listening
 */
export async function startGateway(config: Config, runtime: GatewayRuntime): Promise<RunningGateway> {
  const undo: Undo = [];
  const takeDown = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        runtime.log.error({ err: error }, 'shutdown step failed');
      }
    }
  };
  try {
    return await wire(config, runtime, undo, takeDown);
  } catch (thrown) {
    await takeDown();
    throw thrown;
  }
}

async function wire(
  config: Config,
  runtime: GatewayRuntime,
  undo: Undo,
  takeDown: () => Promise<void>,
): Promise<RunningGateway> {
  const startedAt = Date.now();
  const shared = await openSharedServices(config, runtime, undo);
  const { log, version, policies } = shared;
  const { workers } = shared.config;
  const host = workers === 0 ? await hostHere(shared) : await WorkerPool.open(shared, workers);
  undo.push(() => host.close());
  const sessions = createSessionDesk(shared, host);
  const labels = createLabelDesk(shared);
  const budgets = createBudgetDesk(shared);
  const index = openIndex({ ...shared, onDeviations: (deviations) => host.installDeviations(deviations) });
  undo.push(() => index.close());
  // It must not know more than the ledger.
  shared.pruneListeners.add(() => index.rebuild());
  const audit = createAuditDesk({ ...shared, index, now: Date.now });
  const readAnew = async (author: ChangeAuthor) => {
    try {
      const read = runtime.readConfig?.();
      return { read, certificates: read && shared.postgresCertificates(read) };
    } catch (thrown) {
      await shared.configRecord.rejected(asSluiceError(thrown), author);
      throw thrown;
    }
  };
  const reloadPolicies = async (author: ChangeAuthor): Promise<void> => {
    const { read, certificates } = await readAnew(author);
    await policies.reload(author);
    await host.policiesChanged();
    if (certificates !== undefined) await host.renewCertificates(certificates);
    if (read !== undefined) await shared.configRecord.reloaded(read, author);
  };
  const acceptor = new Acceptor({
    listener: config.listen.postgres,
    onConnection: (socket) => host.accept(socket),
    onError: (error) => log.error({ err: error }, 'the PostgreSQL listener failed'),
  });
  undo.push(() => acceptor.close());
  const listeners = {
    postgres: addressText(config.listen.postgres.host, await acceptor.listen()),
    http: await serveHttp(shared, host, { sessions, labels, budgets, audit }, undo),
    admin: config.listen.adminSocket,
  };
  const admin = createAdminApi({
    tokens: shared.tokens,
    ...{ sessions, labels, budgets, audit },
    check: (query) => host.check(query),
    status: () => ({
      version,
      pid: process.pid,
      listeners,
      policyVersion: policies.current().version,
      startedAt,
      workers: host.workers(),
    }),
    reloadPolicies,
    onRequest: (by) => shared.doors.administered(by),
    now: Date.now,
    log,
    maxStatementBytes: config.limits.maxStatementBytes,
  });
  undo.push(() => admin.close());
  await listenAdmin(admin, config.listen.adminSocket);
  return {
    listeners,
    reloadPolicies,
    drain: async () => {
      acceptor.close();
      await host.drain(config.limits.drainTimeoutMs);
      await takeDown();
    },
    close: takeDown,
  };
}

/** The HTTP API, listening. @returns its address */
async function serveHttp(
  shared: SharedServices,
  host: SessionHost,
  desks: Pick<ApiDeps, 'sessions' | 'labels' | 'budgets' | 'audit'>,
  undo: Undo,
): Promise<string> {
  const { config, tokens, metrics, doors } = shared;
  const tls = shared.certificateOf('http');
  const api = createApi({
    approvals: shared.approvals,
    access: shared.accessRequests,
    reviews: openRequestView({
      ...{ databases: config.databases, store: shared.store.approvals, now: Date.now },
      policy: shared.policies.current,
    }),
    grants: {
      grant: (id, voter, terms, reason) => shared.approvals.voteToGrant(id, voter, terms, reason),
      list: (limit) => shared.grants.list(limit),
      get: (id) => shared.grants.get(id),
      revoke: (id, actor, reason) => shared.grants.revoke(id, actor, reason),
    },
    ...desks,
    preview: (id, reviewer) =>
      shared.approvals.previews.preview(id, reviewer, (request) => host.preview(request, reviewer)),
    check: (query) => host.check(query),
    slack: openSlackDoor(config.approvals.slack, { ...shared, principals: config.principals }),
    teams: openTeamsDoor(config.approvals.teams, { ...shared, principals: config.principals }),
    principals: config.principals,
    log: shared.log,
    maxStatementBytes: config.limits.maxStatementBytes,
    verifyBearer: (text) => tokens.verifyBearer(text),
    throttle: shared.throttle,
    onAuthorized: (client, actor) => doors.cameIn(client, actor),
    onUnauthorized: (client) => {
      metrics.authentications.inc({ result: 'failed' });
      doors.failed(client);
    },
    readiness: host.readiness,
    warnings: new Map([
      ['publishing', () => shared.sequencer.status().failure?.message],
      ['exports', () => shared.exports && exportProblem(shared.exports)],
    ]),
    metrics: host.metrics,
    ...(tls && { tls }),
  });
  undo.push(() => api.close());
  return listenHttp(api, config);
}

async function listenHttp(api: FastifyInstance, config: Config): Promise<string> {
  const { host, port } = config.listen.http;
  await api.listen({ host, port });
  const address = api.server.address();
  return addressText(host, typeof address === 'object' && address !== null ? address.port : port);
}

function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
