/**
 * Wiring: makes the rooms from a configuration, connects them, and takes them down in the reverse order. Nothing is decided here.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createAdminApi, listenAdmin } from './api/admin-api.ts';
import { createApi } from './api/api.ts';
import type { ReadinessCheck } from './api/health-routes.ts';
import { Approvals } from './approvals/approvals.ts';
import type { Config, KeyPair } from './config/config.ts';
import { readPolicyTexts } from './config/policy-files.ts';
import { LocalConnectionSlots, type SlotLimits } from './gateway/postgres/connection-slots.ts';
import { DatabaseService } from './gateway/postgres/database-service.ts';
import { PostgresListener } from './gateway/postgres/listener.ts';
import { checkStatement } from './gateway/postgres/statement-check.ts';
import { AuthThrottle } from './identity/auth-throttle.ts';
import { loadInstallationSecret, prepareDataDir } from './identity/installation-secret.ts';
import { loadServerCertificate } from './identity/tls-certificates.ts';
import { TokenAuthority } from './identity/token-authority.ts';
import type { LedgerFileSystem } from './ledger/file-system.ts';
import { Ledger } from './ledger/ledger.ts';
import type { CheckQuery } from './session/check-report.ts';
import { PipelineMetrics } from './session/metrics.ts';
import { PolicyHolder } from './session/policy-holder.ts';
import { createParser } from './sql/postgres/parser.ts';
import { createPostgresDialect } from './sql/postgres/postgres-dialect.ts';
import { openStore } from './store/store.ts';
import { tlsServerEndPoint } from './wire/postgres/index.ts';

export interface GatewayRuntime {
  readonly log: Logger;
  readonly version: string;
  /** Where the ledger is kept; the real one if absent. */
  readonly fileSystem?: LedgerFileSystem;
}

