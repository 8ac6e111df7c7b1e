/**
 * The executable of a worker: serves the sessions it is given, and records them in its own lane of the ledger. Lives and ends with the
 * primary: signals are the primary's affair, and when it is gone the worker ends every session at once, closes its lane and exits.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { LeaseDesk } from '../budgets/lease-desk.ts';
import type { PolicyText } from '../config/policy-files.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { AuthThrottle } from '../identity/auth-throttle.ts';
import { TokenAuthority } from '../identity/token-authority.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { PolicyEngine } from '../policy/engine.ts';
import { loadPolicies } from '../policy/load.ts';
import { DeviationRegistry } from '../session/deviation-registry.ts';
import { PipelineMetrics } from '../session/metrics.ts';
import { TaintRegistry } from '../session/taint-registry.ts';
import { openStore } from '../store/store.ts';
import { acceptedByWorker, type PrimaryCalls, type WorkerCalls, type WorkerOrder } from './calls.ts';
import { Channel, type Port } from './channel.ts';
import { measureLane, openLane } from './lane.ts';
import { unpackCertificates, unpackConfig } from './packed-config.ts';
import {
  otherWorkers,
  RemoteApprovals,
  RemoteLookupMeter,
  RemoteSlots,
  remoteLabels,
  SharedThrottle,
} from './remote-services.ts';
import { SessionServer } from './session-server.ts';
import { newThrottle } from './throttle.ts';

const STDERR = 2;
/** How long a predecessor that is still ending may hold the lane. */
const LANE_PATIENCE_MS = 10_000;
/** How long the lane's last entries may take to reach the disk when the primary is gone. */
const CLOSING_MS = 2_000;
const MAX_UNWRITTEN_LOG_BYTES = 1024 * 1024;

/** A worker at work. */
interface Shift {
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly server: SessionServer;
  readonly tokens: TokenAuthority;
  readonly throttle: AuthThrottle;
  readonly taints: TaintRegistry;
  readonly deviations: DeviationRegistry;
  readonly budgets: LeaseDesk;
  installPolicies(policies: readonly PolicyText[]): void;
}

let shift: Shift | undefined;
/** What is said to a worker that still starts is heard when it has. */
const { promise: working, resolve: started } = Promise.withResolvers<Shift>();

const offer: WorkerCalls = {
  start: async (order) => {
    shift = await begin(order);
    started(shift);
  },
  installPolicies: async (policies) => (await working).installPolicies(policies),
  renewCertificates: async (certificates) =>
    (await working).server.renewCertificates(unpackCertificates(certificates)),
  cancel: async (processId, secret) => void (await working).server.cancel(processId, secret),
  catalogChanged: async (database) => (await working).server.catalogChanged(database),
  learnLabels: async (database, labels) => (await working).server.learnLabels(database, labels),
  recallBudgets: async (keys) => (await working).budgets.recall(keys),
  learnTaint: async (news) => (await working).taints.learn(news),
  installDeviations: async (news) => (await working).deviations.install(news),
  installAccess: async (grants) => (await working).server.installAccess(grants),
  forgetLabels: async (database, origins, keys) =>
    (await working).server.forgetLabels(database, origins, keys),
  tokenEnded: async (tokenId) => (await working).tokens.revokedElsewhere(tokenId),
  authenticationFailed: async (address, user) => (await working).throttle.failed(address, user),
  authenticationSucceeded: async (user) => (await working).throttle.succeeded(user),
  check: async (query) => (await working).server.check(query),
  preview: async (request, reviewer) => (await working).server.preview(request, reviewer),
  databasesProblem: async () => (await working).server.databasesProblem(),
  sessions: async () => (await working).server.sessions(),
  clearTaint: async (id) => (await working).server.clearTaint(id),
  killSession: async (id) => (await working).server.killSession(id),
  metrics: async () => (await working).registry.getMetricsAsJSON(),
  ping: () => {},
  drain: async (timeoutMs) => {
    const { server, ledger, budgets } = await working;
    await server.drain(timeoutMs);
    budgets.close();
    await ledger.close();
  },
};

