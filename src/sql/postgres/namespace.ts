/**
 * What column names mean inside one query: the items of FROM, their columns, and the levels around them.
 *
 * Follows parse_relation.c: the innermost level that has the column wins. Where the catalog cannot tell (a relation that is
 * not in the snapshot, a function's result) an item is *open*: it may have columns of any name.
 */
import type { RelationId } from '../../model/facts.ts';
import { type RelationInfo, SYSTEM_COLUMNS } from './relation-info.ts';
import type { ColumnRef, RangeTableSample, RangeVar } from './tree.ts';

/** One place in a statement where a relation is named. */
export interface RelationReference {
  readonly node: RangeVar;
  readonly relation: RelationInfo | undefined;
  readonly id: RelationId;
  /** `source`: an item of FROM; `target`: of INSERT, UPDATE, DELETE, MERGE; `copy`: of COPY; `utility`: anything else. */
  readonly role: 'source' | 'target' | 'copy' | 'utility';
  /** The TABLESAMPLE around it. */
  readonly sample: RangeTableSample | undefined;
  /** Columns read here, by their own names. */
  readonly reads: Set<string>;
  readonly filters: Set<string>;
  /** Columns read from a query inside the one that they belong to. */
  readonly correlated: Set<string>;
  readonly systemColumns: Set<string>;
  /** True if `*` or the row as a whole is used. */
  wholeRow: boolean;
  /** True if it takes part in a NATURAL JOIN. */
  natural: boolean;
  /** Column references that spell its schema: `public.t.c`. */
  readonly qualified: ColumnRef[];
}

/** A column of a relation reference, as the origin of a value. */
export interface Source {
  readonly reference: RelationReference;
  readonly column: string;
}

/** A column that a query or FROM item yields, and the base columns that its values come from. */
export interface OutputColumn {
  readonly name: string;
  readonly sources: readonly Source[];
}

/** What a query yields. `open`: there may be more columns than listed. */
export interface Output {
  readonly columns: readonly OutputColumn[];
  readonly open: boolean;
}

export const NO_OUTPUT: Output = { columns: [], open: true };

/** One item of FROM, or a target. */
export interface Item {
  /** How it is called; undefined for an unaliased join or subquery. */
  readonly name: string | undefined;
  /** The schema under which columns may be qualified; only of a relation without alias. */
  readonly schema: string | undefined;
  /** Whether `name.column` and bare columns reach it. */
  readonly relationVisible: boolean;
  readonly columnsVisible: boolean;
  readonly open: boolean;
  readonly reference: RelationReference | undefined;
  /** Where a column's values come from; undefined if there is no such column (or, if open, perhaps none). */
  find(column: string): readonly Source[] | undefined;
  output(): Output;
  /** The relations whose columns it shows as they are: itself, or the sides of a join. */
  direct(): readonly RelationReference[];
}

/** One query level. */
export interface Namespace {
  readonly items: readonly Item[];
  readonly parent: Namespace | undefined;
}

/** What a column reference may mean. */
export interface Lookup {
  readonly sources: readonly Source[];
  /** Items that are open and may be meant. */
  readonly maybe: readonly Item[];
  readonly found: boolean;
  /** Where it was found. */
  readonly level: Namespace | undefined;
}

/** Looks a bare column name up, from the innermost level outwards. */
export function findColumn(from: Namespace | undefined, column: string): Lookup {
  const maybe: Item[] = [];
  for (let level = from; level; level = level.parent) {
    const sources: Source[] = [];
    let found = false;
    for (const item of level.items) {
      if (!item.columnsVisible) continue;
      const hit = item.find(column);
      if (hit) {
        found = true;
        sources.push(...hit);
      } else if (item.open) maybe.push(item);
    }
    if (found) return { sources, maybe, found, level };
  }
  return { sources: [], maybe, found: false, level: undefined };
}

/** Looks an item up by name, from the innermost level outwards. With `schema`, only relations of that schema without alias. */
export function findItem(from: Namespace | undefined, name: string, schema?: string): Item | undefined {
  for (let level = from; level; level = level.parent) {
    for (const item of level.items) {
      if (!item.relationVisible || item.name !== name) continue;
      if (schema === undefined || item.schema === schema) return item;
    }
  }
  return undefined;
}

/** A relation as an item. `aliases` rename its first columns. */
export function relationItem(
  reference: RelationReference,
  alias: string | undefined,
  aliases: readonly string[],
): Item {
  return new RelationItem(reference, alias, aliases);
}

