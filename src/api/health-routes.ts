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
  /** The same for what must not stay broken, but keeps no statement from being served. */
  readonly warnings?: ReadonlyMap<string, ReadinessCheck>;
  readonly metrics: MetricsSource;
}

const CHECK_TIMEOUT_MS = 2000;

export function addHealthRoutes(app: FastifyInstance, { readiness, warnings, metrics }: HealthDeps): void {
  app.get('/healthz', () => ({ alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const [problems, warned] = await Promise.all([problemsOf(readiness), problemsOf(warnings ?? new Map())]);
    const ready = problems.length === 0;
    return reply
      .code(ready ? 200 : 503)
      .send({ ready, problems, ...(warned.length > 0 && { warnings: warned }) });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}

interface FoundProblem {
  readonly check: string;
  readonly problem: string;
}

async function problemsOf(checks: ReadonlyMap<string, ReadinessCheck>): Promise<FoundProblem[]> {
  const checked = await Promise.all([...checks].map(([name, check]) => runCheck(name, check)));
  return checked.filter((problem) => problem !== undefined);
}

async function runCheck(name: string, check: ReadinessCheck): Promise<FoundProblem | undefined> {
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
