/**
 * How the names and texts of one session are read, and its plans. Follows what changes the meaning of names: search_path, role, the
 * session's own temporary and uncommitted relations, DDL of anybody. Where the gate cannot know from what passes by, it asks the
 * session's own backend before it plans the next text.
 */
import type { Facts, Opaque } from '../../model/facts.ts';
import type { Actor } from '../../model/principal.ts';
import type { Standing } from '../../model/standing.ts';
import type { NamedObjects } from '../../session/object-use.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import type { PlanningClass } from '../../session/planner.ts';
import type { PostgresScope } from '../../sql/postgres/scope.ts';
import { relationsFromRows, sessionRelationsQuery } from '../../sql/postgres/session-relations.ts';
import type { DatabaseService } from './database-service.ts';
import { UNANSWERED } from './name-space.ts';
import {
  doubtOfLock,
  doubtOfTypes,
  holdsFor,
  isNameless,
  mayBeNameless,
  mayRunWhenPlanned,
  meaningOf,
  type NameUse,
  namedBy,
  namedObject,
  requireRunnable,
  runsLate,
  type SessionPlannerOptions,
  stalePlan,
  tooNested,
} from './plan-use.ts';
import { SessionBucket } from './session-bucket.ts';
import { objectNameOf, type Portal, type Prepared, type SessionObjects } from './session-objects.ts';
import {
  effectOnReading,
  type FirstReading,
  planAsWritten,
  type SessionBackend,
  SessionReading,
  type StatementText,
} from './session-reading.ts';
import { SessionScope } from './session-scope.ts';

/** Of one prepared statement; more than that is no honest use. */
const MAX_MEANINGS = 8;
/** How deep prepared statements may execute each other. */
const MAX_NESTED_USES = 8;

export class SessionPlanner {
  readonly reading: SessionReading;
  readonly #service: DatabaseService;
  readonly #actor: Actor;
  readonly #standing: () => Standing;
  readonly #objects: SessionObjects;
  readonly #backend: SessionBackend;
  readonly #scope: SessionScope;
  /** Something passed that may have changed how names and texts are read. */
  #stale = true;
  /** Such a change may be taken back by the end of the transaction it was made in. */
  #revocable = false;
  /** The session has made things that the shared catalog may not show (temporary, or not committed yet). */
  #mayOwnRelations = false;
  readonly #bucket: SessionBucket;
  /** Prepared statements that use each other, the outermost first. */
  readonly #renewing = new Set<Prepared>();
  #names: NameUse = { prepared: [], portals: [], unanswered: false };

  constructor(options: SessionPlannerOptions) {
    this.#service = options.service;
    this.#bucket = new SessionBucket(options.service.planner);
    this.#actor = options.actor;
    this.#standing = options.standing;
    this.#objects = options.objects;
    this.#backend = options.backend;
    this.#scope = new SessionScope(options.user);
    this.reading = new SessionReading(options.backend);
  }

  /** Takes over what the backend has said before the session began: then the first statement needs no question. */
  begin(reading: FirstReading): void {
    const { path, user, schemas } = reading;
    if (path === undefined) return;
    this.reading.note(reading);
    this.#scope.noteSchemas({ schemas });
    this.#scope.setNames({ path, user });
    this.#stale = false;
  }

