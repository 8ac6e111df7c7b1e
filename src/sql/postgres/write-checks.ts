/**
 * Writes to masked relations. The target of a write cannot be replaced by a subquery, so the statement runs on real values:
 * it is let through only if no masked column can have a part in what it does or in how it fails.
 */
import type { PostgresStatement } from './analysis.ts';
import type { ColumnUse } from './binder.ts';
import type { MaskIndex } from './mask-index.ts';
import type { RelationReference } from './namespace.ts';
import { maskRefused } from './refusal.ts';
import type { RelationInfo } from './relation-info.ts';

/** @throws {SluiceError} mask_refused */
export function requireBlindWrite(
  { binder, facts }: PostgresStatement,
  target: RelationReference,
  masks: MaskIndex,
): void {
  const masked = new Set(masks.of(target).keys());
  const relation = target.relation!;
  for (const use of binder.columnUses) requireOtherColumn(use, target, masked);
  if (target.wholeRow)
    throw maskRefused(`the row of ${target.id} is used as a whole`, 'Name the columns instead.');
  const [read] = masks.readThrough(target);
  if (read !== undefined) throw readsMasked(target, read);
  const written = new Set(
    facts.relations.filter((use) => use.relation === target.id).flatMap((use) => [...use.writes]),
  );
  requireNoOracle(relation, written, masked);
  requireNoTrigger(relation);
}

function readsMasked(target: RelationReference, column: string): Error {
  return maskRefused(
    `the statement writes ${target.id} and reads its masked column ${column}`,
    `Leave ${column} out of the WHERE, SET and RETURNING clauses.`,
  );
}

/** By name, so that a mistake in resolving names cannot let one slip through. */
function requireOtherColumn(
  { fields, namespace, sources, certain }: ColumnUse,
  target: RelationReference,
  masked: ReadonlySet<string>,
): void {
  const column = fields.at(-1)!;
  if (sources.some((source) => source.reference === target && masked.has(source.column)))
    throw readsMasked(target, column);
  const isForeign = certain && fields.length > 1 && !sources.some((source) => source.reference === target);
  if (isForeign) return;
  let inScope = false;
  for (let level = namespace; level; level = level.parent) {
    inScope ||= level.items.some((item) => item.direct().includes(target));
  }
  if (inScope && (masked.has(column) || !certain)) throw readsMasked(target, column);
}

/** A constraint that joins a written column with a masked one answers questions about it by failing or not. */
function requireNoOracle(
  relation: RelationInfo,
  written: ReadonlySet<string>,
  masked: ReadonlySet<string>,
): void {
  const rules = [
    ...relation.constraints.map(({ name, columns }) => ({ name, columns })),
    ...relation.uniqueIndexes,
  ];
  for (const { name, columns } of rules) {
    const names = relation.columnNames(columns);
    if (!names.some((column) => written.has(column)) || !names.some((column) => masked.has(column))) continue;
    throw maskRefused(
      `whether ${name} of ${relation.id} holds would tell about masked values`,
      'Leave the columns of that constraint out.',
    );
  }
}

/** A trigger function sees the whole row, and may say so. */
function requireNoTrigger(relation: RelationInfo): void {
  const trigger = relation.triggers.find(({ enabled }) => enabled);
  if (trigger === undefined) return;
  throw maskRefused(`trigger ${trigger.name} on ${relation.id} sees masked values`);
}
