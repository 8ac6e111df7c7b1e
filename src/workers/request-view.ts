/**
 * What somebody who judges a request gets to see of it: its values only if they may see such values, the statement laid out with what is
 * risky marked, what it does in words, and how similar requests ended.
 */
import type { ReviewDesk, SimilarRequest } from '../api/approval-review.ts';
import { maySee } from '../api/approval-routes.ts';
import { digestOf } from '../approvals/binding.ts';
import { factRows } from '../approvals/fact-rows.ts';
import { revealedGrant, revealedTo, type Sees } from '../approvals/revealed.ts';
import type { Config } from '../config/config.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { LabelSet, TouchedLabels } from '../model/labels.ts';
import type { Actor } from '../model/principal.ts';
import type { PolicyEngine } from '../policy/engine.ts';
import { layOut } from '../sql/postgres/statement-layout.ts';
import type { ApprovalRecord, ApprovalStore } from '../store/store.ts';

export interface RequestViewOptions {
  readonly databases: Config['databases'];
  readonly policy: () => PolicyEngine;
  readonly store: Pick<ApprovalStore, 'ofPrincipal'>;
  readonly now: () => number;
}

/** How many requests of the same principal are looked through, and how many similar ones are shown. */
const LOOKED_AT = 200;
const MAX_SIMILAR = 5;

export function openRequestView({ databases, policy, store, now }: RequestViewOptions): ReviewDesk {
  const sees: Sees = (actor, name, columns) => {
    const database = databases.get(name);
    if (database === undefined) return false;
    const context = { now: new Date(now()) };
    return !policy().masksFor(actor, database, onlyThese(columns), context).restricted;
  };
  return {
    revealed: (request, actor) => revealedTo(actor, request, sees),
    revealedGrant: (grant, actor) => revealedGrant(actor, grant, sees),
    review: async (request, actor) => {
      const { statement, facts } = revealedTo(actor, request, sees);
      const { text, marks } = layOut(
        statement,
        facts.flatMap(({ hazards = [] }) => hazards),
      );
      return {
        statement: text,
        marks,
        facts: facts.flatMap(factRows).map(([what, said]) => `${what}: ${said}`),
        similar: similarTo(request, await store.ofPrincipal(request.binding.principal, LOOKED_AT), actor),
      };
    },
  };
}

function similarTo(
  request: ApprovalRequest,
  others: readonly ApprovalRecord[],
  actor: Actor,
): SimilarRequest[] {
  const like = likeness(request);
  return others
    .map((record) => record.request)
    .filter((other) => other.id !== request.id && likeness(other) === like && maySee(actor, other))
    .slice(0, MAX_SIMILAR)
    .map(({ id, state, createdAt, votes }) => ({
      ...{ id, state, createdAt },
      votes: votes.map(({ principal, verdict, reason }) => ({
        ...{ principal, verdict },
        ...(reason === undefined ? {} : { reason }),
      })),
    }));
}

/** Equal for the same shape of statement, or where there is none, for what does the same to the same things; in one database. */
function likeness({ binding, shape, facts, access, statement }: ApprovalRequest): string {
  if (access !== undefined) return statement;
  const what =
    shape?.digest ??
    facts.map(({ command, relations }) => [
      command,
      ...relations.map((use) => `${use.action} ${use.relation}`),
    ]);
  return JSON.stringify([binding.database, what]);
}

/** Exactly these columns, for the policies to be asked who sees them. */
function onlyThese(columns: TouchedLabels['columns']): LabelSet {
  return {
    version: `touched:${digestOf(columns)}`,
    labels: [],
    columns: columns.map((column) => ({ ...column, mask: { kind: 'null' } })),
    ofRelation: () => [],
    labelsOf: () => [],
  };
}
