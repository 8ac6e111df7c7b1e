/** Decisions in words, a line each: `[what, text]`. Knows no colours and no dialect. */
import type { TextRow } from '../approvals/fact-rows.ts';
import { formatDuration } from '../config/quantity.ts';
import { formatMask } from '../masking/mask-text.ts';
import type { Decision } from '../model/decision.ts';

/** What was decided, and why. */
export function decisionRows(decision: Decision): TextRow[] {
  const rows: TextRow[] = [['because', decision.reason]];
  const policies = decision.policies.map(({ id, effect }) => `${id} (${effect})`);
  rows.push(['policies', policies.length === 0 ? 'none permits it' : policies.join(', ')]);
  for (const { relation, column, label, mask } of decision.masks) {
    rows.push(['masks', `${relation}.${column} (${label}) as ${formatMask(mask)}`]);
  }
  if (decision.unmasked.length > 0) rows.push(['shows', `labels ${decision.unmasked.join(', ')}`]);
  if (decision.approval !== undefined) {
    const { quorum, groups, expiresMs } = decision.approval;
    rows.push(['approval', `${quorum} of ${groups.join(' or ')}, within ${formatDuration(expiresMs)}`]);
  }
  const { returned, written } = decision.rowLimits ?? {};
  if (returned) rows.push(['limit', `returns at most ${returned.rows} rows (${returned.policy})`]);
  if (written) rows.push(['limit', `changes at most ${written.rows} rows (${written.policy})`]);
  if (decision.hint !== undefined) rows.push(['hint', decision.hint]);
  return rows;
}
