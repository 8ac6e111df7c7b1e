/**
 * What one statement costs before it may run, in this process and without the wire: analysis, decision and rewriting of a
 * novel statement over known tables, and of one that is known by its text or by its shape.
 *
 * Every novel text has identifiers of its own, so that neither the text nor its shape was seen before.
 */

import { Registry } from 'prom-client';
import type { DatabaseConfig } from '../src/config/config.ts';
import { DatabaseService } from '../src/gateway/postgres/database-service.ts';
import type { Actor } from '../src/model/principal.ts';
import { CLEAN_STANDING } from '../src/model/standing.ts';
import { PolicyEngine } from '../src/policy/engine.ts';
import { loadPolicies, type PolicySource } from '../src/policy/load.ts';
import { PipelineMetrics } from '../src/session/metrics.ts';
import type { Plan } from '../src/session/plan.ts';
import type { PlanBucket } from '../src/session/plan-cache.ts';
import type { PlanningClass } from '../src/session/planner.ts';
import { createParser } from '../src/sql/postgres/parser.ts';
import { createPostgresDialect } from '../src/sql/postgres/postgres-dialect.ts';
import { createScope, type PostgresScope } from '../src/sql/postgres/scope.ts';
import { median, quantile } from './statistics.ts';

/** Costs in microseconds. */
export interface StatementCost {
  readonly name: string;
  readonly novelUs: number;
  readonly novelP99Us: number;
  readonly knownTextUs: number;
  readonly knownShapeUs: number;
}

/** Statements of the shop; `$A` becomes an identifier of its own each time, `$N` a number. */
const SAMPLES: readonly (readonly [name: string, template: string])[] = [
  ['one row by key', 'SELECT id AS $A, status, total FROM orders WHERE id = $N'],
  ['masked row by key', 'SELECT id AS $A, full_name, email, phone FROM customers WHERE id = $N'],
  [
    'join with a sort',
    'SELECT $A.id, c.full_name, c.email, $A.total FROM orders AS $A JOIN customers c ON c.id = $A.customer_id ' +
      "WHERE $A.status = 'paid' AND $A.total > $N ORDER BY $A.total DESC LIMIT 20",
  ],
  [
    'report over a CTE',
    'WITH $A AS (SELECT o.customer_id, count(*) AS orders, sum(i.quantity * i.unit_price) AS spent FROM orders o ' +
      "JOIN order_items i ON i.order_id = o.id WHERE o.status <> 'cancelled' GROUP BY o.customer_id) " +
      'SELECT c.plan, avg($A.spent), max($A.orders) FROM $A JOIN customers c ON c.id = $A.customer_id ' +
      'GROUP BY c.plan HAVING count(*) > $N ORDER BY 2 DESC',
  ],
  [
    'insert',
    "INSERT INTO support_tickets AS $A (customer_id, subject, body) VALUES ($N, 'Hello', 'It is late')",
  ],
  ['update by key', "UPDATE orders AS $A SET status = 'shipped', shipped_at = now() WHERE $A.id = $N"],
];

const WARM_UP = 300;

/** Measures each sample `rounds` times, the samples taking turns. The database must hold the shop. */
export async function measureStatementCost(
  config: DatabaseConfig,
  policies: readonly PolicySource[],
  actor: Actor,
  rounds = 1500,
): Promise<StatementCost[]> {
  const parser = await createParser({ maxTextLength: 1024 * 1024 });
  const engine = new PolicyEngine(loadPolicies(policies));
  const service = new DatabaseService({
    config,
    dialect: createPostgresDialect(parser),
    policy: () => engine,
    approvals: undefined,
    metrics: new PipelineMetrics(new Registry()),
    now: Date.now,
    onRefreshFailure: () => undefined,
  });
  try {
    await service.open();
    const scope = createScope({
      catalog: service.catalog,
      searchPath: ['public'],
      user: config.upstream.user,
    });
    return await new Stopwatch(service, { actor, scope, standing: CLEAN_STANDING }).measure(rounds);
  } finally {
    service.close();
    await parser.close();
  }
}

interface Times {
  readonly novel: number[];
  readonly text: number[];
  readonly shape: number[];
}

class Stopwatch {
  readonly #service: DatabaseService;
  readonly #asked: PlanningClass<PostgresScope>;
  readonly #bucket: PlanBucket;
  #counter = 0;

  constructor(service: DatabaseService, asked: PlanningClass<PostgresScope>) {
    this.#service = service;
    this.#asked = asked;
    this.#bucket = service.planner.bucket(asked);
  }

  async measure(rounds: number): Promise<StatementCost[]> {
    const times = new Map<string, Times>(SAMPLES.map(([name]) => [name, { novel: [], text: [], shape: [] }]));
    for (let round = -WARM_UP; round < rounds; round += 1) {
      for (const [name, template] of SAMPLES) {
        const sample = await this.#sample(template);
        if (round < 0) continue;
        const kept = times.get(name) as Times;
        kept.novel.push(sample.novel);
        kept.text.push(sample.text);
        kept.shape.push(sample.shape);
      }
    }
    return [...times].map(([name, { novel, text, shape }]) => ({
      name,
      novelUs: median(novel),
      novelP99Us: quantile(novel, 0.99),
      knownTextUs: median(text),
      knownShapeUs: median(shape),
    }));
  }

  async #sample(template: string): Promise<{ novel: number; text: number; shape: number }> {
    this.#counter += 1;
    const named = template.replaceAll('$A', `a${this.#counter.toString(36)}x`);
    const first = named.replace('$N', '17');
    const second = named.replace('$N', String(this.#counter));
    return {
      novel: await this.#time(first),
      text: await this.#time(first),
      shape: await this.#time(second),
    };
  }

  /** @throws Error if the statement is refused: a refusal would be measured instead of its price */
  async #time(text: string): Promise<number> {
    const startedAt = performance.now();
    const made = this.#service.planner.plan(this.#bucket, this.#asked, text, () => undefined);
    const plan: Plan = made instanceof Promise ? await made : made;
    const us = (performance.now() - startedAt) * 1000;
    if (plan.outcome === 'deny') throw new Error(`${plan.refusal?.message}: ${text}`);
    return us;
  }
}
