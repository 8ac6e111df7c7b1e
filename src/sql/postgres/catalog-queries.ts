/**
 * The SQL that reads the catalog. Valid for PostgreSQL 14 to 18; takes no locks but those on the catalogs themselves
 * (`pg_get_viewdef` apart, which has a query of its own).
 *
 * Everything is spelled `pg_catalog.…`, operators included, because some of it runs on sessions whose search_path is not
 * ours: that excludes IN, BETWEEN, LIKE, USING and simple CASE, which look their operators up by bare name.
 * Each query yields one column `j` with a JSON array, so that no driver's idea of types matters.
 *
 * @see https://www.postgresql.org/docs/18/catalogs.html
 */

/** Objects below this oid came with the server (FirstNormalObjectId). */
export const FIRST_USER_OID = 16_384;

/** Makes the loader's own connection safe and predictable. */
export const PREPARE_CONNECTION = `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false),
  pg_catalog.set_config('lock_timeout', '1s', false),
  pg_catalog.set_config('statement_timeout', '30s', false),
  pg_catalog.set_config('default_transaction_read_only', 'on', false),
  pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false),
  pg_catalog.set_config('jit', 'off', false)`;

/** In a query that locks more than the catalogs and can be done without: while it runs, locks are waited for briefly. */
const BRIEFLY = `(SELECT pg_catalog.set_config('lock_timeout', '250ms', true)) AS brief`;

const EQ = 'OPERATOR(pg_catalog.=)';
const NE = 'OPERATOR(pg_catalog.<>)';
const GT = 'OPERATOR(pg_catalog.>)';
const GE = 'OPERATOR(pg_catalog.>=)';
const TEXT = 'pg_catalog.text';

const regclass = (name: string): string => `'pg_catalog.${name}'::pg_catalog.regclass`;
const jsonArray = (...items: string[]): string => `pg_catalog.json_build_array(${items.join(', ')})`;
const letter = (column: string, letters: string): string =>
  `${column}::${TEXT} ${EQ} ANY ('{${[...letters].join(',')}}'::pg_catalog._text)`;

/** The attnums in an index's expressions and predicate, and perhaps in its keys; null if it has neither. */
const MENTIONED_BY_INDEX = `CASE WHEN i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
       THEN (SELECT pg_catalog.json_agg(DISTINCT d.refobjsubid)
             FROM pg_catalog.pg_depend d
             WHERE d.classid ${EQ} ${regclass('pg_class')} AND d.objid ${EQ} i.indexrelid
               AND d.refclassid ${EQ} ${regclass('pg_class')} AND d.refobjid ${EQ} i.indrelid
               AND d.refobjsubid ${GT} 0) END`;

/**
 * One row a relation, as `RelationRow` of `relation-info.ts` reads it.
 * @param condition on `c` (pg_class) and `n` (its pg_namespace)
 */
