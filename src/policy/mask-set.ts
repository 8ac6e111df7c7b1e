/** Which labelled columns of a database an asker may not see, and how they are shown instead. Immutable, pure. */
import type { RelationId } from '../model/facts.ts';
import type { ColumnMask, LabelSet } from '../model/labels.ts';

export interface MaskSet {
  /** True if at least one labelled column is hidden: then what the gate cannot see through must not run. */
  readonly restricted: boolean;
  /** Every hidden column, once. */
  readonly columns: readonly ColumnMask[];
  /** The hidden columns of a relation; empty if there are none. */
  ofRelation(relation: RelationId): readonly ColumnMask[];
}

const NONE: readonly never[] = [];

/** A column that holds several things is hidden if any of them is; if more than one is, no single mask fits. */
export function createMaskSet(labels: LabelSet, isVisible: (column: ColumnMask) => boolean): MaskSet {
  const byRelation = new Map<RelationId, ColumnMask[]>();
  const columns: ColumnMask[] = [];
  for (const column of labels.columns) {
    if (isVisible(column)) continue;
    const last = columns.at(-1);
    // Columns are sorted: the labels of one column stand side by side.
    if (last !== undefined && last.relation === column.relation && last.column === column.column) {
      const redacted: ColumnMask = { ...last, mask: { kind: 'redact' } };
      columns[columns.length - 1] = redacted;
      byRelation.get(column.relation)!.splice(-1, 1, redacted);
      continue;
    }
    columns.push(column);
    const known = byRelation.get(column.relation);
    if (known === undefined) byRelation.set(column.relation, [column]);
    else known.push(column);
  }
  return {
    restricted: columns.length > 0,
    columns,
    ofRelation: (relation) => byRelation.get(relation) ?? NONE,
  };
}
