/** How far a statement reaches, in words. Pure. */
import type { BlastRadius, Estimate, EstimatedTable, Reach } from '../model/blast-radius.ts';
import type { Action, Facts, LockUse } from '../model/facts.ts';

/** More of a kind are counted, not named. */
const MAX_NAMED = 5;

type Known = Omit<BlastRadius, 'sentence'>;

/** One or more sentences: rows first, then what else is reached, who waits, and what follows. */
export function blastSentence(known: Known, { writes, actions }: Facts): string {
  const { estimate, cascades, triggers, locks } = known;
  const changes = writes && actions.some((action) => CHANGES.has(action));
  return [
    estimate?.rows === undefined ? unknownRows(changes, actions) : rowsSentence(estimate),
    ...listed('By foreign keys it also ', cascades.map(reachText)),
    ...listed('It sets off ', triggers),
    ...listed('It locks ', locks.map(lockText)),
    ...(changes ? followers(known) : []),
  ].join(' ');
}

const CHANGES: ReadonlySet<Action> = new Set(['Insert', 'Update', 'Delete', 'Truncate']);

function unknownRows(changes: boolean, actions: readonly Action[]): string {
  if (actions.includes('Truncate')) return 'It empties whole tables.';
  return changes ? 'How many rows it changes is not known.' : 'How many rows it touches is not known.';
}

function rowsSentence({ rows = 0, sharePercent, tables }: Estimate): string {
  if (tables.length > 0) return `It changes about ${tables.map(tableText).join(' and ')}.`;
  const share = sharePercent === undefined ? '' : ` (${sharePercent} % of the largest table it reads)`;
  return `It returns about ${countOf(rows, 'row')}${share}.`;
}

function tableText({ relation, rows, of }: EstimatedTable): string {
  const share =
    of === undefined || of === 0
      ? ''
      : ` (${Math.min(100, Math.round((100 * rows) / of))} % of about ${number(of)})`;
  return `${countOf(rows, 'row')} of ${relation}${share}`;
}

const VERBS: Partial<Record<Action, string>> = {
  Delete: 'deletes from',
  Update: 'updates',
  Truncate: 'empties',
};

const reachText = ({ relation, action }: Reach): string => `${VERBS[action] ?? 'changes'} ${relation}`;

const WAITING: Record<LockUse['blocks'], string> = {
  definitions: 'changes of its definition wait',
  writes: 'writers wait',
  everything: 'everybody waits',
};

const lockText = ({ relation, mode, blocks }: LockUse): string => `${relation} (${mode}: ${WAITING[blocks]})`;

function followers({ indexes, replicas }: Known): readonly string[] {
  const parts = [
    ...(indexes === undefined || indexes === 0 ? [] : [countOf(indexes, 'index', 'indexes')]),
    ...(replicas === undefined || replicas === 0 ? [] : [countOf(replicas, 'replica')]),
  ];
  const one = parts.length === 1 && (indexes === 1 || replicas === 1);
  return parts.length === 0 ? [] : [`${parts.join(' and ')} follow${one ? 's' : ''}.`];
}

function listed(opening: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return [`${opening}${names.slice(0, MAX_NAMED).join(', ')}${more}.`];
}

function countOf(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

const number = (count: number): string => count.toLocaleString('en-US');
