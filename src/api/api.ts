/**
 * The HTTP API: approvals, sessions, checking statements, health and metrics. Everything below `/v1` demands a token. A door to the
 * same pipeline as the wire protocols, with no right of its own; administration is not here but on its own socket
 * (admin-api.ts).
 */
import { Ajv } from 'ajv';
import fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { KeyPair } from '../config/config.ts';
import type { Principals } from '../identity/actor-chain.ts';
import type { Checker } from '../session/check-report.ts';
import { type AccessRequests, addAccessRoutes } from './access-routes.ts';
import { addApprovalPages } from './approval-pages.ts';
import type { ReviewDesk } from './approval-review.ts';
import { type ApprovalDesk, addApprovalRoutes, type Previewer } from './approval-routes.ts';
import { type AuditDesk, addAuditRoutes } from './audit-routes.ts';
import { type BearerDeps, createAuthenticate, demandBearer } from './bearer.ts';
import { addBudgetRoutes, type BudgetDesk } from './budget-routes.ts';
import { addCheckRoutes } from './check-routes.ts';
import { answerErrors } from './error-answer.ts';
import { addGrantRoutes, type GrantDesk } from './grant-routes.ts';
import { addHealthRoutes, type HealthDeps } from './health-routes.ts';
import { addLabelRoutes, type LabelDesk } from './label-routes.ts';
import { addSessionRoutes, type SessionDesk } from './session-routes.ts';
import { addSlackRoutes, type SlackDoor } from './slack-routes.ts';
import { addTeamsRoutes, type TeamsDoor } from './teams-routes.ts';

export interface ApiDeps extends BearerDeps, HealthDeps {
  readonly approvals: ApprovalDesk;
  readonly preview: Previewer;
  readonly reviews: ReviewDesk;
  readonly grants: GrantDesk;
  readonly access: AccessRequests;
  readonly sessions: Omit<SessionDesk, 'clearTaint'>;
  readonly labels: LabelDesk;
  readonly budgets: BudgetDesk;
  readonly audit: AuditDesk;
  readonly check: Checker;
  /** Where clicks in Slack come in; none without it. */
  readonly slack?: SlackDoor | undefined;
  /** The same of Microsoft Teams. */
  readonly teams?: TeamsDoor | undefined;
  readonly principals: Principals;
  readonly log: Logger;
  /** The longest statement to check, in bytes. */
  readonly maxStatementBytes: number;
  /** Serves HTTPS if given. */
  readonly tls?: KeyPair;
}

const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 512;
const STRICT = new Ajv({ allowUnionTypes: true });
const COERCING = new Ajv({ coerceTypes: true, useDefaults: true });

/** The API, ready to `listen`. The caller closes it. */
export function createApi(deps: ApiDeps): FastifyInstance {
  const app = createServer(deps.log, deps.maxStatementBytes, deps.tls);
  const authenticate = createAuthenticate(deps);
  addHealthRoutes(app, deps);
  addApprovalPages(app, { ...deps, desk: deps.approvals }, authenticate);
  if (deps.slack !== undefined) addSlackRoutes(app, deps.approvals, deps.slack);
  if (deps.teams !== undefined) addTeamsRoutes(app, deps.approvals, deps.teams);
  app.register(async (guarded) => {
    demandBearer(guarded, authenticate);
    addApprovalRoutes(guarded, { ...deps, desk: deps.approvals });
    addGrantRoutes(guarded, deps.approvals, deps.grants, deps.reviews);
    addAccessRoutes(guarded, deps.access, deps.grants);
    addSessionRoutes(guarded, deps.sessions);
    addLabelRoutes(guarded, deps.labels);
    addBudgetRoutes(guarded, deps.budgets);
    addAuditRoutes(guarded, deps.audit);
    addCheckRoutes(guarded, deps.check, deps.principals);
  });
  return app;
}

/** A server with the bounds, headers and error answers that all doors share. */
export function createServer(log: Logger, maxStatementBytes: number, tls?: KeyPair): FastifyInstance {
  const app = fastify({
    // JSON writes a character of a statement in up to six.
    bodyLimit: 6 * maxStatementBytes + 65_536,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 100 },
    forceCloseConnections: 'idle',
    https: tls === undefined ? null : { cert: tls.cert, key: tls.key.reveal() },
  }) as unknown as FastifyInstance;
  // Query strings hold texts only; in a body, a wrong type is a mistake of the caller.
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'querystring' ? COERCING : STRICT).compile(schema as object),
  );
  app.server.maxConnections = MAX_CONNECTIONS;
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
  });
  answerErrors(app, log);
  return app;
}
