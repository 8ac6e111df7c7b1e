/**
 * Administration, over a Unix socket that only the user who runs the gateway can open: whoever gets in is an administrator,
 * and there is no other way in. A server of its own, so that no mistake in routing can offer it on the network.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { SluiceError } from '../errors/sluice-error.ts';
import { requirePrivateDirectory } from '../identity/private-file.ts';
import type { TokenFilter, TokenRecord } from '../identity/token.ts';
import type { IssuedToken, TokenRequest } from '../identity/token-authority.ts';
import type { ChangeAuthor } from '../model/ledger-entry.ts';
import type { Checker, CheckQuery } from '../session/check-report.ts';
import { ADMIN_USER_HEADER, adminUser } from './admin-user.ts';
import { createServer } from './api.ts';
import {
  type AuditDesk,
  type AuditReader,
  REPLAY_SCHEMA,
  type ReplayQuery,
  SEARCH_SCHEMA,
  type SearchQuery,
  sendReplay,
} from './audit-routes.ts';
import { BUDGETS_QUERY_SCHEMA, type BudgetDesk, type BudgetQuery } from './budget-routes.ts';
import { FORGET_SCHEMA, type ForgetQuery, type LabelDesk } from './label-routes.ts';
import { CLEAR_SCHEMA, KILL_SCHEMA, type KillBody, type SessionDesk } from './session-routes.ts';

/** What `/admin/status` says. */
export interface GatewayStatus {
  readonly version: string;
  readonly pid: number;
  /** Name to `host:port`. */
  readonly listeners: Readonly<Record<string, string>>;
  readonly policyVersion: string;
  readonly startedAt: number;
  /** Empty where sessions are served in the one process. */
  readonly workers: readonly WorkerStatus[];
}

/** A worker process, or its place. */
export interface WorkerStatus {
  /** Its lane of the ledger. */
  readonly worker: number;
  readonly pid?: number;
  /** Connections it has. */
  readonly connections: number;
  /** Why it does not serve as it should. */
  readonly problem?: string;
}

/** A token as listed. */
export type ListedToken = Omit<TokenRecord, 'verifier'>;

/** What administration needs of tokens; `TokenAuthority` has it. */
export interface TokenDesk {
  issueToken(request: TokenRequest): Promise<IssuedToken>;
  revokeToken(id: string): Promise<void>;
  listTokens(filter: TokenFilter): Promise<readonly ListedToken[]>;
}

export interface AdminApiDeps {
  readonly tokens: TokenDesk;
  readonly sessions: Pick<SessionDesk, 'list' | 'kill' | 'clearTaint'>;
  readonly labels: Pick<LabelDesk, 'list' | 'forget'>;
  readonly budgets: Pick<BudgetDesk, 'list'>;
  readonly audit: AuditDesk;
  readonly check: Checker;
  readonly status: () => GatewayStatus;
  /** @throws {SluiceError} policy_invalid; the policies in force stay */
  readonly reloadPolicies: (author: ChangeAuthor) => Promise<void>;
  /** Told of every request, for the record; what it throws refuses the request. */
  readonly onRequest?: (by: string | undefined) => void;
  readonly now: () => number;
  readonly log: Logger;
  readonly maxStatementBytes: number;
}

const MAX_LISTED = 1000;
const NAME = { type: 'string', minLength: 1, maxLength: 63 } as const;
const CHAIN = { type: 'array', items: NAME, maxItems: 8 } as const;
const PURPOSE = { type: 'string', maxLength: 500 } as const;

const ISSUE_SCHEMA = {
  type: 'object',
  required: ['principal'],
  additionalProperties: false,
  properties: { principal: NAME, onBehalfOf: CHAIN, purpose: PURPOSE, ttlMs: { type: 'integer' } },
} as const;
const LIST_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: { principal: NAME, all: { type: 'boolean', default: false } },
} as const;
const CHECK_SCHEMA = {
  type: 'object',
  required: ['principal', 'database', 'sql'],
  additionalProperties: false,
  properties: {
    principal: NAME,
    onBehalfOf: CHAIN,
    purpose: PURPOSE,
    database: NAME,
    sql: { type: 'string' },
  },
} as const;

