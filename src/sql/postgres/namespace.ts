/**
 * What column names mean inside one query: the items of FROM, their columns, and the levels around them.
 *
 * Follows parse_relation.c: the innermost level that has the column wins. Where the catalog cannot tell (a relation that is
 * not in the snapshot, a function's result) an item is *open*: it may have columns of any name.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { RelationId } from '../../model/facts.ts';
import { spendEffort } from './effort.ts';
import { type RelationInfo, SYSTEM_COLUMNS } from './relation-info.ts';
import type { ColumnRef, RangeTableSample, RangeVar } from './tree.ts';

/** One place in a statement where a relation is named. */
export interface RelationReference {
  readonly node: RangeVar;
  readonly relation: RelationInfo | undefined;
  readonly id: RelationId;
  /**
   * `source`: an item of FROM; `target`: of INSERT, UPDATE, DELETE, MERGE; `returning`: that target, as RETURNING sees it;
   * `copy`: of COPY; `body`: in a function that is called; `utility`: anything else.
   */
  readonly role: 'source' | 'target' | 'returning' | 'copy' | 'body' | 'utility';
  /** True if rows of a target are looked for: not of INSERT. */
  isSearched: boolean;
  /** True if a function's body changes it. */
  readonly isWritten: boolean;
  /** The TABLESAMPLE around it. */
  readonly sample: RangeTableSample | undefined;
  /** Columns read here, by their own names. */
  readonly reads: Set<string>;
  readonly filters: Set<string>;
  /** Columns read from a query inside the one that they belong to. */
  readonly correlated: Set<string>;
  readonly systemColumns: Set<string>;
  /** Columns read in a RETURNING and nowhere before. */
  readonly returned: Set<string>;
  /** True if the row as a whole is used, other than by a star in a target list. */
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
  /** Present if its values are those of one column of a relation as they are. */
  readonly exact?: boolean;
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
  /** The items there that have it. */
  readonly items: readonly Item[];
}

/** Looks a bare column name up, from the innermost level outwards. */
export function findColumn(from: Namespace | undefined, column: string): Lookup {
  const maybe: Item[] = [];
  for (let level = from; level; level = level.parent) {
    spendEffort(level.items.length);
    const sources: Source[] = [];
    const items: Item[] = [];
    for (const item of level.items) {
      if (!item.columnsVisible) continue;
      const hit = item.find(column);
      if (hit) {
        items.push(item);
        sources.push(...hit);
      } else if (item.open) maybe.push(item);
    }
    if (items.length > 0) return { sources, maybe, found: true, level, items };
  }
  return { sources: [], maybe, found: false, level: undefined, items: [] };
}