export function relationsQuery(condition: string): string {
  return `
WITH rel AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relhasrules, c.relrowsecurity, c.relispartition
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} c.relnamespace
  WHERE ${letter('c.relkind', 'rpvmfS')} AND (${condition})
), att AS (
  SELECT a.attrelid, pg_catalog.json_agg(${jsonArray(
    'a.attname',
    'a.attnum',
    'a.atttypid::pg_catalog.int8',
    'a.atttypmod',
    `CASE WHEN a.atttypmod ${GE} 0 THEN pg_catalog.format_type(a.atttypid, a.atttypmod) END`,
    'a.attnotnull::pg_catalog.int4',
    `a.attgenerated::${TEXT}`,
    `CASE WHEN a.attcollation ${NE} t.typcollation
       THEN (SELECT ${jsonArray('cn.nspname', 'co.collname')}
             FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid ${EQ} co.collnamespace
             WHERE co.oid ${EQ} a.attcollation) END`,
    `CASE WHEN a.attgenerated::${TEXT} ${NE} ''
       THEN (SELECT pg_catalog.json_agg(d.refobjsubid)
             FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d
               ON d.classid ${EQ} ${regclass('pg_attrdef')} AND d.objid ${EQ} f.oid
               AND d.refclassid ${EQ} ${regclass('pg_class')} AND d.refobjid ${EQ} a.attrelid
             WHERE f.adrelid ${EQ} a.attrelid AND f.adnum ${EQ} a.attnum
               AND d.refobjsubid ${GT} 0 AND d.refobjsubid ${NE} a.attnum) END`,
  )} ORDER BY a.attnum) AS j
  FROM pg_catalog.pg_attribute a JOIN rel ON rel.oid ${EQ} a.attrelid
    LEFT JOIN pg_catalog.pg_type t ON t.oid ${EQ} a.atttypid
  WHERE a.attnum ${GT} 0 AND NOT a.attisdropped
  GROUP BY a.attrelid
), con AS (
  SELECT k.conrelid, pg_catalog.json_agg(${jsonArray(
    'k.conname',
    `k.contype::${TEXT}`,
    'pg_catalog.to_json(k.conkey)',
    'k.confrelid::pg_catalog.int8',
    'pg_catalog.to_json(k.confkey)',
    'pg_catalog.md5(k.conbin::pg_catalog.text)',
    `k.confupdtype::${TEXT}`,
    `k.confdeltype::${TEXT}`,
  )} ORDER BY k.conname, k.oid) AS j
  FROM pg_catalog.pg_constraint k JOIN rel ON rel.oid ${EQ} k.conrelid
  WHERE ${letter('k.contype', 'pucxf')}
  GROUP BY k.conrelid
), idx AS (
  SELECT i.indrelid, pg_catalog.json_agg(${jsonArray(
    'ic.relname',
    'i.indisprimary::pg_catalog.int4',
    'pg_catalog.to_json(i.indkey::pg_catalog._int2)',
    MENTIONED_BY_INDEX,
  )} ORDER BY ic.relname, ic.oid) FILTER (WHERE i.indisunique OR i.indisexclusion) AS uni,
  pg_catalog.json_agg(${jsonArray(
    'i.indexrelid::pg_catalog.int8',
    'i.indnkeyatts',
    'pg_catalog.to_json(i.indkey::pg_catalog._int2)',
    MENTIONED_BY_INDEX,
    `(i.indpred IS NOT NULL)::pg_catalog.int4`,
    'am.amname',
  )} ORDER BY i.indexrelid) AS j
  FROM pg_catalog.pg_index i JOIN rel ON rel.oid ${EQ} i.indrelid
    JOIN pg_catalog.pg_class ic ON ic.oid ${EQ} i.indexrelid
    JOIN pg_catalog.pg_am am ON am.oid ${EQ} ic.relam
  GROUP BY i.indrelid
), inh AS (
  SELECT h.inhrelid, pg_catalog.json_agg(h.inhparent::pg_catalog.int8 ORDER BY h.inhseqno) AS j
  FROM pg_catalog.pg_inherits h JOIN rel ON rel.oid ${EQ} h.inhrelid
  GROUP BY h.inhrelid
), trg AS (
  SELECT g.tgrelid, pg_catalog.json_agg(${jsonArray(
    'g.tgname',
    'g.tgfoid::pg_catalog.int8',
    'g.tgtype',
    `g.tgenabled::${TEXT}`,
  )} ORDER BY g.tgname, g.oid) AS j
  FROM pg_catalog.pg_trigger g JOIN rel ON rel.oid ${EQ} g.tgrelid
  WHERE NOT g.tgisinternal
  GROUP BY g.tgrelid
), pol AS (
  SELECT p.polrelid, pg_catalog.json_agg(${jsonArray(
    'p.polname',
    `p.polcmd::${TEXT}`,
    `pg_catalog.md5(pg_catalog.concat_ws('|', p.polqual, p.polwithcheck, p.polroles))`,
    `(SELECT pg_catalog.json_agg(DISTINCT d.refobjsubid)
      FROM pg_catalog.pg_depend d
      WHERE d.classid ${EQ} ${regclass('pg_policy')} AND d.objid ${EQ} p.oid
        AND d.refclassid ${EQ} ${regclass('pg_class')} AND d.refobjid ${EQ} p.polrelid
        AND d.refobjsubid ${GT} 0)`,
  )} ORDER BY p.polname) AS j
  FROM pg_catalog.pg_policy p JOIN rel ON rel.oid ${EQ} p.polrelid
  GROUP BY p.polrelid
), rul AS (
  SELECT r.ev_class,
    pg_catalog.json_agg(r.rulename ORDER BY r.rulename) FILTER (WHERE r.ev_type::${TEXT} ${NE} '1') AS names,
    pg_catalog.min(pg_catalog.md5(r.ev_action::${TEXT})) FILTER (WHERE r.ev_type::${TEXT} ${EQ} '1') AS digest,
    pg_catalog.json_agg((SELECT pg_catalog.json_agg(DISTINCT m[1]::pg_catalog.int8)
      FROM pg_catalog.regexp_matches(r.ev_action::${TEXT}, ':relid ([0-9]+)', 'g') m)) AS reads
  FROM pg_catalog.pg_rewrite r JOIN rel ON rel.oid ${EQ} r.ev_class
  GROUP BY r.ev_class
)
SELECT ${jsonArray(
    'rel.oid::pg_catalog.int8',
    `rel.relkind::${TEXT}`,
    'rel.nspname',
    'rel.relname',
    `rel.relpersistence::${TEXT}`,
    'rel.relrowsecurity::pg_catalog.int4',
    'rel.relispartition::pg_catalog.int4',
    'att.j',
    'con.j',
    'idx.uni',
    'inh.j',
    'trg.j',
    'rul.names',
    'rul.digest',
    'rul.reads',
    'pol.j',
    `CASE WHEN rel.relkind::${TEXT} ${EQ} 'p' THEN
       (SELECT pg_catalog.json_agg(DISTINCT d.objsubid)
        FROM pg_catalog.pg_depend d
        WHERE d.classid ${EQ} ${regclass('pg_class')} AND d.objid ${EQ} rel.oid AND d.objsubid ${GT} 0
          AND d.refclassid ${EQ} ${regclass('pg_class')} AND d.refobjid ${EQ} rel.oid AND d.refobjsubid ${EQ} 0) END`,
    'idx.j',
  )}::${TEXT} AS j
FROM rel
  LEFT JOIN att ON att.attrelid ${EQ} rel.oid
  LEFT JOIN con ON con.conrelid ${EQ} rel.oid
  LEFT JOIN idx ON idx.indrelid ${EQ} rel.oid
  LEFT JOIN inh ON inh.inhrelid ${EQ} rel.oid
  LEFT JOIN trg ON trg.tgrelid ${EQ} rel.oid
  LEFT JOIN rul ON rul.ev_class ${EQ} rel.oid
  LEFT JOIN pol ON pol.polrelid ${EQ} rel.oid
ORDER BY rel.oid`;
}

