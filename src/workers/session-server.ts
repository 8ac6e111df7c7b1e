/**
 * What serves sessions: the grammar, a catalog service for each database, plan caches, and the door for clients that were accepted.
 * One in each process that serves; it is told by interfaces what there is only one of, and does not know whether that lies in its
 * own process.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { SessionApprovals } from '../approvals/approvals.ts';
import type { LeaseDesk } from '../budgets/lease-desk.ts';
import type { ListenerCertificates, ServedConfig } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { ClientTls } from '../gateway/postgres/client-tls.ts';
import type { ConnectionSlots } from '../gateway/postgres/connection-slots.ts';
import { DatabaseService } from '../gateway/postgres/database-service.ts';
import { type GatewayOptions, PostgresListener } from '../gateway/postgres/listener.ts';
import { checkStatement, previewRequest } from '../gateway/postgres/statement-check.ts';
import { AccessBook } from '../identity/access-book.ts';
import type { Throttle } from '../identity/auth-throttle.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AccessGrant } from '../model/grant.ts';
import type { Preview } from '../model/preview.ts';
import type { Actor } from '../model/principal.ts';
import type { SessionStatus } from '../model/session.ts';
import type { PolicyEngine } from '../policy/engine.ts';
import type { CheckQuery, CheckReport } from '../session/check-report.ts';
import type { DeviationRegistry } from '../session/deviation-registry.ts';
import type { LookupMeter } from '../session/lookup-meter.ts';
import type { PipelineMetrics } from '../session/metrics.ts';
import type { TaintRegistry } from '../session/taint-registry.ts';
import type { RememberedLabel } from '../sql/postgres/label-memory.ts';
import { createParser, type Parser } from '../sql/postgres/parser.ts';
import { createPostgresDialect } from '../sql/postgres/postgres-dialect.ts';
import { newSessionId } from './session-id.ts';

/** The other processes that serve the same port. */
export interface OtherServers {
  /** Passes a cancel request on. Best effort, as the protocol has it; must not reject. */
  cancel(processId: number, secret: Buffer): Promise<void>;
  /** A session has changed the catalog of a database. Resolves when they know, or cannot be told. Must not reject. */
  catalogChanged(database: string): Promise<void>;
}

/** Where labels that no configuration gives are kept. */
export interface KeptLabels {
  /** Resolves when they are durable, and other processes know. @throws {SluiceError} */
  keep(database: string, labels: readonly RememberedLabel[], copied: boolean): Promise<void>;
  /** Must not reject. */
  letGo(database: string, keys: readonly string[]): Promise<void>;
}

export interface SessionServerDeps {
  readonly config: ServedConfig;
  readonly log: Logger;
  /** This process's lane. */
  readonly ledger: Ledger;
  readonly approvals: SessionApprovals;
  readonly tokens: GatewayOptions['tokens'];
  readonly throttle: Throttle;
  readonly slots: ConnectionSlots;
  readonly lookups: LookupMeter;
  readonly taints: TaintRegistry;
  readonly deviations: DeviationRegistry;
  readonly budgets: LeaseDesk;
  readonly policy: () => PolicyEngine;
  readonly metrics: PipelineMetrics;
  /** What clients are shown and may show; undefined where the configuration says `disable`. */
  readonly certificates: ListenerCertificates | undefined;
  readonly others?: OtherServers;
  readonly labels: KeptLabels;
}

export class SessionServer {
  readonly #config: ServedConfig;
  readonly #parser: Parser;
  readonly #services: ReadonlyMap<string, DatabaseService>;
  readonly #listener: PostgresListener;
  readonly #access = new AccessBook(Date.now);

