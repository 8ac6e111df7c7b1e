/** The rows of relations, of which those are read again that have changed. */
import type { CatalogQuery } from './catalog-loader.ts';
import { type CatalogMarks, OLD_ROW_COUNTS } from './catalog-marks.ts';
import { ALL_RELATIONS, ALL_RELATIONS_CONDITION, relationsQuery } from './catalog-queries.ts';
import { type PreparedQuery, runPrepared } from './prepared-query.ts';

/** What a relation's row was printed from: how many old rows, and the mark of the younger ones. */
interface KnownRow {
  readonly old: number;
  readonly young: string;
  /** Undefined for what is not shown: indexes, temporary relations. */
  readonly row: string | undefined;
}

/** With more changes than that, reading all is cheaper. */
const MAX_CHANGED = 200;

const SOME_RELATIONS: PreparedQuery = {
  name: 'sluice_relations',
  parameter: 'pg_catalog._oid',
  sql: relationsQuery(`c.oid OPERATOR(pg_catalog.=) ANY ($1) AND ${ALL_RELATIONS_CONDITION}`),
};

export class RelationRows {
  readonly #query: CatalogQuery;
  #known = new Map<number, KnownRow>();
  #old: ReadonlyMap<number, number> = new Map();
  /** How many old rows there were, as the marks told it: some may be gone since, none may have come. */
  #oldRows = -1;
  #rows: readonly string[] = [];

  constructor(query: CatalogQuery) {
    this.#query = query;
  }

  /**
   * All rows as `ALL_RELATIONS` gives them; the same list if none has changed.
   * @param rebased true if `base` is another one than before
   */
  async read(
    base: string,
    marks: CatalogMarks,
    which: 'all' | 'changed',
    rebased: boolean,
  ): Promise<readonly string[]> {
    const oldRows = marks.rows - marks.young.reduce((sum, [, rows]) => sum + rows, 0);
    const recount = rebased || oldRows !== this.#oldRows;
    const old = recount ? await this.#countOld(base) : this.#old;
    const young = new Map(marks.young.map(([oid, , mark]) => [oid, mark]));
    const known = this.#known;
    const now = (oid: number): Omit<KnownRow, 'row'> => ({
      old: old.get(oid) ?? 0,
      young: young.get(oid) ?? '',
    });
    const oids = new Set([...old.keys(), ...young.keys()]);
    const changed = [...oids].filter((oid) => {
      const before = known.get(oid);
      return (
        which === 'all' || before?.young !== (young.get(oid) ?? '') || before.old !== (old.get(oid) ?? 0)
      );
    });
    if (changed.length > 0 || oids.size !== known.size) {
      const fresh = await this.#freshRows(changed, which);
      const rows = new Map<number, KnownRow>();
      for (const oid of oids) rows.set(oid, known.get(oid)!);
      for (const oid of changed) rows.set(oid, { ...now(oid), row: fresh.get(oid) });
      this.#known = rows;
      this.#rows = shownOf(rows);
    }
    this.#old = old;
    this.#oldRows = oldRows;
    return this.#rows;
  }

  async #countOld(base: string): Promise<Map<number, number>> {
    const [{ j } = { j: null }] = await runPrepared(this.#query, OLD_ROW_COUNTS, base);
    const [oids, counts] = JSON.parse(j ?? '[[],[]]') as [number[] | null, number[] | null];
    return new Map((oids ?? []).map((oid, i) => [oid, counts?.[i] ?? 0]));
  }

  async #freshRows(oids: readonly number[], which: 'all' | 'changed'): Promise<Map<number, string>> {
    if (oids.length === 0) return new Map();
    const rows =
      which === 'changed' && oids.length <= MAX_CHANGED
        ? await runPrepared(this.#query, SOME_RELATIONS, `{${oids.join(',')}}`)
        : await this.#query(ALL_RELATIONS);
    return new Map(rows.map(({ j }) => [oidOf(j ?? '[0,'), j ?? '']));
  }
}

/** The first element of a row. */
const oidOf = (row: string): number => Number(row.slice(1, row.indexOf(',')));

/** In the order of their oids. */
function shownOf(rows: ReadonlyMap<number, KnownRow>): readonly string[] {
  const shown: [number, string][] = [];
  for (const [oid, { row }] of rows) if (row !== undefined) shown.push([oid, row]);
  return shown.sort(([a], [b]) => a - b).map(([, row]) => row);
}
