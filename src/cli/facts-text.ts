/** Facts and decisions in words, a line each: `[what, text]`. Knows no colours and no dialect. */

import { formatDuration } from '../config/quantity.ts';
import { formatMask } from '../masking/mask-text.ts';
import type { Decision } from '../model/decision.ts';
import type { Facts, RelationUse } from '../model/facts.ts';

/** A labelled line. */
export type TextRow = readonly [label: string, text: string];

/** What a statement does. */
export function factRows(facts: Facts): TextRow[] {
  const rows: TextRow[] = [['does', [facts.command, ...facts.actions.map(String)].join(', ')]];
  for (const use of facts.relations) rows.push(['touches', relationText(use)]);
  for (const { action, type, name } of facts.objects) rows.push(['touches', `${action} ${type} ${name}`]);
  const functions = facts.functions.filter(({ transparent }) => !transparent);
  if (functions.length > 0) rows.push(['calls', functions.map(({ name }) => name).join(', ')]);
  for (const { name, value, local } of facts.settings) {
    rows.push(['sets', `${name} = ${value ?? '?'}${local ? ' (for this transaction)' : ''}`]);
  }
  for (const { kind, what, instead } of facts.hazards ?? []) {
    rows.push(['hazard', `${what} (${kind})`]);
    if (instead !== undefined) rows.push(['instead', instead]);
  }
  for (const { what } of facts.opaque) rows.push(['not understood', what]);
  return rows;
}

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
  if (decision.hint !== undefined) rows.push(['hint', decision.hint]);
  return rows;
}

function relationText(use: RelationUse): string {
  const columns = [
    use.reads.length > 0 ? `reads ${use.reads.join(', ')}` : '',
    use.filters.length > 0 ? `filters by ${use.filters.join(', ')}` : '',
    use.writes.length > 0 ? `writes ${use.writes.join(', ')}` : '',
  ].filter((text) => text !== '');
  const known = use.known ? '' : ' (unknown to the catalog)';
  return `${use.action} ${use.relation}${known}${columns.length === 0 ? '' : `: ${columns.join('; ')}`}`;
}
