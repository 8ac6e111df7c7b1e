/**
 * Labels are given by name, but belong to the column: one that was seen under its label keeps it, whatever the column, its table
 * or its schema is called later, and when the partition it stands in is detached. Lasts as long as the process: a restart
 * reads the configuration, which should say the new name by then.
 */
import type { ColumnLabel, Label } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { flowLabels } from './labels-flow.ts';

/** A column as the catalog identifies it. */
interface Remembered {
  readonly relationOid: number;
  readonly attnum: number;
  readonly label: Label;
}

export class LabelMemory {
  #remembered: readonly Remembered[] = [];

  /** The labels given, those remembered, and those that follow from either. */
  flow(given: readonly ColumnLabel[], catalog: CatalogSnapshot): readonly ColumnLabel[] {
    const labels = flowLabels([...given, ...this.#recall(catalog)], catalog);
    this.#remembered = remember(labels, catalog);
    return labels;
  }

  #recall(catalog: CatalogSnapshot): ColumnLabel[] {
    return this.#remembered.flatMap(({ relationOid, attnum, label }) => {
      const relation = catalog.relationByOid(relationOid);
      const column = relation?.columns.find((one) => one.attnum === attnum)?.name;
      return relation === undefined || column === undefined ? [] : [{ relation: relation.id, column, label }];
    });
  }
}

/** Only of what holds values itself: the labels of a view follow from its definition, and go with it. */
function remember(labels: readonly ColumnLabel[], catalog: CatalogSnapshot): Remembered[] {
  return labels.flatMap(({ relation: id, column, label }) =>
    catalog.relationsById(id).flatMap((relation): Remembered[] => {
      const attnum = relation.column(column)?.attnum;
      if (attnum === undefined || relation.system || relation.kind === 'view') return [];
      return [{ relationOid: relation.oid, attnum, label }];
    }),
  );
}

/** Labels that name no column there is: a mistake, or a table that was renamed before the process began. */
export function unmatchedLabels(given: readonly ColumnLabel[], catalog: CatalogSnapshot): ColumnLabel[] {
  return given.filter(
    ({ relation: id, column }) => !catalog.relationsById(id).some((relation) => relation.column(column)),
  );
}
