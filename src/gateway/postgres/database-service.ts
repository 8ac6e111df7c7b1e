/**
 * What all sessions of one database share: its planner, its labels, the catalog snapshot and how that is kept fresh. Has one
 * connection of its own, for the catalog only.
 */
import type { SessionApprovals } from '../../approvals/approvals.ts';
import type { DatabaseConfig } from '../../config/config.ts';
import type { BlastRadius, Estimate } from '../../model/blast-radius.ts';
import type { Dialect } from '../../model/dialect.ts';
import type { LabelSet } from '../../model/labels.ts';
import type { Actor } from '../../model/principal.ts';
import { CLEAN_STANDING, type Standing } from '../../model/standing.ts';
import type { PolicyEngine } from '../../policy/engine.ts';
import type { InheritedLabel } from '../../session/inherited-labels.ts';
import type { LookupMeter } from '../../session/lookup-meter.ts';
import type { PipelineMetrics } from '../../session/metrics.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import { Planner } from '../../session/planner.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import { type CatalogLoader, createCatalogLoader } from '../../sql/postgres/catalog-loader.ts';
import { labelKey, type RememberedLabel } from '../../sql/postgres/label-memory.ts';
import { createScope, type PostgresScope } from '../../sql/postgres/scope.ts';
import { parseSearchPath } from '../../sql/postgres/search-path.ts';
import { blastRadiusOf, estimateContext, tellable } from './blast-radius.ts';
import { CatalogFreshness, REFRESH_INTERVAL_MS } from './catalog-freshness.ts';
import { DatabaseLabels, type LabelReports } from './database-labels.ts';
import { RequestPreviews } from './request-previews.ts';
import { SideConnection } from './side-connection.ts';
import { estimatesAside } from './side-estimates.ts';
import { SqlClient } from './sql-client.ts';

/** An unknown name makes the catalog be read anew, but not more often than this. */
const MIN_UNKNOWN_REFRESH_MS = 1_000;
const CATALOG_TIMEOUT_MS = 60_000;

export interface DatabaseServiceOptions extends LabelReports {
  readonly config: DatabaseConfig;
  readonly dialect: Dialect<PostgresScope>;
  readonly policy: () => PolicyEngine;
  /** Absent where statements are only checked. */
  readonly approvals: SessionApprovals | undefined;
  /** Absent where statements are only checked. */
  readonly lookups?: LookupMeter;
  /** The actor with what it is lent at this moment. Absent where nothing is lent. */
  readonly actorNow?: (actor: Actor) => Actor;
  readonly metrics: PipelineMetrics;
  readonly now: () => number;
  /** Told when the catalog cannot be refreshed; what was known stays in use. */
  readonly onRefreshFailure: (error: unknown) => void;
  /**
   * Told when a session has changed the catalog: other processes have snapshots of their own. Resolves when they know. Must not
   * reject.
   */
  readonly onCatalogChange?: () => Promise<void>;
}

/** A plan that nobody runs, and how far each of its statements would reach. */
export interface CheckedPlan {
  readonly plan: Plan;
  /** By which it was decided. */
  readonly estimates: readonly (Estimate | undefined)[];
  readonly blastRadius: readonly BlastRadius[];
}

export class DatabaseService {
  readonly config: DatabaseConfig;
  readonly planner: Planner<PostgresScope>;
  readonly approvals: SessionApprovals | undefined;
  readonly lookups: LookupMeter | undefined;
  /** The actor with what it is lent at this moment. */
  readonly actorNow: (actor: Actor) => Actor;
  readonly #options: DatabaseServiceOptions;
  readonly #client: SqlClient;
  readonly #side: SideConnection;
  readonly previews: RequestPreviews;
  readonly #loader: CatalogLoader;
  readonly #timer: NodeJS.Timeout;
  #catalog: CatalogSnapshot | undefined;
  readonly #labels: DatabaseLabels;
  /** Learned before the catalog was loaded: by then it is known of which database it was. */
  #early: RememberedLabel[] = [];
  /** Which database this is, whatever it is called; oids are its own. */
  #identity: string | undefined;
  /** Loads that were asked for so far, and the one from which on the snapshot is current. */
  #wanted = 0;
  #loaded = 0;
  #loading: Promise<void> | undefined;
  readonly #freshness: CatalogFreshness;
  /** In between, only what seems to have changed is read. */
  #loadedWholeAt = Number.NEGATIVE_INFINITY;
  #lastUnknownAt = Number.NEGATIVE_INFINITY;

