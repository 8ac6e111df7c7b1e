/**
 * Text → plan: steps 2, 3 and 6 of the life of a statement (what is it, may it, rewrite) for one database. Shared by all its
 * sessions. Knows no protocol and no dialect; does no I/O of its own.
 *
 * A known text costs one look-up; a text of a known shape one scan; anything else is parsed, resolved, decided and rewritten.
 */

import { SluiceError } from '../errors/sluice-error.ts';
import type { Database } from '../model/database.ts';
import type { Decision } from '../model/decision.ts';
import type { Analysis, AnalyzedStatement, Dialect, Rewrite, Scope } from '../model/dialect.ts';
import type { Facts, Opaque } from '../model/facts.ts';
import type { ColumnMask, LabelSet } from '../model/labels.ts';
import type { Actor } from '../model/principal.ts';
import type { Standing } from '../model/standing.ts';
import type { PolicyEngine, PolicyQuestion } from '../policy/engine.ts';
import type { EstimateContext } from '../policy/estimate-probes.ts';
import { inheritedLabels } from './inherited-labels.ts';
import { demandsOf } from './lookup-meter.ts';
import { factsOf, type NamedObjects, noteMade, usedBy } from './object-use.ts';
import type { NamedObject, Plan, PlannedStatement } from './plan.ts';
import { type PlanBucket, PlanCache } from './plan-cache.ts';
import { refusalOfStatement, unmaskable } from './plan-refusals.ts';
import { privacyOf } from './statement-privacy.ts';
import { deny, lookingUp, recordOf } from './statement-record.ts';
import { takenApart } from './statement-shape.ts';
import { tainted, untrustedReads } from './untrusted-reads.ts';

/** Under what one text is planned: who asks, how names resolve for them, and where the session stands. */
export interface PlanningClass<S extends Scope> {
  readonly actor: Actor;
  readonly scope: S;
  readonly standing: Standing;
  /** Why the database may read the texts differently than the gate does, if so. */
  readonly doubt?: Opaque;
}

export interface PlannerOptions<S extends Scope> {
  readonly database: Database;
  readonly dialect: Dialect<S>;
  /** The engine in force; a new one after each reload. */
  readonly policy: () => PolicyEngine;
  /** The labels in force for the catalog of `scope`, inheritance included. */
  readonly labels: (scope: S) => LabelSet;
  /** The columns that hold untrusted text, by the same catalog. */
  readonly untrusted: (scope: S) => LabelSet;
  /** The group of people whom a relation is about; `everyone` where it has none. */
  readonly subjects?: (relation: string) => string | undefined;
  readonly now: () => number;
  /** Told of each novel statement: how long analysis and decision took, in seconds. */
  readonly onNovel?: (analyzeSeconds: number, decideSeconds: number) => void;
}

export class Planner<S extends Scope> {
  readonly #options: PlannerOptions<S>;
  readonly #cache = new PlanCache();
  /** The last answer of `generation`: asked for at every statement, changed a few times a day. */
  #generation: Generation = { catalog: -1, minute: -1, lent: '', standing: '', text: '' };

  constructor(options: PlannerOptions<S>) {
    this.#options = options;
  }

  /** The plans known for a class of sessions; cheap, but worth keeping while `generation` stays the same. */
  bucket(asked: PlanningClass<S>): PlanBucket {
    const standing = this.#options.policy().standingKey(asked.standing);
    return this.#cache.bucket(classKey(asked, standing), this.generation(asked));
  }

