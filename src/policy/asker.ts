/**
 * Who asks: an actor in one database, as Cedar sees them. Whoever acts for others is asked about as each of them: a delegate
 * never gets more than those it acts for, nor they through it.
 */
import type { Database } from '../model/database.ts';
import type { Actor, Principal } from '../model/principal.ts';
import type { CedarValueJson, EntityJson, TypeAndId } from './cedar.ts';
import { tierOf } from './environment-tier.ts';

/** One member of the chain: the acting principal itself, then those it acts for. */
export interface Subject {
  readonly principal: Principal;
  readonly uid: TypeAndId;
  /** Its own entity and that of the person it acts for. */
  readonly entities: readonly EntityJson[];
  /** The part of every context that lasts as long as the session. */
  readonly context: Readonly<Record<string, CedarValueJson>>;
  /** Labels that it is lent the sight of. */
  readonly unmask: ReadonlySet<string>;
}

export interface Asker {
  /** Stands for everything below in cache keys; never given to another asker. */
  readonly id: number;
  readonly actor: Actor;
  readonly database: Database;
  readonly subjects: readonly Subject[];
}

/** Attributes of a context that `Asker.id` stands for. */
export const ASKER_ATTRIBUTES: ReadonlySet<string> = new Set([
  'database',
  'environment',
  'tier',
  'purpose',
  'onBehalfOf',
  'chain',
  'delegated',
]);

/** Equal exactly for actors and databases that no policy can tell apart. */
export function askerKey(actor: Actor, database: Database): string {
  const chain = [actor.principal, ...actor.onBehalfOf].map(({ id, kind, groups }) => [id, kind, groups]);
  const { name, environment, engine } = database;
  return JSON.stringify([
    chain,
    actor.purpose ?? null,
    name,
    environment,
    engine,
    ...lentLabels(actor, database),
  ]);
}

/** `id` must not have been given to anyone else. */
export function createAsker(id: number, actor: Actor, database: Database): Asker {
  const chain = [actor.principal, ...actor.onBehalfOf];
  return {
    id,
    actor,
    database,
    subjects: chain.map((_, index) => subject(chain, index, actor, database)),
  };
}

/** Labels that the actor is lent the sight of in this database. */
function lentLabels({ lent }: Actor, { name }: Database): string[] {
  const labels = (lent?.unmask ?? []).flatMap(({ label, database }) => (database === name ? [label] : []));
  return [...new Set(labels)].sort();
}

function subject(chain: readonly Principal[], index: number, actor: Actor, database: Database): Subject {
  const principal = chain[index]!;
  const person = chain.slice(index + 1).findLast((one) => one.kind === 'Human');
  return {
    principal,
    uid: uidOf(principal),
    // The same principal twice in a chain is one entity: Cedar refuses duplicates.
    entities: [principal, ...(person === undefined || person.id === principal.id ? [] : [person])].map(
      entityOf,
    ),
    context: {
      database: database.name,
      environment: database.environment,
      tier: tierOf(database.environment),
      chain: chain.slice(1).map((one) => one.id),
      delegated: index > 0,
      ...(actor.purpose === undefined ? {} : { purpose: actor.purpose }),
      ...(person === undefined ? {} : { onBehalfOf: { __entity: uidOf(person) } }),
    },
    unmask: new Set(lentLabels(actor, database)),
  };
}

function uidOf(principal: Principal): TypeAndId {
  return { type: principal.kind, id: principal.id };
}

function entityOf(principal: Principal): EntityJson {
  return {
    uid: uidOf(principal),
    attrs: { name: principal.id },
    parents: principal.groups.map((group) => ({ type: 'Group', id: group })),
  };
}