/** A gateway that serves. */
export interface RunningGateway {
  /** `host:port`; the admin socket's path. */
  readonly listeners: { readonly postgres: string; readonly http: string; readonly admin: string };
  /** @throws {SluiceError} policy_invalid: the old policies stay in force */
  reloadPolicies(): Promise<void>;
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
  const undo: (() => unknown)[] = [];
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
  { log, version, fileSystem }: GatewayRuntime,
  undo: (() => unknown)[],
  takeDown: () => Promise<void>,
): Promise<RunningGateway> {
  prepareDataDir(config.dataDir);
  const startedAt = Date.now();
  const ledger = await Ledger.open({
    directory: join(config.dataDir, 'ledger'),
    version,
    ...(fileSystem === undefined ? {} : { fileSystem }),
    onHealth: (failure) => {
      if (failure === undefined) log.info('the ledger is whole again');
      else
        log.error(
          { code: failure.code, cause: failure.message },
          'the ledger cannot be written: statements are refused',
        );
    },
  });
  undo.push(() => ledger.close());
  const store = await openStore(join(config.dataDir, 'store.db'));
  undo.push(() => store.close());

  const policies = await PolicyHolder.open(() => readPolicyTexts(config), config.approvals, ledger);
  const record = (event: Parameters<Ledger['append']>[0]) => ledger.durable(ledger.append(event));
  const tokens = new TokenAuthority({
    store: store.tokens,
    principals: config.principals,
    tokens: config.tokens,
    installationSecret: loadInstallationSecret(config.dataDir, randomBytes),
    record,
    now: Date.now,
    randomBytes,
  });
  undo.push(() => tokens.close());
  const approvals = new Approvals({
    store: store.approvals,
    ledger,
    now: Date.now,
    maxPending: config.approvals.maxPending,
    maxPendingPerPrincipal: config.approvals.maxPendingPerPrincipal,
  });
  await approvals.recover();
  undo.push(() => approvals.close());

  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new PipelineMetrics(registry);
  ledgerGauges(registry, ledger);
  const parser = await createParser({ maxTextLength: config.limits.maxStatementBytes });
  undo.push(() => parser.close());
  const dialect = createPostgresDialect(parser);
  const services = new Map(
    [...config.databases.values()].map((database) => [
      database.name,
      new DatabaseService({
        config: database,
        dialect,
        policy: policies.current,
        approvals,
        metrics,
        now: Date.now,
        onRefreshFailure: (error) =>
          log.warn({ err: error, database: database.name }, 'the catalog could not be read again'),
        onLostLabels: (labels) =>
          log.error(
            {
              database: database.name,
              labels: labels.map(({ relation, column }) => `${relation}.${column}`),
            },
            'labels of the configuration name no column: correct them, nothing is masked by them',
          ),
      }),
    ]),
  );
  undo.push(() => {
    for (const service of services.values()) service.close();
  });

  const throttle = new AuthThrottle({
    firstDelayMs: config.limits.authFailureDelayMs,
    maxDelayMs: config.limits.authFailureMaxDelayMs,
    now: () => performance.now(),
  });
  const listener = new PostgresListener({
    config,
    ledger,
    policy: policies.current,
    tokens,
    throttle,
    services,
    metrics,
    slots: new LocalConnectionSlots(slotLimits(config)),
    tls: listenerTls(config),
    newSessionId,
    now: Date.now,
    onError: (message, error) => log.error({ err: error }, message),
  });
  undo.push(() => listener.drain(0));
  const check = (query: CheckQuery) => checkStatement(config, services, query);
  const api = createApi({
    approvals,
    check,
    principals: config.principals,
    log,
    maxStatementBytes: config.limits.maxStatementBytes,
    verifyBearer: (text) => tokens.verifyBearer(text),
    throttle,
    onUnauthorized: () => metrics.authentications.inc({ result: 'failed' }),
    readiness: new Map<string, ReadinessCheck>([
      ['ledger', () => ledger.failure?.message],
      ['databases', () => databasesProblem(services)],
    ]),
    metrics: registry,
    ...(config.listen.http.tls.mode === 'require' ? { tls: certificateOf(config, 'http') } : {}),
  });
  undo.push(() => api.close());

  const reloadPolicies = async (): Promise<void> => {
    await policies.reload();
    listener.recheckConnections();
  };
  const { host } = config.listen.postgres;
  const listeners = {
    postgres: addressText(host, await listener.listen()),
    http: await listenHttp(api, config),
    admin: config.listen.adminSocket,
  };
  const admin = createAdminApi({
    tokens,
    check,
    status: () => ({
      version,
      pid: process.pid,
      listeners,
      policyVersion: policies.current().version,
      startedAt,
    }),
    reloadPolicies,
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
      await listener.drain(config.limits.drainTimeoutMs);
      await takeDown();
    },
    close: takeDown,
  };
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

function certificateOf(config: Config, listener: 'postgres' | 'http'): KeyPair {
  return loadServerCertificate(config, config.listen[listener], { now: Date.now, randomBytes });
}

function slotLimits({ limits, principals, databases }: Config): SlotLimits {
  return {
    total: limits.maxConnections,
    ofPrincipal: (id) => principals.get(id)?.maxConnections ?? limits.maxConnectionsPerPrincipal,
    ofDatabase: (name) => databases.get(name)?.maxConnections,
  };
}

function listenerTls(config: Config): ConstructorParameters<typeof PostgresListener>[0]['tls'] {
  if (config.listen.postgres.tls.mode === 'disable') return undefined;
  const { cert, key } = certificateOf(config, 'postgres');
  const context = createSecureContext({ cert, key: key.reveal(), minVersion: 'TLSv1.2' });
  return { context, channelBinding: tlsServerEndPoint(new X509Certificate(cert).raw) };
}

function ledgerGauges(registry: Registry, ledger: Ledger): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('sluice_ledger_entries', 'Entries appended to the ledger', () => ledger.appendedSeq + 1);
  gauge(
    'sluice_ledger_lag_entries',
    'Entries not yet on stable storage',
    () => ledger.appendedSeq - ledger.durableSeq,
  );
  gauge('sluice_ledger_healthy', '1 if the ledger can be written', () =>
    ledger.failure === undefined ? 1 : 0,
  );
}

async function databasesProblem(services: ReadonlyMap<string, DatabaseService>): Promise<string | undefined> {
  const down: string[] = [];
  for (const [name, service] of services) if (!(await service.reachable())) down.push(name);
  return down.length === 0 ? undefined : `cannot be reached: ${down.join(', ')}`;
}

const ULID_DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID: 48 bits of time, 80 of chance (https://github.com/ulid/spec). */
function newSessionId(): string {
  let value = (BigInt(Date.now()) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`);
  let id = '';
  for (let i = 0; i < 26; i += 1) {
    id = ULID_DIGITS[Number(value & 31n)]! + id;
    value >>= 5n;
  }
  return id;
}
