/**
 * What there is one of, however many processes serve sessions: the store, tokens, approvals, the policies in force, what was counted
 * for limits and throttling, and lane 0 of the ledger, where all of these are recorded.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { DoorRecord } from '../api/door-record.ts';
import { AccessDesk } from '../approvals/access.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Grants } from '../approvals/grants.ts';
import { BudgetBook } from '../budgets/budget-book.ts';
import type { Config, KeyPair, ListenerCertificates } from '../config/config.ts';
import { readPolicyTexts } from '../config/policy-files.ts';
import type { RunningExports } from '../exports/start-exports.ts';
import { LocalConnectionSlots } from '../gateway/postgres/connection-slots.ts';
import { withPseudonymKeys } from '../gateway/postgres/pseudonym-keys.ts';
import type { AuthThrottle } from '../identity/auth-throttle.ts';
import { loadInstallationSecret, prepareDataDir } from '../identity/installation-secret.ts';
import { loadServerCertificate } from '../identity/tls-certificates.ts';
import { TokenAuthority } from '../identity/token-authority.ts';
import type { LedgerFileSystem } from '../ledger/file-system.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type RunningSequencer, startSequencer } from '../ledger/start-sequencer.ts';
import { LocalLookupMeter } from '../session/lookup-meter.ts';
import { PipelineMetrics } from '../session/metrics.ts';
import { PolicyHolder } from '../session/policy-holder.ts';
import { openStore, type Store } from '../store/store.ts';
import { type LentAccess, openApprovals } from './approval-desk.ts';
import { ConfigRecord } from './config-record.ts';
import { openExports } from './exporting.ts';
import { SharedLabels } from './label-desk.ts';
import { measureLane, measureSequencer, openLane, sequencerReports } from './lane.ts';
import { RecordedState } from './recorded-state.ts';
import { openRetention } from './retention.ts';
import { sequencerConfig } from './sequencing.ts';
import { TaintBook } from './taint-book.ts';
import { newThrottle } from './throttle.ts';

export interface GatewayRuntime {
  readonly log: Logger;
  readonly version: string;
  /** Reads the configuration again, for what can be renewed; without it, only policies can. @throws {SluiceError} config_invalid */
  readonly readConfig?: () => Config;
  /** Where the ledger is kept; the real one if absent. Serving in this process only. */
  readonly fileSystem?: LedgerFileSystem;
}

export interface SharedServices {
  readonly config: Config;
  readonly log: Logger;
  readonly version: string;
  /** Lane 0. */
  readonly ledger: Ledger;
  readonly sequencer: RunningSequencer;
  readonly store: Store;
  readonly policies: PolicyHolder;
  readonly configRecord: ConfigRecord;
  readonly doors: DoorRecord;
  /** Undefined where nothing is exported. */
  readonly exports: RunningExports | undefined;
  readonly tokens: TokenAuthority;
  /** Told of each token that is revoked. */
  readonly revocationListeners: Set<(tokenId: string) => void>;
  /** Told when entries of the ledger were pruned. */
  readonly pruneListeners: Set<() => void>;
  readonly installationSecret: Buffer;
  readonly approvals: Approvals;
  readonly grants: Grants;
  readonly access: LentAccess;
  readonly accessRequests: AccessDesk;
  readonly throttle: AuthThrottle;
  readonly slots: LocalConnectionSlots;
  readonly lookups: LocalLookupMeter;
  readonly taintBook: TaintBook;
  readonly labels: SharedLabels;
  readonly budgetBook: BudgetBook;
  /** Of this process. */
  readonly registry: Registry;
  readonly metrics: PipelineMetrics;
  /** The certificate of a listener; undefined where it has no TLS. */
  certificateOf(listener: 'postgres' | 'http'): KeyPair | undefined;
  /**
   * Those of the PostgreSQL listener, as the configuration has them, or another reading of it; undefined where it has no TLS.
   * @throws {SluiceError} config_invalid
   */
  postgresCertificates(config?: Config): ListenerCertificates | undefined;
}

/** What takes a part of the gateway down again; called in reverse order. */
export type Undo = (() => unknown)[];

/**
 * Opens them all. What was opened is in `undo`, also if it throws.
 * @throws {SluiceError} config_invalid, policy_invalid, ledger_*, store_unavailable
 */
