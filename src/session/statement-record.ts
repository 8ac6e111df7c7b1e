/** What the ledger says of a planned statement, and how that changes when something else than a policy has its say. */
import type { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRule, Decision } from '../model/decision.ts';
import type { Facts, RelationUse } from '../model/facts.ts';
import type { ColumnMask } from '../model/labels.ts';
import { mergeApprovals } from '../policy/approval-rules.ts';
import type { Plan, PlannedStatement, StatementRecord } from './plan.ts';

export function recordOf(facts: Facts, decision: Decision): StatementRecord {
  const masked = decision.masks
    .filter((mask) =>
      facts.relations.some((use) => use.relation === mask.relation && use.reads.includes(mask.column)),
    )
    .map(nameOf);
  return {
    command: facts.command,
    actions: facts.actions,
    relations: facts.relations.map(describeUse),
    policies: decision.policies.map((policy) => policy.id),
    ...(masked.length === 0 ? {} : { masked }),
    ...(decision.unmasked.length === 0 ? {} : { unmasked: decision.unmasked }),
    ...(facts.functions.length === 0 ? {} : { functions: facts.functions.map((use) => use.name) }),
    ...(facts.opaque.length === 0 ? {} : { opaque: facts.opaque.map((one) => one.what) }),
    ...(facts.bounded ? {} : { bounded: false as const }),
    ...(decision.outcome === 'allow' ? {} : { reason: decision.reason }),
  };
}

function describeUse(use: RelationUse): string {
  const columns = use.action === 'Read' || use.action === 'Export' ? use.reads : use.writes;
  return `${use.action} ${use.relation}(${columns.join(',')})`;
}

/** The same statement, on record as one that looks values up. */
export function lookingUp(
  statement: PlannedStatement,
  columns: readonly ColumnMask[] = [],
): PlannedStatement {
  if (columns.length === 0) return statement;
  return { ...statement, record: { ...statement.record, lookups: columns.map(nameOf) } };
}

const nameOf = ({ relation, column, label }: ColumnMask): string => `${relation}.${column}:${label}`;

/** The same statement, refused by a rule in code for which the policies have no say. */
export function deny(error: SluiceError, rule: string): (statement: PlannedStatement) => PlannedStatement {
  return (statement) => {
    const { approval: _, ...decision } = statement.decision;
    const denied: Decision = {
      ...decision,
      outcome: 'deny',
      policies: [...decision.policies, { id: rule, effect: 'builtin' }],
      reason: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
    // What it would have looked up stays on record.
    const record = { ...recordOf(statement.facts, denied), ...lookupsOf(statement) };
    return { ...statement, decision: denied, record };
  };
}

/** The same plan, refused by a rule in code or a budget: because lookups are used up, for one. */
export function refused(plan: Plan, refusal: SluiceError, rule: string): Plan {
  return { ...plan, outcome: 'deny', refusal, statements: plan.statements.map(deny(refusal, rule)) };
}

/** The same plan, held until somebody approves, besides what policies ask for. */
export function held(plan: Plan, rule: ApprovalRule, policy: string, reason: string): Plan {
  const statements = plan.statements.map((statement) => {
    const { decision, facts } = statement;
    const isHeld = decision.outcome === 'hold';
    const approval = mergeApprovals([...(decision.approval === undefined ? [] : [decision.approval]), rule])!;
    const policies = [...(isHeld ? decision.policies : []), { id: policy, effect: 'builtin' as const }];
    const now: Decision = {
      ...decision,
      outcome: 'hold',
      approval,
      policies,
      reason: isHeld ? decision.reason : reason,
    };
    return { ...statement, decision: now, record: { ...recordOf(facts, now), ...lookupsOf(statement) } };
  });
  return { ...plan, outcome: 'hold', statements };
}

const lookupsOf = ({ record: { lookups } }: PlannedStatement) => (lookups === undefined ? {} : { lookups });
