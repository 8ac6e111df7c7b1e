/**
 * A request, or a grant, as one person may see it. Whoever asked sees what they wrote; everybody else sees its values only if they may see every
 * labelled column that the statement touches, or may.
 */
import type { ApprovalRequest } from '../model/approval.ts';
import type { Grant, HiddenValues, ValueBound } from '../model/grant.ts';
import type { TouchedLabels } from '../model/labels.ts';
import type { Actor } from '../model/principal.ts';

/** Stands for a value that is not shown. */
export const HIDDEN = '‹hidden›';

/** Whether an actor sees the values of columns of a database as they are. */
export type Sees = (actor: Actor, database: string, columns: TouchedLabels['columns']) => boolean;

export function revealedTo(actor: Actor, request: ApprovalRequest, sees: Sees): ApprovalRequest {
  const { hidden, binding, shape } = request;
  if (hidden === undefined || mayKnow(actor, binding, hidden, sees)) return request;
  return {
    ...request,
    statement: hidden.statement,
    binding: { ...binding, parameters: binding.parameters.map(() => HIDDEN) },
    facts: request.facts.map((facts) => ({
      ...facts,
      settings: facts.settings.map((setting) => ({ ...setting, value: null })),
    })),
    votes: request.votes.map(({ terms: _, ...vote }) => vote),
    ...(shape === undefined ? {} : { shape: { ...shape, literals: shape.literals.map(() => HIDDEN) } }),
    valuesHidden: true,
  };
}

/** A grant, in the same way. */
export function revealedGrant(actor: Actor, grant: Grant, sees: Sees): Grant {
  if (grant.kind !== 'shape' || grant.hidden === undefined || mayKnow(actor, grant, grant.hidden, sees))
    return grant;
  const { parameters, literals } = grant.terms;
  return {
    ...grant,
    statement: grant.hidden.statement,
    terms: { ...grant.terms, parameters: parameters.map(hiddenBound), literals: literals.map(hiddenBound) },
  };
}

const hiddenBound = (bound: ValueBound): ValueBound => ('any' in bound ? bound : { is: HIDDEN });

function mayKnow(
  actor: Actor,
  asked: { readonly principal: string; readonly onBehalfOf: readonly string[]; readonly database: string },
  { labelled: { columns, more } }: HiddenValues,
  sees: Sees,
): boolean {
  const chain = actor.onBehalfOf.map(({ id }) => id);
  const isAsker = asked.principal === actor.principal.id && asked.onBehalfOf.join('\n') === chain.join('\n');
  return isAsker || (more === undefined && sees(actor, asked.database, columns));
}
