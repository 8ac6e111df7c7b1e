/**
 * Loads catalog snapshots through a connection that the caller gives. Holds no connection of its own and no clock.
 */
import { createHash } from 'node:crypto';
import { type CatalogRows, CatalogSnapshot } from './catalog.ts';
import { CatalogParts } from './catalog-parts.ts';
import { FOREIGN_CASTS, FOREIGN_OPERATORS, PREPARE_CONNECTION, SCHEMAS, TYPES } from './catalog-queries.ts';
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
    | { readonly hash: string; readonly snapshot: CatalogSnapshot; readonly views: ViewDefinitions }
    | undefined;
  let functions: KnownSources = new Map();
  let grammar = parser;
  const parts = new CatalogParts(query);
  return {
    async load(whole = false) {
      const rows = await readRows(query, parts, whole);
      const views = await readViewDefinitions(query, rows.relations, last?.views ?? new Map());
      const hash = await hashOf(rows, views);
      if (last?.hash === hash) {
        if (!isIncomplete(functions)) return last.snapshot;
        const again = await readFunctionSources(query, last.snapshot, functions);
        if (isIncomplete(again)) return last.snapshot;
      }
      const relations = await decodeRelations(rows.relations, last?.snapshot);
      const snapshot = new CatalogSnapshot((last?.snapshot.version ?? 0) + 1, rows, relations);
      grammar ??= await createParser();
      snapshot.setViewFlows(await traceViews(views, snapshot, grammar));
      functions = await readFunctionSources(query, snapshot, functions);
      snapshot.setFunctionBodies(new FunctionBodies(sourcesByOid(functions), grammar));
      last = { hash, snapshot, views };
      return snapshot;
    },
  };
}

async function readRows(query: CatalogQuery, parts: CatalogParts, whole: boolean): Promise<CatalogRows> {
  const read = async (sql: string): Promise<string[]> => (await query(sql)).map(({ j }) => j ?? 'null');
  await query(PREPARE_CONNECTION);
  const { relations, functions } = await parts.read(whole);
  return {
    schemas: JSON.parse((await read(SCHEMAS))[0] ?? '[]') as string[],
    relations,
    functions,
    operators: await read(FOREIGN_OPERATORS),
    casts: await read(FOREIGN_CASTS),
    types: await read(TYPES),
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

async function hashOf(rows: CatalogRows, views: ViewDefinitions): Promise<string> {
  const slices = new TimeSlices();
  const hash = createHash('sha256').update(rows.schemas.join('\0'));
  for (const list of [rows.relations, rows.functions, rows.operators, rows.casts, rows.types]) {
    hash.update('\x01');
    await slices.map(list, (row) => hash.update(row).update('\0'));
  }
  for (const oid of [...views.keys()].sort((a, b) => a - b))
    hash.update(`${oid}:${views.get(oid)?.definition}\0`);
  return hash.digest('hex');
}
