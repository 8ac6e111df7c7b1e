/**
 * Facts and an actor → a decision, under one version of the policies. Pure: no I/O and no clock, time comes with the question.
 *
 * A statement is allowed if every one of its atoms is; held if none is denied and some are forbidden only by policies that an
 * approval lifts; denied otherwise. Rules in code come on top and cannot be switched off. Whatever fails is a denial.
 *
 * docs/policy.md says the same to those who write policies.
 */
import { LRUCache } from 'lru-cache';
import type { Database } from '../model/database.ts';
import type { ApprovalRule, Decision, PolicyRef, RowLimits } from '../model/decision.ts';
import type { Action, Facts } from '../model/facts.ts';
import type { ColumnMask, Label, LabelSet } from '../model/labels.ts';
import type { Actor } from '../model/principal.ts';
import { CLEAN_STANDING, type Standing } from '../model/standing.ts';
import { ADMINISTRATION, NO_LABELS } from './administration.ts';
import { mergeApprovals } from './approval-rules.ts';
import { type Asker, askerKey, createAsker } from './asker.ts';
import { atomsOf, labelUseOf } from './atoms.ts';
import { clientAddressOf } from './client-address.ts';
import { type EstimateContext, estimateProbes, looksAtEstimates, probesOf } from './estimate-probes.ts';
import { alternativeTo, hintOf, permissionOf, reasonOf } from './explanation.ts';
import { BUILTIN, guardOf, type Refusal } from './guards.ts';
import { type Atom, Judge } from './judge.ts';
import type { Policy, PolicySet } from './load.ts';
import { createMaskSet, type MaskSet } from './mask-set.ts';
import { minuteOf } from './request-time.ts';
import { columnResource, databaseResource } from './resource.ts';
import { rowLimitsOf, uncountable } from './row-limits.ts';
import { StandingWatch } from './standing-context.ts';
import { distinct, type Verdict } from './verdict.ts';

/** What decisions depend on besides the statement. */
export interface PolicyContext {
  /** Counts to the minute. */
  readonly now: Date;
  /** Of the session; a new one's, under no budget, if absent. */
  readonly standing?: Standing;
  /** What the database expects of the statement, if it was asked. */
  readonly estimate?: EstimateContext;
}

export interface PolicyQuestion {
  readonly actor: Actor;
  readonly database: Database;
  readonly facts: Facts;
  readonly labels: LabelSet;
  readonly context: PolicyContext;
}

export interface ConnectQuestion {
  readonly actor: Actor;
  readonly database: Database;
  readonly context: PolicyContext & {
    /** `ip:port`, or anything else for what is no internet address. */
    readonly clientAddress?: string;
    readonly tls?: boolean;
  };
}

const MAX_ASKERS = 2_000;
const MAX_MASK_SETS = 2_000;
/** A text can name as many things as fit in it; each that differs to a policy costs an evaluation of up to a millisecond. */
const MAX_EVALUATIONS_PER_STATEMENT = 500;

/** One atom with what came of it. */
interface Judged {
  readonly atom: Atom;
  readonly verdict: Verdict;
}

interface Decided {
  readonly decision: Decision;
  readonly judged: readonly Judged[];
  readonly asker: Asker;
}

/** What the policies say of one action on one thing. */
export interface AtomExplanation {
  readonly action: Action;
  /** The thing, as Cedar knows it: `Table::"shop/public.customers"`. */
  readonly resource: string;
  readonly outcome: Decision['outcome'];
  /** Of the principals asked about (the actor, and all it acts for), the one that decided. */
  readonly principal: string;
  /** The determining policies; empty for what nothing permits. */
  readonly policies: readonly PolicyRef[];
}

/** A decision with all that went into it. */
export interface Explanation {
  readonly decision: Decision;
  readonly atoms: readonly AtomExplanation[];
}

/** What every decision of one question carries. */
interface Obligations {
  readonly masks: readonly ColumnMask[];
  readonly unmasked: readonly Label[];
  readonly rowLimits?: RowLimits;
}

