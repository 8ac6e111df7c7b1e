/** What the record cannot say: statements of which nothing tells how they ended, and what crashes cut off. */
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { BoundedList } from './bounded-list.ts';
import type { Figure, GapRow, Listed } from './evidence.ts';
import { type FilterScope, filterOf } from './filter-text.ts';
import { type Asked, type ReportPart, whoOf } from './walk.ts';

const MAX_ROWS = 200;

export class GapsPart implements ReportPart {
  readonly #gaps = new BoundedList<GapRow>(MAX_ROWS);
  #unended = 0;

  entry({ seq, at, event, lane }: LedgerEntry): void {
    if (event.kind !== 'log-recovered') return;
    const what = `lane ${lane} was recovered after a crash; ${event.tornBytes} bytes of an unfinished write were cut off`;
    this.#gaps.add({ seq, at, what });
  }

  unended({ seq, at, session, event }: Asked): void {
    this.#unended += 1;
    const what = `${event.command} by ${whoOf(session)} on ${session.database}: nothing says how it ended`;
    this.#gaps.add({ seq, at, what });
  }

  figures(scope: FilterScope): Figure[] {
    const filter = filterOf(scope, 'kind:statement', 'outcome:missing');
    return [{ label: 'statements without an outcome', value: this.#unended, filter }];
  }

  result(): Listed<GapRow> {
    return this.#gaps.list();
  }
}