/** Everything but TOAST tables and other sessions' temporary relations. */
export const ALL_RELATIONS_CONDITION = `n.nspname::${TEXT} ${NE} 'pg_toast' AND c.relpersistence::${TEXT} ${NE} 't'`;
export const ALL_RELATIONS = relationsQuery(ALL_RELATIONS_CONDITION);

const extensionOf = (catalog: string, oid: string): string => `(SELECT e.extname
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid ${EQ} d.refobjid
  WHERE d.classid ${EQ} ${regclass(catalog)} AND d.objid ${EQ} ${oid}
    AND d.refclassid ${EQ} ${regclass('pg_extension')} AND d.deptype::${TEXT} ${EQ} 'e' LIMIT 1)`;

/** One row a function name and schema: `[schema, name, [[oid, language, volatility, kind, security definer, …], …]]` */
const functionsQuery = (condition: string): string => `
SELECT ${jsonArray(
  'n.nspname',
  'p.proname',
  `pg_catalog.json_agg(${jsonArray(
    'p.oid::pg_catalog.int8',
    'l.lanname',
    `p.provolatile::${TEXT}`,
    `p.prokind::${TEXT}`,
    'p.prosecdef::pg_catalog.int4',
    'p.pronargs',
    'p.pronargdefaults',
    `(p.provariadic ${NE} 0::pg_catalog.oid)::pg_catalog.int4`,
    `CASE WHEN p.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid THEN ${extensionOf('pg_proc', 'p.oid')} END`,
    `CASE WHEN p.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid
       THEN pg_catalog.pg_get_function_identity_arguments(p.oid) END`,
    `CASE WHEN p.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid
       THEN pg_catalog.md5(pg_catalog.concat_ws('|', p.prosrc, p.probin, p.proconfig, p.prosqlbody, p.proargnames,
         p.proargdefaults, p.proowner)) END`,
    'p.proretset::pg_catalog.int4',
  )} ORDER BY p.oid)`,
)}::${TEXT} AS j
FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid ${EQ} p.prolang
WHERE NOT pg_catalog.starts_with(n.nspname::${TEXT}, 'pg_temp_') AND p.oid ${condition} ${FIRST_USER_OID}::pg_catalog.oid
GROUP BY n.nspname, p.proname
ORDER BY n.nspname, p.proname`;

