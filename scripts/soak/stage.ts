/**
 * What a soak stands on: a PostgreSQL that can be restarted, a gateway as an operator runs it, one token for each principal, and a way to
 * look at both from outside.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import pg from 'pg';
import { pgbench } from '../../bench/pgbench.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { type GatewayProcess, startGatewayProcess } from '../../tests/support/gateway-process.ts';
import type { WireTarget } from '../../tests/support/wire-client.ts';

const PRINCIPALS = ['app', 'alice', 'bob', 'report-bot'] as const;
export type Principal = (typeof PRINCIPALS)[number];

/** What the gateway and the database hold at one moment. */
export interface Holdings {
  /** Resident memory of all processes of the gateway, in MiB. */
  readonly residentMiB: number;
  /** Of all of them. */
  readonly fileDescriptors: number;
  /** As the gateway's own metrics have it. */
  readonly sessions: number;
  /** At the server; those that the gateway reads catalogs with, one for each worker and database, are not counted. */
  readonly backends: number;
}

export interface SoakStage {
  readonly server: EmbeddedPostgres;
  readonly gateway: GatewayProcess;
  /** `load` is a database where much is allowed, `held` the same one where agents' writes wait for approval. */
  target(principal: Principal, database?: 'load' | 'held'): WireTarget;
  /** The database itself, without the gate. @throws while it restarts */
  direct<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** The HTTP API. */
  api(principal: Principal, method: string, path: string, body?: unknown): Promise<Response>;
  holdings(): Promise<Holdings>;
  /** Every backend at the server, in words. */
  leftBehind(): Promise<string[]>;
  end(): Promise<void>;
}

/** In each worker. */
const WARM_CONNECTIONS = 2;
/** Backends that may be kept for sessions to come, over all workers. */
export const MAX_WARM_BACKENDS = WARM_CONNECTIONS * availableParallelism();

const SCHEMA = `
CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, email text NOT NULL, status text NOT NULL);
INSERT INTO orders SELECT i, 'Customer ' || i, 'c' || i || '@example.com', 'paid' FROM generate_series(1, 10000) i;
CREATE TABLE copied (id int, value text);
CREATE TABLE marks (mark text PRIMARY KEY)`;

export async function setStage(): Promise<SoakStage> {
  // Whatever was said to be committed must be there after a restart.
  const server = await startEmbeddedPostgres({
    settings: { synchronous_commit: 'on', max_connections: '300' },
  });
  const { host, port, user, password } = server;
  const own = { host, port, user, password, database: 'postgres' };
  const direct = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> => {
    const client = new pg.Client(own);
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result = await client.query<Row>(sql);
      return result.rows;
    } finally {
      await client.end();
    }
  };
  await direct(SCHEMA);
  await pgbench(own, ['--initialize', '--quiet', '--scale=1']);
  const behind = { engine: 'postgres', ...own, tls: { mode: 'disable' } } as const;
  const labels = { 'public.orders': { email: 'email' } };
  const gateway = await startGatewayProcess(
    {
      principals: {
        app: { kind: 'service' },
        alice: { kind: 'human', groups: ['dba'] },
        bob: { kind: 'human', groups: ['support'] },
        'report-bot': { kind: 'agent', mayActFor: ['bob'] },
      },
      databases: {
        load: { ...behind, environment: 'dev', labels, warmConnections: WARM_CONNECTIONS },
        held: { ...behind, environment: 'prod', labels },
      },
      approvals: { groups: ['dba'] },
      limits: { maxConnectionsPerPrincipal: 500 },
    },
    { entry: 'dist' },
  );
  const tokens = new Map<Principal, string>();
  for (const principal of PRINCIPALS) {
    const onBehalfOf = principal === 'report-bot' ? ['--on-behalf-of', 'bob'] : [];
    const issued = await gateway.cli(['token', 'issue', principal, '--ttl', '24h', ...onBehalfOf]);
    if (issued.code !== 0) throw new Error(`no token for ${principal}: ${issued.stderr}`);
    tokens.set(principal, issued.stdout.trim());
  }
  return {
    server,
    gateway,
    direct,
    target: (principal, database = 'load') => ({
      ...{ host: '127.0.0.1', port: gateway.port, user: principal, database },
      password: tokens.get(principal)!,
    }),
    api: (principal, method, path, body) =>
      fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, {
        method,
        headers: { authorization: `Bearer ${tokens.get(principal)}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    holdings: async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${gateway.httpPort}/metrics`)).text();
      const [row] = await direct<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
         AND application_name <> 'sluice'`,
      );
      return { ...processHoldings(gateway.pid), sessions: sessionsOf(metrics), backends: row!.n };
    },
    leftBehind: async () => {
      const rows = await direct<Record<'name' | 'state' | 'age' | 'query', string>>(
        `SELECT application_name AS name, state, (now() - backend_start)::text AS age, left(query, 80) AS query
         FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      );
      return rows.map(
        ({ name, state, age, query }) => `${name || 'nameless'}, ${state}, ${age} old: ${query}`,
      );
    },
    end: async () => {
      await gateway.remove();
      await server.stop();
    },
  };
}

/** Of a process and all that it has started. */
function processHoldings(root: number): Pick<Holdings, 'residentMiB' | 'fileDescriptors'> {
  let [residentKiB, fileDescriptors] = [0, 0];
  for (const pid of descendants(root)) {
    try {
      residentKiB += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      fileDescriptors += readdirSync(`/proc/${pid}/fd`).length;
    } catch {
      // It has just ended.
    }
  }
  return { residentMiB: Math.round(residentKiB / 1024), fileDescriptors };
}

function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has just ended.
    }
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

function sessionsOf(metrics: string): number {
  let sum = 0;
  for (const [, value] of metrics.matchAll(/^sluice_sessions(?:\{[^}]*\})? (\d+)/gm)) sum += Number(value);
  return sum;
}
