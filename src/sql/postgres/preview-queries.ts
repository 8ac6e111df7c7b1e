/** What a preview asks: the rows as a reviewer may see them, and how many rows of which tables have changed. */
import type { ColumnMask } from '../../model/labels.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import { columnExpression } from './relation-fragment.ts';
import type { ColumnInfo, RelationInfo } from './relation-info.ts';
import type { RowChange } from './row-changes.ts';
import { keyColumns } from './row-keys.ts';
import type { RowSource } from './row-sources.ts';
import { quoteLiteral } from './session-relations.ts';

const MAX_ROWS = 20;
const MAX_COLUMNS = 60;
const MAX_CHARACTERS = 200;

/** What of the rows of one relation is shown. */
export interface ShownRows {
  readonly catalog: CatalogSnapshot;
  readonly relation: RelationInfo;
  readonly masks: readonly ColumnMask[];
}

export function shownColumns({ columns }: RelationInfo): readonly ColumnInfo[] {
  return columns.slice(0, MAX_COLUMNS);
}

/** The first rows that a change touches: `k0`, `k1`, … of the key as it is, `c0`, `c1`, … as they may be shown. */
export function rowsBefore(shown: ShownRows, { lead, from, alias, repeats }: RowSource): string {
  const each = repeats ? `DISTINCT ON (${alias}.tableoid, ${alias}.ctid) ` : '';
  return `${lead} SELECT ${each}${listOf(shown, alias)} ${from}
    LIMIT ${MAX_ROWS}`;
}

/** The rows with these keys. */
export function rowsAfter(shown: ShownRows, keys: readonly (readonly (string | null)[])[]): string {
  const columns = keyColumns(shown.relation);
  const conditions = keys.map((key) => {
    const parts = columns.map((name, i) => `a.${quoteName(name)} = ${quoteLiteral(key[i] ?? '')}`);
    return `(${parts.join(' AND ')})`;
  });
  const { schema, name } = shown.relation;
  return `SELECT ${listOf(shown, 'a')} FROM ${quoteQualified(schema, name)} AS a WHERE ${conditions.join(' OR ')}`;
}

/** Runs an INSERT and reads the first of the rows that it makes. */
export function rowsInserted(shown: ShownRows, { text, alias }: RowChange): string {
  return `WITH sluice_inserted AS (${text}
    RETURNING ${listOf(shown, alias === '' ? quoteName(shown.relation.name) : alias)})
    SELECT * FROM sluice_inserted LIMIT ${MAX_ROWS}`;
}

/** Runs a MERGE and reads the first of the rows that it adds; where `MERGE_RETURNS`. */
export function rowsMerged(shown: ShownRows, { text, alias }: RowChange): string {
  return `WITH sluice_merged AS (${text}
    RETURNING merge_action() AS sluice_action, ${listOf(shown, alias)})
    SELECT * FROM sluice_merged WHERE sluice_action = 'INSERT' LIMIT ${MAX_ROWS}`;
}

/** Where MERGE has RETURNING: `yes`, true or false. */
export const MERGE_RETURNS = `SELECT (pg_catalog.current_setting('server_version_num')::int >= 170000)::pg_catalog.text AS yes`;

function listOf({ catalog, relation, masks }: ShownRows, alias: string): string {
  const keys = keyColumns(relation).map((name, i) => `${alias}.${quoteName(name)}::pg_catalog.text AS k${i}`);
  const columns = shownColumns(relation).map((info, i) => {
    const reference = `${alias}.${quoteName(info.name)}`;
    const mask = masks.find(({ column }) => column === info.name)?.mask;
    const value = mask === undefined ? reference : columnExpression(catalog, relation, info, mask, reference);
    return `pg_catalog.left((${value})::pg_catalog.text, ${MAX_CHARACTERS}) AS c${i}`;
  });
  return [...keys, ...columns].join(', ');
}

/** Rows that this transaction has changed so far, triggers and cascades included, and those before it that are not reported yet. */
export const CHANGED_ROWS = `SELECT schemaname::pg_catalog.text || '.' || relname::pg_catalog.text AS relation,
    n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_del AS deleted
  FROM pg_catalog.pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0`;

/** Runs a statement and tells what came of it. */
export function runAndExplain(text: string): string {
  return `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) ${text}`;
}

interface ExplainedTrigger {
  readonly 'Trigger Name'?: string;
  readonly 'Constraint Name'?: string;
  readonly Relation?: string;
  readonly Calls?: number;
}

interface RunNode {
  readonly 'Node Type'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly Plans?: readonly RunNode[];
}

/** What `runAndExplain` tells: triggers, and how many rows the statement was to change before any trigger had a say. */
export function runOutcome(json: string | undefined) {
  const [first] = JSON.parse(json ?? '[]') as { Plan?: RunNode; Triggers?: readonly ExplainedTrigger[] }[];
  const [fed] = first?.Plan?.Plans ?? [];
  return {
    rows: Math.round((fed?.['Actual Rows'] ?? 0) * (fed?.['Actual Loops'] ?? 0)),
    triggers: (first?.Triggers ?? []).map((trigger) => ({
      name: trigger['Constraint Name'] ?? trigger['Trigger Name'] ?? '',
      relation: trigger.Relation ?? '',
      calls: Math.round(trigger.Calls ?? 0),
    })),
  };
}

/** The names of types, for `typesOfParameters`: `types`. */
export function typeNamesQuestion(declared: readonly number[]): string {
  return `SELECT pg_catalog.string_agg(CASE WHEN u.o = 0 THEN 'unknown' ELSE pg_catalog.format_type(u.o, NULL) END, ', ' ORDER BY u.n) AS types
    FROM pg_catalog.unnest(ARRAY[${declared.join(',')}]::pg_catalog.oid[]) WITH ORDINALITY AS u (o, n)`;
}

/**
 * Lets the database find the types of a statement's parameters, those that the client has not said included: each is asked in turn, and the
 * last but one answers with their oids, as JSON: `types`.
 * @param names of those that the client has said, from `typeNamesQuestion`
 */
export function typesOfParameters(text: string, names: string): readonly [string, string, string] {
  return [
    `PREPARE sluice_preview ${names === '' ? '' : `(${names}) `}AS ${text}`,
    `SELECT pg_catalog.array_to_json(parameter_types::pg_catalog.oid[])::pg_catalog.text AS types
      FROM pg_catalog.pg_prepared_statements WHERE name = 'sluice_preview'`,
    'DEALLOCATE sluice_preview',
  ];
}