/** Looks an item up by name, from the innermost level outwards. With `schema`, only relations of that schema without alias. */
export function findItem(from: Namespace | undefined, name: string, schema?: string): Item | undefined {
  for (let level = from; level; level = level.parent) {
    spendEffort(level.items.length);
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
  return new SeenItem(
    // In a long chain of joins each wraps all those inside it: one wrapper is enough.
    item instanceof SeenItem ? item.item : item,
    relationVisible && item.relationVisible,
    columnsVisible && item.columnsVisible,
  );
}

class SeenItem implements Item {
  readonly item: Item;
  readonly name: string | undefined;
  readonly schema: string | undefined;
  readonly relationVisible: boolean;
  readonly columnsVisible: boolean;
  readonly open: boolean;
  readonly reference: RelationReference | undefined;

  constructor(item: Item, relationVisible: boolean, columnsVisible: boolean) {
    this.item = item;
    this.name = item.name;
    this.schema = item.schema;
    this.relationVisible = relationVisible;
    this.columnsVisible = columnsVisible;
    this.open = item.open;
    this.reference = item.reference;
  }

  find(column: string): readonly Source[] | undefined {
    return this.item.find(column);
  }

  output(): Output {
    return this.item.output();
  }

  direct(): readonly RelationReference[] {
    return this.item.direct();
  }
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
      exact: true,
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
    if (hits.length < 2) return hits[0]?.sources;
    return distinctSources(hits.flatMap(({ sources }) => [...sources]));
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
  const item = new JoinItem(name, left, right, merged);
  return aliases.length === 0 ? item : new AliasedJoin(item, aliases);
}

class JoinItem implements Item {
  readonly name: string | undefined;
  readonly schema = undefined;
  readonly relationVisible: boolean;
  readonly columnsVisible = true;
  readonly open: boolean;
  readonly reference = undefined;
  readonly #sides: readonly Item[];
  readonly #merged: readonly string[];
  /** Sides may be joins themselves, and so on: nothing is asked of them twice. */
  readonly #found = new Map<string, readonly Source[] | undefined>();
  #output: Output | undefined;
  #direct: readonly RelationReference[] | undefined;

  constructor(
    name: string | undefined,
    left: readonly Item[],
    right: readonly Item[],
    merged: readonly string[],
  ) {
    this.name = name;
    this.relationVisible = name !== undefined;
    this.#sides = [...left, ...right].filter(({ columnsVisible }) => columnsVisible);
    this.#merged = merged;
    this.open = this.#sides.some((item) => item.open);
  }

  find(column: string): readonly Source[] | undefined {
    if (!this.#found.has(column)) this.#found.set(column, this.#search(column));
    return this.#found.get(column);
  }

  output(): Output {
    this.#output ??= this.#combine();
    return this.#output;
  }

  direct(): readonly RelationReference[] {
    this.#direct ??= this.#sides.flatMap((item) => item.direct());
    return this.#direct;
  }

  #search(column: string): readonly Source[] | undefined {
    spendEffort(this.#sides.length);
    const hits = this.#sides.map((item) => item.find(column)).filter((hit) => hit !== undefined);
    return hits.length === 0 ? undefined : distinctSources(hits.flat());
  }

  #combine(): Output {
    const merged = new Set(this.#merged);
    const rest = this.#sides
      .flatMap((item) => item.output().columns)
      .filter(({ name: own }) => !merged.has(own));
    const first = this.#merged.map((column) => ({ name: column, sources: this.find(column) ?? [] }));
    return { columns: boundedColumns([...first, ...rest]), open: this.open };
  }
}

/** `(a JOIN b …) AS j (x, y)`: its columns under other names. */
class AliasedJoin implements Item {
  readonly name: string | undefined;
  readonly schema = undefined;
  readonly relationVisible = true;
  readonly columnsVisible = true;
  readonly open: boolean;
  readonly reference = undefined;
  readonly #join: Item;
  readonly #renamed: Item;

  constructor(join: Item, aliases: readonly string[]) {
    this.name = join.name;
    this.open = join.open;
    this.#join = join;
    this.#renamed = derivedItem(join.name, { ...join.output(), open: false }, aliases);
  }

  find(column: string): readonly Source[] | undefined {
    return this.#renamed.find(column);
  }

  output(): Output {
    return { ...this.#renamed.output(), open: this.open };
  }

  direct(): readonly RelationReference[] {
    return this.#join.direct();
  }
}

/** More columns than any query may have (1664), by a margin for joins: beyond it, a short text grows without bound. */
const MAX_COLUMNS = 20_000;

/** @throws {SluiceError} statement_too_complex */
export function boundedColumns(columns: readonly OutputColumn[]): readonly OutputColumn[] {
  spendEffort(columns.length);
  if (columns.length <= MAX_COLUMNS) return columns;
  throw new SluiceError('statement_too_complex', `a query in the statement has ${columns.length} columns`);
}

/** Each once. A value computed from another a hundred times over still comes from the same columns. */
export function distinctSources(sources: readonly Source[]): readonly Source[] {
  if (sources.length < 2) return sources;
  spendEffort(sources.length);
  const seen = new Map<RelationReference, Set<string>>();
  return sources.filter(({ reference, column }) => {
    const columns = seen.get(reference);
    if (columns === undefined) seen.set(reference, new Set([column]));
    else if (columns.has(column)) return false;
    else columns.add(column);
    return true;
  });
}
