/** The masks of one rewriting, by relation. */
import type { ColumnMask, Mask } from '../../model/labels.ts';
import type { RelationReference } from './namespace.ts';

const NONE: ReadonlyMap<string, Mask> = new Map();
const NO_LOOKUPS: ReadonlyMap<string, ColumnMask> = new Map();

export class MaskIndex {
  readonly #byRelation = new Map<string, Map<string, Mask>>();
  readonly #lookups = new Map<string, Map<string, ColumnMask>>();

  /** Of several masks for a column the first that shows least wins: two different ones become redact. */
  constructor(masks: readonly ColumnMask[]) {
    for (const each of masks) {
      const { relation, column, mask } = each;
      let columns = this.#byRelation.get(relation);
      if (columns === undefined) {
        columns = new Map();
        this.#byRelation.set(relation, columns);
      }
      const known = columns.get(column);
      const same = known === undefined || JSON.stringify(known) === JSON.stringify(mask);
      columns.set(column, same ? mask : { kind: 'redact' });
      if (known === undefined) this.#allowLookups(each);
      else this.#lookups.get(relation)?.delete(column);
    }
  }

  #allowLookups(mask: ColumnMask): void {
    if (mask.lookupsPerHour === undefined) return;
    const columns = this.#lookups.get(mask.relation) ?? new Map<string, ColumnMask>();
    this.#lookups.set(mask.relation, columns.set(mask.column, mask));
  }

  /** True if a value may be looked up in some column without seeing it. */
  get allowsLookups(): boolean {
    return this.#lookups.size > 0;
  }

  /** The masked columns in which values may be looked up. */
  lookups(reference: RelationReference): ReadonlyMap<string, ColumnMask> {
    const { relation } = reference;
    if (relation === undefined || relation.temporary) return NO_LOOKUPS;
    return this.#lookups.get(relation.id) ?? NO_LOOKUPS;
  }

  get isEmpty(): boolean {
    return this.#byRelation.size === 0;
  }

  /** The masks that apply to a relation that is named; temporary relations and unknown ones have none. */
  of(reference: RelationReference): ReadonlyMap<string, Mask> {
    const { relation } = reference;
    return relation === undefined || relation.temporary ? NONE : this.ofRelation(relation.id);
  }

  ofRelation(id: string): ReadonlyMap<string, Mask> {
    return this.#byRelation.get(id) ?? NONE;
  }

  isMasked(reference: RelationReference): boolean {
    return this.of(reference).size > 0;
  }

  /** Masked columns that are read through a reference. */
  readThrough(reference: RelationReference): string[] {
    const masks = this.of(reference);
    return [...reference.reads].filter((column) => masks.has(column));
  }
}
