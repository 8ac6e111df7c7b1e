/** What the names of one session stand for now: its path, user and own relations, on the catalog in force. */
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import { createScope, type PostgresScope } from '../../sql/postgres/scope.ts';
import type { DatabaseService } from './database-service.ts';

export class VisibleScope {
  /** False while the session's transaction may have changed functions. */
  knowsBodies = true;
  readonly #service: DatabaseService;
  #path: readonly string[] = ['$user', 'public'];
  #user: string;
  #own: readonly RelationInfo[] = [];
  #scope: PostgresScope | undefined;

  /** @param user the account that the session begins as */
  constructor(service: DatabaseService, user: string) {
    this.#service = service;
    this.#user = user;
  }

  /** The same object as long as nothing changes. */
  get now(): PostgresScope {
    const { knowsBodies } = this;
    const { catalog } = this.#service;
    if (this.#scope?.catalogVersion !== catalog.version || this.#scope.knowsBodies !== knowsBodies) {
      const [searchPath, user, temporary] = [this.#path, this.#user, this.#own];
      this.#scope = createScope({ catalog, searchPath, user, temporary, knowsBodies });
    }
    return this.#scope;
  }

  /** @param path the schemas along the search path, as they are for `user` */
  resolve(path: readonly string[], user: string): void {
    if (user === this.#user && path.join('\0') === this.#path.join('\0')) return;
    this.#path = path;
    this.#user = user;
    this.#scope = undefined;
  }

  /** Relations that only this session sees. */
  setOwn(relations: readonly RelationInfo[]): void {
    if (relations.length === 0 && this.#own.length === 0) return;
    this.#own = relations;
    this.#scope = undefined;
  }
}
