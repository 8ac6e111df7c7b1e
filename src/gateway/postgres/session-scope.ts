/** What names mean in one session: along its search path, for its role, with relations of its own, on the catalog that all share. */
import type { StatementNames } from '../../model/approval.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import { createScope, type PostgresScope, TEMPORARY_SCHEMA } from '../../sql/postgres/scope.ts';

export class SessionScope {
  #searchPath: readonly string[] = ['$user', 'public'];
  /** Those that the catalog had when the path was resolved. */
  #schemas: ReadonlySet<string> = new Set();
  #user: string;
  #temporary: readonly RelationInfo[] = [];
  /** False while the session's transaction may have changed functions. */
  #knowsBodies = true;
  #scope: PostgresScope | undefined;
  #catalogVersion = -1;

  constructor(user: string) {
    this.#user = user;
  }

  /** The scope of a text planned now; the same object until something changes. */
  on(catalog: CatalogSnapshot): PostgresScope {
    if (this.#scope !== undefined && this.#catalogVersion === catalog.version) return this.#scope;
    this.#catalogVersion = catalog.version;
    this.#scope = createScope({
      catalog,
      searchPath: this.#searchPath,
      user: this.#user,
      temporary: this.#temporary,
      knowsBodies: this.#knowsBodies,
    });
    return this.#scope;
  }

  /** True if there are other schemas than before: one that was missing when the path was resolved may be there now. */
  noteSchemas({ schemas }: Pick<CatalogSnapshot, 'schemas'>): boolean {
    if (schemas === this.#schemas) return false;
    const same = schemas.size === this.#schemas.size && [...schemas].every((name) => this.#schemas.has(name));
    this.#schemas = schemas;
    return !same;
  }

  setNames({ path, user }: { readonly path: readonly string[]; readonly user: string }): void {
    if (user === this.#user && path.join('\0') === this.#searchPath.join('\0')) return;
    this.#user = user;
    this.#searchPath = path;
    this.#scope = undefined;
  }

  /** Relations that only this session sees: temporary ones, and those not committed yet. */
  setTemporary(relations: readonly RelationInfo[]): void {
    if (relations.length === 0 && this.#temporary.length === 0) return;
    this.#temporary = relations;
    this.#scope = undefined;
  }

  setKnowsBodies(knows: boolean): void {
    if (knows === this.#knowsBodies) return;
    this.#knowsBodies = knows;
    this.#scope = undefined;
  }
}

/** How the names of a session are looked up again when it is gone. */
export function namesIn(
  { path, user }: PostgresScope,
  parameterTypes: readonly number[] = [],
): StatementNames {
  return { searchPath: path.filter((schema) => schema !== TEMPORARY_SCHEMA), user, parameterTypes };
}