/** Those that came with the server; only superusers change them. */
export const BUILTIN_FUNCTIONS = functionsQuery('OPERATOR(pg_catalog.<)');
export const OWN_FUNCTIONS = functionsQuery(GE);

/** `[schema, name, oid of the function]` of every operator that did not come with the server. */
export const FOREIGN_OPERATORS = `
SELECT ${jsonArray('n.nspname', 'o.oprname', 'o.oprcode::pg_catalog.oid::pg_catalog.int8')}::${TEXT} AS j
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} o.oprnamespace
WHERE o.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid
ORDER BY o.oid`;

/** `[source type, target type, oid of the function or 0, method]` of every cast that did not come with the server. */
export const FOREIGN_CASTS = `
SELECT ${jsonArray(
  'c.castsource::pg_catalog.int8',
  'c.casttarget::pg_catalog.int8',
  'c.castfunc::pg_catalog.int8',
  `c.castmethod::${TEXT}`,
)}::${TEXT} AS j
FROM pg_catalog.pg_cast c
WHERE c.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid
ORDER BY c.oid`;

/** One row a type, but for row types of relations (and arrays of those), whose number grows with the relations. */
export const TYPES = `
SELECT ${jsonArray(
  't.oid::pg_catalog.int8',
  'n.nspname',
  't.typname',
  `t.typtype::${TEXT}`,
  `t.typcategory::${TEXT}`,
  't.typbasetype::pg_catalog.int8',
  `CASE WHEN t.typcategory::${TEXT} ${EQ} 'A' THEN t.typelem::pg_catalog.int8 ELSE 0 END`,
  't.typrelid::pg_catalog.int8',
  't.typnotnull::pg_catalog.int4',
  `CASE WHEN t.oid ${GE} ${FIRST_USER_OID}::pg_catalog.oid THEN ${extensionOf('pg_type', 't.oid')} END`,
  `CASE WHEN t.typtype::${TEXT} ${EQ} 'd' THEN
     (SELECT pg_catalog.json_agg((SELECT pg_catalog.json_agg(d.refobjid::pg_catalog.int8)
        FROM pg_catalog.pg_depend d
        WHERE d.classid ${EQ} ${regclass('pg_constraint')} AND d.objid ${EQ} k.oid
          AND d.refclassid ${EQ} ${regclass('pg_proc')}))
      FROM pg_catalog.pg_constraint k WHERE k.contypid ${EQ} t.oid AND k.contype::${TEXT} ${EQ} 'c') END`,
  `CASE WHEN t.typtype::${TEXT} ${EQ} 'c' AND t.typrelid ${NE} 0::pg_catalog.oid THEN
     (SELECT pg_catalog.json_agg(a.atttypid::pg_catalog.int8)
      FROM pg_catalog.pg_attribute a
      WHERE a.attrelid ${EQ} t.typrelid AND a.attnum ${GT} 0 AND NOT a.attisdropped) END`,
  `(SELECT r.rngsubtype::pg_catalog.int8 FROM pg_catalog.pg_range r
    WHERE r.rngtypid ${EQ} t.oid OR r.rngmultitypid ${EQ} t.oid)`,
  // Whatever of a type has changed, what is printed with its name is printed anew.
  `t.xmin::${TEXT}`,
)}::${TEXT} AS j
FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} t.typnamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid ${EQ} t.typrelid
  LEFT JOIN pg_catalog.pg_type el ON t.typcategory::${TEXT} ${EQ} 'A' AND el.oid ${EQ} t.typelem
  LEFT JOIN pg_catalog.pg_class ec ON ec.oid ${EQ} el.typrelid
WHERE (c.oid IS NULL OR c.relkind::${TEXT} ${EQ} 'c') AND (ec.oid IS NULL OR ec.relkind::${TEXT} ${EQ} 'c')
ORDER BY t.oid`;

