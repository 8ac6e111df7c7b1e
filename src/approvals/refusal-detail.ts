/**
 * The DETAIL of every refusal of the gate: one JSON object that an agent can act on. docs/errors.md describes it. Bounded, and without
 * a value of the database or the statement.
 */
import type { PolicyRef } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';

export interface RefusalParticulars {
  /** The approval request, if there is one. */
  readonly request?: string;
  readonly policies: readonly Pick<PolicyRef, 'id'>[];
  readonly facts: readonly Facts[];
  /** Milliseconds since the epoch: until when the request waits. */
  readonly expiresAt?: number;
}

const MAX_LISTED = 20;
const MAX_PHRASE_LENGTH = 200;

export function refusalDetail({ request, policies, facts, expiresAt }: RefusalParticulars): string {
  return JSON.stringify({
    ...(request === undefined ? {} : { request }),
    policies: some(policies.map(({ id }) => id)),
    facts: {
      commands: some(facts.map(({ command }) => command)),
      actions: some(facts.flatMap(({ actions }) => actions)),
      relations: some(facts.flatMap(({ relations }) => relations.map(({ relation }) => relation))),
      hazards: some(facts.flatMap(({ hazards = [] }) => hazards.map(({ kind }) => kind))),
      notUnderstood: some(facts.flatMap(({ opaque }) => opaque.map(({ what }) => what))),
    },
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
  });
}

function some(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
    .slice(0, MAX_LISTED)
    .map((text) => text.slice(0, MAX_PHRASE_LENGTH).toWellFormed());
}
