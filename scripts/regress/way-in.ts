/**
 * The two ways to a server: direct, and through a gateway process that has everything on and permits all. The gate maps a principal to the
 * one account of its configuration, so the principal bears the name of that account, the superuser that the suites run as.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGatewayProcess } from '../../tests/support/gateway-process.ts';
import { type Cluster, SUPERUSER } from './cluster.ts';

export const WAYS = ['direct', 'gate'] as const;
export type Way = (typeof WAYS)[number];

export interface WayIn {
  readonly port: number;
  readonly password: string;
  /** What the way says of itself, for the files that are kept. */
  log(): string;
  close(): Promise<void>;
}

const PERMIT_ALL = '@id("all") permit (principal, action, resource);\n';

/** Labels keep the machinery of masking at work, though everybody may see what they label. */
const LABELS = {
  regression: { 'public.onek': { stringu1: 'email' }, 'public.int8_tbl': { q2: 'salary' } },
};

export async function openWay(
  way: Way,
  cluster: Cluster,
  database: string,
  directory: string,
): Promise<WayIn> {
  if (way === 'direct') {
    return { port: cluster.port, password: cluster.password, log: () => '', close: async () => undefined };
  }
  const policy = join(directory, 'permit-all.cedar');
  writeFileSync(policy, PERMIT_ALL);
  const behind = {
    engine: 'postgres' as const,
    environment: 'dev',
    host: '127.0.0.1',
    port: cluster.port,
    user: SUPERUSER,
    password: cluster.password,
    tls: { mode: 'disable' },
  };
  const names = ['postgres', 'template1', database];
  const gateway = await startGatewayProcess({
    principals: { [SUPERUSER]: { kind: 'service' } },
    databases: Object.fromEntries(
      names.map((name) => [name, name === 'regression' ? { ...behind, labels: LABELS.regression } : behind]),
    ),
    policies: { defaults: false, files: [policy] },
  });
  return {
    port: gateway.port,
    password: await gateway.token(SUPERUSER),
    log: () => gateway.log(),
    close: () => gateway.remove(),
  };
}
