/**
 * The SQL that tells what of the catalog has changed since some transaction, at a fraction of what reading it costs. Of each thing that
 * `catalog-queries.ts` prints, two numbers are enough: how many rows it is printed from that are older than that transaction, of which there
 * can only be fewer, and a mark over the younger ones. Whatever changes a row gives it another transaction id (`xmin`).
 *
 * Spelled as the queries there are, and for the same reasons. Valid for PostgreSQL 14 to 18.
 *
 * @see https://www.postgresql.org/docs/18/ddl-system-columns.html
 */
import { FIRST_USER_OID } from './catalog-queries.ts';
import type { PreparedQuery } from './prepared-query.ts';

const EQ = 'OPERATOR(pg_catalog.=)';
const NE = 'OPERATOR(pg_catalog.<>)';
const GE = 'OPERATOR(pg_catalog.>=)';
const LT = 'OPERATOR(pg_catalog.<)';
const TEXT = 'pg_catalog.text';
const OWN = `x.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid`;

/** One row: the oldest transaction that runs. All before it have ended, and what they left is seen by whoever looks from now on. */
export const BASE = `SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.xid::${TEXT} AS j`;

/** What tells the catalogs' state, as `CHANGES` gives it. */
export interface CatalogMarks {
  /** All schemas, by oid: their names stand in nearly everything. */
  readonly schemas: readonly (readonly [oid: number, name: string])[];
  readonly extensions: string;
  readonly languages: string;
  readonly collations: string;
  readonly types: string;
  readonly builtinFunctions: string;
  readonly ownFunctions: string;
  readonly operators: string;
  readonly casts: string;
  /** How many rows relations are printed from. */
  readonly rows: number;
  /** Of relations that are printed from young rows, too: how many, and a mark of those. Indexes, TOAST and other sessions' own included. */
  readonly young: readonly (readonly [oid: number, rows: number, mark: string])[];
}

/** The rows that a relation is printed from: catalog, column with its oid, column that tells rows of one transaction apart. */
const RELATION_ROWS = [
  ['pg_class', 'oid', '0'],
  ['pg_attribute', 'attrelid', 'x.attnum'],
  ['pg_attrdef', 'adrelid', 'x.oid'],
  ['pg_constraint', 'conrelid', 'x.oid'],
  ['pg_index', 'indrelid', 'x.indexrelid'],
  ['pg_inherits', 'inhrelid', 'x.inhparent'],
  ['pg_trigger', 'tgrelid', 'x.oid'],
  ['pg_policy', 'polrelid', 'x.oid'],
  ['pg_rewrite', 'ev_class', 'x.oid'],
] as const;

const YOUNG = 'pg_catalog.age(x.xmin) OPERATOR(pg_catalog.<=) (SELECT pg_catalog.age($1))';

/** A row's own share of a mark. @param seed an integer that tells rows of one transaction apart */
const share = (seed: string): string =>
  `pg_catalog.hashtextextended(x.xmin::${TEXT}, ${seed}::pg_catalog.int8)`;

/** How many rows there are, and a mark of the young ones: to be the same although a row has changed, both would have to be. */
const mark = (catalog: string, condition = 'true', seed = 'x.oid'): string =>
  `(SELECT pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum(${share(seed)}) FILTER (WHERE ${YOUNG}))
    FROM pg_catalog.${catalog} x WHERE ${condition})`;

const marks = (...all: string[]): string => `pg_catalog.concat_ws(' ', ${all.join(', ')})`;

const ofComposites = (column: string): string =>
  `ANY (ARRAY(SELECT c.${column} FROM pg_catalog.pg_class c WHERE c.relkind::${TEXT} ${EQ} 'c'))`;

