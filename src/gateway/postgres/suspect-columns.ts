/**
 * Columns without a label whose names say that they hold something personal: found whenever the catalog changes, by names and types
 * alone. What was judged once is remembered by definition, so that a change of one table costs one table.
 */
import { judgeName, kindOfType } from '../../masking/discovery/name-detectors.ts';
import type { ColumnLabel, LabelSet } from '../../model/labels.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import { RelationInfo } from '../../sql/postgres/relation-info.ts';

/** Below it a name is a guess: `sluice labels discover` shows those, with values. */
const MIN_CONFIDENCE = 0.7;

const JUDGED: ReadonlySet<RelationInfo['kind']> = new Set([
  'table',
  'partitioned-table',
  'materialized-view',
  'foreign-table',
]);

export class SuspectFinder {
  readonly #decided: ReadonlySet<string>;
  readonly #byDefinition = new WeakMap<RelationInfo, readonly ColumnLabel[]>();

  /** @param decided `relation.column` of columns that were looked at and hold nothing personal */
  constructor(decided: ReadonlySet<string>) {
    this.#decided = decided;
  }

  /** Suspects of a snapshot, but for those that have a label. Views are left out: labels flow to them. */
  find(catalog: CatalogSnapshot, labels: LabelSet): readonly ColumnLabel[] {
    const found: ColumnLabel[] = [];
    for (const relation of catalog.relations()) {
      if (relation.system || relation.temporary || relation.isPartition || !JUDGED.has(relation.kind))
        continue;
      for (const suspect of this.#judge(relation, catalog)) {
        const isDecided = this.#decided.has(`${suspect.relation}.${suspect.column}`);
        if (!isDecided && labels.labelsOf(suspect.relation, suspect.column).length === 0) found.push(suspect);
      }
    }
    return found;
  }

  #judge(relation: RelationInfo, catalog: CatalogSnapshot): readonly ColumnLabel[] {
    const known = this.#byDefinition.get(relation);
    if (known !== undefined) return known;
    // A copy, so that the columns of ten thousand tables are not kept decoded for this.
    const { columns } = new RelationInfo(relation.source);
    const suspects = columns.flatMap(({ name, typeOid }): ColumnLabel[] => {
      const finding = judgeName(name, kindOfType(catalog.type(typeOid)?.name ?? ''));
      if (finding === undefined || finding.confidence < MIN_CONFIDENCE) return [];
      return [{ relation: relation.id, column: name, label: finding.label }];
    });
    this.#byDefinition.set(relation, suspects);
    return suspects;
  }
}
