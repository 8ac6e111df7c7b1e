/**
 * The SQL that tells what of the catalog has changed, at a fraction of what reading it costs: for each thing that `catalog-queries.ts` prints, a mark over the
 * transaction ids (`xmin`) of all rows that it is printed from. Whatever changes a row gives it another xmin; rewriting a catalog may, too, which
 * costs a reading for nothing.
 *
 * Spelled as the queries there are, and for the same reasons. Valid for PostgreSQL 14 to 18.
 *
 * @see https://www.postgresql.org/docs/18/ddl-system-columns.html
 */
import { FIRST_USER_OID } from './catalog-queries.ts';

const EQ = 'OPERATOR(pg_catalog.=)';
const GE = 'OPERATOR(pg_catalog.>=)';
const TEXT = 'pg_catalog.text';

/** A row's own share of a mark. @param seed an integer that tells rows of one transaction apart */
const share = (row: string, seed: string): string =>
  `pg_catalog.hashtextextended(${row}.xmin::${TEXT}, ${seed}::pg_catalog.int8)`;

/** The mark of all rows of a catalog. */
const markOf = (catalog: string, condition = 'true'): string =>
  `(SELECT pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum(${share('x', 'x.oid')}))
    FROM pg_catalog.${catalog} x WHERE ${condition})`;

/** What every relation may be printed from: names of schemas, types and collations. Types that come with relations are no part of it. */
const SHARED = [
  markOf('pg_namespace'),
  markOf('pg_collation'),
  markOf(
    'pg_type',
    `x.typrelid ${EQ} 0::pg_catalog.oid AND (x.typelem ${EQ} 0::pg_catalog.oid
      OR x.oid OPERATOR(pg_catalog.<) ${FIRST_USER_OID}::pg_catalog.oid)`,
  ),
].join(', ');

/** What functions are printed from. */
const OF_FUNCTIONS = [
  markOf('pg_proc'),
  markOf('pg_language'),
  markOf('pg_extension'),
  `(SELECT pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum(${share('x', 'x.objid')}))
    FROM pg_catalog.pg_depend x WHERE x.deptype::${TEXT} ${EQ} 'e')`,
  markOf(
    'pg_type',
    `x.oid ${EQ} ANY (ARRAY(SELECT pg_catalog.unnest(p.proargtypes::pg_catalog._oid) FROM pg_catalog.pg_proc p
      WHERE p.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid))`,
  ),
].join(', ');

/** One row `[shared mark, functions' mark]`. */
export const PART_MARKS = `SELECT pg_catalog.json_build_array(
  pg_catalog.concat_ws(' ', ${SHARED}), pg_catalog.concat_ws(' ', ${OF_FUNCTIONS}))::${TEXT} AS j`;

/** One row `[oid, mark]` for every relation that has any; those of TOAST, indexes and other sessions included. */
export const RELATION_MARKS = `
SELECT pg_catalog.json_build_array(m.oid::pg_catalog.int8, pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum(m.share)))::${TEXT} AS j
FROM (
  SELECT x.oid, ${share('x', '0')} AS share FROM pg_catalog.pg_class x
  UNION ALL SELECT x.attrelid, ${share('x', 'x.attnum')} FROM pg_catalog.pg_attribute x WHERE x.attnum OPERATOR(pg_catalog.>) 0
  UNION ALL SELECT x.adrelid, ${share('x', 'x.oid')} FROM pg_catalog.pg_attrdef x
  UNION ALL SELECT x.conrelid, ${share('x', 'x.oid')} FROM pg_catalog.pg_constraint x
  UNION ALL SELECT x.indrelid, ${share('x', 'x.indexrelid')} FROM pg_catalog.pg_index x
  UNION ALL SELECT i.indrelid, ${share('x', 'x.oid')} FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class x ON x.oid ${EQ} i.indexrelid
  UNION ALL SELECT x.inhrelid, ${share('x', 'x.inhparent')} FROM pg_catalog.pg_inherits x
  UNION ALL SELECT x.tgrelid, ${share('x', 'x.oid')} FROM pg_catalog.pg_trigger x
  UNION ALL SELECT x.polrelid, ${share('x', 'x.oid')} FROM pg_catalog.pg_policy x
  UNION ALL SELECT x.ev_class, ${share('x', 'x.oid')} FROM pg_catalog.pg_rewrite x
) AS m
GROUP BY m.oid`;