/** `[oid, definition]` of those views. Waits for locks on the relations they read: run it on its own, with a time-out. */
export function viewDefinitionsQuery(oids: readonly number[]): string {
  return `
SELECT ${jsonArray('c.oid::pg_catalog.int8', 'pg_catalog.pg_get_viewdef(c.oid)')}::${TEXT} AS j
FROM pg_catalog.pg_class c, ${BRIEFLY}
WHERE c.oid ${EQ} ANY ('{${oids.map(Number).join(',')}}'::pg_catalog._oid) AND ${letter('c.relkind', 'vm')}`;
}

/**
 * `[oid, name, language, text, is parsed, definition, parameters, defaults, settings, owner, types]` of those functions. Waits for
 * locks on the relations that parsed bodies read.
 */
export function functionSourcesQuery(oids: readonly number[]): string {
  return `
SELECT ${jsonArray(
    'p.oid::pg_catalog.int8',
    'p.proname',
    'l.lanname',
    `CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_catalog.pg_get_function_sqlbody(p.oid) END`,
    '(p.prosqlbody IS NOT NULL)::pg_catalog.int4',
    `CASE WHEN l.lanname::${TEXT} ${EQ} 'plpgsql' THEN pg_catalog.pg_get_functiondef(p.oid) END`,
    'pg_catalog.to_json(p.proargnames)',
    'pg_catalog.pg_get_expr(p.proargdefaults, 0::pg_catalog.oid)',
    'pg_catalog.to_json(p.proconfig)',
    'pg_catalog.pg_get_userbyid(p.proowner)',
    `(SELECT pg_catalog.json_agg(DISTINCT COALESCE(a.atttypid, t.oid)::pg_catalog.int8)
      FROM pg_catalog.unnest(pg_catalog.array_append(
          COALESCE(p.proallargtypes, p.proargtypes::pg_catalog._oid), p.prorettype)) u (oid)
        JOIN pg_catalog.pg_type t ON t.oid ${EQ} u.oid
        LEFT JOIN pg_catalog.pg_attribute a ON t.typrelid ${NE} 0::pg_catalog.oid AND a.attrelid ${EQ} t.typrelid
          AND a.attnum ${GT} 0 AND NOT a.attisdropped)`,
  )}::${TEXT} AS j
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid ${EQ} p.prolang, ${BRIEFLY}
WHERE p.oid ${EQ} ANY ('{${oids.map(Number).join(',')}}'::pg_catalog._oid) AND ${letter('p.prokind', 'fp')}`;
}
