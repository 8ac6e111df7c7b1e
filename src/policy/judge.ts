/**
 * Decides atoms: one action on one thing by one asker. Answers from a bounded cache whose key holds everything that the policies
 * can see a difference in; asks Cedar otherwise. Never throws while judging; what fails is denied.
 */
import { LRUCache } from 'lru-cache';
import type { Action } from '../model/facts.ts';
import { ACTION_TABLE, ACTIONS } from './action-table.ts';
import { ASKER_ATTRIBUTES, type Asker, type Subject } from './asker.ts';
import type { Answer, CedarValueJson, Request } from './cedar.ts';
import type { Policy, PolicySet } from './load.ts';
import { entityKey, type Relevance, relevanceOf } from './relevance.ts';
import { timeContext } from './request-time.ts';
import type { Resource } from './resource.ts';
import { hasRows, rowLimitOf } from './row-limits.ts';
import { PolicySlices } from './slices.ts';
import { placeAmong } from './standing-context.ts';
import { conjunction, type Verdict } from './verdict.ts';

export interface Atom {
  readonly action: Action;
  readonly resource: Resource;
  /** The context but for what the asker and the time contribute. */
  readonly context: Readonly<Record<string, CedarValueJson>>;
}

const MAX_CACHED_VERDICTS = 20_000;

export class Judge {
  readonly relevance: Readonly<Record<Action, Relevance>>;
  readonly #byId: ReadonlyMap<string, { readonly policy: Policy; readonly order: number }>;
  readonly #all: PolicySlices;
  readonly #permits: PolicySlices;
  readonly #cache = new LRUCache<string, Verdict>({ max: MAX_CACHED_VERDICTS });
  /** How often Cedar was asked: for metrics and tests. */
  evaluations = 0;

  constructor({ policies }: PolicySet) {
    const trees = policies.map((policy) => policy.json);
    this.relevance = Object.fromEntries(
      ACTIONS.map((action) => [action, relevanceOf(trees, action)]),
    ) as unknown as Readonly<Record<Action, Relevance>>;
    this.#byId = new Map(policies.map((policy, order) => [policy.id, { policy, order }]));
    this.#all = new PolicySlices(policies);
    this.#permits = new PolicySlices(policies.filter((policy) => policy.effect === 'permit'));
  }

  /** `minute` counts from the epoch. */
  judge(asker: Asker, atom: Atom, minute: number): Verdict {
    const key = this.#key(asker, atom, minute);
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const verdict = conjunction(asker.subjects.map((_, index) => this.#evaluate(asker, index, atom, minute)));
    // A failure may pass; what was decided does not.
    if (!verdict.failed) this.#cache.set(key, verdict);
    return verdict;
  }

  #key(asker: Asker, { action, resource, context }: Atom, minute: number): string {
    const relevance = this.relevance[action];
    // What is lent is lent by label, whatever policies look at.
    const lent = asker.subjects.some((subject) => isLent(subject, { action, resource }));
    const parts: unknown[] = [asker.id, lent, action, resource.uid.type];
    for (const name of relevance.resource) parts.push(resource.attributes[name]);
    for (const name of relevance.context) {
      if (name === 'time') parts.push(minute);
      else if (!ASKER_ATTRIBUTES.has(name)) {
        const thresholds = relevance.thresholds.get(name);
        parts.push(thresholds === undefined ? context[name] : placeAmong(thresholds, context[name]));
      }
    }
    if (relevance.everything) parts.push(resource.uid.id, resource.ancestors, resource.attributes);
    if (relevance.entities.size > 0) {
      parts.push(relevance.entities.has(entityKey(resource.uid)) ? resource.uid.id : 0);
      for (const ancestor of resource.ancestors)
        parts.push(relevance.entities.has(entityKey(ancestor)) ? ancestor.id : 0);
    }
    return JSON.stringify(parts);
  }

  #evaluate(asker: Asker, index: number, atom: Atom, minute: number): Verdict {
    const request = requestOf(asker.subjects[index]!, atom, minute);
    if (request === undefined) return { outcome: 'deny', policies: [], failed: true, subject: index };
    const answer = this.#ask(this.#all, request);
    const policies = this.#named(answer.policies);
    if (answer.kind === 'allow')
      return { outcome: 'allow', policies, failed: false, subject: index, ...lookupsOf(policies) };
    if (answer.kind === 'failed') return { outcome: 'deny', policies, failed: true, subject: index };
    if (policies.length === 0 && isLent(asker.subjects[index]!, atom))
      return { outcome: 'allow', policies, failed: false, subject: index };
    const isLiftable = ({ approval, rowLimit }: Policy) =>
      approval !== undefined || (rowLimit !== undefined && hasRows(atom.action));
    const hard = policies.filter((policy) => !isLiftable(policy));
    if (hard.length > 0 || policies.length === 0)
      return { outcome: 'deny', policies: hard, failed: false, subject: index };
    return this.#liftable(request, policies, index);
  }

  /**
   * Only forbids that an approval lifts, or that a small number of rows does not meet, stand in the way: then it must be permitted
   * without them, or approving is in vain.
   */
  #liftable(request: Request, forbids: readonly Policy[], subject: number): Verdict {
    const permitted = this.#ask(this.#permits, request);
    if (permitted.kind === 'allow') {
      const rowLimit = rowLimitOf(forbids);
      const limit = rowLimit === undefined ? {} : { rowLimit };
      const asking = forbids.filter(({ approval }) => approval !== undefined);
      if (asking.length > 0) return { outcome: 'hold', policies: asking, failed: false, subject, ...limit };
      const policies = [...this.#named(permitted.policies), ...forbids];
      return { outcome: 'allow', policies, failed: false, subject, ...limit };
    }
    const failed = permitted.kind === 'failed';
    return { outcome: 'deny', policies: this.#named(permitted.policies), failed, subject };
  }

  #ask(policies: PolicySlices, request: Request): Answer {
    this.evaluations += 1;
    return policies.of(request).ask(request);
  }

  #named(ids: readonly string[]): readonly Policy[] {
    return ids
      .flatMap((id) => this.#byId.get(id) ?? [])
      .sort((a, b) => a.order - b.order)
      .map(({ policy }) => policy);
  }
}

/** A sight that is lent stands in for a permit that is missing, and never against a forbid. */
function isLent({ unmask }: Subject, { action, resource }: Pick<Atom, 'action' | 'resource'>): boolean {
  return action === 'Unmask' && unmask.size > 0 && unmask.has(String(resource.attributes.label));
}

/** Permits add up: the most generous counts. */
function lookupsOf(permits: readonly Policy[]): Pick<Verdict, 'lookupsPerHour'> {
  const limits = permits.flatMap(({ lookupsPerHour }) => lookupsPerHour ?? []);
  return limits.length === 0 ? {} : { lookupsPerHour: [Math.max(...limits)] };
}

/** Undefined if there is no such request: an action that does not go with the thing, or a time that is none. */
export function requestOf(
  subject: Subject,
  { action, resource, context }: Atom,
  minute: number,
): Request | undefined {
  const time = timeContext(minute);
  if (time === undefined || !ACTION_TABLE[action].resources.includes(resource.uid.type)) return undefined;
  return {
    principal: subject.uid,
    action,
    resource: resource.uid,
    context: { ...subject.context, ...context, time },
    entities: [
      ...subject.entities,
      { uid: resource.uid, attrs: resource.attributes, parents: [...resource.ancestors] },
    ],
  };
}
