/**
 * How the names of one session resolve, and its plans. Follows what changes the meaning of names: search_path, role, the session's own
 * temporary and uncommitted relations, DDL of anybody. Where the gate cannot know from what passes by, it asks the session's own
 * backend before it plans the next text.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Facts } from '../../model/facts.ts';
import type { Actor } from '../../model/principal.ts';
import type { Plan } from '../../session/plan.ts';
import type { PlanBucket } from '../../session/plan-cache.ts';
import type { ObjectFacts, PlanningClass } from '../../session/planner.ts';
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import { createScope, type PostgresScope } from '../../sql/postgres/scope.ts';
import { relationsFromRows, sessionRelationsQuery } from '../../sql/postgres/session-relations.ts';
import type { DatabaseService } from './database-service.ts';
import { parseSearchPath } from './search-path.ts';
import { objectNameOf, type Prepared, type SessionObjects } from './session-objects.ts';

/** Settings on which the meaning of names depends. */
const SCOPE_SETTINGS = new Set(['search_path', 'role', 'session_authorization', 'schema']);
const SCOPE_QUERY = `SELECT pg_catalog.current_setting('search_path'), current_user::pg_catalog.text`;

/** Asks the session's own backend; rows of texts, or undefined if its transaction has failed. */
export type Ask = (sql: string) => Promise<(string | null)[][] | undefined>;

export class SessionPlanner {
  /** `client_encoding` as the server reports it. */
  clientEncoding = 'UTF8';

  readonly #service: DatabaseService;
  readonly #actor: Actor;
  readonly #objects: SessionObjects;
  readonly #ask: Ask;
  readonly #redefining: () => boolean;
  #searchPath: readonly string[] = ['$user', 'public'];
  #user: string;
  #temporary: readonly RelationInfo[] = [];
  /** Something passed that may have changed what names mean. */
  #stale = true;
  /** The session has made things that the shared catalog may not show (temporary, or not committed yet). */
  #mayOwnRelations = false;
  #scope: PostgresScope | undefined;
  #scopeCatalogVersion = -1;
  #asked: PlanningClass<PostgresScope> | undefined;
  #bucket: PlanBucket | undefined;

  constructor(options: {
    service: DatabaseService;
    actor: Actor;
    objects: SessionObjects;
    user: string;
    ask: Ask;
    /** True while forwarded texts may still redefine prepared statements or cursors. */
    redefining: () => boolean;
  }) {
    this.#service = options.service;
    this.#actor = options.actor;
    this.#objects = options.objects;
    this.#user = options.user;
    this.#ask = options.ask;
    this.#redefining = options.redefining;
  }

