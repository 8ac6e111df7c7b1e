/**
 * Worker processes behind one port. The primary accepts and hands each connection to the worker that has the fewest; sessions stay where
 * they began. docs/decisions/0006-workers.md says why.
 */
import type { Socket } from 'node:net';
import { Gauge } from 'prom-client';
import type { WorkerStatus } from '../api/admin-api.ts';
import type { MetricsSource, ReadinessCheck } from '../api/health-routes.ts';
import type { SessionListing } from '../api/session-routes.ts';
import type { ListenerCertificates } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { ClientTls } from '../gateway/postgres/client-tls.ts';
import { refuseClient } from '../gateway/postgres/connection.ts';
import type { ThrottleListener } from '../identity/auth-throttle.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AccessGrant } from '../model/grant.ts';
import type { Preview } from '../model/preview.ts';
import type { Actor } from '../model/principal.ts';
import type { CheckQuery, CheckReport } from '../session/check-report.ts';
import type { DeviationNews } from '../session/deviation-registry.ts';
import type { TaintNews } from '../session/taint-registry.ts';
import type { RememberedLabel } from '../sql/postgres/label-memory.ts';
import type { WorkerOrder } from './calls.ts';
import type { OnForgotten } from './label-desk.ts';
import { type PackedCertificates, packCertificates, packConfig } from './packed-config.ts';
import { PoolMetrics } from './pool-metrics.ts';
import type { SessionHost } from './session-host.ts';
import type { SharedServices } from './shared-services.ts';
import { withinMs } from './within.ts';
import type { Broadcast, WorkerLink } from './worker-link.ts';
import { WorkerSeat } from './worker-seat.ts';

/** Connections that may wait for a worker while there is none. */
const MAX_QUEUED = 1024;
const LIFE_CHECK_MS = 1000;
/** How long one worker's session waits at most for the others to take note of something. */
const ASKING_MS = 1000;
/** A worker that does not tell its sessions within this is left out. */
const LISTING_MS = 5000;
/** How much longer than it should take a worker may drain before it is killed. */
const DRAIN_GRACE_MS = 10_000;

