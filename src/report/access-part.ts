/** Who had access: everybody who connected, to what, and by which policies what they asked was let through. */
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { BoundedMap } from './bounded-list.ts';
import type { AccessRow, Listed } from './evidence.ts';
import { type FilterScope, filterOf, filterValue } from './filter-text.ts';
import type { Asked, ReportPart, SessionOpened } from './walk.ts';

const MAX_PRINCIPALS = 5000;
const MAX_NAMES = 200;

interface Row {
  kind: string;
  readonly onBehalfOf: Set<string>;
  readonly databases: Set<string>;
  readonly policies: Set<string>;
  sessions: number;
  statements: number;
  firstAt: number;
  lastAt: number;
}

export class AccessPart implements ReportPart {
  readonly #rows = new BoundedMap<Row>(MAX_PRINCIPALS, () => ({
    ...{ kind: '', onBehalfOf: new Set(), databases: new Set(), policies: new Set() },
    ...{ sessions: 0, statements: 0, firstAt: Number.POSITIVE_INFINITY, lastAt: 0 },
  }));

  entry({ event, at }: LedgerEntry): void {
    if (event.kind === 'session-opened') this.#seen(event, at).sessions += 1;
  }

  statement({ session, at, event }: Asked): void {
    const row = this.#seen(session, at);
    row.statements += 1;
    if (event.decision === 'allow') for (const policy of event.policies) addName(row.policies, policy);
  }

  result(scope: FilterScope): Listed<AccessRow> {
    const rows = this.#rows.sorted().map(([principal, row]): AccessRow => {
      const mine = `principal:${filterValue(principal)}`;
      const { kind, firstAt, lastAt } = row;
      return {
        ...{ principal, kind, firstAt, lastAt },
        onBehalfOf: [...row.onBehalfOf].sort(),
        databases: [...row.databases].sort(),
        policies: [...row.policies].sort(),
        sessions: {
          label: 'sessions',
          value: row.sessions,
          filter: filterOf(scope, 'kind:session-opened', mine),
        },
        statements: {
          label: 'statements',
          value: row.statements,
          filter: filterOf(scope, 'kind:statement', mine),
        },
      };
    });
    return { rows, total: rows.length };
  }

  #seen(session: SessionOpened, at: number): Row {
    const row = this.#rows.get(session.principal);
    row.kind = session.principalKind;
    for (const one of session.onBehalfOf) addName(row.onBehalfOf, one);
    addName(row.databases, session.database);
    row.firstAt = Math.min(row.firstAt, at);
    row.lastAt = Math.max(row.lastAt, at);
    return row;
  }
}

function addName(names: Set<string>, name: string): void {
  if (names.size < MAX_NAMES) names.add(name);
}
