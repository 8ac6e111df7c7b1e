/** Deciding a text without running it: for the API, the admin socket and the command line. */
import { Registry } from 'prom-client';
import type { CheckQuery, CheckReport } from '../api/check-report.ts';
import type { Config } from '../config/config.ts';
import { readPolicyTexts } from '../config/policy-files.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { DatabaseService } from '../gateway/postgres/database-service.ts';
import { chainProblem, requirePrincipal } from '../identity/actor-chain.ts';
import type { Actor } from '../model/principal.ts';
import { PolicyEngine } from '../policy/engine.ts';
import { loadPolicies } from '../policy/load.ts';
import { PipelineMetrics } from '../session/metrics.ts';
import type { Plan } from '../session/plan.ts';
import { createParser } from '../sql/postgres/parser.ts';
import { createPostgresDialect } from '../sql/postgres/postgres-dialect.ts';

/**
 * Decides as a new session would.
 * @throws {SluiceError} unknown_database, connect_denied, not_found, syntax_error, …
 */
export async function decideQuery(
  config: Config,
  services: ReadonlyMap<string, DatabaseService>,
  query: CheckQuery,
): Promise<CheckReport> {
  const service = services.get(query.database);
  if (service === undefined)
    throw new SluiceError('unknown_database', `database "${query.database}" does not exist`);
  const actor = actorOfQuery(config, query);
  // Whoever may not connect learns nothing of the database's names here either.
  if (!service.admits(actor))
    throw new SluiceError('connect_denied', `${query.principal} may not connect to ${query.database}`);
  return reportOf(await service.check(actor, query.sql));
}

/**
 * Decides a text without a running gateway: connects to the database for its catalog only.
 * @throws {SluiceError} not_found, unknown_database, upstream_unavailable, syntax_error, …
 */
export async function checkStatement(config: Config, query: CheckQuery): Promise<CheckReport> {
  const database = config.databases.get(query.database);
  if (database === undefined)
    throw new SluiceError('unknown_database', `database "${query.database}" does not exist`);
  const engine = new PolicyEngine(loadPolicies(readPolicyTexts(config), config.approvals));
  const parser = await createParser({ maxTextLength: config.limits.maxStatementBytes });
  const service = new DatabaseService({
    config: database,
    dialect: createPostgresDialect(parser),
    policy: () => engine,
    approvals: undefined,
    metrics: new PipelineMetrics(new Registry()),
    now: Date.now,
    onRefreshFailure: () => {},
  });
  try {
    return reportOf(await service.check(actorOfQuery(config, query), query.sql));
  } finally {
    service.close();
    await parser.close();
  }
}

function actorOfQuery(config: Config, { principal: id, onBehalfOf = [], purpose }: CheckQuery): Actor {
  const principal = requirePrincipal(id, config.principals);
  const problem = chainProblem(principal, onBehalfOf, config.principals);
  if (problem !== undefined) throw problem;
  return {
    principal,
    onBehalfOf: onBehalfOf.map((name) => requirePrincipal(name, config.principals)),
    ...(purpose === undefined ? {} : { purpose }),
  };
}

function reportOf(plan: Plan): CheckReport {
  return {
    statements: plan.statements.map(({ analyzed, facts, decision }) => ({
      text: plan.text.slice(analyzed.start, analyzed.end),
      facts,
      decision,
    })),
    rewritten: plan.forwardText,
  };
}
