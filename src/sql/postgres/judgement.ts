/**
 * What calling a function, casting to a type or using an operator may do, judged by name against the catalog snapshot.
 *
 * It does not resolve overloads by type: whatever a name *may* mean counts. So a user's function that shares its name with a
 * builtin one makes the bare name opaque, while `pg_catalog.name` stays what it is.
 */
import {
  HARMLESS_VOLATILE,
  HARMLESS_VOLATILE_OF_EXTENSIONS,
  REACHING,
  READ_ONLY_VOLATILE,
  REVIEWED_EXTENSIONS,
} from './builtin-functions.ts';
import type { CatalogSnapshot, FunctionInfo, TypeInfo } from './catalog.ts';
import { REVIEWED_FUNCTIONS } from './reviewed-functions.ts';
import type { PostgresScope } from './scope.ts';

/** The schema that a name is written with, or that it surely means. */
function schemaOf({ isClosed }: PostgresScope, names: readonly string[]): string | undefined {
  return names.length > 1 ? names.at(-2) : isClosed ? 'pg_catalog' : undefined;
}

export interface FunctionJudgement {
  /** `schema.name`, or as written if there is none. */
  readonly name: string;
  readonly found: boolean;
  /** True if every function it may mean is known to do nothing but compute, or what `EFFECTS` lists. */
  readonly transparent: boolean;
  /** False only if a call surely leaves nothing behind. */
  readonly writes: boolean;
  /** True if all it may mean came with the server. */
  readonly builtin: boolean;
  readonly candidates: readonly FunctionInfo[];
}

/**
 * @param names the name as written, one to three parts
 * @param argumentCount undefined if it cannot be told (procedures, VARIADIC)
 */
export function judgeFunction(
  scope: PostgresScope,
  names: readonly string[],
  argumentCount: number | undefined,
): FunctionJudgement {
  const name = names.at(-1) ?? '';
  const schema = schemaOf(scope, names);
  const candidates = scope.catalog
    .functionsNamed(name)
    .filter((one) => (schema === undefined || one.schema === schema) && accepts(one, argumentCount));
  const nearest = scope.path.find((each) => candidates.some((one) => one.schema === each));
  const home = nearest ?? candidates[0]?.schema;
  return {
    name: home === undefined ? names.join('.') : `${home}.${name}`,
    found: candidates.length > 0,
    transparent: candidates.length > 0 && candidates.every(isTransparent),
    writes: candidates.length === 0 || candidates.some(mayWrite),
    builtin: candidates.every((one) => one.builtin),
    candidates,
  };
}

function accepts(one: FunctionInfo, count: number | undefined): boolean {
  if (count === undefined || one.kind === 'p') return true;
  if (one.variadic) return count >= one.argumentCount - 1 - one.defaultCount;
  return count <= one.argumentCount && count >= one.argumentCount - one.defaultCount;
}

/** True if the function is known to do nothing but compute. */
export function isTransparent(one: FunctionInfo): boolean {
  if (one.kind === 'p') return false;
  if (one.builtin) {
    if (one.volatility === 'v') return HARMLESS_VOLATILE.has(one.name);
    return REVIEWED_FUNCTIONS.has(one.name) && !REACHING.has(one.name);
  }
  if (one.extension === undefined || !REVIEWED_EXTENSIONS.has(one.extension)) return false;
  return one.volatility !== 'v' || HARMLESS_VOLATILE_OF_EXTENSIONS.has(one.name);
}

function mayWrite(one: FunctionInfo): boolean {
  if (!isTransparent(one)) return true;
  return one.builtin && one.volatility === 'v' && !READ_ONLY_VOLATILE.has(one.name);
}

/** An operator that the name may mean and that runs code nobody reviewed, as `schema.name`. */
export function foreignOperator(scope: PostgresScope, names: readonly string[]): string | undefined {
  const name = names.at(-1) ?? '';
  const schema = schemaOf(scope, names);
  if (
    schema === 'pg_catalog' &&
    !scope.catalog.foreignOperatorsNamed(name).some((one) => one.schema === schema)
  ) {
    return undefined;
  }
  const meant = scope.catalog
    .foreignOperatorsNamed(name)
    .filter((one) => schema === undefined || one.schema === schema);
  // One that is not in the snapshot may be temporary, or new.
  if (schema !== undefined && meant.length === 0) return names.join('.');
  const found = meant.find((one) => !isKnownFunction(scope.catalog, one.functionOid));
  return found && `${found.schema}.${found.name}`;
}

function isKnownFunction(catalog: CatalogSnapshot, oid: number): boolean {
  const info = catalog.functionByOid(oid);
  return info !== undefined && isTransparent(info);
}

/** What naming a type may do: `unknown` if there is none of that name, `foreign` if values of it run unreviewed code. */
export type TypeJudgement = 'plain' | 'foreign' | 'unknown';

/** Pseudo types of CREATE TABLE, which the grammar leaves as plain names. */
const SERIALS: ReadonlySet<string> = new Set([
  'serial',
  'serial2',
  'serial4',
  'serial8',
  'smallserial',
  'bigserial',
]);

export function judgeType(scope: PostgresScope, names: readonly string[]): TypeJudgement {
  const name = names.at(-1) ?? '';
  const schema = schemaOf(scope, names);
  const types = scope.catalog
    .typesNamed(name)
    .filter((type) => schema === undefined || type.schema === schema);
  if (types.some((type) => isForeignType(scope.catalog, type))) return 'foreign';
  const relation = scope.relation(schema, name);
  if (relation) {
    const foreign = relation.columns.some(({ typeOid }) => isForeign(scope.catalog, typeOid));
    return foreign ? 'foreign' : 'plain';
  }
  return types.length > 0 || SERIALS.has(name) ? 'plain' : 'unknown';
}

/** True if values of that type may run unreviewed code. */
export function isForeign(catalog: CatalogSnapshot, oid: number, depth = 0): boolean {
  const type = catalog.type(oid);
  // Row types of relations are not in the snapshot: taking one apart is not worth it.
  return type === undefined || isForeignType(catalog, type, depth);
}

function isForeignType(catalog: CatalogSnapshot, type: TypeInfo, depth = 0): boolean {
  if (type.builtin) return false;
  if (depth > 16) return true;
  if (
    catalog
      .foreignCastsOf(type.oid)
      .some((cast) => cast.functionOid !== 0 && !isKnownFunction(catalog, cast.functionOid))
  ) {
    return true;
  }
  if (type.extension !== undefined && REVIEWED_EXTENSIONS.has(type.extension)) return false;
  if (type.kind === 'b' && type.elementOid === 0) return true;
  if (type.checks.some((functions) => functions.some((oid) => !isKnownFunction(catalog, oid)))) return true;
  return type.parts.some((part) => isForeign(catalog, part, depth + 1));
}
