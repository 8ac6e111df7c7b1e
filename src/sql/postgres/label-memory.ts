/**
 * Labels are given by name, but belong to the column: one that was seen under its label keeps it, whatever the column, its table
 * or its schema is called later, and when the partition it stands in is detached. And they go with the values: what a statement copied
 * keeps its label wherever it went. What is remembered is kept in the store, and where several processes serve, they tell each other.
 *
 * Why a column is labelled is remembered too, as its origin: `config:public.t.c` and `suspect:public.t.c` hold as long as the
 * configuration says so, `copy:public.t.c` (something was copied there) until an operator forgets it.
 */
import type { RelationId } from '../../model/facts.ts';
import type { ColumnLabel, Label } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { ROWS } from './label-places.ts';
import { flowLabels } from './labels-flow.ts';
import type { RelationInfo } from './relation-info.ts';

/** A column as the catalog identifies it. */
export interface RememberedLabel {
  /** 0 while only the name is known: of what a statement is about to make. */
  readonly relationOid: number;
  /** 0 stands for which rows there are. */
  readonly attnum: number;
  readonly label: Label;
  readonly path?: readonly string[];
  readonly computed?: boolean;
  /** As they are called, or were when this was noted. Without an oid, an empty column stands for all. */
  readonly relation: RelationId;
  readonly column: string;
  readonly origin: string;
  /** Where copied values came from, for people. */
  readonly because?: string;
  /** Without an oid: the relation that has the name already, and is not meant. */
  readonly notOid?: number;
  /** The database whose oids these are; stamped on what is kept. */
  readonly system?: string;
}

/** What has changed since the last time, for those who keep it. */
export interface MemoryNews {
  readonly remembered: readonly RememberedLabel[];
  /** Keys of labels whose columns are gone. */
  readonly gone: readonly string[];
}

export class LabelMemory {
  /** By key; with the names they had when they were last seen. */
  #remembered = new Map<string, RememberedLabel>();
  /** What others know as well, by key: under which names. */
  readonly #shared = new Map<string, string>();
  readonly #seen = new Set<number>();
  readonly #holds: (label: RememberedLabel) => boolean;
  #news: { remembered: RememberedLabel[]; gone: string[] } = { remembered: [], gone: [] };
  #unread = false;
  #flowed = false;

  /** @param holds false for what is remembered for a reason that does not hold any more */
  constructor(holds: (label: RememberedLabel) => boolean = () => true) {
    this.#holds = holds;
  }

  /** True if something was learned or forgotten since the labels last flowed. */
  get unread(): boolean {
    return this.#unread;
  }