/** The admin API, ready for `listenAdmin`. The caller closes it. */
export function createAdminApi(deps: AdminApiDeps): FastifyInstance {
  const app = createServer(deps.log, deps.maxStatementBytes);
  app.addHook('onRequest', async (request) => deps.onRequest?.(authorOf(request).by));
  app.get('/admin/status', () => deps.status());
  app.post('/admin/policies/reload', async (request) => {
    await deps.reloadPolicies({ door: 'admin-socket', ...authorOf(request) });
    return deps.status();
  });
  app.post<{ Body: CheckQuery }>('/admin/check', { schema: { body: CHECK_SCHEMA } }, (request) =>
    deps.check(request.body),
  );
  addTokenRoutes(app, deps);
  addSessionRoutes(app, deps);
  addLabelRoutes(app, deps);
  addAuditRoutes(app, deps.audit);
  app.get<{ Querystring: BudgetQuery }>(
    '/admin/budgets',
    { schema: { querystring: BUDGETS_QUERY_SCHEMA } },
    async ({ query }) => ({ budgets: await deps.budgets.list(query.principal) }),
  );
  return app;
}

const administratorOf = (request: FastifyRequest): AuditReader => ({
  administrator: authorOf(request).by ?? 'an administrator',
});

function authorOf({ headers }: FastifyRequest): { readonly by?: string } {
  const by = adminUser(headers[ADMIN_USER_HEADER]);
  return by === undefined ? {} : { by };
}

function addTokenRoutes(app: FastifyInstance, { tokens, now }: AdminApiDeps): void {
  app.post<{ Body: TokenRequest }>(
    '/admin/tokens',
    { schema: { body: ISSUE_SCHEMA } },
    async (request, reply) => reply.code(201).send(await tokens.issueToken(request.body)),
  );
  app.get<{ Querystring: { principal?: string; all: boolean } }>(
    '/admin/tokens',
    { schema: { querystring: LIST_SCHEMA } },
    async ({ query: { all, ...filter } }) => ({
      tokens: await tokens.listTokens({ ...filter, ...(all ? {} : { activeAt: now() }), limit: MAX_LISTED }),
    }),
  );
  app.post<{ Params: { id: string } }>('/admin/tokens/:id/revoke', async (request, reply) => {
    await tokens.revokeToken(request.params.id);
    return reply.code(204).send();
  });
}

function addAuditRoutes(app: FastifyInstance, audit: AuditDesk): void {
  app.get<{ Querystring: SearchQuery }>(
    '/admin/search',
    { schema: { querystring: SEARCH_SCHEMA } },
    (request) => audit.search(administratorOf(request), request.query),
  );
  app.get<{ Params: { id: string }; Querystring: Omit<ReplayQuery, 'session'> }>(
    '/admin/sessions/:id/events',
    { schema: { querystring: REPLAY_SCHEMA } },
    (request, reply) => {
      const query = { session: request.params.id, ...request.query };
      return sendReplay(reply, (signal) => audit.replay(administratorOf(request), query, signal));
    },
  );
  app.get('/admin/index', () => audit.indexStatus());
  app.post('/admin/index/rebuild', async (_request, reply) => {
    audit.rebuildIndex();
    return reply.code(202).send();
  });
}

function addSessionRoutes(app: FastifyInstance, { sessions }: AdminApiDeps): void {
  app.get('/admin/sessions', () => sessions.list());
  app.post<{ Params: { id: string }; Body: KillBody | null }>(
    '/admin/sessions/:id/kill',
    { schema: { body: KILL_SCHEMA } },
    async (request, reply) => {
      await sessions.kill(request.params.id, { ...request.body });
      return reply.code(204).send();
    },
  );
  app.post<{ Params: { id: string }; Body: { readonly reason: string } }>(
    '/admin/sessions/:id/clear-taint',
    { schema: { body: CLEAR_SCHEMA } },
    async (request, reply) => {
      await sessions.clearTaint(request.params.id, request.body.reason);
      return reply.code(204).send();
    },
  );
}

function addLabelRoutes(app: FastifyInstance, { labels }: AdminApiDeps): void {
  type Params = { readonly database: string };
  app.get<{ Params: Params }>('/admin/labels/:database', async ({ params }) => ({
    labels: await labels.list(params.database),
  }));
  app.post<{ Params: Params; Body: ForgetQuery }>(
    '/admin/labels/:database/forget',
    { schema: { body: FORGET_SCHEMA } },
    async ({ params, body }) => ({ forgotten: await labels.forget(params.database, body) }),
  );
}

/**
 * Opens the socket at `path` for its owner only. A socket left behind by a process that died is replaced; the caller holds
 * the lock of the data directory, so there is no other.
 * @throws {SluiceError} config_invalid if others may reach the socket, or something else stands at the path
 */
export async function listenAdmin(app: FastifyInstance, path: string): Promise<void> {
  // Between bind and chmod, only the directory guards the socket.
  requirePrivateDirectory(dirname(path));
  removeStaleSocket(path);
  await app.listen({ path });
  chmodSync(path, 0o600);
}

function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new SluiceError('config_invalid', `${path} exists and is no socket`, {
      hint: 'Remove it, or set listen.adminSocket to another path.',
    });
  }
  unlinkSync(path);
}
