/**
 * Decides statements without running them: for the API, on the gateway's own services, and for commands, on services of their
 * own that connect to a database for its catalog only. Records nothing.
 */
import { Registry } from 'prom-client';
import type { Config, DatabaseConfig } from '../../config/config.ts';
import { readPolicyTexts } from '../../config/policy-files.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import { chainProblem, requirePrincipal } from '../../identity/actor-chain.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { Decision } from '../../model/decision.ts';
import type { Preview } from '../../model/preview.ts';
import type { Actor } from '../../model/principal.ts';
import { type Explanation, PolicyEngine } from '../../policy/engine.ts';
import { loadPolicies, type PolicySource } from '../../policy/load.ts';
import { type CheckQuery, type CheckReport, standingOf } from '../../session/check-report.ts';
import { PipelineMetrics } from '../../session/metrics.ts';
import { tainted } from '../../session/untrusted-reads.ts';
import { offsetsOf } from '../../sql/postgres/hazard-places.ts';
import { tokenize } from '../../sql/postgres/lexer.ts';
import { createParser } from '../../sql/postgres/parser.ts';
import { createPostgresDialect } from '../../sql/postgres/postgres-dialect.ts';
import { estimateContext } from './blast-radius.ts';
import { type CheckedPlan, DatabaseService } from './database-service.ts';

/**
 * Decides a text as the gateway would now.
 * @throws {SluiceError} not_found, unknown_database, connect_denied, upstream_unavailable, syntax_error, …
 */
export async function checkStatement(
  config: Pick<Config, 'principals'>,
  services: ReadonlyMap<string, DatabaseService>,
  query: CheckQuery,
): Promise<CheckReport> {
  const service = serviceOf(services, query);
  const actor = actorOfQuery(config, query);
  // Whoever may not connect learns nothing of the database's names here either.
  if (!service.admits(actor))
    throw new SluiceError('connect_denied', `${query.principal} may not connect to ${query.database}`);
  return reportOf(await service.check(actor, query.sql));
}

/**
 * Previews a request, for a reviewer. Who may ask for that is decided elsewhere.
 * @throws {SluiceError} as `DatabaseService.preview`
 */
export async function previewRequest(
  config: Pick<Config, 'principals'>,
  services: ReadonlyMap<string, DatabaseService>,
  request: ApprovalRequest,
  reviewer: Actor,
): Promise<Preview> {
  const { principal, onBehalfOf, database } = request.binding;
  const { purpose } = request;
  const asked = { principal, onBehalfOf, database, ...(purpose === undefined ? {} : { purpose }) };
  return serviceOf(services, { ...asked, sql: '' }).previews.preview(
    request,
    actorOfQuery(config, asked),
    reviewer,
  );
}

/** What a decision rests on, statement by statement. */
export type ExplainReport = CheckReport & { readonly explanations: readonly Explanation[] };

/** How a client comes. */
export interface ConnectDoor {
  /** `ip:port` or an address. */
  readonly client?: string;
  readonly tls?: boolean;
}

/** Decides under policies of one's own choice. Keeps what it read of each database until it is closed. */
export interface StatementChecker {
  /** The version of the policies that decide. */
  readonly policyVersion: string;
  /**
   * @param now milliseconds since the epoch that the policies see; the present if absent
   * @throws {SluiceError} not_found, unknown_database, upstream_unavailable, syntax_error, …
   */
  check(query: CheckQuery, now?: number): Promise<CheckReport>;
  /** May the principal connect to the database at all? `sql` is not looked at. */
  connect(query: Omit<CheckQuery, 'sql'>, door: ConnectDoor, now?: number): Decision;
  /** As `check`, and with what each policy said of each thing. */
  explain(query: CheckQuery, now?: number): Promise<ExplainReport>;
  close(): Promise<void>;
}

/**
 * @param sources the policies; those of the configuration if absent
 * @throws {SluiceError} policy_invalid, config_invalid
 */
