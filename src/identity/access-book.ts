/**
 * Access that is lent for a time, as each process that serves sessions knows it: an actor goes in, and comes out with what it has at this
 * moment. No timer decides when it ends: whoever asks a moment later gets the actor without it.
 */
import type { AccessGrant } from '../model/grant.ts';
import type { Actor } from '../model/principal.ts';

/** What an actor became, and until when that holds. */
interface Lent {
  readonly version: number;
  readonly until: number;
  readonly actor: Actor;
}

export class AccessBook {
  readonly #now: () => number;
  #byPrincipal: ReadonlyMap<string, readonly AccessGrant[]> = new Map();
  /** Counts installations. */
  #version = 0;
  readonly #known = new WeakMap<Actor, Lent>();

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** All that is lent from now on, in place of what was. */
  install(grants: readonly AccessGrant[]): void {
    this.#byPrincipal = Map.groupBy(
      grants.filter(({ state }) => state === 'active'),
      ({ principal }) => principal,
    );
    this.#version += 1;
  }

  /** The actor with what it is lent now; the same object as long as that does not change. */
  actorOf(actor: Actor): Actor {
    const grants = this.#byPrincipal.get(actor.principal.id);
    if (grants === undefined) return actor;
    const known = this.#known.get(actor);
    const now = this.#now();
    if (known !== undefined && known.version === this.#version && now < known.until) return known.actor;
    const chain = actor.onBehalfOf.map(({ id }) => id).join('\n');
    const held = grants.filter(({ onBehalfOf, until }) => onBehalfOf.join('\n') === chain && now < until);
    const lent = {
      version: this.#version,
      until: Math.min(...held.map(({ until }) => until)),
      actor: held.length === 0 ? actor : lend(actor, held),
    };
    this.#known.set(actor, lent);
    return lent.actor;
  }
}

/** It is lent to the actor as it acts: to the delegate and to those it acts for, but only in what it does for them. */
function lend(actor: Actor, grants: readonly AccessGrant[]): Actor {
  const groups = grants.flatMap(({ right }) => ('group' in right ? [right.group] : []));
  const unmask = grants.flatMap(({ right }) =>
    'unmask' in right ? [{ label: right.unmask, database: right.database }] : [],
  );
  const withGroups = (principal: Actor['principal']) => ({
    ...principal,
    groups: [...new Set([...principal.groups, ...groups])],
  });
  return {
    ...actor,
    principal: withGroups(actor.principal),
    onBehalfOf: actor.onBehalfOf.map(withGroups),
    lent: {
      key: grants
        .map(({ id }) => id)
        .sort()
        .join(','),
      unmask,
    },
  };
}
