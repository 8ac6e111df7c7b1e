/**
 * Everything a benchmark stands on: a PostgreSQL of its own with pgbench's tables, a million people and the shop, and in
 * front of it PgBouncer, the bare relay and the gateway, each a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { SHOP_LABELS } from '../src/cli/demo/shop-schema.ts';
import { fillShop } from '../src/cli/demo/shop-seed.ts';
import {
  type GatewayConfig,
  type GatewayProcess,
  startGatewayProcess,
} from '../tests/support/gateway-process.ts';
import { type BenchTarget, initialisePgbench } from './pgbench.ts';
import { end, type RunningPeer, startPgbouncer } from './pgbouncer.ts';
import type { Peer } from './throughput.ts';

/** 1,000,000 accounts. */
const SCALE = 10;
const PEOPLE = 1_000_000;

/** In memory as a whole, so that the disk is not what is measured. */
const SERVER_SETTINGS = {
  shared_buffers: '1GB',
  max_parallel_workers_per_gather: '0',
  autovacuum: 'off',
  jit: 'off',
};

const PEOPLE_SQL = `
CREATE TABLE people (id integer PRIMARY KEY, full_name text NOT NULL, email text NOT NULL, phone text NOT NULL, city text NOT NULL);
INSERT INTO people
  SELECT n, 'Person ' || n, 'person' || n || '@example.com', '+44 7700 900' || lpad((n % 1000)::text, 3, '0'), 'City ' || n % 100
  FROM generate_series(1, ${PEOPLE}) AS n`;

export interface BenchStage {
  readonly direct: BenchTarget;
  readonly gate: BenchTarget;
  /** The database itself, the relay, PgBouncer and the gateway, in this order. */
  readonly peers: readonly Peer[];
  /** The same, with two more gateways for last: both keep warm connections, one asks clients for next to no hashing. */
  readonly connectPeers: readonly Peer[];
  readonly gateway: GatewayProcess;
  readonly postgres: EmbeddedPostgres;
  end(): Promise<void>;
}

export async function setStage(onProgress: (line: string) => void): Promise<BenchStage> {
  const undo: (() => Promise<void>)[] = [];
  const endAll = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    onProgress('starting PostgreSQL and filling it');
    const postgres = await startEmbeddedPostgres({ settings: SERVER_SETTINGS });
    undo.push(() => postgres.stop());
    const direct = {
      port: postgres.port,
      user: postgres.user,
      password: postgres.password,
      database: 'postgres',
    };
    await fill(direct);
    onProgress('starting the relay, PgBouncer and the gateway');
    const relay = await startRelay(direct.port);
    undo.push(() => relay.stop());
    const bouncer = await startPgbouncer(direct);
    undo.push(() => bouncer.stop());
    const gateway = await startGateway(direct);
    undo.push(() => gateway.remove());
    const gate = {
      port: gateway.port,
      user: 'bench',
      password: await gateway.token('bench'),
      database: 'postgres',
    };
    await requireMasks(gate);
    const peers = [
      { name: 'direct', target: direct },
      { name: 'bare relay', target: { ...direct, port: relay.port }, pid: relay.pid },
      { name: 'PgBouncer', target: { ...direct, port: bouncer.port }, pid: bouncer.pid },
      { name: 'Sluice', target: gate, pid: gateway.pid },
    ];
    const warm = await startGateway(direct, { warmConnections: 16 });
    undo.push(() => warm.remove());
    const warmGate = { ...gate, port: warm.port, password: await warm.token('bench') };
    const light = await startGateway(direct, { warmConnections: 16 }, { tokens: { scramIterations: 1 } });
    undo.push(() => light.remove());
    const lightGate = { ...gate, port: light.port, password: await light.token('bench') };
    const connectPeers = [
      ...peers,
      { name: 'Sluice, warm', target: warmGate, pid: warm.pid },
      { name: 'Sluice, warm, light', target: lightGate, pid: light.pid },
    ];
    return { direct, gate, peers, connectPeers, gateway, postgres, end: endAll };
  } catch (error) {
    await endAll();
    throw error;
  }
}

async function fill(direct: BenchTarget): Promise<void> {
  await initialisePgbench(direct, SCALE);
  const client = new pg.Client({ ...direct, host: '127.0.0.1' });
  await client.connect();
  await client.query(PEOPLE_SQL);
  await fillShop(client);
  await client.query('VACUUM ANALYZE');
  await client.end();
}

/** The gateway as it would stand in production: its own defaults, an environment of that name, labelled columns. */
function startGateway(
  direct: BenchTarget,
  more: { warmConnections?: number } = {},
  config: Pick<GatewayConfig, 'tokens'> = {},
): Promise<GatewayProcess> {
  return startGatewayProcess(
    {
      ...config,
      principals: { bench: { kind: 'human', groups: ['analysts'] } },
      databases: {
        postgres: {
          ...{ engine: 'postgres', environment: 'prod', host: '127.0.0.1', port: direct.port },
          ...{ user: direct.user, password: direct.password, ...more },
          labels: { ...SHOP_LABELS, 'public.people': { full_name: 'name', email: 'email', phone: 'phone' } },
        },
      },
    },
    { entry: 'dist' },
  );
}

/** A gate that did not mask would be fast for nothing. */
async function requireMasks(gate: BenchTarget): Promise<void> {
  const client = new pg.Client({ ...gate, host: '127.0.0.1' });
  await client.connect();
  const { rows } = await client.query('SELECT email FROM people WHERE id = 1');
  await client.end();
  if (rows[0]?.email !== 'p***@example.com') throw new Error(`not masked: ${JSON.stringify(rows)}`);
}

async function startRelay(target: number): Promise<RunningPeer> {
  const script = fileURLToPath(new URL('./relay.ts', import.meta.url));
  const child = spawn(process.execPath, [script, String(target)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { port: Number(line), pid: child.pid as number, stop: () => end(child) };
}
