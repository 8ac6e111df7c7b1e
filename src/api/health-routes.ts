/** `/healthz`, `/readyz` and `/metrics`: for probes and Prometheus, without a token, and without any name of a principal. */
import type { FastifyInstance } from 'fastify';

/** Looks at one thing the gateway needs. Resolves to what is wrong with it, or undefined. */
export type ReadinessCheck = () => Promise<string | undefined> | string | undefined;

/** Metrics in the text form of Prometheus; a `Registry` is one. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface HealthDeps {
  /** By name, such as `ledger`. Each gets two seconds. */
  readonly readiness: ReadonlyMap<string, ReadinessCheck>;
  readonly metrics: MetricsSource;
}

const CHECK_TIMEOUT_MS = 2000;

export function addHealthRoutes(app: FastifyInstance, { readiness, metrics }: HealthDeps): void {
  app.get('/healthz', () => ({ alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const checked = await Promise.all([...readiness].map(([name, check]) => runCheck(name, check)));
    const problems = checked.filter((problem) => problem !== undefined);
    return reply.code(problems.length === 0 ? 200 : 503).send({ ready: problems.length === 0, problems });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}

async function runCheck(
  name: string,
  check: ReadinessCheck,
): Promise<{ check: string; problem: string } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, 'did not answer in time');
  });
  try {
    const problem = await Promise.race([check(), late]);
    return problem === undefined ? undefined : { check: name, problem };
  } catch {
    return { check: name, problem: 'the check failed' };
  } finally {
    clearTimeout(timer);
  }
}
