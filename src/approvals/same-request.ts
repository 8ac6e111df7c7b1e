/** When two demands are one request: identical statements of an agent that tries again and again are folded. */
import { canonicalJson } from '../ledger/canonical-json.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { ApprovalDemand } from './approvals.ts';

/** Whether the demand may join the request. */
export function isSame(request: ApprovalRequest, demand: ApprovalDemand, bindingDigest: string): boolean {
  if (request.bindingDigest !== bindingDigest || request.holdMode !== demand.holdMode) return false;
  if (request.holdMode === 'wait' && request.sessionId !== demand.sessionId) return false;
  return isSameRule(request.rule, demand.rule);
}

/** How long a request waits says nothing of who must agree. */
export function isSameRule(a: ApprovalRule, b: ApprovalRule): boolean {
  return canonicalJson(comparable(a)) === canonicalJson(comparable(b));
}

function comparable({ groups, seats, expiresMs: _, ...rule }: ApprovalRule) {
  return {
    ...rule,
    groups: sorted(groups),
    ...(seats === undefined
      ? {}
      : { seats: sorted(seats.map((seat) => canonicalJson({ ...seat, groups: sorted(seat.groups) }))) }),
  };
}

const sorted = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();
