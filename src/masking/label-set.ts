/**
 * Builds the label set of a database from its sources: what the configuration says, what the engine's own catalogs hold, and
 * what flows into views and partitions. Never reads a database; knows no dialect.
 *
 * Sources are united, never overridden: a column that two sources label differently has both labels, and is shown unmasked
 * only to those who may see both.
 */
import { createHash } from 'node:crypto';
import type { RelationId } from '../model/facts.ts';
import {
  type ColumnLabel,
  type ColumnMask,
  type Label,
  type LabelSet,
  type Mask,
  strictestMask,
} from '../model/labels.ts';
import { DEFAULT_MASK, DEFAULT_MASKS } from './default-masks.ts';

export type { LabelSet } from '../model/labels.ts';

export interface LabelSources {
  /** Labelled columns of all sources, in any order; repeated entries count once. */
  readonly columns: readonly ColumnLabel[];
  /** Masks the configuration gives to labels; well-known labels have one already. */
  readonly masks?: Readonly<Record<Label, Mask>>;
  /** For labels without a mask of their own. Default: redact. */
  readonly defaultMask?: Mask;
}

const NONE: readonly never[] = [];

/** Immutable index over labelled columns. Building is O(n log n); every look-up is one or two of a Map. */
class IndexedLabelSet implements LabelSet {
  readonly version: string;
  readonly labels: readonly Label[];
  readonly columns: readonly ColumnMask[];
  readonly #byRelation = new Map<RelationId, ColumnMask[]>();
  readonly #byColumn = new Map<RelationId, Map<string, Label[]>>();

  constructor(columns: readonly ColumnMask[]) {
    this.columns = columns;
    this.labels = [...new Set(columns.map((column) => column.label))].sort();
    for (const column of columns) {
      append(this.#byRelation, column.relation, column);
      let labels = this.#byColumn.get(column.relation);
      if (labels === undefined) {
        labels = new Map();
        this.#byColumn.set(column.relation, labels);
      }
      append(labels, column.column, column.label);
    }
    const content = columns.map(({ relation, column, label, mask, path, computed }) => [
      relation,
      column,
      label,
      mask,
      path,
      computed,
    ]);
    this.version = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  }

  ofRelation(relation: RelationId): readonly ColumnMask[] {
    return this.#byRelation.get(relation) ?? NONE;
  }

  labelsOf(relation: RelationId, column: string): readonly Label[] {
    return this.#byColumn.get(relation)?.get(column) ?? NONE;
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** Builds a label set. Never throws; the same content in any order yields the same version. */
export function createLabelSet(sources: LabelSources): LabelSet {
  const distinct = new Map<string, ColumnMask>();
  for (const { relation, column, label, path, computed, trace } of sources.columns) {
    const key = JSON.stringify([relation, column, label, ...(path ?? [])]);
    const mask = maskOf(label, sources);
    // Of several sources, the one that says that no part of it may be shown counts.
    const strict = computed === true || distinct.get(key)?.computed === true;
    distinct.set(key, {
      relation,
      column,
      label,
      ...(path === undefined ? {} : { path }),
      ...(trace && { trace }),
      ...(strict ? { computed: true, mask: strictestMask(mask) } : { mask }),
    });
  }
  return new IndexedLabelSet([...distinct].sort(byKey).map(([, column]) => column));
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

function maskOf(label: Label, { masks, defaultMask }: LabelSources): Mask {
  if (masks !== undefined && Object.hasOwn(masks, label)) return masks[label]!;
  if (Object.hasOwn(DEFAULT_MASKS, label)) return DEFAULT_MASKS[label]!;
  return defaultMask ?? DEFAULT_MASK;
}
