/**
 * Who may answer a request, and who may take it back. One place, so that no door can forget a rule.
 *
 * Nobody answers what they asked, nor what was asked on their behalf unless the rule says so: an agent acts with its human's intent,
 * so that human's approval would be self-approval by another hand.
 */

import { timeWindowText } from '../config/time-window.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Actor, Principal } from '../model/principal.ts';
import { areOpen } from './open-windows.ts';
import { answeringGroups } from './quorum.ts';

type Verdict = 'approve' | 'deny';

const MAX_REASON_LENGTH = 500;

/**
 * Checks that this actor may answer this request, which is not overdue, in this way.
 * @throws {SluiceError} forbidden (not a person, requester, in the chain, in none of the groups), conflict (settled, or
 *   answered by this person already), bad_request (the reason)
 */
export function checkVote(
  request: ApprovalRequest,
  voter: Actor,
  verdict: Verdict,
  now: number,
  reason?: string,
): void {
  refuseVoter(request, voter);
  requireOpen(request, voter.principal);
  if (verdict === 'approve' && lacksPreview(request)) {
    throw new SluiceError('conflict', `request ${request.id} is approved only after it was previewed`, {
      hint: `sluice approvals preview ${request.id}`,
    });
  }
  if (verdict === 'approve' && !areOpen(request.rule.answerWithin, now)) {
    const times = (request.rule.answerWithin ?? []).map(timeWindowText).join(' and ');
    throw new SluiceError('conflict', `request ${request.id} can be approved ${times}`);
  }
  checkVoteReason(verdict, reason);
}

/** True if nobody may approve before somebody has seen what it would do. */
export function lacksPreview({ rule, previewed }: ApprovalRequest): boolean {
  return rule.previewRequired === true && previewed === undefined;
}

/**
 * Checks that this actor may preview this request, which is not overdue: whoever may answer it.
 * @throws {SluiceError} forbidden, conflict (settled)
 */
export function checkPreview(request: ApprovalRequest, reviewer: Actor): void {
  refuseVoter(request, reviewer);
  if (request.state !== 'pending')
    throw new SluiceError(
      'conflict',
      `request ${request.id} is ${request.state}: there is nothing to preview`,
    );
}

/**
 * Checks that this automatic reviewer may answer this request.
 * @throws {SluiceError} forbidden, conflict
 */
export function checkAutomaticVote(request: ApprovalRequest, reviewer: Principal): void {
  refuseAsker(request, reviewer, false);
  requireMember(request, reviewer);
  requireOpen(request, reviewer);
}

function requireOpen({ id, state, votes }: ApprovalRequest, { id: voter }: Principal): void {
  if (state !== 'pending') {
    throw new SluiceError('conflict', `request ${id} is ${state} and takes no answers any more`);
  }
  if (votes.some((vote) => vote.principal === voter)) {
    throw new SluiceError('conflict', `${voter} has already answered request ${id}`);
  }
}

/**
 * Checks that this actor may take this request back, which is not overdue: whoever asked it for the same people, and the people
 * on whose behalf it was asked.
 * @throws {SluiceError} forbidden, conflict (settled)
 */
export function checkWithdrawal({ id, binding, state }: ApprovalRequest, actor: Actor): void {
  const chain = actor.onBehalfOf.map((principal) => principal.id);
  const asked =
    binding.principal === actor.principal.id && binding.onBehalfOf.join('\n') === chain.join('\n');
  const isTheirs = chain.length === 0 && binding.onBehalfOf.includes(actor.principal.id);
  if (!asked && !isTheirs) {
    throw new SluiceError(
      'forbidden',
      'a request is taken back by whoever asked it, or for whom it was asked',
    );
  }
  if (state !== 'pending' && state !== 'approved') {
    throw new SluiceError('conflict', `request ${id} is ${state} already`);
  }
}

function refuseVoter(request: ApprovalRequest, { principal, onBehalfOf }: Actor): void {
  if (principal.kind !== 'Human' || onBehalfOf.length > 0) {
    throw new SluiceError('forbidden', 'only people answer approval requests, in their own name');
  }
  refuseAsker(request, principal, request.rule.behalfMayAnswer === true);
  requireMember(request, principal);
}

function refuseAsker({ binding }: ApprovalRequest, { id }: Principal, behalfMayAnswer: boolean): void {
  if (binding.principal === id) throw new SluiceError('forbidden', 'nobody answers their own request');
  if (binding.onBehalfOf.includes(id) && !behalfMayAnswer) {
    throw new SluiceError('forbidden', 'nobody answers a request that was made on their behalf');
  }
}

function requireMember(request: ApprovalRequest, { groups }: Principal): void {
  const asked = answeringGroups(request);
  if (asked.some((group) => groups.includes(group))) return;
  throw new SluiceError('forbidden', `this request is answered by members of ${asked.join(' or ')}`);
}

/**
 * Checks what somebody gives as a reason, which is shown in other people's terminals.
 * @throws {SluiceError} bad_request
 */
export function checkReason(reason: string): void {
  if (reason.trim() === '') throw new SluiceError('bad_request', 'the reason is empty');
  if (reason.length > MAX_REASON_LENGTH) {
    throw new SluiceError('bad_request', `a reason has at most ${MAX_REASON_LENGTH} characters`);
  }
  if (/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(reason)) {
    throw new SluiceError('bad_request', 'a reason is one line of text without control characters');
  }
}

function checkVoteReason(verdict: Verdict, reason: string | undefined): void {
  if (verdict === 'deny' && (reason ?? '').trim() === '') {
    throw new SluiceError('bad_request', 'a denial needs a reason', {
      hint: 'It is shown to whoever asked, so that they know what to do instead.',
    });
  }
  if (reason !== undefined && reason !== '') checkReason(reason);
}
