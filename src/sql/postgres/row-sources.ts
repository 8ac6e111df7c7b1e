/**
 * The rows of a table that a change touches, as queries: how many, a digest over their images, and where they lie; and, when the change has run,
 * how many of them are still there. Together they say whether it changed these rows and no others, whatever its text does.
 */
import type { CatalogSnapshot } from './catalog.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import type { RelationInfo } from './relation-info.ts';
import type { RowChange } from './row-changes.ts';
import { keysBelow } from './updatable-views.ts';
import type { Upsert } from './upsert-parts.ts';

export interface RowSource {
  /** `WITH …` or nothing. */
  readonly lead: string;
  /** `FROM … WHERE …` */
  readonly from: string;
  /** What its rows are called in there. */
  readonly alias: string;
  /** True if a row can come more than once. */
  readonly repeats: boolean;
  /** True if it may hold rows that the change leaves alone. */
  readonly exceeds: boolean;
  /** The table that the rows are of. */
  readonly table: RelationInfo;
}

/** More rows are not bound one by one. */
export const MAX_BOUND_ROWS = 100_000;
const ROW = 'sluice_row';
const NEW = 'sluice_new';

/**
 * Undefined for what only adds rows.
 * @param relation that the statement names @param table that its rows are of: the same, unless `relation` is a view
 * @returns a sentence if they cannot be read beforehand
 */
export function rowSourceOf(
  change: RowChange,
  relation: RelationInfo,
  table: RelationInfo,
  catalog: CatalogSnapshot,
): RowSource | string | undefined {
  const { source, lead, joins, alias, upsert, kind } = change;
  // In a query, the name would be that of the WITH query; in the statement it is the table's.
  if (change.leadNames.has(relation.name)) return 'A query of its WITH has the name of the table.';
  if (relation !== table && (upsert !== undefined || kind === 'MERGE'))
    return `${relation.id} is a view: which rows below it are met is not known beforehand.`;
  if (upsert !== undefined) return upsertSource(upsert, { lead, alias, table }, catalog);
  if (source === undefined) return undefined;
  if (relation === table)
    return { lead, from: source, alias, table, repeats: joins, exceeds: kind === 'MERGE' };
  const keys = keysBelow(relation, catalog);
  if (keys === undefined) return `${relation.id} does not show the primary key of ${table.id}.`;
  const [above, below] = [keys.map(([column]) => column), keys.map(([, key]) => key)];
  const from = `FROM ${quoteQualified(table.schema, table.name)} AS ${ROW}
    WHERE ${tuple(ROW, below)} IN (SELECT ${list(alias, above)} ${source}\n)`;
  return { lead, from, alias: ROW, table, repeats: false, exceeds: false };
}

function upsertSource(
  { target, columns, rows, key }: Upsert,
  { lead, alias, table }: { readonly lead: string; readonly alias: string; readonly table: RelationInfo },
  catalog: CatalogSnapshot,
): RowSource | string {
  const names = typeof key === 'string' ? constraintColumns(table, key) : key;
  const given = columns ?? table.columns.map(({ name }) => name);
  const places = names.map((name) => given.indexOf(name));
  if (names.length === 0 || places.includes(-1))
    return 'The columns by which its rows meet others are not all given.';
  const values = names.map((name, i) => `${NEW}.c${places[i]}${castTo(table, name, catalog)}`);
  const heads = Array.from({ length: Math.max(...places) + 1 }, (_, i) => `c${i}`);
  const called = alias === '' ? quoteName(table.name) : alias;
  const from = `FROM ${target}
    WHERE ${tuple(called, names)} IN (SELECT ${values.join(', ')} FROM (${rows}\n) AS ${NEW} (${heads.join(', ')}))`;
  return { lead, from, alias: called, table, repeats: false, exceeds: true };
}

function constraintColumns(table: RelationInfo, name: string): readonly string[] {
  const found = table.constraints.find((one) => one.name === name && (one.kind === 'p' || one.kind === 'u'));
  return found === undefined ? [] : table.columnNames(found.columns);
}

