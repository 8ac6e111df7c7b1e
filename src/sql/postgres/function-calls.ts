/**
 * Calls of functions whose body can be seen: everything in it counts as if the caller had written it, in the scope in which
 * it will run. What a body reads is not masked, so it is for the rewriting to refuse what would show.
 */
import { type Binder, createBinder, type Place, read, settleReads } from './binder.ts';
import type { FunctionInfo } from './catalog.ts';
import type { FunctionBody, FunctionSource, ParsedBody } from './function-bodies.ts';
import { isForeign, isTransparent } from './judgement.ts';
import { derivedItem, type Item, type Namespace } from './namespace.ts';
import { bindQuery } from './queries.ts';
import { createDefinitionScope, type PostgresScope } from './scope.ts';
import { parseSearchPath } from './search-path.ts';
import { bodyOf, type Node, tagOf } from './tree.ts';

/** How deep functions may call each other. */
const MAX_DEPTH = 8;

/** What a body may execute; everything else, DDL and settings included, makes it opaque. */
const EXECUTABLE: ReadonlySet<string> = new Set([
  'DeleteStmt',
  'InsertStmt',
  'MergeStmt',
  'SelectStmt',
  'UpdateStmt',
]);

/** Statements that call functions themselves: definitions leave that to later ones, when names may mean something else. */
const CALLING: ReadonlySet<string> = new Set([
  ...EXECUTABLE,
  'CallStmt',
  'CopyStmt',
  'CreateTableAsStmt',
  'DeclareCursorStmt',
  'ExecuteStmt',
  'ExplainStmt',
  'PrepareStmt',
]);

/** True if what a statement calls runs with it, or is looked at again before it does. */
export function callsNow(node: Node): boolean {
  const { objtype, query } = bodyOf(node) as { objtype?: string; query?: Node };
  if (!CALLING.has(tagOf(node)) || objtype === 'OBJECT_MATVIEW') return false;
  return query === undefined || callsNow(query);
}

/**
 * Notes what calls of these functions do, if all of them can be seen through.
 * @param place where the call stands: what a body reads may be in its result
 * @returns false if one cannot be seen through, and nothing was noted
 */
export function bindFunctions(b: Binder, functions: readonly FunctionInfo[], place: Place): boolean {
  const hidden = functions.filter((one) => !isTransparent(one));
  if (b.calling === undefined || hidden.length === 0) return false;
  const children: Binder[] = [];
  for (const one of hidden) {
    // It is being looked at already: what it does is noted where that began.
    if (b.calling.has(one.oid)) continue;
    const child = bindBody(b, one);
    if (child === undefined) return false;
    children.push(child);
  }
  for (const child of children) absorb(b, child, place);
  return true;
}

/** Undefined if the body cannot be seen through. */
function bindBody(b: Binder, one: FunctionInfo): Binder | undefined {
  const parsed = b.scope.catalog.functionBody(one.oid);
  const calling = new Set(b.calling).add(one.oid);
  if (parsed === undefined || parsed.body.opaque !== undefined || calling.size > MAX_DEPTH) return undefined;
  const scope = scopeOf(b.scope, one, parsed.source);
  if (scope === undefined || (one.kind !== 'f' && one.kind !== 'p')) return undefined;
  if (parsed.source.typeOids.some((oid) => isForeign(scope.catalog, oid))) return undefined;
  const child = createBinder(scope, calling);
  bindStatements(child, parsed);
  settleReads(child);
  const { opaque, settings, writes, transaction } = child.sheet.toFacts();
  const isStatic = opaque.length === 0 && settings.length === 0 && transaction === 'none';
  // One that says it writes nothing may run while the statement is planned.
  return isStatic && (one.volatility === 'v' || !writes) ? child : undefined;
}

function bindStatements(child: Binder, { statements, body, source }: ParsedBody): void {
  const namespace: Namespace = { items: variablesOf(source, body), parent: undefined };
  for (const node of statements) {
    if (isExecutable(node)) bindQuery(child, node, namespace, undefined);
    else child.sheet.hide('statement', `${tagOf(node)} in a function`);
  }
}

function isExecutable(node: Node): boolean {
  return EXECUTABLE.has(tagOf(node)) && !JSON.stringify(node).includes('"intoClause"');
}

/** Variables stand around every statement of a body: a column of the same name is nearer. */
function variablesOf({ name, parameters }: FunctionSource, { variables, records }: FunctionBody): Item[] {
  const names = [...new Set([...parameters, ...variables, ...records])].filter((each) => each !== '');
  const columns = names.map((each) => ({ name: each, sources: [] }));
  // Whatever field is asked of a parameter or a record, it holds what the caller gave or the body read.
  const rows = names.map((each) => derivedItem(each, { columns: [], open: true }, []));
  return [derivedItem(name, { columns, open: false }, []), ...rows.map(withoutColumns)];
}

/** Only `record.field` reaches it, no bare name. */
function withoutColumns(item: Item): Item {
  return {
    name: item.name,
    schema: undefined,
    relationVisible: true,
    columnsVisible: false,
    open: true,
    reference: undefined,
    find: () => [],
    output: () => item.output(),
    direct: () => [],
  };
}

/** How names in a body resolve; undefined if that cannot be told. */
function scopeOf(
  scope: PostgresScope,
  { securityDefiner }: FunctionInfo,
  { isParsed, settings, owner }: FunctionSource,
): PostgresScope | undefined {
  if (isParsed) return createDefinitionScope(scope.catalog);
  const own = settings.find((setting) => setting.toLowerCase().startsWith('search_path='));
  const user = securityDefiner ? owner : scope.user;
  if (own !== undefined) return scope.along(parseSearchPath(own.slice('search_path='.length)), user);
  // `$user` stands for somebody else while a security definer runs.
  const { schemas } = scope.catalog;
  return securityDefiner && (schemas.has(owner) || schemas.has(scope.user)) ? undefined : scope;
}

function absorb(b: Binder, child: Binder, place: Place): void {
  b.sheet.absorb(child.sheet);
  b.cascades.push(...child.cascades);
  b.flows.push(...child.flows);
  for (const each of child.references) {
    const reference = { ...each, role: 'body' as const, isWritten: each.role === 'target' || each.isWritten };
    b.references.push(reference);
    const sources = [...each.reads].map((column) => ({ reference, column }));
    read(sources, place);
  }
}
