/**
 * Loads catalog snapshots through a connection that the caller gives. Holds no connection of its own and no clock.
 */
import { createHash } from 'node:crypto';
import { type CatalogRows, CatalogSnapshot } from './catalog.ts';
import {
  ALL_RELATIONS,
  FIRST_USER_OID,
  FOREIGN_CASTS,
  FOREIGN_OPERATORS,
  FUNCTIONS,
  PREPARE_CONNECTION,
  SCHEMAS,
  TYPES,
  viewDefinitionsQuery,
} from './catalog-queries.ts';
import type { Parser } from './parser.ts';

/**
 * Runs one query on a connection of the gateway's own that nobody else uses meanwhile. Every column of the loader's
 * queries is text.
 */
export type CatalogQuery = (sql: string) => Promise<readonly Readonly<Record<string, string | null>>[]>;

const LOCK_NOT_AVAILABLE = '55P03';

export interface CatalogLoader {
  /**
   * Reads the catalog. Gives the snapshot of the last load again, same object and version, if nothing changed since.
   * Loads must not overlap. Errors of the query pass through.
   */
  load(): Promise<CatalogSnapshot>;
}

export function createCatalogLoader(query: CatalogQuery, _parser?: Parser): CatalogLoader {
  let last: { readonly hash: string; readonly snapshot: CatalogSnapshot; readonly views: Views } | undefined;
  return {
    async load() {
      const rows = await readRows(query);
      const views = await readViews(query, rows.relations, last?.views);
      const hash = hashOf(rows, views);
      if (last?.hash === hash) return last.snapshot;
      const definitions = new Map([...views].map(([oid, { definition }]) => [oid, definition]));
      const version = (last?.snapshot.version ?? 0) + 1;
      const snapshot = new CatalogSnapshot(
        version,
        { ...rows, viewDefinitions: definitions },
        last?.snapshot,
      );
      last = { hash, snapshot, views };
      return snapshot;
    },
  };
}

type Rows = Omit<CatalogRows, 'viewDefinitions'>;
/** By oid: the definition, and the row of the relation it was read for. */
type Views = ReadonlyMap<number, { readonly source: string; readonly definition: string }>;

async function readRows(query: CatalogQuery): Promise<Rows> {
  const read = async (sql: string): Promise<string[]> => (await query(sql)).map(({ j }) => j ?? 'null');
  await query(PREPARE_CONNECTION);
  return {
    schemas: JSON.parse((await read(SCHEMAS))[0] ?? '[]') as string[],
    relations: await read(ALL_RELATIONS),
    functions: await read(FUNCTIONS),
    operators: await read(FOREIGN_OPERATORS),
    casts: await read(FOREIGN_CASTS),
    types: await read(TYPES),
  };
}

/** The start of a relation's row: oid and kind. */
const VIEW_ROW = /^\[(\d+), "[vm]"/;

/** Reads the definitions of the views that are new or changed. One that somebody holds locked is left out. */
async function readViews(
  query: CatalogQuery,
  relations: readonly string[],
  known: Views | undefined,
): Promise<Views> {
  const views = new Map<number, { source: string; definition: string }>();
  const wanted = new Map<number, string>();
  for (const source of relations) {
    const oid = Number(VIEW_ROW.exec(source)?.[1] ?? 0);
    if (oid < FIRST_USER_OID) continue;
    const old = known?.get(oid);
    if (old?.source === source) views.set(oid, old);
    else wanted.set(oid, source);
  }
  if (wanted.size === 0) return views;
  for (const [oid, definition] of await definitionsOf(query, [...wanted.keys()])) {
    views.set(oid, { source: wanted.get(oid) ?? '', definition });
  }
  return views;
}

/** All at once, and if one of them is locked one by one. */
async function definitionsOf(query: CatalogQuery, oids: readonly number[]): Promise<[number, string][]> {
  try {
    const rows = await query(viewDefinitionsQuery(oids));
    return rows.map(({ j }) => JSON.parse(j ?? '[0,""]') as [number, string]);
  } catch (error) {
    if (oids.length === 1) return [];
    if (!isLockTimeout(error)) throw error;
    const halves = [oids.slice(0, oids.length >> 1), oids.slice(oids.length >> 1)];
    const found: [number, string][] = [];
    for (const half of halves) found.push(...(await definitionsOf(query, half)));
    return found;
  }
}

function isLockTimeout(error: unknown): boolean {
  const { code, sqlstate } = error as { code?: unknown; sqlstate?: unknown };
  return code === LOCK_NOT_AVAILABLE || sqlstate === LOCK_NOT_AVAILABLE;
}

function hashOf(rows: Rows, views: Views): string {
  const hash = createHash('sha256').update(rows.schemas.join('\0'));
  for (const list of [rows.relations, rows.functions, rows.operators, rows.casts, rows.types]) {
    hash.update('\x01');
    for (const row of list) hash.update(row).update('\0');
  }
  for (const oid of [...views.keys()].sort((a, b) => a - b))
    hash.update(`${oid}:${views.get(oid)?.definition}\0`);
  return hash.digest('hex');
}
