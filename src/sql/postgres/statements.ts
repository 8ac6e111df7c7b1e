/**
 * From a statement's tree to what it does: the dispatch over every kind of statement of PostgreSQL's grammar. A kind that is
 * not listed is opaque and counts as writing.
 */
import type { Binder } from './binder.ts';
import { DDL_STATEMENTS } from './ddl-statements.ts';
import { bindModification, isModification } from './modifications.ts';
import { bindQuery, newRelationName } from './queries.ts';
import { as, bodyOf, type Node, type SelectStmt, stringsOf, tagOf } from './tree.ts';
import { UTILITY_STATEMENTS } from './utility-statements.ts';
import { noteNewTable } from './value-flows.ts';

const MODIFYING_COMMANDS: Readonly<Record<string, string>> = {
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
};

/** Notes everything a statement does. Statements that hold others (EXPLAIN, PREPARE) come back here for those. */
export function bindStatement(b: Binder, node: Node): void {
  const tag = tagOf(node);
  if (tag === 'SelectStmt') {
    bindSelectStatement(b, node);
    return;
  }
  if (isModification(node)) {
    bindModification(b, node, undefined, undefined);
    b.sheet.command = MODIFYING_COMMANDS[tag] ?? '';
    return;
  }
  const ddl = Object.hasOwn(DDL_STATEMENTS, tag) ? DDL_STATEMENTS[tag] : undefined;
  if (ddl) {
    ddl(b, bodyOf(node));
    b.sheet.writes = true;
    b.sheet.changesCatalog = true;
    return;
  }
  const utility = Object.hasOwn(UTILITY_STATEMENTS, tag) ? UTILITY_STATEMENTS[tag] : undefined;
  if (utility) {
    utility(b, bodyOf(node));
    return;
  }
  b.sheet.command = '???';
  b.sheet.hide('statement', tag === '' ? 'an empty statement' : `statement ${tag}`);
}

function bindSelectStatement(b: Binder, node: Node): void {
  b.sheet.act('Read');
  const output = bindQuery(b, node, undefined, undefined);
  const into = firstArm(as<SelectStmt>(node, 'SelectStmt')).intoClause;
  b.sheet.command = into ? 'SELECT INTO' : 'SELECT';
  if (into?.rel) noteNewTable(b, newRelationName(b, into.rel), stringsOf(into.colNames), output);
}

function firstArm(select: SelectStmt | undefined): SelectStmt {
  let arm = select ?? {};
  while (arm.larg) arm = arm.larg;
  return arm;
}
