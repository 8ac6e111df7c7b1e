/**
 * Reads the definitions of views and traces where their columns come from. Keeps what is unchanged from load to load.
 */

import type { CatalogSnapshot } from './catalog.ts';
import type { CatalogQuery } from './catalog-loader.ts';
import { viewDefinitionsQuery } from './catalog-queries.ts';
import type { Parser } from './parser.ts';
import { sqlstateOf } from './prepared-query.ts';
import { RelationInfo } from './relation-info.ts';
import { createDefinitionScope } from './scope.ts';
import { TimeSlices } from './time-slices.ts';
import { flowOf, unknownFlow, type ViewFlow } from './view-flow.ts';

/** A view's definition with everything it was printed from. */
export interface ViewDefinition {
  /** The view's own row, and those of the relations it reads: when one changes, names in the definition may have. */
  readonly sources: readonly string[];
  /** Undefined if it could not be read in time. */
  readonly definition: string | undefined;
  flow?: ViewFlow;
}

export type ViewDefinitions = ReadonlyMap<number, ViewDefinition>;

/** The start of a relation's row: oid and kind. */
const VIEW_ROW = /^\[(\d+), "[vm]", "(?!pg_catalog"|information_schema")/;
const LOCK_NOT_AVAILABLE = '55P03';

/** Reads the definitions that are new or may have changed. Of a view that somebody holds locked there is none. */
export async function readViewDefinitions(
  query: CatalogQuery,
  rows: readonly string[],
  known: ViewDefinitions,
): Promise<ViewDefinitions> {
  const byOid = new Map(rows.map((row) => [Number(row.slice(1, row.indexOf(','))), row]));
  const views = new Map<number, ViewDefinition>();
  const wanted = new Map<number, readonly string[]>();
  for (const row of rows) {
    if (!VIEW_ROW.test(row)) continue;
    const view = new RelationInfo(row);
    const sources = [row, ...view.reads.map((oid) => byOid.get(oid) ?? '')];
    const old = known.get(view.oid);
    if (old?.definition !== undefined && isSame(old.sources, sources)) views.set(view.oid, old);
    else wanted.set(view.oid, sources);
  }
  if (wanted.size === 0) return views;
  const definitions = new Map(await definitionsOf(query, [...wanted.keys()]));
  for (const [oid, sources] of wanted) views.set(oid, { sources, definition: definitions.get(oid) });
  return views;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}

/** All at once; if one of them is locked, by halves. */
async function definitionsOf(query: CatalogQuery, oids: readonly number[]): Promise<[number, string][]> {
  const rows = await readUnlocked(query, viewDefinitionsQuery, oids);
  return rows.map((row) => JSON.parse(row) as [number, string]);
}

/** Rows about those objects, but for objects that somebody holds locked: all at once, or else by halves. */
export async function readUnlocked(
  query: CatalogQuery,
  sqlFor: (oids: readonly number[]) => string,
  oids: readonly number[],
): Promise<string[]> {
  try {
    return (await query(sqlFor(oids))).map(({ j }) => j ?? 'null');
  } catch (error) {
    if (sqlstateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
    if (oids.length === 1) return [];
    const middle = oids.length >> 1;
    const first = await readUnlocked(query, sqlFor, oids.slice(0, middle));
    return [...first, ...(await readUnlocked(query, sqlFor, oids.slice(middle)))];
  }
}

/** The flows of all views, resolved against a snapshot. */
export async function traceViews(
  views: ViewDefinitions,
  catalog: CatalogSnapshot,
  parser: Parser,
): Promise<ReadonlyMap<number, ViewFlow>> {
  const scope = createDefinitionScope(catalog);
  const flows = new Map<number, ViewFlow>();
  const slices = new TimeSlices();
  for (const [oid, view] of views) {
    await slices.breathe();
    const relation = catalog.relationByOid(oid);
    if (relation === undefined) continue;
    view.flow ??= await traceView(relation, view.definition, parser, scope);
    flows.set(oid, view.flow);
  }
  return flows;
}

async function traceView(
  relation: RelationInfo,
  definition: string | undefined,
  parser: Parser,
  scope: ReturnType<typeof createDefinitionScope>,
): Promise<ViewFlow> {
  if (definition === undefined) return unknownFlow(relation);
  try {
    return flowOf(relation, await parser.parse(definition), scope);
  } catch {
    // Too complex for us, whatever it is: then nobody knows where its values come from.
    return unknownFlow(relation);
  }
}
