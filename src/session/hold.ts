/**
 * Step 4: what happens to a plan that needs approval. Either the session waits, or it is told the request's id at once and may
 * retry the identical statement later. In both cases the statement runs only by claiming the approval, once, for a plan made
 * anew under the policies and the catalog of that moment.
 */
import type { SessionApprovals } from '../approvals/approvals.ts';
import { digestOf } from '../approvals/binding.ts';
import type { GrantUse } from '../approvals/grants.ts';
import { HIDDEN } from '../approvals/revealed.ts';
import { ERROR_TABLE } from '../errors/error-table.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type {
  ApprovalBinding,
  ApprovalRequest,
  RowBinding,
  StatementMeaning,
  StatementNames,
} from '../model/approval.ts';
import type { BlastRadius } from '../model/blast-radius.ts';
import type { ApprovalRule, PolicyRef } from '../model/decision.ts';
import type { StatementShape } from '../model/grant.ts';
import type { LabelSet } from '../model/labels.ts';
import type { ParameterValue, SessionInfo } from '../model/session.ts';
import { mergeApprovals } from '../policy/approval-rules.ts';
import { refusalDetail, type TaughtCode } from '../policy/refusal-detail.ts';
import type { Plan } from './plan.ts';
import { capped } from './row-limit.ts';
import { readablePieces } from './statement-form.ts';
import { touchedLabels } from './statement-privacy.ts';

export interface HoldOptions {
  readonly session: SessionInfo;
  readonly plan: Plan;
  readonly parameters: readonly ParameterValue[];
  /** Aborted when the client cancels or goes away. */
  readonly signal: AbortSignal;
  /** Labels in force. */
  readonly labels: LabelSet;
  /** How far its statements reach, one by one; asked for once it is clear that somebody has to judge. Must not reject. */
  readonly blastRadius: () => Promise<readonly BlastRadius[]>;
  readonly names: StatementNames;
  /** Of the session, those by which texts and values are read. Asked for once. @throws {SluiceError} if they cannot be had */
  readonly settings: () => Promise<StatementMeaning['settings']>;
  /** Called once when the request exists, before the session waits or is told to come back. */
  readonly onHeld: (request: ApprovalRequest) => void;
  /** Called before a request is made. @throws {SluiceError} if none may be */
  readonly beforeRequest?: () => void | Promise<void>;
  /** Plans the same text again, on a fresh catalog and the policies in force. */
  readonly replan: () => Promise<Plan>;
}

/** A plan that may run now, and by which approval. */
export interface Released {
  readonly plan: Plan;
  /** Absent if the policies in force no longer ask for one. */
  readonly approval?: string;
  /** Present if it may change these rows only. */
  readonly rows?: RowBinding;
}

/**
 * Resolves when the statement may run.
 * @throws {SluiceError} statement_held (mode `fail`), approval_denied, approval_expired, approval_drifted, cancelled, or the
 *   refusal of the plan made anew.
 */
export async function awaitApproval(approvals: SessionApprovals, options: HoldOptions): Promise<Released> {
  const { session, plan, parameters, signal, names } = options;
  const meaning = { settings: await options.settings(), parameterTypes: names.parameterTypes };
  const binding = { ...bindingOf(session, plan, parameters), meaning };
  const shape = plan.shape && shapeUnder(plan.shape, meaning);
  const rule = ruleOf(plan);
  const granted = await approvals.claimGranted(binding, rule);
  if (granted !== undefined) return releasedBy(granted, plan);
  const use = await claimShape(approvals, session, shape, binding, rule);
  if (use?.only !== undefined) throw grantNotNow(plan, use.id, use.only);
  if (use !== undefined) return { plan: withCap(plan, use.id, use.maxRows), approval: use.id };
  await options.beforeRequest?.();
  const request = await approvals.request({
    binding,
    sessionId: session.id,
    statement: withDefinitions(plan),
    facts: plan.statements.map((statement) => statement.facts),
    ...(shape === undefined ? {} : { shape }),
    ...hiddenIn(plan, options.labels),
    blastRadius: await options.blastRadius(),
    names: options.names,
    ...(session.actor.purpose === undefined ? {} : { purpose: session.actor.purpose }),
    policies: policiesOf(plan),
    policyVersion: plan.statements[0]!.decision.policyVersion,
    rule,
    holdMode: session.holdMode,
  });
  options.onHeld(request);
  if (session.holdMode === 'fail') throw heldError(request, plan);
  const answer = await approvals.wait(request.id, signal);
  if (answer !== 'approved') throw answerError(answer, request, await approvals.get(request.id));
  return claim(approvals, request, options, meaning);
}