  private constructor(deps: SessionServerDeps, parser: Parser) {
    const { config, log, others } = deps;
    this.#config = config;
    this.#parser = parser;
    const dialect = createPostgresDialect(parser);
    this.#services = new Map(
      [...config.databases.values()].map((database) => [
        database.name,
        new DatabaseService({
          config: database,
          dialect,
          policy: deps.policy,
          approvals: deps.approvals,
          lookups: deps.lookups,
          actorNow: (actor) => this.#access.actorOf(actor),
          metrics: deps.metrics,
          now: Date.now,
          ...catalogReports(database.name, log, others),
          labelKeeper: {
            keep: (labels, copied) => deps.labels.keep(database.name, labels, copied),
            letGo: (keys) => deps.labels.letGo(database.name, keys),
          },
        }),
      ]),
    );
    this.#listener = new PostgresListener({
      config,
      ledger: deps.ledger,
      policy: deps.policy,
      tokens: deps.tokens,
      throttle: deps.throttle,
      services: this.#services,
      metrics: deps.metrics,
      slots: deps.slots,
      taints: deps.taints,
      deviations: deps.deviations,
      budgets: deps.budgets,
      tls: deps.certificates && new ClientTls(deps.certificates),
      newSessionId: () => newSessionId(Date.now(), randomBytes),
      ...(others && { cancelElsewhere: (processId, secret) => others.cancel(processId, secret) }),
      now: Date.now,
      onError: (message, error) => log.error({ err: error }, message),
    });
  }

  /** Makes one. The caller closes it. */
  static async open(deps: SessionServerDeps): Promise<SessionServer> {
    const parser = await createParser({ maxTextLength: deps.config.limits.maxStatementBytes });
    return new SessionServer(deps, parser);
  }

  /** Serves a new connection, paused and half-open. */
  accept(socket: Socket): void {
    this.#listener.accept(socket);
  }

  /** Decides as a new session would. @throws {SluiceError} */
  check(query: CheckQuery): Promise<CheckReport> {
    return checkStatement(this.#config, this.#services, query);
  }

  /** Previews a request. @throws {SluiceError} preview_refused, preview_failed, … */
  preview(request: ApprovalRequest, reviewer: Actor): Promise<Preview> {
    return previewRequest(this.#config, this.#services, request, reviewer);
  }

  /** Which databases do not answer, as a phrase. */
  async databasesProblem(): Promise<string | undefined> {
    const down: string[] = [];
    for (const [name, service] of this.#services) if (!(await service.reachable())) down.push(name);
    return down.length === 0 ? undefined : `cannot be reached: ${down.join(', ')}`;
  }

  /** Cancels what the session with this key does; false if none here has it. */
  cancel(processId: number, secret: Uint8Array): boolean {
    return this.#listener.cancel(processId, secret);
  }

  sessions(): readonly SessionStatus[] {
    return this.#listener.sessions();
  }

  /** Ends a session; false if there is none of that id here. */
  killSession(id: string): boolean {
    // In PostgreSQL's own words (tcop/postgres.c, ProcessInterrupts).
    const error = new SluiceError('session_killed', 'terminating connection due to administrator command');
    return this.#listener.endSession(id, error);
  }

  /**
   * Takes the taint from a session, and from every other of the same reader; false if there is none of that id here.
   * @throws {SluiceError} conflict while it runs something, which may be the reading
   */
  async clearTaint(id: string): Promise<boolean> {
    const connection = this.#listener.connectionOf(id);
    await connection?.clearTaint();
    return connection !== undefined;
  }

  /** Another process's session has changed a catalog. */
  catalogChanged(database: string): void {
    this.#services.get(database)?.catalogChanged();
  }

  learnLabels(database: string, labels: readonly RememberedLabel[]): void {
    this.#services.get(database)?.learnLabels(labels);
  }

  /** All that is lent from now on. Ends the sessions of those who may not connect without what they had. */
  installAccess(grants: readonly AccessGrant[]): void {
    this.#access.install(grants);
    this.#listener.recheckConnections();
  }

  forgetLabels(database: string, origins: readonly string[], keys: readonly string[]): void {
    this.#services.get(database)?.forgetLabels(origins, keys);
  }

  /** Ends the sessions of those who may not connect any more. */
  policiesChanged(): void {
    this.#listener.recheckConnections();
  }

  /** Other certificates from now on. Sessions whose own certificate is revoked by now end. @throws for what OpenSSL cannot read */
  renewCertificates(certificates: ListenerCertificates): void {
    this.#listener.renewTls(new ClientTls(certificates));
  }

  /** Lets sessions finish what is under way, ends what is left after `timeoutMs`, and resolves when all are closed. */
  drain(timeoutMs: number): Promise<void> {
    return this.#listener.drain(timeoutMs);
  }

  /** Ends every connection at once, in this turn of the event loop: nothing more is forwarded, and nobody is told. */
  destroyAll(): void {
    this.#listener.destroyAll();
  }

  /** Ends every session at once and lets go of everything. */
  async close(): Promise<void> {
    await this.#listener.drain(0);
    for (const service of this.#services.values()) service.close();
    await this.#parser.close();
  }
}

function catalogReports(database: string, log: Logger, others: OtherServers | undefined) {
  return {
    onRefreshFailure: (error: unknown) =>
      log.warn({ err: error, database }, 'the catalog could not be read again'),
    onFound: (column: string, label: string) =>
      log.warn({ database, column, label }, 'a result shows what looks personal in a column without a label'),
    onLabelsNotKept: (error: unknown) =>
      log.error({ err: error, database }, 'labels of columns could not be kept: a restart would lose them'),
    onLostLabels: (labels: readonly { relation: string; column: string }[]) =>
      log.error(
        { database, labels: labels.map(({ relation, column }) => `${relation}.${column}`) },
        'labels of the configuration name no column: correct them, nothing is masked by them',
      ),
    onSuspects: (suspects: readonly { relation: string; column: string; label: string }[]) =>
      log.warn(
        {
          database,
          columns: suspects.map(({ relation, column, label }) => `${relation}.${column} (${label}?)`),
        },
        'columns without a label look personal: label them, or write none',
      ),
    ...(others && {
      onCatalogChange: () => others.catalogChanged(database),
    }),
  };
}
