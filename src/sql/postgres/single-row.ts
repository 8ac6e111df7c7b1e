/**
 * Which changes touch one row at the most, whatever the data: those that compare each column of a key with a constant. Nobody has to ask
 * the planner about them. Says so only where that is certain.
 */
import type { Binder } from './binder.ts';
import { COMPARABLE, columnComparedWithConstant, conjuncts } from './constant-comparison.ts';
import type { RelationInfo } from './relation-info.ts';
import {
  bodyOf,
  type ColumnRef,
  type DeleteStmt,
  type Node,
  stringsOf,
  tagOf,
  type UpdateStmt,
} from './tree.ts';

/** True for an UPDATE or DELETE of one row at the most. */
export function picksOneRow(tree: Node, { references, scope }: Binder): boolean {
  const change = changeOf(tree);
  if (change?.whereClause === undefined || change.withClause !== undefined) return false;
  const { relation: node, whereClause } = change;
  const reference = references.find((one) => one.role === 'target' && one.node === node);
  const relation = reference?.relation;
  if (relation === undefined || !isOneTable(relation, scope.catalog.children(relation.oid).length))
    return false;
  const name = node?.alias?.aliasname ?? node?.relname;
  const hasForeignEquals = scope.catalog.foreignOperatorsNamed('=').length > 0;
  const fixed = new Set<number>();
  for (const conjunct of conjuncts(whereClause)) {
    const column = columnOf(columnComparedWithConstant(conjunct, hasForeignEquals), name);
    const info = column === undefined ? undefined : relation.column(column);
    if (info !== undefined && COMPARABLE.has(info.typeOid)) fixed.add(info.attnum);
  }
  return relation.constraints.some(
    ({ kind, columns }) =>
      (kind === 'p' || kind === 'u') && columns.length > 0 && columns.every((column) => fixed.has(column)),
  );
}

function changeOf(tree: Node): UpdateStmt | DeleteStmt | undefined {
  const tag = tagOf(tree);
  if (tag === 'UpdateStmt') {
    const update = bodyOf(tree) as UpdateStmt;
    return update.fromClause === undefined ? update : undefined;
  }
  const del = tag === 'DeleteStmt' ? (bodyOf(tree) as DeleteStmt) : undefined;
  return del?.usingClause === undefined ? del : undefined;
}

/** A key holds for a table and its partitions, and not for tables that inherit from it. */
function isOneTable({ kind, system }: RelationInfo, children: number): boolean {
  return !system && (kind === 'partitioned-table' || (kind === 'table' && children === 0));
}

function columnOf(node: ColumnRef | undefined, relation: string | undefined): string | undefined {
  const names = stringsOf(node?.fields);
  const [column, qualifier = relation] = names.toReversed();
  return names.length <= 2 && qualifier === relation ? column : undefined;
}