/** A shape is the same only where its text is read in the same way. */
function shapeUnder(shape: StatementShape, meaning: StatementMeaning): StatementShape {
  return { ...shape, digest: digestOf({ shape: shape.digest, ...meaning }) };
}

/** A grant for statements of this shape, if there is one that holds for these values. */
async function claimShape(
  approvals: SessionApprovals,
  session: SessionInfo,
  shape: StatementShape | undefined,
  { principal, onBehalfOf, database, parameters, objectsDigests }: ApprovalBinding,
  rule: ApprovalRule,
): Promise<GrantUse | undefined> {
  if (shape === undefined) return undefined;
  const { digest, literals } = shape;
  return approvals.claimShape(
    {
      ...{ principal, onBehalfOf, database, shape: digest, objectsDigests, parameters, literals },
      session: session.id,
    },
    rule,
  );
}

function grantNotNow(plan: Plan, grant: string, times: string): SluiceError {
  const policies = policiesOf(plan);
  const facts = plan.statements.map((statement) => statement.facts);
  return new SluiceError('approval_not_now', `grant ${grant} holds for this, and may be used ${times}`, {
    detail: refusalDetail('approval_not_now', { grant, policies, facts }),
    policies: policies.map(({ id }) => id),
  });
}

async function claim(
  approvals: SessionApprovals,
  request: ApprovalRequest,
  options: HoldOptions,
  meaning: StatementMeaning,
): Promise<Released> {
  const plan = await options.replan();
  if (plan.refusal !== undefined) {
    await approvals.drift(request.id);
    throw plan.refusal;
  }
  // Policies that changed meanwhile may ask for more than was given, or for nothing at all.
  const rule = plan.outcome === 'hold' ? ruleOf(plan) : undefined;
  const binding = { ...bindingOf(options.session, plan, options.parameters), meaning };
  const claimed = await approvals.claim(request.id, binding, rule);
  if (claimed !== undefined) return releasedBy(claimed, plan);
  throw refusal(
    'approval_drifted',
    request,
    `request ${request.id} was approved for something that has changed since`,
  );
}

/** What an approval releases: with the rows that it was given for, and under the limit of the grant that came with it. */
function releasedBy(request: ApprovalRequest, plan: Plan): Released {
  const { id, grant, votes } = request;
  const terms = grant === undefined ? undefined : votes.find((vote) => vote.terms !== undefined)?.terms;
  return { plan: withCap(plan, id, terms?.maxRows), approval: id, ...rowsOf(request) };
}

function withCap(plan: Plan, policy: string, rows: number | undefined): Plan {
  return rows === undefined ? plan : capped(plan, { rows, policy });
}

/** What an approval of this plan is good for. */
export function bindingOf(
  session: SessionInfo,
  plan: Plan,
  parameters: readonly ParameterValue[],
): ApprovalBinding {
  const uses = plan.statements.flatMap((statement) => statement.uses);
  const run = [...plan.statements, ...uses].map(({ analyzed }) => analyzed);
  return {
    principal: session.actor.principal.id,
    onBehalfOf: session.actor.onBehalfOf.map((principal) => principal.id),
    database: session.database.name,
    astDigests: run.map(({ astDigest }) => astDigest),
    parameters: [...parameters, ...uses.flatMap((used) => used.parameters)],
    objectsDigests: run.map(({ objectsDigest }) => objectsDigest),
  };
}