export async function openSharedServices(
  config: Config,
  { log, version, fileSystem }: GatewayRuntime,
  undo: Undo,
): Promise<SharedServices> {
  prepareDataDir(config.dataDir);
  const sequencer = await startSequencer({
    ...sequencerConfig(config),
    ...(fileSystem === undefined ? {} : { fileSystem }),
    onStatus: sequencerReports(log),
  });
  undo.push(() => sequencer.close());
  const ledger = await openLane({
    config,
    lane: 0,
    version,
    log,
    ...(fileSystem === undefined ? {} : { fileSystem }),
  });
  undo.push(() => ledger.close());
  const store = await openStore(join(config.dataDir, 'store.db'));
  undo.push(() => store.close());
  const recorded = new RecordedState(config.dataDir);
  const configRecord = await ConfigRecord.open(ledger, recorded, config);
  const policies = await PolicyHolder.open({
    read: () => readPolicyTexts(config),
    defaults: config.approvals,
    ledger,
    memory: {
      get: () => recorded.get().policies ?? [],
      note: (texts) => recorded.note({ policies: texts }),
    },
  });
  const doors = new DoorRecord({ append: (event) => void ledger.append(event) });
  undo.push(() => doors.close());
  const installationSecret = loadInstallationSecret(config.dataDir, randomBytes);
  const revocationListeners = new Set<(tokenId: string) => void>();
  const tokens = new TokenAuthority({
    store: store.tokens,
    principals: config.principals,
    tokens: config.tokens,
    installationSecret,
    record: (event) => ledger.durable(ledger.append(event)),
    now: Date.now,
    randomBytes,
    onRevoked: (tokenId) => {
      for (const tell of revocationListeners) tell(tokenId);
    },
  });
  undo.push(() => tokens.close());
  await warnOfOutdatedTokens(tokens, log);
  const registry = new Registry();
  const opened = await openApprovals({
    ...{ config: config.approvals, principals: config.principals },
    ...{ store, ledger, registry, log },
  });
  const { approvals, grants, access } = opened;
  undo.push(() => opened.close());
  const budgetBook = await BudgetBook.open({ budgets: config.budgets, store: store.budgets, now: Date.now });
  undo.push(() => budgetBook.close());
  collectDefaultMetrics({ register: registry });
  measureLane(registry, ledger);
  measureSequencer(registry, sequencer);
  const exports =
    config.exports.length === 0 ? undefined : await openExports(config, { version, log, registry });
  undo.push(() => exports?.close());
  const pruneListeners = new Set<() => void>();
  const retention = await openRetention(config, { version, log, registry }, () => {
    for (const tell of pruneListeners) tell();
  });
  undo.push(() => retention?.close());
  return {
    ...{
      config: withPseudonymKeys(config, installationSecret),
      log,
      version,
      ledger,
      sequencer,
      store,
      policies,
      configRecord,
      doors,
      exports,
      tokens,
      installationSecret,
      approvals,
      grants,
      access,
      accessRequests: new AccessDesk({
        ...{ config: config.access, approvals, databases: new Set(config.databases.keys()) },
      }),
      registry,
    },
    revocationListeners,
    pruneListeners,
    throttle: newThrottle(config.limits),
    slots: makeSlots(config),
    lookups: new LocalLookupMeter(() => performance.now()),
    budgetBook,
    taintBook: await TaintBook.open(store.taints, log, Date.now),
    labels: await SharedLabels.open(store.labels, ledger, Date.now),
    metrics: new PipelineMetrics(registry),
    certificateOf: (listener) =>
      config.listen[listener].tls.mode === 'disable' ? undefined : certificateFor(config, listener),
    postgresCertificates: (read = config) => {
      const { mode, clientCertificates } = read.listen.postgres.tls;
      if (mode === 'disable') return undefined;
      return { keyPair: certificateFor(read, 'postgres'), ...(clientCertificates && { clientCertificates }) };
    },
  };
}

/** The newest tokens are looked through, not all that there ever were. */
const CHECKED_TOKENS = 10_000;

async function warnOfOutdatedTokens(tokens: TokenAuthority, log: Logger): Promise<void> {
  const outdated = await tokens.outdatedTokens(CHECKED_TOKENS);
  if (outdated === 0) return;
  log.warn({ outdated }, 'tokens were issued under other tokens.scramIterations and do not log in');
}

function certificateFor(config: Config, listener: 'postgres' | 'http'): KeyPair {
  return loadServerCertificate(config, config.listen[listener], { now: Date.now, randomBytes });
}

function makeSlots({ limits, principals, databases }: Config): LocalConnectionSlots {
  return new LocalConnectionSlots({
    total: limits.maxConnections,
    ofPrincipal: (id) => principals.get(id)?.maxConnections ?? limits.maxConnectionsPerPrincipal,
    ofDatabase: (name) => databases.get(name)?.maxConnections,
  });
}