const TYPE_MARKS = marks(
  mark('pg_type', `x.typrelid ${EQ} 0::pg_catalog.oid AND x.typcategory::${TEXT} ${NE} 'A'`),
  // Arrays come and go with what they are of; those of tables' rows are none of it.
  mark(
    'pg_type',
    `x.typcategory::${TEXT} ${EQ} 'A' AND ${YOUNG} AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e
      JOIN pg_catalog.pg_class c ON c.oid ${EQ} e.typrelid WHERE e.oid ${EQ} x.typelem AND c.relkind::${TEXT} ${NE} 'c')`,
  ),
  mark('pg_type', `x.oid ${EQ} ${ofComposites('reltype')}`),
  mark('pg_attribute', `x.attrelid ${EQ} ${ofComposites('oid')}`, 'x.attnum'),
  mark('pg_constraint', `x.contypid ${NE} 0::pg_catalog.oid`),
);

const OWN_FUNCTION_MARKS = marks(
  mark('pg_proc', OWN),
  // Names of types stand in the functions' signatures, those of tables' rows among them.
  mark(
    'pg_type',
    `x.oid ${EQ} ANY (ARRAY(SELECT pg_catalog.unnest(p.proargtypes::pg_catalog._oid) FROM pg_catalog.pg_proc p
      WHERE p.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid))`,
  ),
);

const ROWS = RELATION_ROWS.map(([catalog]) => `(SELECT pg_catalog.count(*) FROM pg_catalog.${catalog})`).join(
  ' OPERATOR(pg_catalog.+) ',
);

const YOUNG_ROWS = [
  ...RELATION_ROWS.map(
    ([catalog, oid, seed]) =>
      `SELECT x.${oid} AS oid, 1 AS n, ${share(seed)} AS share FROM pg_catalog.${catalog} x WHERE ${YOUNG}`,
  ),
  // Names of indexes stand in their table; the row itself was counted above.
  `SELECT i.indrelid, 0, ${share('x.oid')} FROM pg_catalog.pg_class x
    JOIN pg_catalog.pg_index i ON i.indexrelid ${EQ} x.oid WHERE ${YOUNG}`,
].join('\nUNION ALL ');

/** One row, `CatalogMarks`. */
export const CHANGES: PreparedQuery = {
  name: 'sluice_changes',
  parameter: 'pg_catalog.xid',
  sql: `SELECT pg_catalog.json_build_object(
    'schemas', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(n.oid::pg_catalog.int8, n.nspname) ORDER BY n.oid)
      FROM pg_catalog.pg_namespace n),
    'extensions', ${marks(mark('pg_extension'), mark('pg_depend', `x.deptype::${TEXT} ${EQ} 'e'`, 'x.objid'))},
    'languages', ${mark('pg_language')},
    'collations', ${mark('pg_collation')},
    'types', ${TYPE_MARKS},
    'builtinFunctions', ${mark('pg_proc', `x.oid ${LT} ${FIRST_USER_OID}::pg_catalog.oid`)},
    'ownFunctions', ${OWN_FUNCTION_MARKS},
    'operators', ${mark('pg_operator', OWN)},
    'casts', ${mark('pg_cast', OWN)},
    'rows', ${ROWS},
    'young', (SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_array(m.oid::pg_catalog.int8, m.n, m.mark)), '[]'::pg_catalog.json)
      FROM (SELECT r.oid, pg_catalog.sum(r.n) AS n, pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum(r.share)) AS mark
        FROM (${YOUNG_ROWS}) AS r GROUP BY r.oid) AS m))::${TEXT} AS j`,
};

/** One row `[[oid, …], [old rows of it, …]]`, as counted in `rows`, without the young ones. */
export const OLD_ROW_COUNTS: PreparedQuery = {
  name: 'sluice_old_rows',
  parameter: 'pg_catalog.xid',
  sql: `SELECT pg_catalog.json_build_array(pg_catalog.json_agg(c.oid::pg_catalog.int8), pg_catalog.json_agg(c.n))::${TEXT} AS j
    FROM (SELECT r.oid, pg_catalog.count(*) AS n FROM (${RELATION_ROWS.map(
      ([catalog, oid]) => `SELECT x.${oid} AS oid FROM pg_catalog.${catalog} x WHERE NOT (${YOUNG})`,
    ).join('\nUNION ALL ')}) AS r GROUP BY r.oid) AS c`,
};
