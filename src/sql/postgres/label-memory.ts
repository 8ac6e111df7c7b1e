/**
 * Labels are given by name, but belong to the column: one that was seen under its label keeps it, whatever the column, its table
 * or its schema is called later, and when the partition it stands in is detached. Lasts as long as the gateway: a restart
 * reads the configuration, which should say the new name by then. Where several processes serve, they tell each other.
 */
import type { ColumnLabel, Label } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { flowLabels } from './labels-flow.ts';

/** A column as the catalog identifies it. */
export interface RememberedLabel {
  readonly relationOid: number;
  readonly attnum: number;
  readonly label: Label;
  readonly path?: readonly string[];
}

const MAX_SHARED = 10_000;

export class LabelMemory {
  #remembered: readonly RememberedLabel[] = [];
  /** What others know as well, and what is still to be told to them. */
  readonly #shared = new Set<string>();
  #news: RememberedLabel[] = [];
  #unread = false;

  /** True if something was learned since the labels last flowed. */
  get unread(): boolean {
    return this.#unread;
  }

  /** Remembers what another memory of the same database does; true if that was news. */
  learn(labels: readonly RememberedLabel[]): boolean {
    const known = new Set(this.#remembered.map(keyOf));
    const learned = labels.filter((label) => !known.has(keyOf(label)));
    for (const label of labels) this.#shared.add(keyOf(label));
    this.#remembered = [...this.#remembered, ...learned];
    this.#unread ||= learned.length > 0;
    return learned.length > 0;
  }

  /** What was remembered since this was last asked, but for what was learned. */
  takeNews(): readonly RememberedLabel[] {
    return this.#news.splice(0);
  }

  /** The labels given, those remembered, and those that follow from either. */
  flow(given: readonly ColumnLabel[], catalog: CatalogSnapshot): readonly ColumnLabel[] {
    const labels = flowLabels([...given, ...this.#recall(catalog)], catalog);
    this.#remembered = remember(labels, catalog);
    this.#unread = false;
    // What was dropped since is forgotten; at worst something is told once more.
    if (this.#shared.size > 2 * this.#remembered.length + MAX_SHARED) this.#shared.clear();
    for (const label of this.#remembered) {
      if (this.#shared.has(keyOf(label))) continue;
      this.#shared.add(keyOf(label));
      this.#news.push(label);
    }
    return labels;
  }

  #recall(catalog: CatalogSnapshot): ColumnLabel[] {
    return this.#remembered.flatMap(({ relationOid, attnum, label, path }) => {
      const relation = catalog.relationByOid(relationOid);
      const column = relation?.columns.find((one) => one.attnum === attnum)?.name;
      return relation === undefined || column === undefined
        ? []
        : [{ relation: relation.id, column, label, ...(path && { path }) }];
    });
  }
}

function keyOf({ relationOid, attnum, label, path = [] }: RememberedLabel): string {
  return JSON.stringify([relationOid, attnum, label, ...path]);
}

/** Only of what holds values itself: the labels of a view follow from its definition, and go with it. */
function remember(labels: readonly ColumnLabel[], catalog: CatalogSnapshot): RememberedLabel[] {
  return labels.flatMap(({ relation: id, column, label, path }) =>
    catalog.relationsById(id).flatMap((relation): RememberedLabel[] => {
      const attnum = relation.column(column)?.attnum;
      if (attnum === undefined || relation.system || relation.kind === 'view') return [];
      return [{ relationOid: relation.oid, attnum, label, ...(path && { path }) }];
    }),
  );
}

/** Labels that name no column there is: a mistake, or a table that was renamed before the process began. */
export function unmatchedLabels(given: readonly ColumnLabel[], catalog: CatalogSnapshot): ColumnLabel[] {
  return given.filter(
    ({ relation: id, column }) => !catalog.relationsById(id).some((relation) => relation.column(column)),
  );
}
