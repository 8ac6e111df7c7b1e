/**
 * Where labels flow: a column that yields or must equal what a labelled column holds is labelled too. Between a partitioned
 * or inherited table and its children in both directions, from a referenced column to its foreign keys, into generated
 * columns, and into views. Also what tells of labelled values without holding any: which rows there are, in what order, and how many. The system's own views are labelled one by one instead, in `builtin-labels.ts`.
 */
import { type ColumnLabel, UNTRUSTED } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { columnsBeside } from './index-orders.ts';
import { isTrace, ORDER, ROWS, rowsMeant } from './label-places.ts';
import type { RelationInfo } from './relation-info.ts';
import { isCountColumn, tracesOf } from './row-traces.ts';
import type { Origin } from './view-flow.ts';

/** One step: where the values of one column stand as well. */
interface Step {
  readonly relation: RelationInfo;
  /** Its name, or what stands for one. */
  readonly column: string;
  /** True if the values stand there as they are. */
  readonly isCopy?: true;
}

/** The labels given, and those that follow. In no particular order, without repetitions. */
export function flowLabels(labels: readonly ColumnLabel[], catalog: CatalogSnapshot): readonly ColumnLabel[] {
  const flows = new Flows(catalog);
  const known = new Map<string, ColumnLabel>();
  const pending = [...labels];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { label, path, computed, origin } = next;
    const key = JSON.stringify([next.relation, next.column, label, path, computed]);
    if (known.has(key)) continue;
    known.set(key, next);
    const rest = { label, ...(computed && { computed }), ...(origin && { origin }) };
    // What is only at one place of a document is there in every copy of it; of something computed from it nobody knows.
    for (const { relation, column, isCopy } of next.trace ? [] : flows.from(next))
      pending.push({ relation: relation.id, column, ...rest, ...(isCopy && path ? { path } : {}) });
    // What hides nothing leaves no traces that matter.
    if (label === UNTRUSTED) continue;
    for (const { relation, column } of flows.traces(next))
      pending.push({ relation: relation.id, column, ...rest, ...(isTrace(column) && { trace: true }) });
  }
  return [...known.values()];
}

class Flows {
  readonly #catalog: CatalogSnapshot;
  /** By oid of a relation: the views that read it. */
  readonly #reading = new Map<number, RelationInfo[]>();

  constructor(catalog: CatalogSnapshot) {
    this.#catalog = catalog;
    for (const relation of catalog.relations()) {
      if (relation.system) continue;
      for (const oid of relation.reads) this.#reading.set(oid, [...(this.#reading.get(oid) ?? []), relation]);
    }
  }

  *from({ relation: id, column }: ColumnLabel): Iterable<Step> {
    for (const relation of this.#catalog.relationsById(id)) {
      yield* this.#family(relation, column);
      yield* this.#partitions(relation, column);
      yield* this.#generated(relation, column);
      yield* this.#foreignKeys(relation, column);
      yield* this.#views(relation, column);
    }
  }

  /** Where it shows what values there are, without any of them. */
  *traces({ relation: id, column }: ColumnLabel): Iterable<Step> {
    for (const relation of this.#catalog.relationsById(id)) {
      yield* this.#orders(relation, column);
      if (rowsMeant([column]).length > 0) yield* this.#counts(relation);
      for (const { view, row } of tracesOf(relation, column)) {
        const traced = this.#catalog.relation('pg_catalog', view);
        if (traced) yield { relation: traced, column: row };
      }
    }
  }

  /** What is read from indexes or partitions, and comes in their order. */
  *#orders(relation: RelationInfo, column: string): Iterable<Step> {
    const attnum = relation.column(column)?.attnum ?? 0;
    if (relation.partitionKey.includes(attnum)) yield { relation, column: ORDER };
    if (column === ORDER) {
      const parents = relation.parents.flatMap((oid) => this.#catalog.relationByOid(oid) ?? []);
      for (const parent of parents) yield { relation: parent, column: ORDER };
    }
    const family = column === ORDER ? [] : this.#catalog.family(relation);
    const beside =
      column === ORDER ? undefined : new Set(family.flatMap((each) => [...columnsBeside(each, column)]));
    if (beside?.size === 0) {
      yield* this.#filledFromIndex(relation, column);
      return;
    }
    for (const view of this.#reading.get(relation.oid) ?? []) {
      const flow = this.#catalog.viewFlow(view);
      if (flow === undefined) continue;
      const isRead = (origin: Origin): boolean =>
        origin.relation === relation.id && (beside === undefined || beside.has(origin.column));
      const reads = [...flow.rows, ...[...flow.columns.values()].flat()];
      if (beside === undefined || flow.opaque.length > 0 || reads.some(isRead))
        yield { relation: view, column: ORDER };
    }
  }

