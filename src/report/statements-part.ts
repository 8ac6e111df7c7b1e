/** What was asked: how much of it, what was privileged, and what was denied. */
import type { Action } from '../model/facts.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { BoundedList, BoundedMap } from './bounded-list.ts';
import type { DenialRow, Evidence, Figure, StatementRow } from './evidence.ts';
import { type FilterScope, filterOf, filterValue } from './filter-text.ts';
import { statementRow } from './statement-row.ts';
import type { Asked, ReportPart } from './walk.ts';

/** What changes structure, rights or the server, or takes data out in bulk. */
export const PRIVILEGED: readonly Action[] = [
  'Create',
  'Alter',
  'Drop',
  'Truncate',
  'Grant',
  'Administer',
  'Maintain',
  'Export',
];

const MAX_ROWS = 200;
const MAX_POLICIES = 500;
const MAX_PRINCIPALS = 20;

interface Denied {
  count: number;
  readonly principals: Set<string>;
}

export class StatementsPart implements ReportPart {
  #cutOff = 0;
  readonly #decided = { allow: 0, hold: 0, deny: 0 };
  readonly #byAction = new Map<string, number>();
  readonly #privileged = new BoundedList<StatementRow>(MAX_ROWS);
  readonly #denied = new BoundedList<StatementRow>(MAX_ROWS);
  readonly #byPolicy = new BoundedMap<Denied>(MAX_POLICIES, () => ({ count: 0, principals: new Set() }));

  entry({ event }: LedgerEntry): void {
    if (event.kind === 'budget-exceeded') this.#cutOff += 1;
  }

  statement(asked: Asked): void {
    const { event } = asked;
    this.#decided[event.decision] += 1;
    if (event.decision === 'deny') this.#deny(asked);
    const actions = PRIVILEGED.filter((action) => event.actions.includes(action));
    const kinds = [...actions, ...(event.bounded === false ? ['unbounded'] : [])];
    for (const kind of kinds) this.#byAction.set(kind, (this.#byAction.get(kind) ?? 0) + 1);
    if (kinds.length > 0) this.#privileged.add(statementRow(asked));
  }

  figures(scope: FilterScope): Figure[] {
    const { allow, hold, deny } = this.#decided;
    const filter = (...more: string[]) => filterOf(scope, 'kind:statement', ...more);
    return [
      { label: 'statements', value: allow + hold + deny, filter: filter() },
      { label: 'held for approval', value: hold, filter: filter('decision:hold') },
      { label: 'denied', value: deny, filter: filter('decision:deny') },
      { label: 'cut off by budgets', value: this.#cutOff, filter: filterOf(scope, 'kind:budget-exceeded') },
      { label: 'privileged', value: this.#privileged.total, filter: filter(PRIVILEGED_FILTER) },
    ];
  }

  privileged(scope: FilterScope): Evidence['privileged'] {
    const byAction = [...this.#byAction].sort().map(([kind, value]): Figure => {
      const condition = kind === 'unbounded' ? 'is:unbounded' : `action:${kind}`;
      return { label: kind, value, filter: filterOf(scope, 'kind:statement', condition) };
    });
    return { ...this.#privileged.list(filterOf(scope, 'kind:statement', PRIVILEGED_FILTER)), byAction };
  }

  denials(scope: FilterScope): Evidence['denials'] {
    const byPolicy = this.#byPolicy.sorted().map(([policy, { count, principals }]): DenialRow => {
      const condition = policy === NO_POLICY ? [] : [`policy:${filterValue(policy)}`];
      const filter = filterOf(scope, 'kind:statement', 'decision:deny', ...condition);
      const named = policy === NO_POLICY ? {} : { filter };
      return {
        policy,
        principals: [...principals].sort(),
        statements: { label: 'denied', value: count, ...named },
      };
    });
    return { ...this.#denied.list(filterOf(scope, 'kind:statement', 'decision:deny')), byPolicy };
  }

  #deny(asked: Asked): void {
    this.#denied.add(statementRow(asked));
    const { policies } = asked.event;
    for (const policy of policies.length === 0 ? [NO_POLICY] : policies) {
      const row = this.#byPolicy.get(policy);
      row.count += 1;
      if (row.principals.size < MAX_PRINCIPALS) row.principals.add(asked.session.principal);
    }
  }
}

/** Nothing permitted it. */
const NO_POLICY = '(nothing permits it)';

const PRIVILEGED_FILTER = `(action:${PRIVILEGED.join(',')} or is:unbounded)`;