/** A query's result (subquery, CTE, VALUES, function) as an item. */
export function derivedItem(name: string | undefined, output: Output, aliases: readonly string[]): Item {
  const columns = output.columns.map((column, i) => ({ ...column, name: aliases[i] ?? column.name }));
  for (let i = columns.length; output.open && i < aliases.length; i++) {
    columns.push({ name: aliases[i]!, sources: [] });
  }
  return new DerivedItem(name, { columns, open: output.open });
}

/** The same item, seen otherwise: inside a join, or hidden by the join's alias. */
export function withVisibility(item: Item, relationVisible: boolean, columnsVisible: boolean): Item {
  return {
    name: item.name,
    schema: item.schema,
    relationVisible: relationVisible && item.relationVisible,
    columnsVisible: columnsVisible && item.columnsVisible,
    open: item.open,
    reference: item.reference,
    find: (column) => item.find(column),
    output: () => item.output(),
    direct: () => item.direct(),
  };
}

class RelationItem implements Item {
  readonly name: string;
  readonly schema: string | undefined;
  readonly relationVisible = true;
  readonly columnsVisible = true;
  readonly open: boolean;
  readonly reference: RelationReference;
  readonly #aliases: readonly string[];

  constructor(reference: RelationReference, alias: string | undefined, aliases: readonly string[]) {
    this.reference = reference;
    this.name = alias ?? reference.node.relname ?? '';
    this.schema = alias === undefined ? (reference.relation?.schema ?? reference.node.schemaname) : undefined;
    this.open = reference.relation === undefined;
    this.#aliases = aliases;
  }

  find(column: string): readonly Source[] | undefined {
    const { relation } = this.reference;
    const aliased = this.#aliases.indexOf(column);
    if (aliased >= 0) {
      const own = relation?.columns[aliased]?.name;
      return own === undefined ? [] : [{ reference: this.reference, column: own }];
    }
    const info = relation?.column(column);
    if (relation && info && relation.columns.indexOf(info) >= this.#aliases.length) {
      return [{ reference: this.reference, column }];
    }
    return SYSTEM_COLUMNS.has(column) ? [{ reference: this.reference, column }] : undefined;
  }

  output(): Output {
    const columns = (this.reference.relation?.columns ?? []).map(({ name }, i) => ({
      name: this.#aliases[i] ?? name,
      sources: [{ reference: this.reference, column: name }],
    }));
    return { columns, open: this.open };
  }

  direct(): readonly RelationReference[] {
    return [this.reference];
  }
}

class DerivedItem implements Item {
  readonly name: string | undefined;
  readonly schema = undefined;
  readonly relationVisible = true;
  readonly columnsVisible = true;
  readonly open: boolean;
  readonly reference = undefined;
  readonly #output: Output;

  constructor(name: string | undefined, output: Output) {
    this.name = name;
    this.open = output.open;
    this.#output = output;
  }

  find(column: string): readonly Source[] | undefined {
    const hits = this.#output.columns.filter(({ name }) => name === column);
    return hits.length === 0 ? undefined : hits.flatMap(({ sources }) => sources);
  }

  output(): Output {
    return this.#output;
  }

  direct(): readonly RelationReference[] {
    return [];
  }
}

/** A join as an item: the merged columns of USING or NATURAL first, then the rest of either side. */
export function joinItem(
  name: string | undefined,
  left: readonly Item[],
  right: readonly Item[],
  merged: readonly string[],
  aliases: readonly string[],
): Item {
  const visible = (items: readonly Item[]): Item[] => items.filter(({ columnsVisible }) => columnsVisible);
  const sides = [...visible(left), ...visible(right)];
  const open = sides.some((item) => item.open);
  const find = (column: string): Source[] | undefined => {
    const hits = sides.map((item) => item.find(column)).filter((hit) => hit !== undefined);
    return hits.length === 0 ? undefined : hits.flat();
  };
  const output = (): Output => {
    const rest = sides
      .flatMap((item) => item.output().columns)
      .filter(({ name: own }) => !merged.includes(own));
    const columns = [...merged.map((column) => ({ name: column, sources: find(column) ?? [] })), ...rest];
    return { columns: columns.map((column, i) => ({ ...column, name: aliases[i] ?? column.name })), open };
  };
  const renamed = aliases.length > 0 ? derivedItem(name, output(), []) : undefined;
  return {
    name,
    schema: undefined,
    relationVisible: name !== undefined,
    columnsVisible: true,
    open,
    reference: undefined,
    find: renamed ? (column) => renamed.find(column) : find,
    output,
    direct: () => sides.flatMap((item) => item.direct()),
  };
}