  /** Materialized views of nothing but one indexed column: their rows may lie in its order. */
  *#filledFromIndex(relation: RelationInfo, column: string): Iterable<Step> {
    const attnum = relation.column(column)?.attnum ?? 0;
    if (!relation.indexes.some(({ isOrdered, deciding }) => isOrdered && deciding.includes(attnum))) return;
    for (const view of this.#reading.get(relation.oid) ?? []) {
      const flow = view.kind === 'materialized-view' ? this.#catalog.viewFlow(view) : undefined;
      const reads = [...(flow?.rows ?? []), ...[...(flow?.columns.values() ?? [])].flat()];
      const own = reads.filter((origin) => origin.relation === relation.id);
      if (own.length > 0 && own.every((origin) => origin.column === column))
        yield { relation: view, column: ORDER };
    }
  }

  /** Views that show the counts of a view of the system's. */
  *#counts(relation: RelationInfo): Iterable<Step> {
    const isCount = (origin: Origin): boolean =>
      origin.relation === relation.id && isCountColumn(relation, origin.column);
    for (const view of this.#reading.get(relation.oid) ?? []) {
      const flow = this.#catalog.viewFlow(view);
      if (flow === undefined) continue;
      if (flow.rows.some(isCount) || flow.opaque.length > 0) yield { relation: view, column: ROWS };
      for (const { name } of view.columns)
        if (flow.columns.get(name)?.some(isCount)) yield { relation: view, column: name };
    }
  }

  /** Columns of views by what they are computed from; and if it decides which rows a view has, `*`. */
  *#views(relation: RelationInfo, column: string): Iterable<Step> {
    const isMeant = (origin: Origin): boolean => origin.relation === relation.id && origin.column === column;
    for (const view of this.#reading.get(relation.oid) ?? []) {
      const flow = this.#catalog.viewFlow(view);
      if (flow === undefined) continue;
      if (flow.rows.some(isMeant) || column === ROWS || flow.opaque.length > 0)
        yield { relation: view, column: ROWS };
      for (const { name } of view.columns) {
        if (flow.opaque.length === 0 && !flow.columns.get(name)?.some(isMeant)) continue;
        const origin = flow.copies.get(name);
        const isCopy = flow.opaque.length === 0 && origin !== undefined && isMeant(origin);
        yield { relation: view, column: name, ...(isCopy ? { isCopy } : {}) };
      }
    }
  }

  *#family(relation: RelationInfo, column: string): Iterable<Step> {
    const parents = relation.parents.map((oid) => this.#catalog.relationByOid(oid));
    for (const each of [...parents, ...this.#catalog.children(relation.oid)]) {
      if (each?.column(column)) yield { relation: each, column, isCopy: true };
    }
  }

  /** Which rows a partition has is for the partition key to say. */
  *#partitions(relation: RelationInfo, column: string): Iterable<Step> {
    const attnum = relation.column(column)?.attnum ?? 0;
    if (!relation.partitionKey.includes(attnum) && (column !== ROWS || relation.partitionKey.length === 0))
      return;
    for (const partition of this.#catalog.children(relation.oid)) yield { relation: partition, column: ROWS };
  }

  *#generated(relation: RelationInfo, column: string): Iterable<Step> {
    const attnum = relation.column(column)?.attnum ?? 0;
    for (const each of relation.columns) {
      if (each.computedFrom.includes(attnum)) yield { relation, column: each.name };
    }
  }

  *#foreignKeys(relation: RelationInfo, column: string): Iterable<Step> {
    const attnum = relation.column(column)?.attnum ?? 0;
    for (const each of this.#catalog.referencing(relation.oid)) {
      for (const { columns, references } of each.constraints) {
        const position = references?.oid === relation.oid ? references.columns.indexOf(attnum) : -1;
        for (const name of position < 0 ? [] : each.columnNames([columns[position]!])) {
          yield { relation: each, column: name };
        }
      }
    }
  }
}
