/**
 * How the names of one session resolve: the catalog snapshot, the session's search path and its own relations.
 *
 * Follows PostgreSQL's rules (namespace.c): temporary relations first, then pg_catalog, then the search path, unless the
 * path itself says where those two stand.
 *
 * @see https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-SEARCH-PATH
 */
import { createHash } from 'node:crypto';
import type { Scope } from '../../model/dialect.ts';
import type { CatalogSnapshot } from './catalog.ts';
import type { RelationInfo } from './relation-info.ts';

export interface ScopeOptions {
  readonly catalog: CatalogSnapshot;
  /** The elements of `search_path` as names, unquoted; `$user` stands for `user`. */
  readonly searchPath: readonly string[];
  /** The current user of the session (`current_user`). */
  readonly user: string;
  /** Relations that only the session sees: temporary ones, and those of its open transaction. */
  readonly temporary?: readonly RelationInfo[];
  /** False while functions may have bodies that the catalog does not show yet. Default true. */
  readonly knowsBodies?: boolean;
}

/** Immutable. */
export interface PostgresScope extends Scope {
  readonly catalog: CatalogSnapshot;
  /** The schemas in the order in which names are looked up, the implicit ones included. */
  readonly path: readonly string[];
  /** Finds a relation as the session would. `schema` undefined: along the path. */
  relation(schema: string | undefined, name: string): RelationInfo | undefined;
  /** The session's own relations included. */
  relationByOid(oid: number): RelationInfo | undefined;
  readonly user: string;
  readonly knowsBodies: boolean;
  /** The same session with another path. */
  along(searchPath: readonly string[], user: string): PostgresScope;
  /** True if bare names surely mean what is in `path`, whatever other schemas hold. */
  readonly isClosed: boolean;
  /** True if the bare name may come to mean another relation while the statement is on its way. */
  isAmbiguous(name: string): boolean;
}

/** How the path names the session's temporary schema. */
export const TEMPORARY_SCHEMA = 'pg_temp';

export function createScope(options: ScopeOptions): PostgresScope {
  return new SessionScope(options);
}

/** The scope in which `pg_get_viewdef` prints definitions: everything but pg_catalog is spelled with its schema. */
export function createDefinitionScope(catalog: CatalogSnapshot): PostgresScope {
  return new SessionScope({ catalog, searchPath: ['pg_catalog'], user: '' }, true);
}

class SessionScope implements PostgresScope {
  readonly catalog: CatalogSnapshot;
  readonly catalogVersion: number;
  readonly sessionKey: string;
  readonly path: readonly string[];
  readonly isClosed: boolean;
  readonly user: string;
  readonly knowsBodies: boolean;
  readonly #temporary: readonly RelationInfo[];
  readonly #own = new Map<string, RelationInfo[]>();

  constructor(options: ScopeOptions, isClosed = false) {
    const { catalog, searchPath, user, temporary = [], knowsBodies = true } = options;
    this.catalog = catalog;
    this.catalogVersion = catalog.version;
    this.isClosed = isClosed;
    this.user = user;
    this.knowsBodies = knowsBodies;
    this.#temporary = temporary;
    this.path = effectivePath(searchPath, user);
    this.sessionKey = `${keyOf(this.path, temporary)}${knowsBodies ? '' : ' without bodies'}`;
    for (const relation of temporary) {
      this.#own.set(relation.name, [...(this.#own.get(relation.name) ?? []), relation]);
    }
  }

  relation(schema: string | undefined, name: string): RelationInfo | undefined {
    if (schema !== undefined) return this.#inSchema(schema, name);
    for (const candidate of this.path) {
      const found = this.#inSchema(candidate, name);
      if (found) return found;
    }
    return undefined;
  }

  relationByOid(oid: number): RelationInfo | undefined {
    for (const relations of this.#own.values()) {
      const found = relations.find((relation) => relation.oid === oid);
      if (found) return found;
    }
    return this.catalog.relationByOid(oid);
  }

  along(searchPath: readonly string[], user: string): PostgresScope {
    const { catalog, knowsBodies } = this;
    return new SessionScope({ catalog, searchPath, user, temporary: this.#temporary, knowsBodies });
  }

  isAmbiguous(name: string): boolean {
    return this.#own.has(name) || this.catalog.relationsNamed(name).length !== 1;
  }

  #inSchema(schema: string, name: string): RelationInfo | undefined {
    const own = this.#own.get(name);
    const found = own?.find((relation) =>
      relation.temporary
        ? schema === TEMPORARY_SCHEMA || schema === relation.schema
        : schema === relation.schema,
    );
    return found ?? this.catalog.relation(schema, name);
  }
}

function effectivePath(searchPath: readonly string[], user: string): readonly string[] {
  const path = searchPath.map((name) => (name === '$user' ? user : name)).filter((name) => name !== '');
  if (!path.includes('pg_catalog')) path.unshift('pg_catalog');
  if (!path.includes(TEMPORARY_SCHEMA)) path.unshift(TEMPORARY_SCHEMA);
  return path;
}

function keyOf(path: readonly string[], own: readonly RelationInfo[]): string {
  const key = JSON.stringify(path);
  if (own.length === 0) return key;
  const hash = createHash('sha256');
  for (const { source } of own) hash.update(source).update('\0');
  return `${key}#${hash.digest('hex')}`;
}
