/** Whoever serves the sessions of a gateway, seen from the rest of it: this process itself, or its workers. */
import type { Socket } from 'node:net';
import type { WorkerStatus } from '../api/admin-api.ts';
import type { MetricsSource, ReadinessCheck } from '../api/health-routes.ts';
import type { SessionListing } from '../api/session-routes.ts';
import type { Teller } from '../budgets/budget-book.ts';
import { LeaseDesk } from '../budgets/lease-desk.ts';
import type { ListenerCertificates } from '../config/config.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Preview } from '../model/preview.ts';
import type { Actor } from '../model/principal.ts';
import type { CheckQuery, CheckReport } from '../session/check-report.ts';
import { type DeviationNews, DeviationRegistry } from '../session/deviation-registry.ts';
import { TaintRegistry } from '../session/taint-registry.ts';
import type { OnForgotten } from './label-desk.ts';
import { SessionServer } from './session-server.ts';
import type { SharedServices } from './shared-services.ts';

export interface SessionHost {
  /** Takes a new connection, paused and half-open. */
  accept(socket: Socket): void;
  /** Decides as a new session would. @throws {SluiceError} */
  check(query: CheckQuery): Promise<CheckReport>;
  /** Runs what a request asks for and takes it back. @throws {SluiceError} */
  preview(request: ApprovalRequest, reviewer: Actor): Promise<Preview>;
  sessions(): Promise<SessionListing>;
  /** Ends a session with 57P01; false if there is none of that id. */
  killSession(id: string): Promise<boolean>;
  /** Takes the taint from a session and its reader; false if there is none of that id. @throws {SluiceError} conflict while it runs something */
  clearTaint(id: string): Promise<boolean>;
  /** What was found out of the ordinary lately, for policies to see: all of it. */
  installDeviations(news: readonly DeviationNews[]): void;
  /** What must be well for sessions to be served, by name. */
  readonly readiness: ReadonlyMap<string, ReadinessCheck>;
  /** None where sessions are served in this process. */
  workers(): readonly WorkerStatus[];
  /** Of every process of the gateway. */
  readonly metrics: MetricsSource;
  /** Resolves when the policies now in force are in force for every session, and those who may not connect any more are gone. */
  policiesChanged(): Promise<void>;
  /** Resolves when new connections are shown these certificates, and sessions with revoked ones are gone. @throws for what OpenSSL cannot read */
  renewCertificates(certificates: ListenerCertificates): Promise<void>;
  /** Lets sessions finish what is under way, ends what is left after `timeoutMs`, and resolves when all are closed. */
  drain(timeoutMs: number): Promise<void>;
  /** Ends every session at once. */
  close(): Promise<void>;
}

/** Serves in this process. */
export async function hostHere(shared: SharedServices): Promise<SessionHost> {
  const { ledger, policies, registry, taintBook } = shared;
  const { rememberMs, per } = shared.config.taint;
  const taints = new TaintRegistry({ rememberMs, per, now: Date.now, tell: (news) => taintBook.keep(news) });
  for (const news of taintBook.current()) taints.learn(news);
  const deviations = new DeviationRegistry(Date.now);
  const { budgetBook } = shared;
  const teller: Teller = { recall: (keys) => budgets.recall(keys) };
  const budgets = new LeaseDesk({
    draw: (demands) => budgetBook.draw(teller, demands),
    settle: (reports) => budgetBook.settle(teller, reports),
  });
  const server = await SessionServer.open({
    ...shared,
    taints,
    deviations,
    budgets,
    policy: policies.current,
    certificates: shared.postgresCertificates(),
  });
  server.installAccess(shared.access.current);
  shared.access.onChange = async (grants) => server.installAccess(grants);
  for (const [database, labels] of shared.labels.all()) server.learnLabels(database, labels);
  const onForgotten: OnForgotten = (...forgotten) => server.forgetLabels(...forgotten);
  shared.labels.forgottenListeners.add(onForgotten);
  return {
    accept: (socket) => server.accept(socket),
    check: (query) => server.check(query),
    preview: (request, reviewer) => server.preview(request, reviewer),
    sessions: async () => ({ sessions: server.sessions(), silentWorkers: [] }),
    killSession: async (id) => server.killSession(id),
    clearTaint: (id) => server.clearTaint(id),
    installDeviations: (news) => deviations.install(news),
    readiness: new Map<string, ReadinessCheck>([
      ['ledger', () => ledger.failure?.message],
      ['databases', () => server.databasesProblem()],
    ]),
    workers: () => [],
    metrics: registry,
    policiesChanged: async () => server.policiesChanged(),
    renewCertificates: async (certificates) => server.renewCertificates(certificates),
    drain: (timeoutMs) => server.drain(timeoutMs),
    close: async () => {
      await server.close();
      budgets.close();
    },
  };
}
