/** Whose values may stand in a statement, and of which columns: those of labelled columns that it touches; of all, if it was not understood. */
import type { Database } from '../model/database.ts';
import type { Facts } from '../model/facts.ts';
import type { ColumnLabel, LabelSet, TouchedLabels } from '../model/labels.ts';
import { EVERYONE, type PrivacyScope } from '../model/ledger-entry.ts';

export interface PrivacyOptions<S> {
  readonly database: Database;
  readonly labels: (scope: S) => LabelSet;
  /** The group of people whom a relation is about; `everyone` where it has none. */
  readonly subjects?: (relation: string) => string | undefined;
}

/** So many columns are kept with a request; whoever judges a statement that may touch more does not see its values. */
const MAX_COLUMNS = 500;

/** Whose values may stand in a statement. */
export function privacyOf<S>(
  facts: Facts,
  { labels, database, subjects }: PrivacyOptions<S>,
  scope: S,
): { readonly privacy?: PrivacyScope } {
  const labelled = labels(scope);
  if (labelled.columns.length === 0) return {};
  const touched = facts.relations.filter((use) => labelledIn(use, labelled).length > 0);
  const found = new Set(touched.map(({ relation }) => subjects?.(relation) ?? EVERYONE));
  if (facts.opaque.length > 0) found.add(EVERYONE);
  if (found.size === 0) return {};
  return { privacy: { database: database.name, subjects: [...found].sort() } };
}

/** The labelled columns that statements touch, or may; undefined if there are none. */
export function touchedLabels(statements: readonly Facts[], labels: LabelSet): TouchedLabels | undefined {
  const all = statements.some(({ opaque }) => opaque.length > 0)
    ? labels.columns.filter(({ trace }) => !trace)
    : statements.flatMap(({ relations }) => relations.flatMap((use) => labelledIn(use, labels)));
  const columns = [...new Set<ColumnLabel>(all)];
  if (columns.length === 0) return undefined;
  return {
    columns: columns
      .slice(0, MAX_COLUMNS)
      .map(({ relation, column, label }) => ({ relation, column, label })),
    ...(columns.length > MAX_COLUMNS ? { more: true } : {}),
  };
}

function labelledIn(
  { relation, reads, writes }: Facts['relations'][number],
  labels: LabelSet,
): readonly ColumnLabel[] {
  return labels
    .ofRelation(relation)
    .filter(({ column }) => reads.includes(column) || writes.includes(column));
}