export class WorkerPool implements SessionHost, Broadcast {
  readonly readiness: ReadonlyMap<string, ReadinessCheck>;
  readonly metrics: MetricsSource;
  readonly #shared: SharedServices;
  readonly #seats: readonly WorkerSeat[];
  readonly #metrics: PoolMetrics;
  readonly #queued = new Set<Socket>();
  readonly #lifeTimer: NodeJS.Timeout;
  readonly #onRevoked = (tokenId: string): void =>
    this.#tellAll((worker) => worker.calls.notify('tokenEnded', tokenId));
  readonly #onAuthentication: ThrottleListener = {
    failed: (address, user) =>
      this.#tellAll((worker) => worker.calls.notify('authenticationFailed', address, user)),
    succeeded: (user) => this.#tellAll((worker) => worker.calls.notify('authenticationSucceeded', user)),
  };
  readonly #onForgotten: OnForgotten = (...forgotten) =>
    this.#tellAll((worker) => worker.calls.notify('forgetLabels', ...forgotten));
  /** What workers that start are given. */
  #certificates: PackedCertificates | undefined;
  #lastChosen = 0;
  #deviations: readonly DeviationNews[] = [];
  #closing: Promise<void> | undefined;

  private constructor(shared: SharedServices, count: number) {
    this.#shared = shared;
    const config = packConfig(shared.config, count);
    const certificates = shared.postgresCertificates();
    this.#certificates = certificates && packCertificates(certificates);
    const order = (lane: number): WorkerOrder => ({
      ...{ config, lane, version: shared.version, logLevel: shared.log.level },
      certificates: this.#certificates,
      installationSecret: shared.installationSecret,
      policies: shared.policies.sources,
      access: shared.access.current,
      failures: shared.throttle.pack(),
      taints: shared.taintBook.current(),
      deviations: this.#deviations,
      labels: shared.labels.all(),
    });
    this.#seats = Array.from(
      { length: count },
      (_, index) =>
        new WorkerSeat({
          ...{ shared, order, lane: index + 1, broadcast: this },
          onReturned: (socket) => this.accept(socket),
          onReady: () => this.#serveQueued(),
          onGone: (link) => this.#metrics.keep(link.lastMetrics),
        }),
    );
    this.#metrics = new PoolMetrics(shared.registry, () => this.#ready);
    this.metrics = this.#metrics;
    this.readiness = new Map<string, ReadinessCheck>([
      ['ledger', () => this.#ledgerProblem()],
      ['workers', () => this.#workersProblem()],
      ['databases', () => this.#any().calls.call('databasesProblem')],
    ]);
    this.#measure();
    shared.revocationListeners.add(this.#onRevoked);
    shared.access.onChange = (grants) => this.#accessChanged(grants);
    shared.throttle.listeners.add(this.#onAuthentication);
    shared.labels.forgottenListeners.add(this.#onForgotten);
    this.#lifeTimer = setInterval(() => this.#tellAll((worker) => worker.checkLife()), LIFE_CHECK_MS);
    this.#lifeTimer.unref();
  }

  /**
   * Starts `count` workers; resolves when each serves or has failed to. Those that failed are tried again.
   * @throws {SluiceError} what the first one failed by, if none serves
   */
  static async open(shared: SharedServices, count: number): Promise<WorkerPool> {
    const pool = new WorkerPool(shared, count);
    const failures = await Promise.all(pool.#seats.map((seat) => seat.start()));
    const [first] = failures.filter((failure) => failure !== undefined);
    if (first === undefined || failures.includes(undefined)) return pool;
    await pool.close();
    throw first;
  }

  accept(socket: Socket): void {
    const worker = this.#closing === undefined ? this.#choose() : undefined;
    if (worker === undefined) this.#queue(socket);
    else worker.pass(socket);
  }

  workers(): readonly WorkerStatus[] {
    return this.#seats.map(({ lane, link, problem }) => ({
      worker: lane,
      connections: link?.connections ?? 0,
      ...(link?.pid === undefined ? {} : { pid: link.pid }),
      ...(problem === undefined ? {} : { problem }),
    }));
  }

  check(query: CheckQuery): Promise<CheckReport> {
    return this.#any().calls.call('check', query);
  }

  preview(request: ApprovalRequest, reviewer: Actor): Promise<Preview> {
    return this.#any().calls.callUnhurried('preview', request, reviewer);
  }

  async sessions(): Promise<SessionListing> {
    const listed = await Promise.all(
      this.#ready.map(async (worker) => ({
        worker: worker.order.lane,
        sessions: await withinMs(worker.calls.call('sessions'), LISTING_MS),
      })),
    );
    return {
      sessions: listed.flatMap(({ sessions = [] }) => sessions),
      silentWorkers: listed.filter(({ sessions }) => sessions === undefined).map(({ worker }) => worker),
    };
  }

  async killSession(id: string): Promise<boolean> {
    const found = await Promise.all(
      this.#ready.map((worker) => withinMs(worker.calls.call('killSession', id), LISTING_MS)),
    );
    return found.includes(true);
  }

  async clearTaint(id: string): Promise<boolean> {
    const found = await Promise.all(this.#ready.map((worker) => worker.calls.call('clearTaint', id)));
    return found.includes(true);
  }

  /** A worker that does not take the policies in force may not go on by others. */
  async policiesChanged(): Promise<void> {
    const { sources } = this.#shared.policies;
    const install = async (worker: WorkerLink): Promise<void> => {
      try {
        await worker.calls.call('installPolicies', sources);
      } catch (err) {
        this.#shared.log.error(
          { err, worker: worker.order.lane },
          'a worker did not take the policies and is killed',
        );
        worker.kill();
        await worker.exited;
      }
    };
    await Promise.all(this.#ready.map(install));
  }

  /** What is lent, and what is not any more, holds for everybody when this resolves. */
  async #accessChanged(grants: readonly AccessGrant[]): Promise<void> {
    // Those that still start hear it when they have.
    this.#tellAll((worker) => worker.calls.notify('installAccess', grants));
    await Promise.all(this.#ready.map((worker) => withinMs(worker.calls.call('ping'), ASKING_MS)));
  }

  async renewCertificates(certificates: ListenerCertificates): Promise<void> {
    // What is of no use is refused here, before anybody has it.
    new ClientTls(certificates);
    const packed = packCertificates(certificates);
    this.#certificates = packed;
    // Those that still start hear it when they have.
    this.#tellAll((worker) => worker.calls.notify('renewCertificates', packed));
    await Promise.all(this.#ready.map((worker) => worker.calls.call('renewCertificates', packed)));
  }

  drain(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#end(timeoutMs);
    return this.#closing;
  }

  close(): Promise<void> {
    return this.drain(0);
  }

  async cancel(from: WorkerLink, processId: number, secret: Uint8Array): Promise<void> {
    await this.#askOthers(from, (worker) => worker.calls.call('cancel', processId, secret));
  }

  async catalogChanged(from: WorkerLink, database: string): Promise<void> {
    await this.#askOthers(from, (worker) => worker.calls.call('catalogChanged', database));
  }

  async keepLabels(
    from: WorkerLink,
    database: string,
    labels: readonly RememberedLabel[],
    copied: boolean,
  ): Promise<void> {
    await this.#shared.labels.keep(database, labels, copied);
    await this.#askOthers(from, (worker) => worker.calls.call('learnLabels', database, labels));
  }

  installDeviations(news: readonly DeviationNews[]): void {
    this.#deviations = news;
    this.#tellAll((worker) => worker.calls.notify('installDeviations', news));
  }

  async taintMet(from: WorkerLink, news: TaintNews): Promise<void> {
    const kept = this.#shared.taintBook.keep(news);
    const told = this.#seats.flatMap(({ link }) => (link === undefined || link === from ? [] : link));
    // Those that still start hear it when they have, and have no sessions before.
    const tell = (worker: WorkerLink) =>
      this.#ready.includes(worker)
        ? withinMs(worker.calls.call('learnTaint', news), ASKING_MS)
        : worker.calls.notify('learnTaint', news);
    await Promise.all([kept, ...told.map(tell)]);
  }

  get #ready(): WorkerLink[] {
    return this.#seats.flatMap((seat) => seat.ready ?? []);
  }

  /** All but one, those that still start included: what they are told is heard when they have. */
  #tellAll(tell: (worker: WorkerLink) => void, but?: WorkerLink): void {
    for (const { link } of this.#seats) if (link !== undefined && link !== but) tell(link);
  }

  /** Resolves when all others that serve have answered, or have had their time for it. */
  async #askOthers(from: WorkerLink, ask: (worker: WorkerLink) => Promise<unknown>): Promise<void> {
    const others = this.#ready.filter((worker) => worker !== from);
    await Promise.all(others.map((worker) => withinMs(ask(worker), ASKING_MS)));
  }

  /** One that can answer. @throws {SluiceError} not_serving */
  #any(): WorkerLink {
    const ready = this.#ready;
    const one = ready.find((worker) => !worker.slow) ?? ready[0];
    if (one === undefined)
      throw new SluiceError('not_serving', 'no worker of the gateway serves at the moment');
    return one;
  }

  /** The one with the fewest connections; among equals, the next in turn. One that does not answer only if none does. */
  #choose(): WorkerLink | undefined {
    const ready = this.#ready;
    const lively = ready.filter((worker) => !worker.slow);
    const candidates = lively.length > 0 ? lively : ready;
    const fewest = Math.min(...candidates.map((worker) => worker.connections));
    const equals = candidates.filter((worker) => worker.connections === fewest);
    const chosen = equals.find((worker) => worker.order.lane > this.#lastChosen) ?? equals[0];
    this.#lastChosen = chosen?.order.lane ?? 0;
    return chosen;
  }

  /** While all workers are being replaced, connections wait for the first that is ready. */
  #queue(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#closing !== undefined || this.#queued.size >= MAX_QUEUED) {
      refuse(socket);
      return;
    }
    this.#queued.add(socket);
    const timer = setTimeout(() => {
      if (this.#queued.delete(socket)) refuse(socket);
    }, this.#shared.config.limits.startupTimeoutMs);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#queued.delete(socket);
    });
  }

  #serveQueued(): void {
    const queued = [...this.#queued];
    this.#queued.clear();
    for (const socket of queued) if (!socket.destroyed) this.accept(socket);
  }

  async #end(timeoutMs: number): Promise<void> {
    clearInterval(this.#lifeTimer);
    this.#shared.revocationListeners.delete(this.#onRevoked);
    this.#shared.throttle.listeners.delete(this.#onAuthentication);
    this.#shared.labels.forgottenListeners.delete(this.#onForgotten);
    for (const socket of this.#queued) refuse(socket);
    this.#queued.clear();
    for (const seat of this.#seats) seat.close();
    await Promise.all(
      this.#seats.map(({ ready, link }) => link && endWorker(link, ready ? timeoutMs : undefined)),
    );
  }

  #ledgerProblem(): string | undefined {
    const failed = this.#ready.find((worker) => worker.laneFailure !== undefined);
    return this.#shared.ledger.failure?.message ?? failed?.laneFailure;
  }

  /** Some workers are enough to serve; the metrics and the log say that others are missing. */
  #workersProblem(): string | undefined {
    if (this.#ready.length > 0) return undefined;
    return this.#seats.map((seat) => `worker ${seat.lane} ${seat.problem}`).join('; ');
  }

  #measure(): void {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.#shared.registry],
        collect() {
          this.set(read());
        },
      });
    gauge('sluice_workers', 'Worker processes that should serve', () => this.#seats.length);
    gauge('sluice_workers_serving', 'Worker processes that serve', () => this.#ready.length);
  }
}

function refuse(socket: Socket): void {
  refuseClient(socket, new SluiceError('not_serving', 'the gateway is not ready to serve the connection'));
}

/** Drains a worker and waits for its end; kills one that does neither. Undefined: it never served. */
async function endWorker(worker: WorkerLink, timeoutMs: number | undefined): Promise<void> {
  const killer = setTimeout(() => worker.kill(), (timeoutMs ?? 0) + DRAIN_GRACE_MS);
  if (timeoutMs !== undefined) await worker.calls.callUnhurried('drain', timeoutMs).catch(() => {});
  worker.disconnect();
  await worker.exited;
  clearTimeout(killer);
}
