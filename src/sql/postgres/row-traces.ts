/**
 * Rows of the system catalogs that tell of labelled values without holding any: how many rows something has if a labelled value decides
 * which those are, and how much room an index takes that labelled values are put into. Such a row is masked for itself; those of everything
 * else stay as they are.
 *
 * @see https://www.postgresql.org/docs/18/catalog-pg-class.html
 * @see https://www.postgresql.org/docs/18/monitoring-stats.html
 */
import { quoteName } from './identifiers.ts';
import { ROWS, rowOf, rowsMeant } from './label-places.ts';
import type { ColumnInfo, RelationInfo } from './relation-info.ts';

interface Counts {
  /** The column that tells what a row is about. */
  readonly key: string;
  /** By column of counts: what is shown in its place. */
  readonly shown: Readonly<Record<string, string>>;
}

const UNKNOWN = 'NULL::pg_catalog.int8';
const WHOSE = ['all', 'user'] as const;

/** What stands there before anybody has counted. */
const SIZES: Counts = {
  key: 'oid',
  shown: {
    reltuples: `'-1'::pg_catalog.float4`,
    ...Object.fromEntries(['relpages', 'relallvisible', 'relallfrozen'].map((name) => [name, '0'])),
  },
};

const TABLE_COUNTS: Counts = {
  key: 'relid',
  shown: Object.fromEntries(
    [
      ...['seq_tup_read', 'idx_tup_fetch', 'n_tup_ins', 'n_tup_upd', 'n_tup_del', 'n_live_tup', 'n_dead_tup'],
      ...['n_mod_since_analyze', 'n_ins_since_vacuum'],
    ].map((name) => [name, UNKNOWN]),
  ),
};

const INDEX_COUNTS: Counts = {
  key: 'indexrelid',
  shown: { idx_tup_read: UNKNOWN, idx_tup_fetch: UNKNOWN },
};

const OF_TABLES = WHOSE.flatMap((whose) => [`pg_stat_${whose}_tables`, `pg_stat_xact_${whose}_tables`]);
const OF_INDEXES = WHOSE.map((whose) => `pg_stat_${whose}_indexes`);

/** By view of pg_catalog. */
const COUNTS: ReadonlyMap<string, Counts> = new Map([
  ['pg_class', SIZES],
  ...OF_TABLES.map((view): [string, Counts] => [view, TABLE_COUNTS]),
  ...OF_INDEXES.map((view): [string, Counts] => [view, INDEX_COUNTS]),
]);

/** Where it shows how many values of a labelled column there are, or where they stand: `row` as `rowOf` names it. */
export function* tracesOf(relation: RelationInfo, column: string): Iterable<{ view: string; row: string }> {
  const attnum = relation.column(column)?.attnum ?? 0;
  const isCounted = column === ROWS && relation.kind !== 'view';
  for (const { oid, deciding } of relation.indexes) {
    if (!isCounted && !deciding.includes(attnum)) continue;
    for (const view of ['pg_class', ...OF_INDEXES]) yield { view, row: rowOf(oid) };
  }
  if (isCounted) for (const view of ['pg_class', ...OF_TABLES]) yield { view, row: rowOf(relation.oid) };
}

/** True of a column of counts. */
export function isCountColumn({ schema, name }: RelationInfo, column: string): boolean {
  return schema === 'pg_catalog' && COUNTS.get(name)?.shown[column] !== undefined;
}

/** The expression for a column of counts, some rows of which are masked; undefined for every other column. */
export function countMask(
  { schema, name: view }: RelationInfo,
  { name }: ColumnInfo,
  masked: Iterable<string>,
): string | undefined {
  const counts = schema === 'pg_catalog' ? COUNTS.get(view) : undefined;
  const shown = counts?.shown[name];
  if (counts === undefined || shown === undefined) return undefined;
  const oids = rowsMeant(masked);
  if (oids.length === 0) return undefined;
  const isMeant = `${quoteName(counts.key)} OPERATOR(pg_catalog.=) ANY ('{${oids.sort().join(',')}}'::pg_catalog._oid)`;
  return `CASE WHEN ${isMeant} THEN ${shown} ELSE ${quoteName(name)} END`;
}
