/**
 * Where a statement puts the values it reads: into which column of which relation come values of which other columns. Kept beside the
 * facts, for labels to go with the values. Conditions count for the rows of what is made only.
 */
import type { ValueFlow, ValueOrigin } from '../../model/facts.ts';
import type { Binder, ColumnUse } from './binder.ts';
import { ROWS } from './label-places.ts';
import type { Output, OutputColumn, RelationReference, Source } from './namespace.ts';
import type { RelationInfo } from './relation-info.ts';
import { TEMPORARY_SCHEMA } from './scope.ts';
import { as, type Body, type CreateStmt, type Node, type TableLikeClause, tagOf } from './tree.ts';

/** Where values go: a relation of the catalog, or one that the statement makes. */
export type FlowTarget =
  | Pick<RelationReference, 'id' | 'relation'>
  | { readonly id: string; readonly isNew: true };

/** Notes that a column gets values of those columns. */
export function noteValueFlow(
  b: Binder,
  target: FlowTarget,
  column: string,
  { sources, exact }: Pick<OutputColumn, 'sources' | 'exact'>,
): void {
  const from = originsOf(b, sources);
  if (from.length > 0)
    b.flows.push({ ...placeOf(b, target), column, from, exact: exact === true && isCopy(b, sources) });
}

/** Notes that a query's result goes into columns, in order; into any of them, where it is not known what it yields. */
export function noteResultFlow(
  b: Binder,
  target: FlowTarget,
  columns: readonly string[] | undefined,
  output: Output,
): void {
  if (output.open) b.flows.push({ ...placeOf(b, target), exact: false });
  output.columns.forEach((column, i) => {
    noteValueFlow(b, target, columns?.[i] ?? column.name, column);
  });
}

/** Notes what CREATE TABLE AS or SELECT INTO fills: its columns, and which rows it has. */
export function noteNewTable(b: Binder, id: string, columns: readonly string[], output: Output): void {
  const target = { id, isNew: true } as const;
  noteResultFlow(b, target, columns, output);
  const deciding = b.references.flatMap((reference) =>
    [...reference.filters].map((column) => ({ reference, column })),
  );
  noteValueFlow(b, target, ROWS, { sources: deciding });
}

/** Notes that a table is made LIKE others, to hold the same. @param mentioned what its definition mentions */
export function noteLikeness(
  b: Binder,
  id: string,
  { tableElts = [] }: CreateStmt,
  mentioned: readonly RelationReference[],
): void {
  const models = tableElts.map((each) => as<TableLikeClause>(each, 'TableLikeClause')?.relation);
  for (const reference of mentioned)
    for (const { name } of models.includes(reference.node) ? (reference.relation?.columns ?? []) : []) {
      const sources = [{ reference, column: name }];
      noteValueFlow(b, { id, isNew: true }, name, { sources, exact: true });
    }
}

/**
 * Notes that a relation, or a column of it, gets another name: nobody but the session would know that it is what it was called before, if
 * nobody else has seen it yet. @param body of RENAME or SET SCHEMA
 */
export function noteNewName(b: Binder, reference: RelationReference, body: Body): void {
  const { relation } = reference;
  if (relation === undefined) return;
  const { renameType, newname, newschema, subname } = body as Readonly<Record<string, string | undefined>>;
  const isColumn = renameType === 'OBJECT_COLUMN';
  const schema = relation.temporary ? TEMPORARY_SCHEMA : (newschema ?? relation.schema);
  const id = `${schema}.${isColumn ? relation.name : (newname ?? relation.name)}`;
  for (const { name } of relation.columns) {
    if (!isOwn(b, relation, name)) continue;
    const column = isColumn && name === subname ? (newname ?? name) : name;
    const sources = [{ reference, column: name }];
    noteValueFlow(b, { id, isNew: true }, column, { sources, exact: true });
  }
}

function placeOf(b: Binder, target: FlowTarget): Pick<ValueFlow, 'relation' | 'isNew' | 'temporary'> {
  const known = 'isNew' in target ? undefined : target.relation;
  return {
    relation: target.id,
    isNew: known === undefined || isOwn(b, known),
    temporary: known === undefined ? target.id.startsWith('pg_temp.') : known.temporary,
  };
}

function originsOf(b: Binder, sources: readonly Source[]): readonly ValueOrigin[] {
  const found = new Map<string, ValueOrigin>();
  for (const { reference, column } of sources) {
    const { relation, id } = reference;
    if (relation !== undefined && relation.column(column) === undefined) continue;
    const own = relation === undefined || isOwn(b, relation, column);
    found.set(`${id}\0${column}`, { relation: id, column, own });
  }
  return [...found.values()];
}

/** True if what others see has no such relation, or no such column in it. */
function isOwn({ scope }: Binder, relation: RelationInfo, column?: string): boolean {
  const shared = relation.temporary ? undefined : scope.catalog.relationByOid(relation.oid);
  return shared?.id !== relation.id || (column !== undefined && shared.column(column) === undefined);
}

/** A column that is computed from another holds something else than its label says. */
function isCopy({ scope }: Binder, sources: readonly Source[]): boolean {
  const relation: RelationInfo | undefined = sources[0]?.reference.relation;
  return (
    sources.length === 1 && relation !== undefined && !scope.catalog.isComputed(relation, sources[0]!.column)
  );
}

/** True if an expression is one column of a relation that is in reach. @param uses what was noted of it */
export function isColumn(expression: Node, [use, ...others]: readonly ColumnUse[]): boolean {
  if (tagOf(expression) !== 'ColumnRef' || use?.kind !== 'column' || others.length > 0) return false;
  const [source, ...more] = use.sources;
  const isOwn = source !== undefined && use.direct.includes(source.reference);
  return use.certain && isOwn && more.length === 0 && source.column === use.fields.at(-1);
}
