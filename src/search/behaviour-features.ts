/** What a form does that tells one principal's ways from another's. Pure. */
import type { Action } from '../model/facts.ts';
import type { FindingRule, StatementForm } from '../model/ledger-entry.ts';

export interface Feature {
  readonly rule: FindingRule;
  /** `read public.payments`: as a sentence goes on, and as it is remembered. */
  readonly what: string;
}

const WRITES: ReadonlySet<Action> = new Set<Action>(['Insert', 'Update', 'Delete', 'Truncate']);
const READS: ReadonlySet<Action> = new Set<Action>(['Read', 'Export']);
/** Of one form. */
const MAX_FEATURES = 100;

/** Of what ran or was held; a refused statement tells only that it was refused. */
export function featuresOf({
  relations,
  masked = [],
  unmasked = [],
  decision,
}: StatementForm): readonly Feature[] {
  if (decision === 'deny') return [];
  const features: Feature[] = [];
  for (const use of relations) {
    const [action, ...rest] = use.split(' ');
    const relation = rest.join(' ').replace(/\([^(]*\)$/, '');
    if (READS.has(action as Action)) features.push({ rule: 'relation', what: `read ${relation}` });
    if (WRITES.has(action as Action)) features.push({ rule: 'relation', what: `wrote ${relation}` });
  }
  for (const column of masked) {
    const colon = column.lastIndexOf(':');
    features.push({
      rule: 'label',
      what: `read ${column.slice(0, colon)} (${column.slice(colon + 1)}, masked)`,
    });
  }
  for (const label of unmasked) features.push({ rule: 'label', what: `read ${label} as it is` });
  return features.slice(0, MAX_FEATURES);
}
