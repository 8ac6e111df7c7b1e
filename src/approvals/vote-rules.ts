/**
 * Who may answer a request, and who may take it back. One place, so that no door can forget a rule.
 *
 * Nobody answers what they asked, nor what was asked on their behalf: an agent acts with its human's intent, so that human's
 * approval would be self-approval by another hand.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest, ApprovalVote } from '../model/approval.ts';
import type { Actor } from '../model/principal.ts';

type Verdict = ApprovalVote['verdict'];

const MAX_REASON_LENGTH = 500;

/**
 * Checks that this actor may answer this request, which is not overdue, in this way.
 * @throws {SluiceError} forbidden (not a person, requester, in the chain, in none of the groups), conflict (settled, or
 *   answered by this person already), bad_request (the reason)
 */
export function checkVote(request: ApprovalRequest, voter: Actor, verdict: Verdict, reason?: string): void {
  refuseVoter(request, voter);
  if (request.state !== 'pending') {
    throw new SluiceError(
      'conflict',
      `request ${request.id} is ${request.state} and takes no answers any more`,
    );
  }
  if (request.votes.some((vote) => vote.principal === voter.principal.id)) {
    throw new SluiceError('conflict', `you have already answered request ${request.id}`);
  }
  checkReason(verdict, reason);
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

function refuseVoter({ binding, rule }: ApprovalRequest, { principal, onBehalfOf }: Actor): void {
  if (principal.kind !== 'Human' || onBehalfOf.length > 0) {
    throw new SluiceError('forbidden', 'only people answer approval requests, in their own name');
  }
  if (binding.principal === principal.id)
    throw new SluiceError('forbidden', 'nobody answers their own request');
  if (binding.onBehalfOf.includes(principal.id)) {
    throw new SluiceError('forbidden', 'nobody answers a request that was made on their behalf');
  }
  if (!rule.groups.some((group) => principal.groups.includes(group))) {
    throw new SluiceError('forbidden', `this request is answered by members of ${rule.groups.join(' or ')}`);
  }
}

function checkReason(verdict: Verdict, reason: string | undefined): void {
  if (verdict === 'deny' && (reason ?? '').trim() === '') {
    throw new SluiceError('bad_request', 'a denial needs a reason', {
      hint: 'It is shown to whoever asked, so that they know what to do instead.',
    });
  }
  if (reason === undefined) return;
  if (reason.length > MAX_REASON_LENGTH) {
    throw new SluiceError('bad_request', `a reason has at most ${MAX_REASON_LENGTH} characters`);
  }
  // It is shown in other people's terminals.
  if (/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(reason)) {
    throw new SluiceError('bad_request', 'a reason is one line of text without control characters');
  }
}
