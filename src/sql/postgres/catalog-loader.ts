/**
 * Loads catalog snapshots through a connection that the caller gives. Holds no connection of its own and no clock.
 */
import { type CatalogRows, CatalogSnapshot } from './catalog.ts';
import { CatalogParts } from './catalog-parts.ts';
import { PREPARE_CONNECTION } from './catalog-queries.ts';
import { FunctionBodies } from './function-bodies.ts';
import { isIncomplete, type KnownSources, readFunctionSources, sourcesByOid } from './function-sources.ts';
import { createParser, type Parser } from './parser.ts';
import { RelationInfo } from './relation-info.ts';
import { TimeSlices } from './time-slices.ts';
import { readViewDefinitions, traceViews, type ViewDefinitions } from './view-definitions.ts';

/**
 * Runs one query on a connection of the gateway's own that nobody else uses meanwhile. Every column of the loader's
 * queries is text.
 */
export type CatalogQuery = (sql: string) => Promise<readonly Readonly<Record<string, string | null>>[]>;

export interface CatalogLoader {
  /**
   * Reads the catalog. Gives the snapshot of the last load again, same object and version, if nothing changed since.
   * Loads must not overlap. Errors of the query pass through.
   * @param whole read everything, not only what seems to have changed
   */
  load(whole?: boolean): Promise<CatalogSnapshot>;
}

/** @param parser for the definitions of views; one of its own by default, which shares the process's grammar */
export function createCatalogLoader(query: CatalogQuery, parser?: Parser): CatalogLoader {
  let last:
    | { readonly rows: CatalogRows; readonly snapshot: CatalogSnapshot; readonly views: ViewDefinitions }
    | undefined;
  let functions: KnownSources = new Map();
  let grammar = parser;
  const parts = new CatalogParts(query);
  return {
    async load(whole = false) {
      await query(PREPARE_CONNECTION);
      const rows = await parts.read(whole);
      const views = await readViewDefinitions(query, rows.relations, last?.views ?? new Map());
      if (last !== undefined && isSameCatalog(last.rows, rows) && isSameViews(last.views, views)) {
        if (!isIncomplete(functions)) return last.snapshot;
        const again = await readFunctionSources(query, last.snapshot, functions);
        if (isIncomplete(again)) return last.snapshot;
      }
      const version = (last?.snapshot.version ?? 0) + 1;
      const relations = await decodeRelations(rows.relations, last?.snapshot);
      const snapshot = new CatalogSnapshot(version, rows, relations, last?.snapshot);
      grammar ??= await createParser();
      snapshot.setViewFlows(await traceViews(views, snapshot, grammar));
      if (last?.rows.functions !== rows.functions || isIncomplete(functions))
        functions = await readFunctionSources(query, snapshot, functions);
      snapshot.setFunctionBodies(new FunctionBodies(sourcesByOid(functions), grammar));
      last = { rows, snapshot, views };
      return snapshot;
    },
  };
}

/** Relations that are the same as in the snapshot before are taken from it. */
function decodeRelations(
  rows: readonly string[],
  previous: CatalogSnapshot | undefined,
): Promise<RelationInfo[]> {
  return new TimeSlices().map(rows, (row) => {
    const known = previous?.relationByOid(Number(row.slice(1, row.indexOf(','))));
    return known?.source === row ? known : new RelationInfo(row);
  });
}

function isSameCatalog(a: CatalogRows, b: CatalogRows): boolean {
  return (
    isSameList(a.schemas, b.schemas) &&
    isSameList(a.relations, b.relations) &&
    isSameList(a.functions, b.functions) &&
    isSameList(a.operators, b.operators) &&
    isSameList(a.casts, b.casts) &&
    isSameList(a.types, b.types)
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((row, i) => row === b[i]));
}

function isSameViews(a: ViewDefinitions, b: ViewDefinitions): boolean {
  if (a.size !== b.size) return false;
  for (const [oid, { definition }] of b)
    if (a.get(oid)?.definition !== definition || !a.has(oid)) return false;
  return true;
}