export class PolicyEngine {
  /** The version of the policy set; part of whatever is cached outside. */
  readonly version: string;
  /**
   * Attributes of the context that at least one policy looks at. If `time` is not among them, no decision of this engine ever
   * changes with `PolicyContext.now`; if it is, none lasts longer than the minute.
   */
  readonly relevantContext: ReadonlySet<string>;
  readonly #judge: Judge;
  readonly #askers = new LRUCache<string, Asker>({ max: MAX_ASKERS });
  readonly #askerOfActor = new WeakMap<Actor, Asker>();
  readonly #maskSets = new LRUCache<string, MaskSet>({ max: MAX_MASK_SETS });
  /** Of what every policy looks at, and of what those do that decide what is seen. */
  readonly #watch: StandingWatch;
  readonly #maskWatch: StandingWatch;
  /** False if no policy grants a lookup: then nobody has to be asked about them. */
  readonly #metersLookups: boolean;
  /** See `estimateProbes`. */
  readonly #probes: readonly EstimateContext[] | undefined;
  #nextAsker = 1;

  constructor(set: PolicySet) {
    this.version = set.version;
    this.#metersLookups = set.policies.some(({ lookupsPerHour }) => lookupsPerHour !== undefined);
    this.#judge = new Judge(set);
    this.#probes = estimateProbes(set.policies.map(({ json }) => json));
    const { relevance } = this.#judge;
    this.relevantContext = new Set(Object.values(relevance).flatMap(({ context }) => context));
    this.#watch = new StandingWatch(Object.values(relevance));
    this.#maskWatch = new StandingWatch([relevance.Unmask, relevance.Match]);
  }

  /** Decisions for standings of equal keys are equal. Empty if no policy looks at where a session stands. */
  standingKey(standing: Standing): string {
    return this.#watch.keyOf(standing);
  }

  /** How often policies were evaluated so far, as opposed to remembered. */
  get evaluations(): number {
    return this.#judge.evaluations;
  }

  /** May the actor connect at all? Never `hold`: nobody waits at the door. */
  connect({ actor, database, context }: ConnectQuestion): Decision {
    const client = clientAddressOf(context.clientAddress);
    const atom: Atom = {
      action: 'Connect',
      resource: databaseResource(database),
      context: {
        ...(client === undefined ? {} : { client: { __extn: { fn: 'ip', arg: client } } }),
        ...(context.tls === undefined ? {} : { tls: context.tls }),
      },
    };
    const asker = this.#asker(actor, database);
    const verdict = this.#judge.judge(asker, atom, minuteOf(context.now));
    const judged = {
      atom,
      verdict: verdict.outcome === 'hold' ? { ...verdict, outcome: 'deny' as const } : verdict,
    };
    return this.#conclude(asker, [judged], { masks: [], unmasked: [] }, minuteOf(context.now));
  }

  /** May the actor administer the database, be it with approval? For acts of the gate's own, at which nobody waits. */
  administers(actor: Actor, database: Database, context: PolicyContext): boolean {
    const question = { actor, database, facts: ADMINISTRATION, labels: NO_LABELS, context };
    return this.decide(question).outcome !== 'deny';
  }

  /** May the actor read what the ledger says of all sessions of the database? Never with approval: nobody waits. */
  readsAudit(actor: Actor, database: Database, { now }: PolicyContext): boolean {
    const standing = this.#watch.contextOf(CLEAN_STANDING);
    const atom: Atom = { action: 'ReadAudit', resource: databaseResource(database), context: standing };
    return this.#judge.judge(this.#asker(actor, database), atom, minuteOf(now)).outcome === 'allow';
  }

  /** Decides one statement. Never throws. */
  decide(question: PolicyQuestion): Decision {
    return this.#decide(question).decision;
  }

  /** Decides one statement and tells what was said of each of its parts. Never throws. */
  explain(question: PolicyQuestion): Explanation {
    const { decision, judged, asker } = this.#decide(question);
    const atoms = judged.map(({ atom: { action, resource }, verdict }) => ({
      action,
      resource: `${resource.uid.type}::${JSON.stringify(resource.uid.id)}`,
      outcome: verdict.outcome,
      principal: asker.subjects[verdict.subject]!.principal.id,
      policies: verdict.policies.map(refOf),
    }));
    return { decision, atoms };
  }

