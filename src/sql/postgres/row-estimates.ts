/**
 * What the planner expects of a statement: how to ask for it, and how to read the answer. EXPLAIN runs nothing but what planning
 * itself computes.
 *
 * @see https://www.postgresql.org/docs/18/sql-explain.html
 */
import type { Estimate, EstimatedTable } from '../../model/blast-radius.ts';
import type { SessionObjectUse } from '../../model/dialect.ts';
import type { Facts, RelationUse } from '../../model/facts.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { quoteQualified } from './identifiers.ts';
import { tokenize } from './lexer.ts';
import type { RelationInfo } from './relation-info.ts';

const EXPLAIN = 'EXPLAIN (FORMAT JSON) ';
const EXPLAINED: ReadonlySet<string> = new Set([
  ...['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'EXECUTE', 'DECLARE CURSOR'],
]);
/** Of one statement; more are not asked about. */
const MAX_SIZES = 8;

/**
 * Asks for the plan of one statement; undefined if it has none, or nobody has to ask.
 * @param text the statement alone, as it would be forwarded
 */
export function estimateQuestion(
  text: string,
  { command, writes }: Facts,
  object?: SessionObjectUse,
): string | undefined {
  if (object?.verb === 'create' && object.kind === 'prepared') return undefined;
  if (command === 'EXPLAIN') return writes ? EXPLAIN + explainedPart(text) : undefined;
  return EXPLAINED.has(command) ? EXPLAIN + text : undefined;
}

/** What EXPLAIN explains: options are words, or stand in parentheses. */
function explainedPart(text: string): string {
  const [, ...tokens] = tokenize(text);
  let depth = 0;
  const first = tokens.find(({ word }, at) => {
    if (word === '(' && (depth > 0 || at === 0)) depth += 1;
    else if (word === ')' && depth > 0) depth -= 1;
    else return depth === 0 && word !== 'analyze' && word !== 'analyse' && word !== 'verbose';
    return false;
  });
  return text.slice(first?.start ?? 0);
}

/** Tables whose size says what share of them a statement touches. */
export function sizedRelations(facts: Facts, catalog: CatalogSnapshot): readonly RelationInfo[] {
  const isWritten = ({ action }: RelationUse) => action === 'Update' || action === 'Delete';
  const written = facts.relations.filter(isWritten);
  const uses = written.length > 0 || facts.writes ? written : facts.relations;
  const sized = uses.filter(({ known, system, temporary }) => known && !system && !temporary);
  const relations = sized.flatMap(({ relation }) => catalog.relationsById(relation));
  return [...new Set(relations)].slice(0, MAX_SIZES);
}

/** Asks how many rows the planner thinks a table has now: newer than what the catalog says. */
export function sizeQuestion({ schema, name }: RelationInfo): string {
  return `${EXPLAIN}SELECT FROM ${quoteQualified(schema, name)}`;
}

/** A node of a plan, as far as it is read. */
interface PlanNode {
  readonly 'Node Type'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Parent Relationship'?: string;
  readonly 'Plan Rows'?: number;
  readonly Operation?: string;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows a plan yields; undefined for what is no plan. */
export function plannedRows(json: string | undefined): number | undefined {
  return rowsOf(planIn(json));
}

/**
 * @param json the answer to `estimateQuestion`
 * @param sizes rows of `sizedRelations`, as far as known
 */
export function estimateIn(
  json: string | undefined,
  facts: Facts,
  sizes: ReadonlyMap<RelationInfo, number>,
): Estimate | undefined {
  const plan = planIn(json);
  if (plan === undefined) return undefined;
  const changes = changesIn(plan);
  if (changes.length === 0 && facts.writes) return undefined;
  if (changes.length === 0) return readEstimate(rowsOf(plan), [...sizes.values()]);
  const tables = changes.map(({ name, operation, rows }): EstimatedTable => {
    const [relation, of] = [...sizes].find(([one]) => one.name === name) ?? [];
    const id = relation?.id ?? idOf(name, facts);
    return { relation: id, rows, ...(of === undefined || operation === 'Insert' ? {} : { of }) };
  });
  const shares = tables.flatMap(({ rows, of }) => (of === undefined ? [] : [percent(rows, of)]));
  return {
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    ...(shares.length === 0 ? {} : { sharePercent: Math.max(...shares) }),
    tables,
  };
}

function readEstimate(rows: number | undefined, sizes: readonly number[]): Estimate | undefined {
  if (rows === undefined) return undefined;
  const largest = Math.max(0, ...sizes);
  return { rows, ...(largest === 0 ? {} : { sharePercent: percent(rows, largest) }), tables: [] };
}

function percent(rows: number, of: number): number {
  return of <= 0 ? 100 : Math.min(100, Math.round((100 * rows) / of));
}

function idOf(name: string, facts: Facts): string {
  const use = facts.relations.find(
    ({ relation, action }) => action !== 'Read' && relation.endsWith(`.${name}`),
  );
  return use?.relation ?? name;
}

interface PlannedChange {
  readonly name: string;
  readonly operation: string;
  readonly rows: number;
}

/** Each place of a plan that changes a table; what it is fed with is what it changes. */
function changesIn(node: PlanNode): readonly PlannedChange[] {
  const below = (node.Plans ?? []).flatMap(changesIn);
  if (node['Node Type'] !== 'ModifyTable') return below;
  const fed = (node.Plans ?? []).filter((one) =>
    ['Outer', 'Member'].includes(one['Parent Relationship'] ?? ''),
  );
  const rows = fed.reduce((sum, one) => sum + (rowsOf(one) ?? 0), 0);
  return [{ name: node['Relation Name'] ?? '', operation: node.Operation ?? '', rows }, ...below];
}

function rowsOf(node: PlanNode | undefined): number | undefined {
  const rows = node?.['Plan Rows'];
  return typeof rows !== 'number' || !(rows >= 0)
    ? undefined
    : Math.min(Number.MAX_SAFE_INTEGER, Math.round(rows));
}

function planIn(json: string | undefined): PlanNode | undefined {
  if (json === undefined) return undefined;
  try {
    const [first] = JSON.parse(json) as { Plan?: PlanNode }[];
    return first?.Plan;
  } catch {
    // What answers so is no PostgreSQL, and says nothing.
    return undefined;
  }
}