  /**
   * Reads names; at once if the encoding is certain or does not matter.
   * @throws {SluiceError} bad_encoding
   */
  readNames(names: readonly Buffer[]): readonly string[] | Promise<readonly string[]> {
    if (!this.#stale) return this.reading.decodeAll(names);
    return this.#askReading().then(() => this.reading.decodeAll(names));
  }

  /** Reads a client's statement, in the same way. @throws {SluiceError} bad_encoding */
  read(bytes: Buffer): StatementText | Promise<StatementText> {
    if (!this.#stale || this.reading.isPlain(bytes)) return this.reading.read(bytes);
    return this.#askReading().then(() => this.reading.read(bytes));
  }

  /** Plans a text; synchronous if nothing has to be asked or loaded for it. @throws {SluiceError} if it cannot be read. */
  plan(text: string, doubt?: Opaque): Plan | Promise<Plan> {
    if (this.#unsure) return this.#planNameless(text, doubt) ?? this.#planSurely(text, doubt, false);
    const plan = this.#planNow(text, doubt);
    if (plan instanceof Promise) return plan.then((made) => this.#complete(made, doubt));
    return plan.unresolved.length === 0 && !plan.usesObjects ? plan : this.#complete(plan, doubt);
  }

  /** Plans what a client wrote, so that it can be forwarded. @throws {SluiceError} also if client_encoding lacks a character */
  planStatement(statement: StatementText, doubt?: Opaque): Plan | Promise<Plan> {
    const plan = this.plan(statement.text, doubt);
    const { reading } = this;
    if (plan instanceof Promise)
      return plan.then((made) => reading.forwardable(planAsWritten(made, statement)));
    return reading.forwardable(planAsWritten(plan, statement));
  }

  /** Who asks now. */
  get asked(): PlanningClass<PostgresScope> {
    return { actor: this.#actor, scope: this.#scopeNow(), standing: this.#standing() };
  }

  /** Plans on a catalog read after this call. */
  async planAnew({ text, written }: Pick<Plan, 'text' | 'written'>, doubt?: Opaque): Promise<Plan> {
    const plan = await this.#planSurely(text, doubt, true);
    return this.reading.forwardable(written === undefined ? plan : { ...plan, written });
  }

  /**
   * The plan by which a prepared statement may be bound now.
   * @throws {SluiceError} plan_stale if its text would be rewritten differently today
   */
  planOf(prepared: Prepared, refresh = false): Plan | Promise<Plan> {
    if (!refresh && this.#isCurrent(prepared) && prepared.usedAs === undefined) return prepared.plan;
    return this.#renewedUse(prepared, refresh);
  }

  /**
   * The plan by which a portal may run now: its names mean what they meant when it was made, but policies may have changed.
   * @param refresh look at a catalog read after this call
   * @throws {SluiceError} plan_stale
   */
  planOfPortal(portal: Portal, refresh = false): Plan | Promise<Plan> {
    if (!refresh && !portal.isCursor && this.#mayRun(portal)) return portal.plan;
    return this.#renewedPortal(portal, refresh);
  }

  /** Parameters of a type whose input runs unknown code make their statement doubtful. */
  doubtOf(parameterTypes: readonly number[]): Opaque | undefined {
    return doubtOfTypes(this.#scopeNow(), parameterTypes);
  }

  /** True if binding alone may run what a statement calls: the database computes constants while it plans. */
  runsWhenBound({ statements }: Plan): boolean {
    return statements.some(
      ({ facts }) => facts.opaque.length > 0 && mayRunWhenPlanned(facts, this.#service.catalog),
    );
  }

  /** Notes that a text goes to the database, before it does. */
  forwarded(plan: Plan): void {
    if (plan.redefines && !this.#backend.redefining()) this.#objects.making();
    for (const { facts } of plan.statements) this.#note(facts);
  }

  /** Notes that a transaction ends here if it is one that a Sync, or a Query within a pipeline, ends. */
  transactionMayEnd(): void {
    this.#objects.moments.transactionMayEnd();
    if (this.#revocable) this.#stale = true;
  }

  /** Notes what the server reports; the value is a byte string. */
  noteParameter(name: string, value: string): void {
    this.reading.noteParameter(name, value);
    if (name === 'search_path') this.#stale = true;
  }

  get #unsure(): boolean {
    if (this.#scope.noteSchemas(this.#service.catalog)) this.#stale = true;
    return this.#stale || this.#service.catalogIsStale || this.#backend.redefining();
  }

  /** What names nothing needs no certainty; a question would take the snapshot of a transaction that is still being set up. */
  #planNameless(text: string, doubt: Opaque | undefined): Plan | undefined {
    if (doubt !== undefined || !mayBeNameless(text)) return undefined;
    const plan = this.#planNow(text);
    return plan instanceof Promise || !isNameless(plan) ? undefined : plan;
  }

  async #planSurely(text: string, doubt: Opaque | undefined, refresh: boolean): Promise<Plan> {
    const known = this.#catalogKnown(refresh);
    const locked = refresh ? await known : await known.catch(doubtOfLock);
    await this.#readAnew();
    const plan = await this.#planNow(text, locked ?? doubt);
    return locked === undefined ? this.#complete(plan, doubt) : plan;
  }

  async #becomeSure(refresh: boolean): Promise<void> {
    await this.#catalogKnown(refresh);
    await this.#readAnew();
  }

  async #catalogKnown(refresh: boolean): Promise<undefined> {
    const catalog = refresh ? this.#service.refreshCatalog() : this.#service.catalogReady();
    await this.#backend.untilCancelled(catalog);
  }

  async #readAnew(): Promise<void> {
    if (this.#stale || this.#backend.redefining()) await this.#askReading();
  }

  #note(facts: Facts): void {
    this.#objects.moments.note(facts);
    const { redefines, changes, ends } = effectOnReading(facts);
    if (redefines) {
      this.#mayOwnRelations = true;
      this.#scope.setKnowsBodies(false);
    }
    if (changes) this.#revocable = true;
    if (changes || (ends && this.#revocable)) this.#stale = true;
  }

  #planNow(text: string, doubt?: Opaque, objects: NamedObjects = this.#namedObjects): Plan | Promise<Plan> {
    const { planner } = this.#service;
    const scope = this.#scopeNow();
    const standing = this.#standing();
    const actor = this.#service.actorNow(this.#actor);
    this.#names = { prepared: [], portals: [], unanswered: false };
    if (doubt !== undefined) {
      const doubtful = { actor, scope, standing, doubt };
      return planner.plan(planner.bucket(doubtful), doubtful, text, objects);
    }
    const { asked, bucket } = this.#bucket.of(actor, scope, standing);
    return planner.plan(bucket, asked, text, objects);
  }

  /** What a plan still lacks: certainty of the objects it uses, and names that were not found. */
  async #complete(plan: Plan, doubt: Opaque | undefined): Promise<Plan> {
    const certain = plan.usesObjects ? await this.#withObjects(plan, doubt) : plan;
    if (certain.unresolved.length === 0) return certain;
    // They may have been made a moment ago, by others or by this session itself.
    const refreshed = this.#backend.untilCancelled(this.#service.refreshFor(certain.unresolved));
    const newer = await refreshed.catch(doubtOfLock);
    if (typeof newer !== 'boolean') return this.#planNow(plan.text, newer);
    if (this.#mayOwnRelations) await this.#askReading(certain.unresolved);
    return newer || this.#mayOwnRelations ? this.#planNow(plan.text, doubt) : certain;
  }

  /** Objects that were understood under other policies, labels or catalog have to be understood anew before they are used. */
  async #withObjects(plan: Plan, doubt: Opaque | undefined): Promise<Plan> {
    let made = plan;
    if (this.#names.unanswered) {
      await this.#backend.quiet();
      made = await this.#planNow(plan.text, doubt);
    }
    const { prepared, portals } = this.#names;
    const outdated = prepared.filter((one) => !this.#isCurrent(one));
    const uncertain = portals.filter((one) => !this.#mayRun(one));
    if (outdated.length + uncertain.length === 0) return made;
    for (const one of outdated) requireRunnable(await this.#renewed(one));
    for (const one of uncertain) requireRunnable(await this.#renewedPortal(one, false));
    return this.#planNow(plan.text, doubt);
  }

  #isCurrent({ plan }: Prepared): boolean {
    if (this.#unsure || plan.unresolved.length > 0 || plan.usesObjects) return false;
    const scope = this.#scopeNow();
    return plan.scopeKey === scope.sessionKey && plan.generation === this.#generation(scope);
  }

  /** The names of a portal are settled: of what has changed since, only rules and labels matter. */
  #mayRun(portal: Portal): boolean {
    // What names nothing needs no catalog; a question in front of it would make a pipeline of it.
    return (!this.#service.catalogIsStale || isNameless(portal.plan)) && this.#holds(portal);
  }

  #holds(portal: Portal): boolean {
    const scope = this.#scopeNow();
    const generation = this.#generation(scope);
    const key = this.#unsure ? undefined : scope.sessionKey;
    return !runsLate(portal) && holdsFor(portal.plan, generation, key);
  }

  async #renewed(prepared: Prepared): Promise<Plan> {
    if (this.#isCurrent(prepared)) return prepared.plan;
    if (this.#renewing.has(prepared) || this.#renewing.size === MAX_NESTED_USES) throw tooNested();
    this.#renewing.add(prepared);
    let plan: Plan;
    try {
      plan = await this.plan(prepared.text, prepared.doubt);
    } finally {
      this.#renewing.delete(prepared);
    }
    if (plan.outcome === 'deny') return plan;
    if (plan.forwardText !== prepared.forwardText) throw stalePlan();
    await this.#requireEveryMeaning(prepared, plan.statements[0]);
    prepared.plan = plan;
    prepared.statement = plan.statements[0];
    return plan;
  }

  /**
   * The database resolves the names of a prepared statement anew only when it has to (plancache.c): a table that shadows
   * another does not make it. So it may run under any meaning that it has had, and each of them must be allowed.
   * @throws {SluiceError} plan_stale
   */
  async #requireEveryMeaning(prepared: Prepared, now: PlannedStatement | undefined): Promise<void> {
    const { statement, text, usedAs = 'EXECUTE p' } = prepared;
    if (now === undefined || statement === undefined) return;
    const earlier = new Map(prepared.earlier).set(meaningOf(statement), statement);
    earlier.delete(meaningOf(now));
    if (earlier.size === 0) return;
    if (earlier.size > MAX_MEANINGS) throw stalePlan();
    prepared.earlier = earlier;
    for (const each of [...earlier.values(), now]) {
      const plan = await this.#planNow(usedAs, undefined, () => namedObject(text, each, []));
      const decision = plan.statements[0]?.decision;
      const masks = JSON.stringify(decision?.masks) === JSON.stringify(each.decision.masks);
      if (decision?.outcome !== 'allow' || !masks) throw stalePlan();
    }
  }

  async #renewedUse(prepared: Prepared, refresh: boolean): Promise<Plan> {
    if (refresh) await this.#becomeSure(true);
    const plan = await this.#renewed(prepared);
    return plan.outcome === 'deny' ? plan : this.#planUse(prepared, prepared.statement);
  }

  async #renewedPortal(portal: Portal, refresh: boolean): Promise<Plan> {
    const { prepared, isCursor } = portal;
    await this.#becomeSure(refresh);
    if (!this.#holds(portal)) {
      // Under other policies than it was made under, and for other names: nobody can say any more what it reads.
      if (!runsLate(portal) && portal.plan.scopeKey !== this.#scopeNow().sessionKey) throw stalePlan();
      const plan = await this.#renewed(prepared);
      if (plan.outcome === 'deny') return plan;
      portal.plan = isCursor ? plan : await this.#planUse(prepared, prepared.statement);
      portal.statement = isCursor ? prepared.statement : portal.plan.statements[0];
    }
    return isCursor ? this.#planUse(prepared, portal.statement) : portal.plan;
  }

  /** What SQL made is decided on like the statement that uses it. */
  async #planUse({ plan, text, usedAs }: Prepared, statement: PlannedStatement | undefined): Promise<Plan> {
    if (usedAs === undefined) return plan;
    return this.#planNow(usedAs, undefined, () => namedObject(text, statement, []));
  }

  /**
   * Asks how names and texts are read now. In a failed transaction nothing can be asked; nothing but its end can run there
   * either, and what follows that asks again.
   */
  async #askReading(names: readonly string[] = []): Promise<void> {
    const read = await this.reading.ask();
    if (read === undefined) return;
    this.#scope.setNames(read);
    // Without a temporary schema there is nothing temporary, which is known without asking.
    if (read.temporary === undefined && names.length === 0) this.#scope.setTemporary([]);
    else if (this.#mayOwnRelations) {
      const { sql, textOf } = this.reading.question(sessionRelationsQuery(names));
      const relations = await this.#backend.ask(sql);
      if (relations === undefined) return;
      this.#scope.setTemporary(
        relationsFromRows(relations.map(([source]) => [source ? textOf(source) : null])),
      );
    }
    this.#stale = false;
    if (!this.#backend.outsideTransaction()) return;
    this.#revocable = false;
    this.#scope.setKnowsBodies(true);
  }

  #generation(scope: PostgresScope): string {
    const actor = this.#service.actorNow(this.#actor);
    return this.#service.planner.generation({ actor, scope, standing: this.#standing() });
  }

  #scopeNow(): PostgresScope {
    return this.#scope.on(this.#service.catalog);
  }

  readonly #namedObjects: NamedObjects = (kind, name) => {
    const key = objectNameOf(name);
    const found = kind === 'prepared' ? this.#objects.prepared(key) : this.#objects.portal(key);
    if (found === UNANSWERED) this.#names.unanswered = true;
    if (found === undefined || found === UNANSWERED) return undefined;
    if ('prepared' in found) this.#names.portals.push(found);
    else this.#names.prepared.push(found);
    return namedBy(found);
  };
}