  /** Remembers what another memory of the same database does; true if that was news. */
  learn(labels: readonly RememberedLabel[]): boolean {
    let learned = false;
    for (const label of labels) {
      const key = labelKey(label);
      this.#shared.set(key, namesOf(label));
      if (this.#remembered.has(key)) continue;
      this.#remembered.set(key, label);
      // What was known before this process looked has been there.
      if (!this.#flowed) this.#seen.add(label.relationOid);
      learned = true;
    }
    this.#unread ||= learned;
    return learned;
  }

  /** Those of these that are not known yet. */
  unknown(labels: readonly RememberedLabel[]): readonly RememberedLabel[] {
    return labels.filter((label) => this.#holds(label) && !this.#remembered.has(labelKey(label)));
  }

  /** Forgets labels, and what was labelled because of them. */
  forget(isMeant: (label: RememberedLabel) => boolean): void {
    for (const [key, label] of this.#remembered) {
      if (!isMeant(label)) continue;
      this.#remembered.delete(key);
      this.#shared.delete(key);
      this.#unread = true;
    }
  }

  /** What has changed since this was last asked, but for what was learned. */
  takeNews(): MemoryNews {
    const news = this.#news;
    this.#news = { remembered: [], gone: [] };
    return news;
  }

  /** The labels given, those remembered, and those that follow from either. */
  flow(given: readonly ColumnLabel[], catalog: CatalogSnapshot): readonly ColumnLabel[] {
    const named = given.map((label) => ({
      ...label,
      origin: label.origin ?? `config:${label.relation}.${label.column}`,
    }));
    const labels = flowLabels([...named, ...this.#recall(catalog)], catalog);
    const reasons = new Map([...this.#remembered.values()].map(({ origin, because }) => [origin, because]));
    const remembered = new Map(
      remember(labels, catalog).map((label) => {
        const because = reasons.get(label.origin);
        return [labelKey(label), because === undefined ? label : { ...label, because }] as const;
      }),
    );
    for (const [key, label] of this.#remembered)
      if (!remembered.has(key)) this.#keep(key, label, catalog, remembered);
    for (const { relationOid } of remembered.values()) this.#seen.add(relationOid);
    for (const [key, label] of remembered) this.#tell(key, label);
    this.#remembered = remembered;
    this.#unread = false;
    this.#flowed = true;
    return labels;
  }

  /** What nobody has seen may still appear; what was there and is not any more is gone. */
  #keep(
    key: string,
    label: RememberedLabel,
    catalog: CatalogSnapshot,
    remembered: Map<string, RememberedLabel>,
  ): void {
    const waits = label.relationOid === 0 || !this.#seen.has(label.relationOid);
    if (waits && this.#holds(label) && catalog.relationByOid(label.relationOid) === undefined) {
      remembered.set(key, label);
      return;
    }
    this.#shared.delete(key);
    this.#news.gone.push(key);
  }

  #tell(key: string, label: RememberedLabel): void {
    const names = namesOf(label);
    if (this.#shared.get(key) === names) return;
    this.#shared.set(key, names);
    this.#news.remembered.push(label);
  }

  #recall(catalog: CatalogSnapshot): ColumnLabel[] {
    const recalled: ColumnLabel[] = [];
    for (const remembered of this.#remembered.values()) {
      const { label, path, computed, origin } = remembered;
      const rest = { label, origin, ...(path && { path }), ...(computed && { computed }) };
      for (const [relation, columns] of columnsMeant(remembered, catalog))
        for (const column of columns)
          if (this.#holds({ ...remembered, relation: relation.id, column }))
            recalled.push({ relation: relation.id, column, ...rest });
    }
    return recalled;
  }
}

/** The columns of the snapshot that a label stands at. */
function columnsMeant(
  { relationOid, attnum, relation: id, column, notOid }: RememberedLabel,
  catalog: CatalogSnapshot,
): [RelationInfo, readonly string[]][] {
  if (relationOid === 0)
    return catalog
      .relationsById(id)
      .filter(({ oid }) => oid !== notOid)
      .map((relation) => [relation, column === '' ? relation.columns.map(({ name }) => name) : [column]]);
  const relation = catalog.relationByOid(relationOid);
  if (relation === undefined) return [];
  const name = attnum === 0 ? ROWS : relation.columns.find((one) => one.attnum === attnum)?.name;
  return name === undefined ? [] : [[relation, [name]]];
}

/** Of two labels with the same key, one is enough. */
export function labelKey({ relationOid, attnum, relation, column, label, ...rest }: RememberedLabel): string {
  const { computed, path = [], notOid } = rest;
  const place = relationOid === 0 ? [relation, column, notOid ?? 0] : [relationOid, attnum];
  return JSON.stringify([...place, label, computed === true, ...path]);
}

const namesOf = ({ relation, column }: RememberedLabel): string => `${relation}.${column}`;

/** Only of what holds values itself: the labels of a view follow from its definition, and go with it. */
function remember(labels: readonly ColumnLabel[], catalog: CatalogSnapshot): readonly RememberedLabel[] {
  return labels.flatMap(({ relation: id, column, label, path, computed, origin = '' }) =>
    catalog.relationsById(id).flatMap((relation): RememberedLabel[] => {
      const attnum = column === ROWS ? rowsNumber(relation) : relation.column(column)?.attnum;
      if (attnum === undefined || relation.system || relation.kind === 'view') return [];
      const rest = { ...(path && { path }), ...(computed && { computed }) };
      return [{ relationOid: relation.oid, attnum, label, ...rest, relation: id, column, origin }];
    }),
  );
}

/** Which rows a view has, its definition says at any time; of a table nobody would know. */
function rowsNumber(relation: RelationInfo): number | undefined {
  return relation.kind === 'table' && relation.column(ROWS) === undefined ? 0 : undefined;
}

/** Labels that name no column there is: a mistake, or a table that was renamed before the process began. */
export function unmatchedLabels(given: readonly ColumnLabel[], catalog: CatalogSnapshot): ColumnLabel[] {
  return given.filter(
    ({ relation: id, column }) => !catalog.relationsById(id).some((relation) => relation.column(column)),
  );
}
