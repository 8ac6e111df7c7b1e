/** What a reader of the record may find. Pure. */
import type { Actor } from '../model/principal.ts';
import { actorKey } from './entry-terms.ts';
import { all, any, type Filter } from './filter/filter.ts';

/** Everything, or one's own sessions and what concerns these databases. */
export type Visibility = 'everything' | { readonly actor: Actor; readonly databases: readonly string[] };

/**
 * The filter, confined to what may be seen. Everybody sees what they did themselves and what was done on their behalf; an agent
 * is as narrow as its token: it sees what the same agent did for the same people.
 */
export function confined(filter: Filter, visibility: Visibility): Filter {
  if (visibility === 'everything') return filter;
  const { actor, databases } = visibility;
  const chain = actor.onBehalfOf.map(({ id }) => id);
  return all([
    filter,
    any([
      exactly('=actor', actorKey(actor.principal.id, chain)),
      ...(chain.length === 0 ? [exactly('=for', actor.principal.id)] : []),
      ...databases.map((database) => exactly('=database', database)),
    ]),
  ]);
}

function exactly(field: '=actor' | '=for' | '=database', value: string): Filter {
  return { op: 'term', field, value, pattern: false };
}