const primary = new Channel<PrimaryCalls>({
  port: process as Port,
  offer,
  accepts: acceptedByWorker,
  onSocket: (socket, id) => {
    primary.notify('connectionTaken', id);
    if (socket === undefined) {
      primary.notify('connectionClosed');
      return;
    }
    socket.allowHalfOpen = true;
    socket.once('close', () => primary.notify('connectionClosed'));
    if (shift === undefined) socket.destroy();
    else shift.server.accept(socket);
  },
  onClose: () => void end(),
  onError: (err) => shift?.log.error({ err }, 'a call of the primary failed'),
});

async function begin(order: WorkerOrder): Promise<Shift> {
  const config = unpackConfig(order.config);
  const log = pino(
    { level: order.logLevel, base: { pid: process.pid } },
    pino.destination({ fd: STDERR, sync: false, maxLength: MAX_UNWRITTEN_LOG_BYTES }),
  );
  const ledger = await openLane({
    config,
    lane: order.lane,
    version: order.version,
    log,
    onHealth: (failure) => primary.notify('laneFailed', failure?.message),
    patienceMs: LANE_PATIENCE_MS,
  });
  const store = await openStore(join(config.dataDir, 'store.db'));
  const engineOf = (policies: readonly PolicyText[]): PolicyEngine =>
    new PolicyEngine(loadPolicies(policies, config.approvals));
  let engine = engineOf(order.policies);
  const tokens = new TokenAuthority({
    store: store.tokens,
    principals: config.principals,
    tokens: config.tokens,
    installationSecret: Buffer.from(order.installationSecret),
    // Tokens are issued and revoked by the primary alone.
    record: () => Promise.reject(new SluiceError('internal', 'a worker issues no tokens')),
    now: Date.now,
    randomBytes,
  });
  const throttle = newThrottle(config.limits);
  throttle.unpack(order.failures);
  const taints = new TaintRegistry({
    ...{ rememberMs: config.taint.rememberMs, per: config.taint.per, now: Date.now },
    // Whoever cannot be told has ended, or the primary has and this process with it.
    tell: (news) => primary.call('taintMet', news).catch(() => {}),
  });
  for (const news of order.taints) taints.learn(news);
  const deviations = new DeviationRegistry(Date.now);
  deviations.install(order.deviations);
  const budgets = new LeaseDesk({
    draw: (demands) => primary.call('drawBudgets', demands),
    settle: (reports) => primary.notify('settleBudgets', reports),
  });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  measureLane(registry, ledger);
  const server = await SessionServer.open({
    ...{ config, log, ledger, tokens },
    approvals: new RemoteApprovals(primary),
    throttle: new SharedThrottle(primary, throttle),
    slots: new RemoteSlots(primary),
    lookups: new RemoteLookupMeter(primary),
    taints,
    deviations,
    budgets,
    policy: () => engine,
    metrics: new PipelineMetrics(registry),
    certificates: order.certificates && unpackCertificates(order.certificates),
    others: otherWorkers(primary),
    labels: remoteLabels(primary),
  });
  server.installAccess(order.access);
  for (const [database, labels] of order.labels) server.learnLabels(database, labels);
  return {
    ...{ log, ledger, registry, server, tokens, throttle, taints, deviations, budgets },
    installPolicies: (policies) => {
      engine = engineOf(policies);
      server.policiesChanged();
    },
  };
}

/** The primary is gone: nothing more is forwarded, and what was recorded is kept. */
async function end(): Promise<void> {
  if (shift !== undefined) {
    shift.server.destroyAll();
    await Promise.race([shift.ledger.close().catch(() => {}), wait(CLOSING_MS)]);
  }
  process.exit(0);
}

// A terminal's Ctrl-C and a service's stop reach every process of the group; the primary says what is to be done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