  /**
   * What plans made now depend on. Includes the minute if any policy looks at the time, so that a cached decision is never
   * more than a minute off; as much of the standing as any policy can tell apart; and what the actor is lent at the moment.
   */
  generation({ scope, standing, actor }: Pick<PlanningClass<S>, 'scope' | 'standing' | 'actor'>): string {
    const policy = this.#options.policy();
    const labels = this.#options.labels(scope);
    const untrusted = this.#options.untrusted(scope);
    const standingKey = policy.standingKey(standing);
    const minute = policy.relevantContext.has('time') ? Math.floor(this.#options.now() / 60_000) : 0;
    const lent = actor.lent?.key ?? '';
    const last = this.#generation;
    const same =
      last.policy === policy &&
      last.labels === labels &&
      last.untrusted === untrusted &&
      last.catalog === scope.catalogVersion &&
      last.minute === minute &&
      last.lent === lent &&
      last.standing === standingKey;
    if (same) return last.text;
    const catalog = scope.catalogVersion;
    const rules = `${policy.version} ${labels.version} ${untrusted.version} ${minute} ${lent}`;
    const text = `${rules} ${standingKey} ${catalog}`;
    this.#generation = { policy, labels, untrusted, catalog, minute, lent, standing: standingKey, text };
    return text;
  }

  /**
   * Plans a text. Synchronous for texts that are known or short.
   * @throws {SluiceError} for texts that do not parse; a refusal by policy or masking is a plan with outcome `deny`.
   */
  plan(
    bucket: PlanBucket,
    asked: PlanningClass<S>,
    text: string,
    objects: NamedObjects,
  ): Plan | Promise<Plan> {
    const known = bucket.byText(text);
    if (known !== undefined) return known;
    const shape = this.#options.dialect.shape(text);
    if (shape !== undefined) {
      const similar = bucket.byShape(text, shape);
      if (similar !== undefined) return similar;
    }
    const startedAt = performance.now();
    const keep = (analysis: Analysis, made: Plan): Plan => {
      const plan =
        shape === undefined ? made : { ...made, ...takenApart(analysis, made, shape, asked.doubt) };
      for (const statement of analysis.statements) statement.settle();
      // What an EXECUTE does depends on the session, and an unresolved name may resolve a moment later.
      const lasting = !analysis.statements.some(
        (s) => s.sessionObject !== undefined || s.unresolved.length > 0,
      );
      if (!lasting) return plan;
      // Only what simply runs: an approval is bound to the parse tree, literals included.
      const runs = plan.outcome === 'allow' && !plan.wantsEstimates;
      const alike = analysis.shareable && runs && plan.statements.length === 1;
      if (shape !== undefined && alike) bucket.addShape(shape, plan, analysis.fixedLiterals);
      else bucket.addText(text, plan);
      return plan;
    };
    const onAnalysis = (analysis: Analysis): Plan | Promise<Plan> => {
      const analyzedAt = performance.now();
      const plan = this.#decide(analysis, asked, bucket.generation, objects);
      const done = (made: Plan): Plan => {
        this.#options.onNovel?.((analyzedAt - startedAt) / 1000, (performance.now() - analyzedAt) / 1000);
        return keep(analysis, made);
      };
      return plan instanceof Promise ? plan.then(done) : done(plan);
    };
    const analysis = this.#options.dialect.analyze(text, asked.scope);
    return analysis instanceof Promise ? analysis.then(onAnalysis) : onAnalysis(analysis);
  }

  #decide(analysis: Analysis, asked: PlanningClass<S>, generation: string, objects: NamedObjects) {
    const statements: PlannedStatement[] = [];
    const local = new Map<string, NamedObject>();
    const untrusted = this.#options.untrusted(asked.scope);
    let { standing } = asked;
    for (const analyzed of analysis.statements) {
      const uses = usedBy(analyzed, objects, local);
      const facts = doubted(factsOf(analyzed, uses), asked.doubt);
      noteMade(analysis, analyzed, local);
      const policy = this.#options.policy();
      const question = this.#question(facts, asked, standing);
      let decision = policy.decide(question);
      const taints = untrustedReads(analyzed, facts, untrusted);
      standing = tainted(standing, taints);
      // PREPARE runs nothing: the approval is asked for when it is executed.
      const preparesOnly = isPrepare(analyzed);
      if (decision.outcome === 'hold' && preparesOnly) {
        const { approval: _, ...rest } = decision;
        decision = { ...rest, outcome: 'allow' };
      }
      const wantsEstimate = decision.outcome !== 'deny' && !preparesOnly && policy.wantsEstimate(question);
      const known = [this.#options.labels(asked.scope), untrusted];
      // What is only prepared stores nothing yet.
      const inherits = preparesOnly ? undefined : inheritedLabels(facts, decision, known);
      const withholdsErrors = writesMasked(facts, decision) || this.#setsOffUnseen(facts, asked);
      statements.push({
        analyzed,
        facts,
        decision,
        record: recordOf(facts, decision),
        ...privacyOf(facts, this.#options, asked.scope),
        ...(taints.length === 0 ? {} : { taints }),
        uses,
        withholdsErrors,
        wantsEstimate,
        ...this.#namedSettings(facts, asked),
        ...(inherits && { inherits }),
      });
    }
    return this.#rewrite(analysis, statements, asked.scope, { generation, scopeKey: asked.scope.sessionKey });
  }

  #question(
    facts: Facts,
    { actor, scope }: PlanningClass<S>,
    standing: Standing,
    estimate?: EstimateContext,
  ): PolicyQuestion {
    const now = new Date(this.#options.now());
    const context = { now, standing, ...(estimate === undefined ? {} : { estimate }) };
    return { actor, database: this.#options.database, facts, labels: this.#options.labels(scope), context };
  }

  /**
   * The same plan, decided with what the database expects of its statements.
   * @param estimates one a statement, in order; undefined for those that nobody was asked about
   */
  decideAnew(plan: Plan, asked: PlanningClass<S>, estimates: readonly (EstimateContext | undefined)[]): Plan {
    let { standing } = asked;
    const statements = plan.statements.map((statement, i): PlannedStatement => {
      const estimate = estimates[i];
      const before = standing;
      standing = tainted(standing, statement.taints ?? []);
      if (!statement.wantsEstimate || estimate === undefined) return statement;
      const { facts, record } = statement;
      const decision = this.#options.policy().decide(this.#question(facts, asked, before, estimate));
      // What it looks up stays on record.
      const { lookups } = record;
      const decided = { ...recordOf(facts, decision), ...(lookups === undefined ? {} : { lookups }) };
      return { ...statement, decision, record: decided };
    });
    const denied = statements.find(({ decision }) => decision.outcome === 'deny');
    const outcome = denied !== undefined ? 'deny' : statements.some(isHeld) ? 'hold' : 'allow';
    const refusal = denied === undefined ? {} : { refusal: refusalOfStatement(denied) };
    return { ...plan, statements, outcome, ...refusal };
  }

  /** True if code that nobody has seen may speak of values that this actor may not see. */
  #setsOffUnseen({ setsOff = [] }: Facts, { actor, scope, standing }: PlanningClass<S>): boolean {
    return setsOff.length > 0 && this.#isRestricted({ actor, scope, standing });
  }

  #namedSettings(
    { settingParameters: parameters = [] }: Facts,
    asked: PlanningClass<S>,
  ): Pick<PlannedStatement, 'namedSettings'> {
    if (parameters.length === 0) return {};
    return { namedSettings: { parameters, restricted: this.#isRestricted(asked) } };
  }

  /** True if something in the database is hidden from the actor. */
  #isRestricted({ actor, scope, standing }: PlanningClass<S>): boolean {
    const context = { now: new Date(this.#options.now()), standing };
    const labels = this.#options.labels(scope);
    return this.#options.policy().masksFor(actor, this.#options.database, labels, context).restricted;
  }

  #rewrite(analysis: Analysis, statements: PlannedStatement[], scope: S, basis: Basis): Plan | Promise<Plan> {
    const denied = statements.find((statement) => statement.decision.outcome === 'deny');
    if (denied !== undefined)
      return assemble(analysis, statements, verbatim(analysis.text), basis, refusalOfStatement(denied));
    const masks = distinctMasks(statements);
    if (masks.length === 0) return assemble(analysis, statements, verbatim(analysis.text), basis);
    const refuse = (thrown: unknown): Plan => {
      if (!(thrown instanceof SluiceError)) throw thrown;
      return assemble(
        analysis,
        statements.map(deny(thrown, 'sluice:masking')),
        verbatim(analysis.text),
        basis,
        unmaskable(thrown, statements),
      );
    };
    try {
      const rewrite = this.#options.dialect.rewrite(analysis, masks, scope);
      if (!(rewrite instanceof Promise)) return assemble(analysis, statements, rewrite, basis);
      return rewrite.then((done) => assemble(analysis, statements, done, basis), refuse);
    } catch (thrown) {
      return refuse(thrown);
    }
  }
}

/** The parts of a generation, and its text. */
interface Generation {
  readonly policy?: PolicyEngine;
  readonly labels?: LabelSet;
  readonly untrusted?: LabelSet;
  readonly catalog: number;
  readonly minute: number;
  readonly lent: string;
  readonly standing: string;
  readonly text: string;
}

/** Of a generation, what decisions depend on: policies, labels, time and standing, but not the catalog, which says what names mean. */
export function rulesOf(generation: string): string {
  return generation.slice(0, generation.lastIndexOf(' '));
}

/** What a plan holds for. */
type Basis = Pick<Plan, 'generation' | 'scopeKey'>;

/** A statement that the database may read differently may do anything. */
function doubted(facts: Facts, doubt: Opaque | undefined): Facts {
  return doubt === undefined ? facts : { ...facts, writes: true, opaque: [...facts.opaque, doubt] };
}

function assemble(
  analysis: Analysis,
  statements: readonly PlannedStatement[],
  rewrite: Rewrite,
  basis: Basis,
  refusal?: SluiceError,
): Plan {
  const outcome = refusal !== undefined ? 'deny' : statements.some(isHeld) ? 'hold' : 'allow';
  const { lookups } = rewrite;
  return {
    text: analysis.text,
    statements: lookups === undefined ? statements : statements.map((each, i) => lookingUp(each, lookups[i])),
    ...(lookups === undefined ? {} : { lookups: demandsOf(lookups.flat()) }),
    outcome,
    forwardText: rewrite.text,
    splices: rewrite.splices,
    ...(refusal === undefined ? {} : { refusal }),
    writes: statements.some((statement) => statement.facts.writes),
    changesCatalog: statements.some((statement) => statement.facts.changesCatalog),
    redefines: statements.some(redefines),
    wantsEstimates: statements.some((statement) => statement.wantsEstimate),
    unresolved: analysis.statements.flatMap((statement) => statement.unresolved),
    namesSettings: statements.some((statement) => statement.namedSettings !== undefined),
    bringsLabels: statements.some((statement) => statement.inherits !== undefined),
    withholdsErrors: statements.some((statement) => statement.withholdsErrors),
    usesObjects: statements.some(({ analyzed }) => analyzed.sessionObject?.verb === 'use'),
    ...basis,
  };
}

const isHeld = (statement: PlannedStatement): boolean => statement.decision.outcome === 'hold';

function isPrepare({ sessionObject }: AnalyzedStatement): boolean {
  return sessionObject?.kind === 'prepared' && sessionObject.verb === 'create';
}

function redefines({ analyzed, facts }: PlannedStatement): boolean {
  const verb = analyzed.sessionObject?.verb;
  return (verb !== undefined && verb !== 'use') || facts.opaque.length > 0;
}

/** A write to a masked relation runs on real values: its constraint errors, checks and triggers may quote them. */
function writesMasked(facts: Facts, decision: Decision): boolean {
  if (decision.masks.length === 0 || !facts.writes) return false;
  return facts.relations.some(
    (use) => use.action !== 'Read' && decision.masks.some((mask) => mask.relation === use.relation),
  );
}

function distinctMasks(statements: readonly PlannedStatement[]): ColumnMask[] {
  const byColumn = new Map<string, ColumnMask>();
  for (const { decision } of statements) {
    for (const mask of decision.masks) byColumn.set(`${mask.relation}\0${mask.column}`, mask);
  }
  return [...byColumn.values()];
}

const verbatim = (text: string): Rewrite => ({ text, splices: [] });

/** Everything of the asker that a decision can depend on; ids alone would outlive a change of groups. */
function classKey({ actor, scope, doubt }: PlanningClass<Scope>, standing: string): string {
  const people = [actor.principal, ...actor.onBehalfOf].map(({ kind, id, groups }) => [kind, id, groups]);
  const key = [
    actor.purpose ?? null,
    actor.lent?.key ?? null,
    scope.sessionKey,
    doubt?.what ?? null,
    standing,
  ];
  return JSON.stringify([people, ...key]);
}
