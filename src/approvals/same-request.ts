/** When two demands are one request: identical statements of an agent that tries again and again are folded. */
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
  const groups = (rule: ApprovalRule) => [...new Set(rule.groups)].sort().join('\n');
  return a.quorum === b.quorum && groups(a) === groups(b);
}
