/** Previews of approval requests of one database, for reviewers. */
import type { DatabaseConfig, Upstream } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { ColumnMask } from '../../model/labels.ts';
import type { Preview } from '../../model/preview.ts';
import type { Actor } from '../../model/principal.ts';
import { CLEAN_STANDING } from '../../model/standing.ts';
import { quoteQualified } from '../../sql/postgres/identifiers.ts';
import type { RelationInfo } from '../../sql/postgres/relation-info.ts';
import type { DatabaseService, DatabaseServiceOptions } from './database-service.ts';
import { SideConnection } from './side-connection.ts';
import { previewStatement } from './statement-preview.ts';

export class RequestPreviews {
  readonly #service: DatabaseService;
  readonly #options: Pick<DatabaseServiceOptions, 'config' | 'policy' | 'now'>;
  readonly #side: SideConnection;

  constructor(service: DatabaseService, options: Pick<DatabaseServiceOptions, 'config' | 'policy' | 'now'>) {
    this.#service = service;
    this.#options = options;
    this.#side = new SideConnection(withSettings(options.config));
  }

  /**
   * Runs what a request asks for and takes it back, for a reviewer to see.
   * @throws {SluiceError} preview_refused, preview_failed, conflict, upstream_*
   */
  async preview(request: ApprovalRequest, requester: Actor, reviewer: Actor): Promise<Preview> {
    const { config, now } = this.#options;
    const { searchPath, user } = request.names ?? { searchPath: [], user: config.upstream.user };
    if (user !== config.upstream.user)
      throw new SluiceError('preview_refused', 'Its session acts as another role.');
    const service = this.#service;
    await service.open();
    try {
      await service.refreshCatalog();
      const plan = await service.planAlong(searchPath, requester, request.statement, CLEAN_STANDING);
      return await previewStatement({
        ...{ request, plan, searchPath, scope: service.scopeAlong(searchPath) },
        ...{ side: this.#side, place: config.preview === undefined ? 'database' : 'preview' },
        config,
        masksOf: (relation) => this.#masksOn(relation, reviewer),
        now,
      });
    } finally {
      service.release();
    }
  }

  close(): void {
    this.#side.close();
  }

  /** What somebody would see masked of a table; undefined if they may not read it. */
  async #masksOn(
    { id, schema, name }: RelationInfo,
    reader: Actor,
  ): Promise<readonly ColumnMask[] | undefined> {
    const { config, policy, now } = this.#options;
    if (!this.#service.admits(reader)) return undefined;
    const text = `SELECT * FROM ${quoteQualified(schema, name)}`;
    const { outcome } = await this.#service.planAlong([], reader, text, CLEAN_STANDING);
    if (outcome !== 'allow') return undefined;
    const context = { now: new Date(now()) };
    return policy().masksFor(reader, config, this.#service.labels, context).ofRelation(id);
  }
}

/** Masks need what the gate gives each session, wherever they are computed. */
function withSettings({ preview, upstream }: DatabaseConfig): Upstream {
  const { sessionSettings } = upstream;
  return preview === undefined || sessionSettings === undefined
    ? (preview ?? upstream)
    : { ...preview, sessionSettings };
}
