/**
 * Whether a statement can be run and taken back without a trace that matters. What a rollback does not undo: values of sequences, advisory
 * locks, whatever other servers, files and programs saw; and what nobody can see through may do any of it.
 */
import type { Action, Facts } from '../../model/facts.ts';
import { EFFECTS } from './builtin-functions.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { judgeFunction } from './judgement.ts';
import type { RelationInfo } from './relation-info.ts';
import type { PostgresScope } from './scope.ts';
import { as, type FuncCall, type InsertStmt, type Node, type RangeVar, stringsOf, tagOf } from './tree.ts';
import { tableBelow } from './updatable-views.ts';

const PREVIEWED: ReadonlySet<Action> = new Set(['Read', 'Insert', 'Update', 'Delete']);
const CHANGES: ReadonlySet<Action> = new Set(['Insert', 'Update', 'Delete']);
const STATEMENTS: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);
const SEQUENCES: readonly string[] = ['nextval', 'setval'];
/** Triggers that set off triggers. */
const MAX_TRIGGERS = 100;

export interface PreviewSafety {
  /** Why it cannot be previewed, as a sentence. */
  readonly obstacle?: string;
  /** Relations that get rows: values that their defaults take from sequences do not come back. */
  readonly inserted: readonly RelationInfo[];
}

/** Pure: what only the database knows (`drawnSequencesQuestion`) has to be asked besides. */
export function previewSafety(facts: Facts, scope: PostgresScope): PreviewSafety {
  const obstacle = obstacleOf(facts) ?? relationObstacle(facts, scope.catalog);
  if (obstacle !== undefined) return { obstacle, inserted: [] };
  const triggers = new TriggerReader(scope);
  for (const { relation, action } of facts.relations) {
    if (!CHANGES.has(action)) continue;
    for (const one of scope.catalog.relationsById(relation)) triggers.changed(one, action === 'Insert');
  }
  const { obstacle: found, inserted } = triggers;
  return { ...(found === undefined ? {} : { obstacle: found }), inserted: [...inserted] };
}

function obstacleOf({ actions, opaque, functions, objects, settings }: Facts): string | undefined {
  const [hidden] = opaque;
  if (hidden !== undefined) return `Nobody can see through ${hidden.what}.`;
  const reaching = functions.find(({ transparent }) => !transparent);
  if (reaching !== undefined)
    return `It calls ${reaching.name}, whose effects may reach beyond the transaction.`;
  const sequence = objects.find(({ type }) => type === 'sequence');
  if (sequence !== undefined)
    return `It takes values of the sequence ${sequence.name}, which do not come back.`;
  const other = actions.find((action) => !PREVIEWED.has(action));
  if (other !== undefined || objects.length > 0 || settings.length > 0)
    return 'Only INSERT, UPDATE, DELETE and MERGE can be previewed: what else it does may take long locks, or cannot be taken back.';
  return actions.some((action) => CHANGES.has(action)) ? undefined : 'It changes no rows.';
}

function relationObstacle({ relations }: Facts, catalog: CatalogSnapshot): string | undefined {
  for (const { relation, known, temporary, system, action } of relations) {
    if (temporary) return `${relation} is there for its session only.`;
    if (!known) return `${relation} is not known.`;
    if (!CHANGES.has(action)) continue;
    if (system) return `${relation} belongs to the system.`;
    for (const one of catalog.relationsById(relation)) {
      const { kind, rules } = one;
      if (kind === 'foreign-table')
        return `${relation} lies on another server, which may not take back what it did.`;
      if (tableBelow(one, catalog) === undefined)
        return kind === 'view'
          ? `${relation} is a view of more than one table, or has triggers that change something instead.`
          : `${relation} is no table.`;
      if (rules.length > 0) return `${relation} has rules, which do something else instead.`;
    }
  }
  return undefined;
}

/** Follows triggers that somebody wrote, and what those write, as far as it can be seen. */
class TriggerReader {
  obstacle: string | undefined;
  readonly inserted = new Set<RelationInfo>();
  readonly #scope: PostgresScope;
  readonly #seen = new Set<number>();

  constructor(scope: PostgresScope) {
    this.#scope = scope;
  }

  changed(relation: RelationInfo, isInsert: boolean): void {
    for (const one of this.#scope.catalog.family(relation)) {
      if (isInsert) this.inserted.add(one);
      for (const { name, functionOid, enabled } of one.triggers) {
        if (enabled) this.#trigger(`trigger ${name} on ${one.id}`, functionOid);
      }
    }
  }

  #trigger(what: string, oid: number): void {
    const { catalog } = this.#scope;
    if (this.#seen.has(oid) || catalog.functionByOid(oid)?.builtin === true) return;
    this.#seen.add(oid);
    const parsed = catalog.functionBody(oid);
    if (parsed === undefined || parsed.body.opaque !== undefined || this.#seen.size > MAX_TRIGGERS) {
      this.obstacle ??= `Nobody can see through ${what}.`;
      return;
    }
    for (const statement of parsed.statements) {
      if (!STATEMENTS.has(tagOf(statement))) this.obstacle ??= `The ${what} does more than change rows.`;
      this.#read(statement, what);
    }
  }

  #read(value: unknown, what: string): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const each of value) this.#read(each, what);
      return;
    }
    const node = value as Node;
    const call = as<FuncCall>(node, 'FuncCall');
    if (call !== undefined) this.#call(stringsOf(call.funcname ?? []), what);
    for (const tag of ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']) {
      const body = as<Pick<InsertStmt, 'relation'>>(node, tag);
      if (body !== undefined) this.#write(body.relation, tag === 'InsertStmt' || tag === 'MergeStmt', what);
    }
    for (const inner of Object.values(value)) this.#read(inner, what);
  }

  #call(names: readonly string[], what: string): void {
    const { transparent } = judgeFunction(this.#scope, names, undefined);
    const bare = names.at(-1) ?? '';
    if (transparent && EFFECTS[bare] === undefined && !SEQUENCES.includes(bare)) return;
    this.obstacle ??= `The ${what} calls ${bare}, whose effects may reach beyond the transaction.`;
  }

  #write(target: RangeVar | undefined, isInsert: boolean, what: string): void {
    const relation = this.#scope.relation(target?.schemaname, target?.relname ?? '');
    if (relation === undefined)
      this.obstacle ??= `The ${what} writes to ${target?.relname}, which is not known.`;
    else this.changed(relation, isInsert);
  }
}

/** Asks which of these relations take values from sequences: `relation`, each once. */
export function drawnSequencesQuestion(oids: readonly number[]): string {
  return `SELECT DISTINCT a.attrelid::pg_catalog.regclass::pg_catalog.text AS relation FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid AND d.adnum OPERATOR(pg_catalog.=) a.attnum
    WHERE a.attrelid OPERATOR(pg_catalog.=) ANY (ARRAY[${oids.join(',')}]::pg_catalog.oid[]) AND NOT a.attisdropped
      AND (a.attidentity OPERATOR(pg_catalog.<>) '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) OPERATOR(pg_catalog.~) 'nextval')
    ORDER BY 1`;
}