  /** Plans a text; synchronous if nothing has to be asked or loaded for it. @throws {SluiceError} if it cannot be read. */
  plan(text: string): Plan | Promise<Plan> {
    if (this.#stale || this.#service.catalogIsStale || this.#redefining()) return this.planAnew(text, false);
    const plan = this.#planNow(text);
    if (plan instanceof Promise) return plan.then((made) => this.#resolve(made));
    return plan.unresolved.length === 0 ? plan : this.#resolve(plan);
  }

  /** Plans after a look at the session's own names; with `refresh`, on a catalog read after this call. */
  async planAnew(text: string, refresh = true): Promise<Plan> {
    if (refresh) await this.#service.refreshCatalog();
    else await this.#service.catalogReady();
    if (this.#stale || this.#redefining()) await this.#askScope();
    return this.#resolve(await this.#planNow(text));
  }

  /** True if the plan was made under the policies, labels and catalog in force, and nothing is known to have changed. */
  isCurrent(plan: Plan): boolean {
    if (this.#stale || this.#service.catalogIsStale || plan.unresolved.length > 0) return false;
    return plan.generation === this.#service.planner.generation(this.#scopeNow());
  }

  /**
   * The plan by which something prepared earlier may run now.
   * @throws {SluiceError} plan_stale if its text would be rewritten differently today
   */
  async revalidate(prepared: Prepared): Promise<Plan> {
    if (prepared.executedAs !== undefined) return this.plan(prepared.executedAs);
    const plan = await this.plan(prepared.plan.text);
    if (plan.outcome !== 'deny' && plan.forwardText !== prepared.plan.forwardText) throw stalePlan();
    return plan;
  }

  /** Notes that a text goes to the database. */
  forwarded(plan: Plan): void {
    for (const { facts } of plan.statements) this.#note(facts);
  }

  /** Notes what the server reports. */
  noteParameter(name: string, value: string): void {
    if (name === 'client_encoding') this.clientEncoding = value;
    if (name === 'search_path') this.#setSearchPath(value);
  }

  #note(facts: Facts): void {
    if (facts.changesCatalog || facts.opaque.length > 0) {
      this.#mayOwnRelations = true;
      this.#stale = true;
    }
    if (facts.settings.some((setting) => SCOPE_SETTINGS.has(setting.name.toLowerCase()))) this.#stale = true;
    if (facts.command.startsWith('DISCARD') || facts.command.startsWith('RESET')) this.#stale = true;
    // The end of a transaction takes back SET LOCAL, and what a rollback undoes.
    const ends =
      facts.transaction !== 'none' && facts.transaction !== 'begin' && facts.transaction !== 'savepoint';
    if (ends) this.#stale = true;
  }

  #planNow(text: string): Plan | Promise<Plan> {
    const scope = this.#scopeNow();
    const { planner } = this.#service;
    this.#asked ??= { actor: this.#actor, scope };
    if (this.#bucket === undefined || this.#bucket.generation !== planner.generation(scope)) {
      this.#bucket = planner.bucket(this.#asked);
    }
    return planner.plan(this.#bucket, this.#asked, text, this.#objectFacts);
  }

  /** Names that did not resolve may have been made a moment ago, by others or by this session itself. */
  async #resolve(plan: Plan): Promise<Plan> {
    if (plan.unresolved.length === 0) return plan;
    const newer = await this.#service.refreshFor(plan.unresolved);
    if (this.#mayOwnRelations) await this.#askScope(plan.unresolved);
    return newer || this.#mayOwnRelations ? this.#planNow(plan.text) : plan;
  }

  /** In a failed transaction nothing can be asked; nothing but its end can run there either. */
  async #askScope(names: readonly string[] = []): Promise<void> {
    const rows = await this.#ask(SCOPE_QUERY);
    const [row] = rows ?? [];
    if (row === undefined) return;
    this.#setSearchPath(row[0] ?? '');
    this.#setUser(row[1] ?? this.#user);
    if (this.#mayOwnRelations) {
      const relations = await this.#ask(sessionRelationsQuery(names));
      if (relations === undefined) return;
      this.#setTemporary(relationsFromRows(relations));
    }
    this.#stale = false;
  }

  #setSearchPath(text: string): void {
    const path = parseSearchPath(text);
    if (path.join('\0') === this.#searchPath.join('\0')) return;
    this.#searchPath = path;
    this.#scope = undefined;
  }

  #setUser(user: string): void {
    if (user === this.#user) return;
    this.#user = user;
    this.#scope = undefined;
  }

  #setTemporary(relations: readonly RelationInfo[]): void {
    if (relations.length === 0 && this.#temporary.length === 0) return;
    this.#temporary = relations;
    this.#scope = undefined;
  }

  #scopeNow(): PostgresScope {
    const catalog = this.#service.catalog;
    if (this.#scope === undefined || this.#scopeCatalogVersion !== catalog.version) {
      this.#scope = createScope({
        catalog,
        searchPath: this.#searchPath,
        user: this.#user,
        temporary: this.#temporary,
      });
      this.#scopeCatalogVersion = catalog.version;
      this.#asked = undefined;
      this.#bucket = undefined;
    }
    return this.#scope;
  }

  readonly #objectFacts: ObjectFacts = (kind, name) => {
    const key = objectNameOf(name);
    return (kind === 'prepared' ? this.#objects.prepared(key) : this.#objects.cursor(key))?.facts;
  };
}

function stalePlan(): SluiceError {
  return new SluiceError(
    'plan_stale',
    'policies, labels or tables have changed since this statement was prepared',
  );
}