  constructor(options: DatabaseServiceOptions) {
    this.#options = options;
    this.#freshness = new CatalogFreshness(options.now);
    this.config = options.config;
    this.approvals = options.approvals;
    this.lookups = options.lookups;
    this.actorNow = options.actorNow ?? ((actor) => actor);
    this.#labels = new DatabaseLabels(options.config, options);
    this.#client = new SqlClient(options.config.upstream, CATALOG_TIMEOUT_MS);
    this.#side = new SideConnection(options.config.upstream);
    this.previews = new RequestPreviews(this, options);
    this.#loader = createCatalogLoader((sql) => this.#client.query(sql));
    this.planner = new Planner({
      database: options.config,
      dialect: options.dialect,
      policy: options.policy,
      labels: () => this.labels,
      untrusted: () => this.untrusted,
      subjects: (relation) => options.config.subjects.get(relation),
      now: options.now,
      onNovel: (analyze, decide) => {
        options.metrics.step('analyze', analyze);
        options.metrics.step('decide', decide);
      },
    });
    this.#timer = setInterval(() => {
      if (this.#freshness.isKept) this.refreshCatalog().catch(options.onRefreshFailure);
    }, REFRESH_INTERVAL_MS);
    this.#timer.unref();
  }

  /** The snapshot in force. Only to be read after `catalogReady`. */
  get catalog(): CatalogSnapshot {
    if (this.#catalog === undefined) throw new TypeError('the catalog is read before it is loaded');
    return this.#catalog;
  }

  /**
   * Labels of the configuration, those of the system catalogs, and where they flow by inheritance. Only to be read after
   * `catalogReady`.
   */
  get labels(): LabelSet {
    return this.#labels.current.hiding;
  }

  /** The columns that hold untrusted text, views of them included. Only to be read after `catalogReady`. */
  get untrusted(): LabelSet {
    return this.#labels.current.untrusted;
  }

  /** True if DDL has passed that the snapshot may not show: `catalogReady` waits for it. */
  get catalogIsStale(): boolean {
    return this.#loaded < this.#wanted;
  }

  /** A session begins: from now on the catalog is kept fresh. @throws {SluiceError} upstream_unavailable */
  async open(): Promise<void> {
    if (this.#freshness.begin()) this.catalogChanged();
    try {
      await this.catalogReady();
    } catch (thrown) {
      this.#freshness.end();
      throw thrown;
    }
  }

  /** A session ended. */
  release(): void {
    this.#freshness.end();
  }

  /**
   * A session's DDL took effect: nothing is planned on the old snapshot from now on, and elsewhere once the promise resolves, if there
   * is any elsewhere.
   */
  sessionChangedCatalog(): Promise<void> | undefined {
    this.catalogChanged();
    return this.#options.onCatalogChange?.();
  }

  /** What other processes, or earlier ones, know of columns that were renamed since, or filled from labelled ones. */
  learnLabels(labels: readonly RememberedLabel[]): void {
    if (this.#identity === undefined) this.#early.push(...labels);
    else if (this.#labels.learn(labels)) this.catalogChanged();
  }

  /** An operator wants labels of these origins gone; or these keys are not needed any more. */
  forgetLabels(origins: readonly string[], keys: readonly string[]): void {
    const isMeant = (label: RememberedLabel): boolean =>
      origins.includes(label.origin) || keys.includes(labelKey(label));
    this.#early = this.#early.filter((label) => !isMeant(label));
    this.#labels.forget(isMeant);
    if (this.#labels.outdated && this.#catalog !== undefined) this.catalogChanged();
  }

  /**
   * Labels that come with what a session is about to store; the promise resolves when everybody knows, and they are in force then.
   * Undefined if they are known already.
   * @returns the keys of those that stand under a name only, for `settleNames`
   */
  inherit(labels: readonly InheritedLabel[]): Promise<readonly string[]> | undefined {
    const news = this.#labels.inherit(labels, this.catalog);
    if (news.length === 0) return undefined;
    const named = news.filter(({ relationOid }) => relationOid === 0).map(labelKey);
    return this.#labels.keep(news).then(() => {
      this.catalogChanged();
      return named;
    });
  }

  /** What was to be made under these names has been, or never will be: from now on it is known by what it is. Never rejects. */
  async settleNames(keys: readonly string[]): Promise<void> {
    try {
      await this.refreshCatalog();
      this.#labels.forget((label) => keys.includes(labelKey(label)));
      await this.#options.labelKeeper?.letGo(keys);
    } catch (error) {
      this.#options.onRefreshFailure(error);
    }
  }

  /** The name of a column that has no label and that nobody has looked at; undefined for all others, and for what is not in the catalog. */
  unlabelledColumn(relationOid: number, attnum: number): string | undefined {
    const relation = this.catalog.relationByOid(relationOid);
    const column = relation?.columns.find((one) => one.attnum === attnum)?.name;
    if (relation === undefined || column === undefined || relation.system) return undefined;
    const name = `${relation.id}.${column}`;
    const isKnown =
      this.labels.labelsOf(relation.id, column).length > 0 || this.config.decided.includes(name);
    return isKnown ? undefined : name;
  }

  /** Tells that a column holds what looks personal. */
  reportFound(column: string, label: string): void {
    this.#options.onFound?.(column, label);
  }

  /** DDL took effect: nothing is planned on the old snapshot from now on. */
  catalogChanged(): void {
    this.#wanted += 1;
  }

  /** Resolves when the snapshot shows everything that was reported so far. */
  async catalogReady(): Promise<void> {
    const wanted = this.#wanted;
    while (this.#loaded < wanted) await this.#load();
  }

  /** Resolves when the snapshot shows everything that was true when this was called. */
  async refreshCatalog(): Promise<void> {
    this.catalogChanged();
    await this.catalogReady();
  }

  /** Reads the catalog anew for names it does not know; false if it was read a moment ago or nothing has changed. */
  async refreshFor(_names: readonly string[]): Promise<boolean> {
    const now = this.#options.now();
    if (now - this.#lastUnknownAt < MIN_UNKNOWN_REFRESH_MS) return false;
    this.#lastUnknownAt = now;
    const before = this.catalog.version;
    await this.refreshCatalog();
    return this.catalog.version !== before;
  }

  /**
   * Plans a text as for a new session of this actor, or one that stands elsewhere, and says how far it reaches. Runs nothing, records
   * nothing.
   * @throws {SluiceError} for texts that do not parse, or if the catalog cannot be read
   */
  async check(actor: Actor, text: string, standing: Standing = CLEAN_STANDING): Promise<CheckedPlan> {
    await this.open();
    try {
      // The connection has a search path of its own; what a session begins with is the one it would be reset to.
      const [row] = await this.#client.query(
        `SELECT reset_val AS path FROM pg_catalog.pg_settings WHERE name = 'search_path'`,
      );
      const searchPath = parseSearchPath(row?.path ?? '');
      const plan = await this.planAlong(searchPath, actor, text, standing);
      const estimates = await estimatesAside(this.#side, plan, this.catalog, searchPath);
      const asked = { actor, scope: this.scopeAlong(searchPath), standing };
      const decided = this.planner.decideAnew(plan, asked, estimates.map(estimateContext));
      return { plan: decided, estimates, blastRadius: await this.blastRadius(decided.statements, estimates) };
    } finally {
      this.release();
    }
  }

  /**
   * Plans a text that names no relation, such as SET, for a session that is not yet open.
   * @throws {SluiceError} for texts that do not parse
   */
  async planNameless(actor: Actor, text: string): Promise<Plan> {
    return this.planAlong([], actor, text, CLEAN_STANDING);
  }

  /** Whether the policies let this actor connect. */
  admits(actor: Actor): boolean {
    const context = { now: new Date(this.#options.now()) };
    const question = { actor: this.actorNow(actor), database: this.config, context };
    return this.#options.policy().connect(question).outcome === 'allow';
  }

  /**
   * How far statements reach, one by one. Never rejects: what cannot be learned is left out.
   * @param estimates as the session's own backend gave them
   */
  async blastRadius(
    statements: readonly PlannedStatement[],
    estimates: readonly (Estimate | undefined)[],
  ): Promise<readonly BlastRadius[]> {
    const ask = (sql: string) => this.#client.query(sql);
    return Promise.all(
      statements.map((one, i) => blastRadiusOf(one.facts, this.catalog, tellable(one, estimates[i]), ask)),
    );
  }

  /** True if the database answers now. Never throws. */
  async reachable(): Promise<boolean> {
    try {
      await this.#client.query('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#client.close();
    this.#side.close();
    this.previews.close();
  }

  /** Plans a text along a search path; runs nothing. Only to be called after `catalogReady`. */
  planAlong(
    searchPath: readonly string[],
    actor: Actor,
    text: string,
    standing: Standing,
  ): Plan | Promise<Plan> {
    const asked = { actor: this.actorNow(actor), scope: this.scopeAlong(searchPath), standing };
    return this.planner.plan(this.planner.bucket(asked), asked, text, () => undefined);
  }

  scopeAlong(searchPath: readonly string[]): PostgresScope {
    return createScope({ catalog: this.catalog, searchPath, user: this.config.upstream.user });
  }

  /** One load at a time; whoever comes while one runs waits for it, and then for the next if it began too early. */
  async #load(): Promise<void> {
    this.#loading ??= this.#loadNow().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #loadNow(): Promise<void> {
    const wanted = this.#wanted;
    const loadedAt = this.#options.now();
    const whole = loadedAt - this.#loadedWholeAt >= REFRESH_INTERVAL_MS;
    if (this.#identity === undefined) await this.#recognise();
    const catalog = await this.#loader.load(whole);
    if (catalog !== this.#catalog || this.#labels.outdated) {
      this.#catalog = catalog;
      this.#labels.update(catalog);
    }
    this.#loaded = wanted;
    this.#freshness.loadedAt = loadedAt;
    if (whole) this.#loadedWholeAt = loadedAt;
  }

  /** Which database it is. What is remembered of another one (it was restored elsewhere) holds for the names alone. */
  async #recognise(): Promise<void> {
    const [row] = await this.#client.query(IDENTITY);
    const [cluster] = row?.told === 'true' ? await this.#client.query(CLUSTER) : [];
    this.#identity = `${cluster?.id ?? ''}/${row?.oid ?? ''}`;
    this.#labels.system = this.#identity;
    this.#labels.learn(
      this.#early.splice(0).map((label) => (label.system === this.#identity ? label : byName(label))),
    );
  }
}

const IDENTITY = `SELECT d.oid::pg_catalog.text AS oid,
    pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')::pg_catalog.text AS told
  FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()`;
/** Everybody may read it, unless somebody has revoked that. */
const CLUSTER = 'SELECT c.system_identifier AS id FROM pg_catalog.pg_control_system() AS c';

function byName(label: RememberedLabel): RememberedLabel {
  return { ...label, relationOid: 0, attnum: 0 };
}