  /**
   * True if an estimate of the statement could change what is decided of it. Never throws.
   * @param question without one
   */
  wantsEstimate(question: PolicyQuestion): boolean {
    if (this.#probes?.length === 0) return false;
    const { asker, atoms, minute } = this.#read(question);
    const budget = this.#judge.evaluations + MAX_EVALUATIONS_PER_STATEMENT;
    return atoms.some((atom) => {
      if (!looksAtEstimates(this.#judge.relevance[atom.action])) return false;
      if (this.#probes === undefined || this.#judge.evaluations > budget) return true;
      const verdict = this.#judge.judge(asker, atom, minute);
      return probesOf(this.#probes, question.facts).some((probe) => {
        const context = { ...atom.context, ...probe };
        return !isAlike(verdict, this.#judge.judge(asker, { ...atom, context }, minute));
      });
    });
  }

  #read({ actor, database, facts, labels, context }: PolicyQuestion) {
    const asker = this.#asker(actor, database);
    const minute = minuteOf(context.now);
    const standing = context.standing ?? CLEAN_STANDING;
    const masks = this.#masks(asker, labels, minute, standing);
    const labelUse = labelUseOf(facts, labels, masks);
    const { estimate } = context;
    const atoms = atomsOf(facts, {
      ...{ database, labels, labelUse, restricted: masks.restricted },
      standing: this.#watch.contextOf(standing),
      ...(estimate === undefined ? {} : { estimate }),
    });
    return { asker, minute, masks, labelUse, atoms };
  }

  #decide(question: PolicyQuestion): Decided {
    const { actor, database, facts } = question;
    const { asker, minute, masks, labelUse, atoms } = this.#read(question);
    const obligations: Obligations = { masks: masksOn(facts, masks), unmasked: labelUse.unmasked };
    const judged: Judged[] = [];
    const budget = this.#judge.evaluations + MAX_EVALUATIONS_PER_STATEMENT;
    for (const atom of atoms) {
      if (this.#judge.evaluations > budget)
        return { decision: this.#refuse(TOO_BROAD, obligations), judged, asker };
      judged.push({ atom, verdict: this.#judge.judge(asker, atom, minute) });
    }
    const guard =
      (masks.restricted ? guardOf(facts, database, actor.principal.id) : undefined) ??
      uncountable(facts, judged);
    return { decision: this.#conclude(asker, judged, obligations, minute, guard), judged, asker };
  }

  /** What the actor sees masked in a database. Cached; immutable. */
  masksFor(actor: Actor, database: Database, labels: LabelSet, context: PolicyContext): MaskSet {
    const standing = context.standing ?? CLEAN_STANDING;
    return this.#masks(this.#asker(actor, database), labels, minuteOf(context.now), standing);
  }

  #masks(asker: Asker, labels: LabelSet, minute: number, standing: Standing): MaskSet {
    const { Unmask, Match } = this.#judge.relevance;
    const timely = Unmask.context.includes('time') || (this.#metersLookups && Match.context.includes('time'));
    const key = `${asker.id} ${labels.version} ${timely ? minute : ''} ${this.#maskWatch.keyOf(standing)}`;
    const known = this.#maskSets.get(key);
    if (known !== undefined) return known;
    const seen = this.#maskWatch.contextOf(standing);
    const judge = (action: 'Unmask' | 'Match', column: ColumnMask): Verdict => {
      const atom: Atom = { action, resource: columnResource(asker.database, column), context: seen };
      return this.#judge.judge(asker, atom, minute);
    };
    const set = createMaskSet(
      labels,
      (column) => judge('Unmask', column).outcome === 'allow',
      this.#metersLookups ? (column) => limitOf(judge('Match', column)) : NO_LOOKUPS,
    );
    this.#maskSets.set(key, set);
    return set;
  }

  #asker(actor: Actor, database: Database): Asker {
    const recent = this.#askerOfActor.get(actor);
    if (recent !== undefined && recent.database === database) return recent;
    const key = askerKey(actor, database);
    let asker = this.#askers.get(key);
    if (asker === undefined) {
      asker = createAsker(this.#nextAsker++, actor, database);
      this.#askers.set(key, asker);
    }
    this.#askerOfActor.set(actor, asker);
    return asker;
  }

  #conclude(
    asker: Asker,
    judged: readonly Judged[],
    obligations: Obligations,
    minute: number,
    guard?: Refusal,
  ): Decision {
    const denied = judged.filter(({ verdict }) => verdict.outcome === 'deny');
    // A policy that says why teaches more than a rule in code, and that more than the absence of a permit.
    const worst =
      denied.find(({ verdict }) => verdict.failed) ??
      denied.find(({ verdict }) => verdict.policies.length > 0);
    if (worst === undefined && guard !== undefined) return this.#refuse(guard, obligations);
    if (denied.length > 0) return this.#deny(asker, worst ?? denied[0]!, denied, obligations, minute);
    const held = judged.filter(({ verdict }) => verdict.outcome === 'hold');
    const limited = { ...obligations, ...rowLimitsOf(judged) };
    if (held.length > 0) return this.#hold(asker, held, limited);
    const permits = policiesOf(judged);
    return {
      outcome: 'allow',
      policies: permits.map(refOf),
      policyVersion: this.version,
      reason: permissionOf(permits),
      ...limited,
    };
  }

  #deny(
    asker: Asker,
    worst: Judged,
    denied: readonly Judged[],
    obligations: Obligations,
    minute: number,
  ): Decision {
    const { atom, verdict } = worst;
    const failed: readonly PolicyRef[] = denied.some((one) => one.verdict.failed)
      ? [{ id: BUILTIN.policyError, effect: 'builtin' }]
      : [];
    const isAllowed = (other: Atom) => this.#judge.judge(asker, other, minute).outcome === 'allow';
    const hint = hintOf(verdict.policies) ?? (verdict.failed ? undefined : alternativeTo(atom, isAllowed));
    return {
      outcome: 'deny',
      policies: [...failed, ...policiesOf([worst, ...denied]).map(refOf)],
      policyVersion: this.version,
      reason: reasonOf(asker, atom, verdict),
      ...(hint === undefined ? {} : { hint }),
      ...obligations,
    };
  }

  #hold(asker: Asker, held: readonly Judged[], obligations: Obligations): Decision {
    const policies = policiesOf(held);
    const rules = policies.flatMap((policy): ApprovalRule[] =>
      policy.approval === undefined ? [] : [policy.approval],
    );
    const approval = mergeApprovals(rules) as ApprovalRule;
    const [first] = held as [Judged];
    const hint = hintOf(policies);
    return {
      outcome: 'hold',
      policies: policies.map(refOf),
      policyVersion: this.version,
      reason: reasonOf(asker, first.atom, first.verdict),
      ...(hint === undefined ? {} : { hint }),
      ...obligations,
      approval,
    };
  }

  #refuse(refusal: Refusal, obligations: Obligations): Decision {
    return {
      outcome: 'deny',
      policies: [{ id: refusal.id, effect: 'builtin' }],
      policyVersion: this.version,
      reason: refusal.reason,
      hint: refusal.hint,
      ...obligations,
    };
  }
}

const TOO_BROAD: Refusal = {
  id: BUILTIN.tooBroad,
  reason: 'The statement touches too many different things to decide on.',
  hint: 'Split it into several statements.',
};

const NO_LOOKUPS = (): undefined => undefined;

/** A permit that says no number grants none: it was hardly meant. */
const limitOf = ({ outcome, lookupsPerHour }: Verdict): readonly number[] | undefined =>
  outcome === 'allow' ? lookupsPerHour : undefined;

/** The same outcome, decided by the same policies. */
function isAlike(a: Verdict, b: Verdict): boolean {
  return (
    a.outcome === b.outcome &&
    a.policies.length === b.policies.length &&
    a.policies.every((policy, index) => policy === b.policies[index])
  );
}

const refOf = ({ id, effect }: Policy): PolicyRef => ({ id, effect });

function policiesOf(judged: readonly Judged[]): readonly Policy[] {
  return distinct(judged.flatMap(({ verdict }) => verdict.policies));
}

function masksOn(facts: Facts, masks: MaskSet): readonly ColumnMask[] {
  if (!masks.restricted) return [];
  const relations = distinct(facts.relations.map((use) => use.relation));
  return relations.flatMap((relation) => masks.ofRelation(relation));
}
