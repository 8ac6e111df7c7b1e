/** What `@row_limit` comes to: how many rows a statement may return and change, whichever policies say the least. Pure. */
import type { RowLimit, RowLimits } from '../model/decision.ts';
import type { Action, Facts } from '../model/facts.ts';
import { BUILTIN, type Refusal } from './guards.ts';
import type { Policy } from './load.ts';
import type { Verdict } from './verdict.ts';

const READS: ReadonlySet<Action> = new Set(['Read']);
const CHANGES: ReadonlySet<Action> = new Set(['Insert', 'Update', 'Delete']);

/** Of whatever else a policy forbids, nobody can count rows: there it is a forbid like any other. */
export function hasRows(action: Action): boolean {
  return READS.has(action) || CHANGES.has(action);
}

/** The least of what the policies say; undefined if none says anything. */
export function rowLimitOf(policies: readonly Policy[]): RowLimit | undefined {
  const limits = policies.flatMap(({ id, rowLimit }) =>
    rowLimit === undefined ? [] : [{ rows: rowLimit, policy: id }],
  );
  return least(limits);
}

export function least(limits: readonly RowLimit[]): RowLimit | undefined {
  return limits.reduce<RowLimit | undefined>(
    (lowest, one) => (lowest === undefined || one.rows < lowest.rows ? one : lowest),
    undefined,
  );
}

interface Judged {
  readonly atom: { readonly action: Action };
  readonly verdict: Pick<Verdict, 'rowLimit'>;
}

/** As a member of a decision. */
export function rowLimitsOf(judged: readonly Judged[]): { rowLimits?: RowLimits } {
  const of = (actions: ReadonlySet<Action>) =>
    least(judged.flatMap(({ atom, verdict }) => (actions.has(atom.action) ? (verdict.rowLimit ?? []) : [])));
  const [returned, written] = [of(READS), of(CHANGES)];
  if (returned === undefined && written === undefined) return {};
  return { rowLimits: { ...(returned && { returned }), ...(written && { written }) } };
}

/** A procedure may commit before anybody has counted. */
export function uncountable({ command }: Facts, judged: readonly Judged[]): Refusal | undefined {
  const written = rowLimitsOf(judged).rowLimits?.written;
  if (written === undefined || command !== 'CALL') return undefined;
  return {
    id: BUILTIN.rowLimit,
    reason: `The policy ${written.policy} limits how many rows may change, and a procedure may commit before they are counted.`,
    hint: 'Send the INSERT, UPDATE or DELETE itself.',
  };
}
