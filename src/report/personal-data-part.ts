/** Reads of labelled columns: how many rows came back masked, how many as they are, and to whom. */
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { BoundedMap } from './bounded-list.ts';
import type { Figure, LabelRow } from './evidence.ts';
import { type FilterScope, filterOf, filterValue } from './filter-text.ts';
import type { Asked, ReportPart } from './walk.ts';

type Outcome = Extract<LedgerEvent, { kind: 'outcome' }>;

const MAX_LABELS = 500;
const MAX_READERS = 2000;
const MAX_SHOWN = 50;

interface Counts {
  maskedRows: number;
  unmaskedRows: number;
  maskedStatements: number;
  unmaskedStatements: number;
  readonly readers: BoundedMap<{ rows: number; statements: number }>;
}

export class PersonalDataPart implements ReportPart {
  readonly #labels = new BoundedMap<Counts>(MAX_LABELS, () => ({
    ...{ maskedRows: 0, unmaskedRows: 0, maskedStatements: 0, unmaskedStatements: 0 },
    readers: new BoundedMap(MAX_READERS, () => ({ rows: 0, statements: 0 })),
  }));

  /** Whether a statement was answered on masked values, or as they are, its form says, also if no row came back. */
  statement({ event, session }: Asked): void {
    if (event.decision !== 'allow') return;
    const masked = new Set((event.masked ?? []).map((one) => one.slice(one.lastIndexOf(':') + 1)));
    for (const label of masked) this.#labels.get(label).maskedStatements += 1;
    for (const label of new Set(event.unmasked ?? [])) {
      const counts = this.#labels.get(label);
      counts.unmaskedStatements += 1;
      counts.readers.get(session.principal).statements += 1;
    }
  }

  outcome({ session }: Asked, { labels }: Outcome): void {
    for (const [label, { masked = 0, unmasked = 0 }] of Object.entries(labels ?? {})) {
      const counts = this.#labels.get(label);
      counts.maskedRows += masked;
      counts.unmaskedRows += unmasked;
      if (unmasked > 0) counts.readers.get(session.principal).rows += unmasked;
    }
  }

  figures(): Figure[] {
    const counts = this.#labels.sorted().map(([, one]) => one);
    return [
      { label: 'rows of personal data, masked', value: sum(counts.map(({ maskedRows }) => maskedRows)) },
      {
        label: 'rows of personal data, as they are',
        value: sum(counts.map(({ unmaskedRows }) => unmaskedRows)),
      },
    ];
  }

  result(scope: FilterScope): LabelRow[] {
    return this.#labels.sorted().map(([label, { maskedRows, unmaskedRows, ...counts }]) => {
      const filter = (field: string, ...more: string[]) =>
        filterOf(scope, 'kind:statement', 'decision:allow', `${field}:${filterValue(label)}`, ...more);
      const readers = counts.readers.sorted().map(([principal, { rows, statements }]) => ({
        ...{ principal, rows },
        statements: {
          ...{ label: 'statements', value: statements },
          filter: filter('unmasked', `principal:${filterValue(principal)}`),
        },
      }));
      readers.sort((a, b) => b.rows - a.rows);
      return {
        ...{ label, maskedRows, unmaskedRows },
        maskedStatements: { label: 'masked', value: counts.maskedStatements, filter: filter('masked') },
        unmaskedStatements: {
          label: 'as they are',
          value: counts.unmaskedStatements,
          filter: filter('unmasked'),
        },
        readers: { rows: readers.slice(0, MAX_SHOWN), total: readers.length },
      };
    });
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