export async function openStatementChecker(
  config: Config,
  sources: readonly PolicySource[] = readPolicyTexts(config),
): Promise<StatementChecker> {
  const engine = new PolicyEngine(loadPolicies(sources, config.approvals));
  const parser = await createParser({ maxTextLength: config.limits.maxStatementBytes });
  const dialect = createPostgresDialect(parser);
  const metrics = new PipelineMetrics(new Registry());
  const services = new Map<string, DatabaseService>();
  let present: number | undefined;
  const now = () => present ?? Date.now();
  const service = (query: CheckQuery): DatabaseService => {
    const known = services.get(query.database);
    if (known !== undefined) return known;
    const made = new DatabaseService({
      config: databaseOf(config, query),
      dialect,
      policy: () => engine,
      approvals: undefined,
      metrics,
      now,
      onRefreshFailure: () => {},
    });
    services.set(query.database, made);
    return made;
  };
  // One question at a time: the clock is that of the question.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(at: number | undefined, ask: () => Promise<T>): Promise<T> => {
    const answer = turn.then(() => {
      present = at;
      return ask();
    });
    turn = answer.catch(() => {});
    return answer;
  };
  const explain = async (query: CheckQuery): Promise<ExplainReport> => {
    const { config: database, labels, ...one } = await planned(config, service(query), query);
    let standing = standingOf(query.standing);
    const explanations = one.checked.plan.statements.map(({ facts, taints = [] }, i) => {
      const estimate = estimateContext(one.checked.estimates[i]);
      const context = { now: new Date(now()), standing, ...(estimate === undefined ? {} : { estimate }) };
      standing = tainted(standing, taints);
      return engine.explain({ actor: one.actor, database, facts, labels, context });
    });
    return { ...reportOf(one.checked), explanations };
  };
  return {
    policyVersion: engine.version,
    check: (query, at) =>
      inTurn(at, async () => reportOf((await planned(config, service(query), query)).checked)),
    connect: (query, { client, tls }, at) =>
      engine.connect({
        actor: actorOfQuery(config, query),
        database: databaseOf(config, query),
        context: {
          now: new Date(at ?? Date.now()),
          ...(client === undefined ? {} : { clientAddress: client }),
          ...(tls === undefined ? {} : { tls }),
        },
      }),
    explain: (query, at) => inTurn(at, () => explain(query)),
    close: async () => {
      await turn;
      for (const one of services.values()) one.close();
      await parser.close();
    },
  };
}

async function planned(config: Config, service: DatabaseService, query: CheckQuery) {
  const actor = actorOfQuery(config, query);
  const checked = await service.check(actor, query.sql, standingOf(query.standing));
  return { actor, checked, config: service.config, labels: service.labels };
}

function databaseOf({ databases }: Config, { database: name }: Pick<CheckQuery, 'database'>): DatabaseConfig {
  const database = databases.get(name);
  if (database === undefined) throw new SluiceError('unknown_database', `database "${name}" does not exist`);
  return database;
}

function serviceOf(
  services: ReadonlyMap<string, DatabaseService>,
  { database }: CheckQuery,
): DatabaseService {
  const service = services.get(database);
  if (service === undefined)
    throw new SluiceError('unknown_database', `database "${database}" does not exist`);
  return service;
}

function actorOfQuery(
  config: Pick<Config, 'principals'>,
  { principal: id, onBehalfOf = [], purpose }: Omit<CheckQuery, 'sql'>,
): Actor {
  const principal = requirePrincipal(id, config.principals);
  const problem = chainProblem(principal, onBehalfOf, config.principals);
  if (problem !== undefined) throw problem;
  return {
    principal,
    onBehalfOf: onBehalfOf.map((name) => requirePrincipal(name, config.principals)),
    ...(purpose === undefined ? {} : { purpose }),
  };
}

function reportOf({ plan, blastRadius }: CheckedPlan): CheckReport {
  const isRisky = plan.statements.some(({ facts }) => facts.hazards !== undefined);
  const tokens = isRisky ? tokenize(plan.text) : [];
  return {
    statements: plan.statements.map(({ analyzed, facts, decision }, i) => ({
      text: plan.text.slice(analyzed.start, analyzed.end),
      start: analyzed.start,
      end: analyzed.end,
      facts,
      decision,
      hazardPlaces: (facts.hazards ?? []).map(({ place }) => (place && offsetsOf(tokens, place)) ?? null),
      ...(blastRadius[i] === undefined ? {} : { blastRadius: blastRadius[i] }),
    })),
    rewritten: plan.forwardText,
  };
}
