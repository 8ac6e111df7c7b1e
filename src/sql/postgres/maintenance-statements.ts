/**
 * Statements that work on whole tables without naming a value: TRUNCATE, LOCK, VACUUM, CLUSTER, REINDEX and their like.
 *
 * @see https://www.postgresql.org/docs/18/sql-commands.html
 */
import type { Binder } from './binder.ts';
import { noteCatalogChange, noteLockBelow, noteTriggers, noteTruncateCascades } from './cascades.ts';
import type { StatementHandler } from './ddl-statements.ts';
import { mention, mentionReference } from './definitions.ts';
import { objectName } from './object-names.ts';
import { as, type Body, type Node, type RangeVar, type VacuumStmt } from './tree.ts';

const relations = (body: Body): readonly Node[] => (body.relations ?? []) as Node[];

function truncate(b: Binder, body: Body): void {
  b.sheet.command = 'TRUNCATE TABLE';
  b.sheet.writes = true;
  for (const node of relations(body)) {
    const { relation } = mentionReference(b, as<RangeVar>(node, 'RangeVar'), 'Truncate');
    if (relation) noteCatalogChange(b, relation);
    if (relation) noteTriggers(b, relation);
    if (relation && body.behavior === 'DROP_CASCADE') noteTruncateCascades(b, relation);
  }
}

function lock(b: Binder, body: Body): void {
  b.sheet.command = 'LOCK TABLE';
  b.sheet.writes = true;
  for (const node of relations(body)) {
    const { relation } = mentionReference(b, as<RangeVar>(node, 'RangeVar'), 'Lock');
    if (relation) noteLockBelow(b, relation);
  }
}

function vacuum(b: Binder, body: Body): void {
  const { rels, is_vacuumcmd } = body as VacuumStmt;
  b.sheet.command = is_vacuumcmd ? 'VACUUM' : 'ANALYZE';
  b.sheet.writes = true;
  b.sheet.act('Maintain');
  for (const node of rels ?? [])
    mention(b, as<{ relation?: RangeVar }>(node, 'VacuumRelation')?.relation, 'Maintain');
}

function maintain(command: string, field?: string): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    b.sheet.writes = true;
    b.sheet.act('Maintain');
    const relation = field === undefined ? undefined : (body[field] as RangeVar | undefined);
    if (relation) mention(b, relation, 'Maintain');
  };
}

function reindex(b: Binder, body: Body): void {
  b.sheet.command = 'REINDEX';
  b.sheet.writes = true;
  b.sheet.act('Maintain');
  const relation = body.relation as RangeVar | undefined;
  if (relation && body.kind === 'REINDEX_OBJECT_INDEX') {
    b.sheet.touch('Maintain', 'index', objectName({ RangeVar: relation }));
  } else if (relation) mention(b, relation, 'Maintain');
}

export const MAINTENANCE_STATEMENTS: Readonly<Record<string, StatementHandler>> = {
  CheckPointStmt: maintain('CHECKPOINT'),
  ClusterStmt: maintain('CLUSTER', 'relation'),
  LockStmt: lock,
  RefreshMatViewStmt: maintain('REFRESH MATERIALIZED VIEW', 'relation'),
  ReindexStmt: reindex,
  TruncateStmt: truncate,
  VacuumStmt: vacuum,
};
