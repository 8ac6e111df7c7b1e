/**
 * Of all policies, those whose scope a request can fall under: a few dozen of a thousand, and Cedar takes its time by how many it is given.
 * A policy that is left out would have been passed over by Cedar, too: its scope says so. What its conditions say is never looked at.
 *
 * https://docs.cedarpolicy.com/policies/syntax-policy.html#term-policy-scope
 */
import { LRUCache } from 'lru-cache';
import type { Action } from '../model/facts.ts';
import { ACTIONS } from './action-table.ts';
import { type EntityJson, PreparedPolicies, type Request, type TypeAndId } from './cedar.ts';
import type { Policy } from './load.ts';
import { canApply, entityKey } from './relevance.ts';

/** More are prepared anew when they are needed again. */
const MAX_SLICES = 256;

/** An entity with everything that it is in. */
interface Placed {
  readonly type: string;
  /** Its own key among them. */
  readonly within: ReadonlySet<string>;
}

type Scope = (placed: Placed) => boolean;

interface Scoped {
  readonly id: string;
  readonly text: string;
  readonly order: number;
  readonly principal: Scope;
  readonly resource: Scope;
}

export class PolicySlices {
  readonly #byAction: ReadonlyMap<string, readonly Scoped[]>;
  readonly #slices = new LRUCache<string, PreparedPolicies>({ max: MAX_SLICES });

  constructor(policies: readonly Policy[]) {
    const scoped = policies.map(({ id, text, json }, order) => ({
      ...{ id, text, order, json },
      principal: scopeOf(json.principal),
      resource: scopeOf(json.resource),
    }));
    this.#byAction = new Map(
      ACTIONS.map((action: Action) => [action, scoped.filter(({ json }) => canApply(json, action))]),
    );
  }

  /** The policies that this request can fall under. */
  of({ principal, action, resource, entities }: Request): PreparedPolicies {
    const who = placed(principal, entities);
    const what = placed(resource, entities);
    const applying = (this.#byAction.get(action) ?? []).filter(
      (policy) => policy.principal(who) && policy.resource(what),
    );
    const key = applying.map(({ order }) => order).join();
    const known = this.#slices.get(key);
    if (known !== undefined) return known;
    const slice = new PreparedPolicies(Object.fromEntries(applying.map(({ id, text }) => [id, text])));
    this.#slices.set(key, slice);
    return slice;
  }
}

/** Entities name all that they are in, not only the next. */
function placed(uid: TypeAndId, entities: readonly EntityJson[]): Placed {
  const key = entityKey(uid);
  const own = entities.find((entity) => entityKey(plain(entity.uid)) === key);
  return {
    type: uid.type,
    within: new Set([key, ...(own?.parents ?? []).map((parent) => entityKey(plain(parent)))]),
  };
}

function plain(entity: EntityJson['uid']): TypeAndId {
  return '__entity' in entity ? entity.__entity : entity;
}

/** Whatever is not recognised may apply. */
function scopeOf(constraint: object): Scope {
  const {
    op,
    entity,
    entity_type: type,
    in: inside,
  } = constraint as {
    readonly op?: string;
    readonly entity?: EntityJson['uid'];
    readonly entity_type?: string;
    readonly in?: { readonly entity?: EntityJson['uid'] };
  };
  const within = (one: EntityJson['uid'] | undefined): Scope => {
    const key = one === undefined ? undefined : entityKey(plain(one));
    return key === undefined ? () => true : ({ within: all }) => all.has(key);
  };
  // An entity that equals another is in it: whether it is more than that, Cedar says.
  if (op === '==' || op === 'in') return within(entity);
  if (op !== 'is' || type === undefined) return () => true;
  const isIn = within(inside?.entity);
  return (one) => one.type === type && isIn(one);
}
