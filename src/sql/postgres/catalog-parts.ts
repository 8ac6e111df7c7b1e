/**
 * The two large parts of the catalog, relations and functions, read anew only as far as they have changed. Their marks are read before
 * them: what changes in between is read twice, never missed.
 */
import type { CatalogQuery } from './catalog-loader.ts';
import { PART_MARKS, RELATION_MARKS } from './catalog-marks.ts';
import { ALL_RELATIONS, ALL_RELATIONS_CONDITION, FUNCTIONS, relationsQuery } from './catalog-queries.ts';

interface MarkedRow {
  readonly mark: string;
  /** Undefined for what is not shown: indexes, temporary relations. */
  readonly row: string | undefined;
}

/** With more changes than that, reading all is cheaper. */
const MAX_CHANGED = 200;

export class CatalogParts {
  readonly #query: CatalogQuery;
  #shared = '';
  #relations = new Map<number, MarkedRow>();
  #functionsMark = '';
  #functions: readonly string[] = [];

  constructor(query: CatalogQuery) {
    this.#query = query;
  }

  /**
   * Rows as `ALL_RELATIONS` and `FUNCTIONS` give them.
   * @param whole read everything, whatever the marks say
   */
  async read(whole: boolean): Promise<{ relations: string[]; functions: readonly string[] }> {
    const [marks = '["",""]'] = await this.#rows(PART_MARKS);
    const [shared, functionsMark] = JSON.parse(marks) as [string, string];
    const relations = await this.#readRelations(whole || shared !== this.#shared);
    // Functions are printed with names of schemas and types.
    if (whole || shared !== this.#shared || functionsMark !== this.#functionsMark) {
      this.#functions = await this.#rows(FUNCTIONS);
      this.#functionsMark = functionsMark;
    }
    this.#shared = shared;
    return { relations, functions: this.#functions };
  }

  async #readRelations(whole: boolean): Promise<string[]> {
    const known = this.#relations;
    const marks = (await this.#rows(RELATION_MARKS)).map((row) => JSON.parse(row) as [number, string]);
    const changed = marks.filter(([oid, mark]) => whole || known.get(oid)?.mark !== mark);
    const fresh = await this.#freshRows(changed.map(([oid]) => oid));
    this.#relations = new Map(
      marks.map(([oid, mark]) => {
        const old = known.get(oid);
        return [oid, !whole && old?.mark === mark ? old : { mark, row: fresh.get(oid) }];
      }),
    );
    const rows = [...this.#relations].sort(([a], [b]) => a - b);
    return rows.flatMap(([, { row }]) => (row === undefined ? [] : [row]));
  }

  async #freshRows(oids: readonly number[]): Promise<Map<number, string>> {
    if (oids.length === 0) return new Map();
    const listed = `c.oid OPERATOR(pg_catalog.=) ANY ('{${oids.map(Number).join(',')}}'::pg_catalog._oid)`;
    const some = oids.length <= MAX_CHANGED;
    const rows = await this.#rows(
      some ? relationsQuery(`${listed} AND ${ALL_RELATIONS_CONDITION}`) : ALL_RELATIONS,
    );
    return new Map(rows.map((row) => [Number(row.slice(1, row.indexOf(','))), row]));
  }

  async #rows(sql: string): Promise<string[]> {
    return (await this.#query(sql)).map(({ j }) => j ?? 'null');
  }
}
