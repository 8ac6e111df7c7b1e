/**
 * Writes to masked relations. The target of a write cannot be replaced by a subquery, so the statement runs on real values:
 * it is let through only if no masked column can have a part in what it does or in whether it fails.
 */
import type { PostgresStatement } from './analysis.ts';
import type { ColumnUse } from './binder.ts';
import type { Change } from './cascades.ts';
import type { CatalogSnapshot } from './catalog.ts';
import type { MaskIndex } from './mask-index.ts';
import type { RelationReference } from './namespace.ts';
import { maskRefused } from './refusal.ts';
import type { RelationInfo } from './relation-info.ts';
import type { PostgresScope } from './scope.ts';

/** @throws {SluiceError} mask_refused */
export function requireBlindWrite(
  { binder, facts }: PostgresStatement,
  target: RelationReference,
  masks: MaskIndex,
  scope: PostgresScope,
): void {
  const masked = new Set(masks.of(target).keys());
  for (const use of binder.columnUses) requireOtherColumn(use, target, masked);
  if (target.wholeRow)
    throw maskRefused(`the row of ${target.id} is used as a whole`, 'Name the columns instead.');
  const [read] = masks.readThrough(target);
  if (read !== undefined) throw readsMasked(target, read);
  for (const { relation, action, writes } of facts.relations) {
    if (relation !== target.id || !isChange(action)) continue;
    requireNoOracle(scope.catalog, target.relation!, action, writes, masked);
    if (action === 'Update') requireNoOverwriting(scope.catalog, target.relation!, writes, masked);
  }
}

/**
 * An index gets another entry if the value is another one, and where later versions of the row are put depends on that: after a guess
 * was written, and taken back, it shows whether it was right.
 */
function requireNoOverwriting(
  catalog: CatalogSnapshot,
  root: RelationInfo,
  columns: readonly string[],
  masked: ReadonlySet<string>,
): void {
  for (const relation of catalog.family(root)) {
    const written = [...withGenerated(relation, columns)].filter((name) => masked.has(name));
    const indexed = new Set(
      relation.indexes.flatMap(({ deciding, stored }) => relation.columnNames([...deciding, ...stored])),
    );
    const column = written.find((name) => indexed.has(name));
    if (column === undefined) continue;
    throw maskRefused(
      `whether the index on ${relation.id}.${column} changes would tell about masked values`,
      `Leave ${column} out, or insert a new row.`,
    );
  }
}

/** The same for what foreign keys change on the way. */
export function requireBlindCascades(
  { binder }: PostgresStatement,
  masks: MaskIndex,
  scope: PostgresScope,
): void {
  for (const { relation, change, columns } of binder.cascades) {
    const masked = new Set(masks.ofRelation(relation.id).keys());
    if (masked.size > 0) requireNoOracle(scope.catalog, relation, change, columns, masked);
  }
}

function isChange(action: string): action is Change {
  return action === 'Insert' || action === 'Update' || action === 'Delete';
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
  const isOwn = sources.some((source) => source.reference === target);
  if (isOwn && sources.some((source) => source.reference === target && masked.has(source.column))) {
    throw readsMasked(target, column);
  }
  if (certain && fields.length > 1 && !isOwn) return;
  let inScope = false;
  for (let level = namespace; level; level = level.parent) {
    inScope ||= level.items.some((item) => item.direct().includes(target));
  }
  if (inScope && (masked.has(column) || !certain)) throw readsMasked(target, column);
}

/** A rule that joins a written column with a masked one answers questions about it by failing or not. */
function requireNoOracle(
  catalog: CatalogSnapshot,
  root: RelationInfo,
  change: Change,
  columns: readonly string[],
  masked: ReadonlySet<string>,
): void {
  for (const relation of catalog.family(root)) {
    const written = withGenerated(relation, columns);
    const broken = change === 'Delete' ? undefined : tellingRule(relation, change, written, masked);
    if (broken !== undefined) {
      throw maskRefused(
        `whether ${broken} of ${relation.id} is violated would tell about masked values`,
        'Leave the columns of that constraint out.',
      );
    }
    requireNoTrigger(catalog, relation, change, written, masked);
  }
}

function withGenerated(relation: RelationInfo, columns: readonly string[]): ReadonlySet<string> {
  const written = new Set(columns);
  for (const { name, computedFrom } of relation.columns) {
    if (relation.columnNames(computedFrom).some((source) => written.has(source))) written.add(name);
  }
  return written;
}

/** The name of the first constraint, index or policy whose outcome depends on masked values and on what is written. */
function tellingRule(
  relation: RelationInfo,
  change: Change,
  written: ReadonlySet<string>,
  masked: ReadonlySet<string>,
): string | undefined {
  const comparing = [...relation.constraints.filter(({ kind }) => kind !== 'c'), ...relation.uniqueIndexes];
  // These look at one row, and of a new row everything is known to whoever writes it.
  const checking = [...relation.constraints.filter(({ kind }) => kind === 'c'), ...relation.policies];
  const names = (columns: readonly number[]): string[] => relation.columnNames(columns);
  const touches = (columns: readonly string[]): boolean => columns.some((name) => written.has(name));
  const compared = comparing.find(
    ({ columns }) => touches(names(columns)) && names(columns).some((name) => masked.has(name)),
  );
  if (compared) return compared.name;
  if (change !== 'Update') return undefined;
  return checking.find(({ columns }) => {
    const mentioned = names(columns);
    return touches(mentioned) && mentioned.some((name) => masked.has(name) && !written.has(name));
  })?.name;
}

/** The bits of `pg_trigger.tgtype`. */
const EVENTS: Readonly<Record<Change, number>> = { Insert: 4, Delete: 8, Update: 16 };

/** A trigger function sees the row, may say what it holds, and may fail because of it. */
function requireNoTrigger(
  catalog: CatalogSnapshot,
  relation: RelationInfo,
  change: Change,
  written: ReadonlySet<string>,
  masked: ReadonlySet<string>,
): void {
  // Of a new row it sees what the statement wrote and defaults.
  if (change === 'Insert' && ![...written].some((column) => masked.has(column))) return;
  for (const { name, functionOid, type, enabled } of relation.triggers) {
    if (!enabled || (type & EVENTS[change]) === 0 || catalog.functionByOid(functionOid)?.builtin) continue;
    throw maskRefused(`trigger ${name} on ${relation.id} sees masked values`);
  }
}