/** True if both plans of one text reach the same objects, defined in the same way. */
export function isOnSameObjects(one: Plan, other: Plan): boolean {
  const reached = ({ statements }: Plan) =>
    statements
      .flatMap(({ analyzed, uses }) => [analyzed, ...uses.map((used) => used.analyzed)])
      .map(({ astDigest, objectsDigest }) => `${astDigest} ${objectsDigest}`);
  return reached(one).join() === reached(other).join();
}

/** What a reviewer reads: the text, and what the names in it stand for. */
function withDefinitions({ text, statements }: Plan): string {
  const definitions = statements.flatMap(({ uses }) => uses.map((used) => used.text));
  return [text, ...definitions.map((definition) => `-- which runs: ${definition}`)].join('\n');
}

/** What is shown in place of the statement to those who may not see the values that may stand in it. */
function hiddenIn(plan: Plan, labels: LabelSet): Pick<ApprovalRequest, 'hidden'> {
  const run = plan.statements.flatMap(({ facts, uses }) => [facts, ...uses.map((used) => used.facts)]);
  const labelled = touchedLabels(run, labels);
  if (labelled === undefined) return {};
  const pieces = plan.statements.some(({ uses }) => uses.length > 0) ? undefined : readablePieces(plan);
  return { hidden: { labelled, statement: pieces?.join(HIDDEN) ?? HIDDEN } };
}

/** One rule that satisfies every held statement of the text. */
function ruleOf(plan: Plan): ApprovalRule {
  const rules = plan.statements.flatMap(({ decision }) => decision.approval ?? []);
  return mergeApprovals(rules) as ApprovalRule;
}

function policiesOf(plan: Plan): PolicyRef[] {
  const byId = new Map<string, PolicyRef>();
  for (const { decision } of plan.statements) {
    if (decision.outcome === 'hold') for (const policy of decision.policies) byId.set(policy.id, policy);
  }
  return [...byId.values()];
}

function heldError(request: ApprovalRequest, plan: Plan): SluiceError {
  const { reason, hint } = plan.statements.find((one) => one.decision.outcome === 'hold')!.decision;
  const retry = ERROR_TABLE.statement_held.hint ?? '';
  return refusal('statement_held', request, `approval needed: ${reason}`, hint && `${retry} ${hint}`);
}

function answerError(
  answer: 'denied' | 'expired' | 'cancelled' | 'drifted',
  request: ApprovalRequest,
  now: ApprovalRequest | undefined,
): SluiceError {
  const vote = now?.votes.find((one) => one.verdict === 'deny');
  const why =
    vote === undefined ? '' : ` by ${vote.principal}${vote.reason === undefined ? '' : `: ${vote.reason}`}`;
  const { id } = request;
  if (answer === 'denied') return refusal('approval_denied', request, `request ${id} was denied${why}`);
  if (answer === 'expired') {
    const what = now?.votes.some(({ verdict }) => verdict === 'approve')
      ? `request ${id} has expired before it ran`
      : `nobody answered request ${id} in time`;
    return refusal('approval_expired', request, what);
  }
  if (answer === 'drifted') return refusal('approval_drifted', request, `request ${id} no longer fits`);
  return refusal('cancelled', request, `request ${id} was cancelled`);
}

function refusal(code: TaughtCode, request: ApprovalRequest, message: string, hint?: string): SluiceError {
  const { id, policies, facts, expiresAt } = request;
  return new SluiceError(code, message, {
    detail: refusalDetail(code, {
      ...{ request: id, policies, facts },
      ...(code === 'statement_held' ? { expiresAt } : {}),
    }),
    ...(hint === undefined ? {} : { hint }),
    policies: policies.map((policy) => policy.id),
  });
}

/** The rows that an approval which was given on a preview is good for. */
function rowsOf({ id, previewed }: ApprovalRequest): Pick<Released, 'rows'> {
  if (previewed === undefined) return {};
  const { affected, parameterTypes } = previewed;
  return { rows: { request: id, affected, parameterTypes } };
}
