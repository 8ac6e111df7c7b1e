/**
 * Reads the definitions of functions in SQL and PL/pgSQL. Keeps what is unchanged from load to load.
 */
import type { CatalogSnapshot, FunctionInfo } from './catalog.ts';
import type { CatalogQuery } from './catalog-loader.ts';
import { functionSourcesQuery } from './catalog-queries.ts';
import type { FunctionSource } from './function-bodies.ts';
import { readUnlocked } from './view-definitions.ts';

/** By oid: a definition, and the digest that the function had when it was read. */
export type KnownSources = ReadonlyMap<
  number,
  { readonly digest: string; readonly source: FunctionSource | undefined }
>;

const LANGUAGES: ReadonlySet<string> = new Set(['sql', 'plpgsql']);

/** So many at once: definitions may be long. */
const BATCH = 500;

/** Reads the definitions that are new or have changed. */
export async function readFunctionSources(
  query: CatalogQuery,
  catalog: CatalogSnapshot,
  known: KnownSources,
): Promise<KnownSources> {
  const current = new Map<number, { readonly digest: string; readonly source: FunctionSource | undefined }>();
  const wanted: FunctionInfo[] = [];
  for (const one of catalog.functions()) {
    if (one.builtin || one.extension !== undefined || !LANGUAGES.has(one.language)) continue;
    const old = known.get(one.oid);
    if (old?.source !== undefined && old.digest === one.definitionDigest) current.set(one.oid, old);
    else if (one.kind === 'f' || one.kind === 'p') wanted.push(one);
  }
  for (let i = 0; i < wanted.length; i += BATCH) {
    const batch = wanted.slice(i, i + BATCH);
    const rows = await readUnlocked(
      query,
      functionSourcesQuery,
      batch.map(({ oid }) => oid),
    );
    const read = new Map(
      rows.map((row) => sourceOf(JSON.parse(row) as SourceRow)).map((each) => [each.oid, each]),
    );
    for (const { oid, definitionDigest = '' } of batch) {
      current.set(oid, { digest: definitionDigest, source: read.get(oid) });
    }
  }
  return current;
}

/** True if a definition was locked, so that reading again may find it. */
export function isIncomplete(known: KnownSources): boolean {
  for (const { source } of known.values()) if (source === undefined) return true;
  return false;
}

export function sourcesByOid(known: KnownSources): Map<number, FunctionSource> {
  const sources = new Map<number, FunctionSource>();
  for (const [oid, { source }] of known) if (source) sources.set(oid, source);
  return sources;
}

type SourceRow = readonly [
  oid: number,
  name: string,
  language: string,
  text: string | null,
  isParsed: number,
  definition: string | null,
  parameters: readonly string[] | null,
  defaults: string | null,
  settings: readonly string[] | null,
  owner: string,
  typeOids: readonly number[] | null,
];

function sourceOf(row: SourceRow): FunctionSource {
  const [oid, name, language, text, isParsed, definition, parameters, defaults, settings, owner, typeOids] =
    row;
  return {
    oid,
    name,
    language,
    text: text ?? '',
    isParsed: isParsed === 1,
    definition: definition ?? undefined,
    parameters: parameters ?? [],
    defaults: defaults ?? '',
    settings: settings ?? [],
    owner,
    typeOids: typeOids ?? [],
  };
}