/** A value becomes what the column makes of it. */
function castTo(table: RelationInfo, name: string, catalog: CatalogSnapshot): string {
  const type = catalog.type(table.column(name)?.typeOid ?? 0);
  return type === undefined ? '' : `::${quoteQualified(type.schema, type.name)}`;
}

const list = (alias: string, names: readonly string[]): string =>
  names.map((name) => `${alias}.${quoteName(name)}`).join(', ');

const tuple = (alias: string, names: readonly string[]): string => `(${list(alias, names)})`;

/**
 * Counts the rows that a change would touch, and digests their images: `count`, `digest`; and where they lie: `tables`, `places`, and how many
 * rows of the table this transaction has changed or removed so far: `gone`. Locks them, so that they stay as they are until the transaction
 * ends. The image of a row is its binary form, which depends on no setting but client_encoding.
 */
export function affectedQuery({ lead, alias, from, table }: RowSource, catalog: CatalogSnapshot): string {
  const image = `pg_catalog.sha256(pg_catalog.record_send(${alias}.*))`;
  const whole = (column: string) =>
    `CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.<=) ${MAX_BOUND_ROWS} THEN pg_catalog.array_agg(q.${column})::pg_catalog.text END`;
  return `${lead} SELECT pg_catalog.count(*) AS count,
    pg_catalog.encode(pg_catalog.sha256(coalesce(pg_catalog.string_agg(q.h, ''::pg_catalog.bytea ORDER BY q.h), ''::pg_catalog.bytea)), 'hex') AS digest,
    ${whole('o')} AS tables, ${whole('c')} AS places, ${goneOf(table, catalog)} AS gone
    FROM (SELECT DISTINCT ON (r.o, r.c) r.h, r.o, r.c FROM (
      SELECT ${alias}.tableoid AS o, ${alias}.ctid AS c, ${image} AS h ${from}
      FOR UPDATE OF ${alias}) AS r ORDER BY r.o, r.c) AS q`;
}

/** Where the rows lie that `affectedQuery` found: arrays, as the database spells them. */
export interface RowPlaces {
  readonly tables: string | null;
  readonly places: string | null;
}

const ARRAY = /^[{}()",\d]*$/;

/** Counts those that are where they were, and what has gone of the table by now: `left`, `gone`. */
export function leftQuery(
  table: RelationInfo,
  { tables, places }: RowPlaces,
  catalog: CatalogSnapshot,
): string {
  const [oids, tids] = [tables ?? '{}', places ?? '{}'];
  if (!ARRAY.test(oids) || !ARRAY.test(tids)) throw new TypeError('these are no places of rows');
  return `SELECT pg_catalog.count(*) AS left, ${goneOf(table, catalog)} AS gone
    FROM ${quoteQualified(table.schema, table.name)} AS t
    JOIN ROWS FROM (pg_catalog.unnest('${oids}'::pg_catalog.oid[]), pg_catalog.unnest('${tids}'::pg_catalog.tid[])) AS p (o, c)
      ON t.ctid OPERATOR(pg_catalog.=) p.c AND t.tableoid OPERATOR(pg_catalog.=) p.o`;
}

/** How many rows of a table and its parts this transaction has changed or removed, for whatever reason. */
function goneOf(table: RelationInfo, catalog: CatalogSnapshot): string {
  const oids = catalog.family(table).map(({ oid }) => oid);
  return `(SELECT coalesce(pg_catalog.sum(n_tup_upd OPERATOR(pg_catalog.+) n_tup_del), 0)::pg_catalog.text
      FROM pg_catalog.pg_stat_xact_user_tables WHERE relid OPERATOR(pg_catalog.=) ANY ('{${oids.join(',')}}'::pg_catalog.oid[]))`;
}

/** What `affectedQuery` says of no rows. */
export const NO_ROWS = {
  count: 0,
  digest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
};
