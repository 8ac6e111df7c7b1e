/** Sentences for people: what was decided, for whom, and what would be allowed instead. Pure; never holds a value. */
import type { Action } from '../model/facts.ts';
import type { PrincipalKind } from '../model/principal.ts';
import { ACTION_TABLE } from './action-table.ts';
import type { Asker } from './asker.ts';
import type { Atom } from './judge.ts';
import type { Policy } from './load.ts';
import type { Verdict } from './verdict.ts';

const PLURALS: Readonly<Record<PrincipalKind, string>> = {
  Human: 'people',
  Agent: 'agents',
  Service: 'services',
};
const MAX_NAMED = 5;

const MAX_NAME_LENGTH = 120;

/** A name from a statement, fit for a sentence: names are as long as their writers please, and may hold anything. */
export function shown(name: string): string {
  const printable = name.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    '\ufffd',
  );
  return printable.length <= MAX_NAME_LENGTH ? printable : `${printable.slice(0, MAX_NAME_LENGTH)}…`;
}

/** `Dropping public.customers is not allowed for agents in prod.`, or the `@reason` of the policy that decided. */
export function reasonOf(asker: Asker, atom: Atom, verdict: Verdict): string {
  const { principal } = asker.subjects[verdict.subject]!;
  const actor = asker.actor.principal.id;
  const stated = verdict.policies.find((policy) => policy.reason !== undefined)?.reason;
  const sentence =
    stated ??
    `${doing(atom)} ${standing(verdict)} ${PLURALS[principal.kind]} in ${asker.database.environment}.`;
  return verdict.subject === 0
    ? sentence
    : `${sentence} That goes for ${principal.id}, for whom ${actor} acts.`;
}

function standing({ outcome, failed }: Verdict): string {
  if (failed) return 'cannot be decided, because a policy failed to evaluate, and is not allowed for';
  return outcome === 'hold' ? 'needs approval for' : 'is not allowed for';
}

function doing({ action, resource }: Atom): string {
  return `${ACTION_TABLE[action].doing} ${shown(resource.noun)}`;
}

export function hintOf(policies: readonly Policy[]): string | undefined {
  return policies.find((policy) => policy.hint !== undefined)?.hint;
}

/** What an allowed statement is allowed by. */
export function permissionOf(policies: readonly Policy[]): string {
  const named = policies.slice(0, MAX_NAMED).map((policy) => policy.id);
  return `Permitted by ${named.join(', ')}${policies.length > MAX_NAMED ? ` and ${policies.length - MAX_NAMED} more` : ''}.`;
}

/** What to try instead, in this order; only actions on data, which every relation knows. */
const ALTERNATIVES: readonly Action[] = ['Read', 'Insert', 'Update', 'Delete'];

/** The nearest thing that `isAllowed`, found by asking; undefined if there is none to speak of. */
export function alternativeTo(atom: Atom, isAllowed: (other: Atom) => boolean): string | undefined {
  if (atom.resource.uid.type !== 'Table') return undefined;
  const bounded: Atom = { ...atom, context: { ...atom.context, bounded: true } };
  if (atom.context.bounded === false && isAllowed(bounded)) {
    return 'With a WHERE clause that limits the rows it would be allowed.';
  }
  const others = ALTERNATIVES.filter((action) => action !== atom.action && isAllowed({ ...bounded, action }));
  return others.length === 0 ? undefined : `Allowed on ${shown(atom.resource.noun)}: ${others.join(', ')}.`;
}
