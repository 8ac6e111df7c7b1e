/** Which labelled columns of a database an asker may not see, and how they are shown instead. Immutable, pure. */
import type { RelationId } from '../model/facts.ts';
import type { ColumnMask, LabelSet, Mask } from '../model/labels.ts';

export interface MaskSet {
  /** True if at least one labelled column is hidden: then what the gate cannot see through must not run. */
  readonly restricted: boolean;
  /** Every hidden column, once. */
  readonly columns: readonly ColumnMask[];
  /** The hidden columns of a relation; empty if there are none. */
  ofRelation(relation: RelationId): readonly ColumnMask[];
}

const NONE: readonly never[] = [];

/** As a mask of the whole column. */
function maskOfColumn({ path, mask }: ColumnMask): Mask {
  return path === undefined ? mask : { kind: 'paths', paths: [{ path, mask }] };
}

/** Different places of a document keep their masks; two things at one place, or in the whole column, have none in common. */
function merge(a: Mask, b: Mask): Mask {
  if (a.kind !== 'paths' || b.kind !== 'paths') return { kind: 'redact' };
  const clash = a.paths.some((one) => b.paths.some((other) => isWithin(one.path, other.path)));
  return clash ? { kind: 'redact' } : { kind: 'paths', paths: [...a.paths, ...b.paths] };
}

/** True if one path leads through the other, or they are the same. */
function isWithin(a: readonly string[], b: readonly string[]): boolean {
  return a.slice(0, b.length).every((key, depth) => key === b[depth]);
}

/**
 * A column that holds several things is hidden if any of them is; if more than one is, no single mask fits, and nothing can be looked
 * up in it.
 * @param lookupsPerHour how many values may be looked up in a hidden column; undefined for none
 */
export function createMaskSet(
  labels: LabelSet,
  isVisible: (column: ColumnMask) => boolean,
  lookupsPerHour: (column: ColumnMask) => readonly number[] | undefined,
): MaskSet {
  const byRelation = new Map<RelationId, ColumnMask[]>();
  const columns: ColumnMask[] = [];
  for (const column of labels.columns) {
    if (isVisible(column)) continue;
    const last = columns.at(-1);
    // Of a document only a part is hidden, and what equals all of it tells about the rest as well.
    const limit = column.path === undefined ? lookupsPerHour(column) : undefined;
    const own: ColumnMask = {
      ...column,
      mask: maskOfColumn(column),
      ...(limit === undefined ? {} : { lookupsPerHour: limit }),
    };
    // Columns are sorted: the labels of one column stand side by side.
    if (last !== undefined && last.relation === column.relation && last.column === column.column) {
      const { lookupsPerHour: _, ...rest } = last;
      const merged: ColumnMask = { ...rest, mask: merge(last.mask, own.mask) };
      columns[columns.length - 1] = merged;
      byRelation.get(column.relation)!.splice(-1, 1, merged);
      continue;
    }
    columns.push(own);
    const known = byRelation.get(column.relation);
    if (known === undefined) byRelation.set(column.relation, [own]);
    else known.push(own);
  }
  return {
    restricted: columns.length > 0,
    columns,
    ofRelation: (relation) => byRelation.get(relation) ?? NONE,
  };
}
