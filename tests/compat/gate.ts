/**
 * What every compatibility test stands on: a shop in PostgreSQL, a gateway process in front of it with nothing but what the
 * documentation asks for, and a token for each principal.
 */
import { spawnSync } from 'node:child_process';
import { SHOP_LABELS } from '../../src/cli/demo/shop-schema.ts';
import { fillShop } from '../../src/cli/demo/shop-seed.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

export interface CompatGate {
  readonly gateway: GatewayProcess;
  /** The database behind both `shop` (prod) and `scratch` (dev). */
  readonly database: TestDatabase;
  /** How libpq's programs connect: environment variables of `principal` for `database`. */
  env(principal: 'alice' | 'bob', database?: 'shop' | 'scratch'): Record<string, string>;
  /** A `postgres://…` URL for drivers. */
  url(principal: 'alice' | 'bob', database?: 'shop' | 'scratch'): string;
  remove(): Promise<void>;
}

const SMALL = { customers: 200, orders: 500, payments: 200, employees: 30, tickets: 100 };

export async function startCompatGate(): Promise<CompatGate> {
  const database = await createDatabase('compat');
  await fillShop(await database.client(), SMALL);
  const { host, port, user, password, database: name } = database.connection;
  const behind = {
    engine: 'postgres' as const,
    host,
    port,
    user,
    password,
    database: name,
    labels: SHOP_LABELS,
  };
  const gateway = await startGatewayProcess({
    principals: {
      alice: { kind: 'human', groups: ['dba'] },
      bob: { kind: 'human', groups: ['support'] },
    },
    databases: {
      shop: { ...behind, environment: 'prod' },
      scratch: { ...behind, environment: 'dev' },
    },
  });
  const tokens = { alice: await gateway.token('alice'), bob: await gateway.token('bob') };
  return {
    gateway,
    database,
    env: (principal, to = 'shop') => ({
      PGHOST: '127.0.0.1',
      PGPORT: String(gateway.port),
      PGUSER: principal,
      PGPASSWORD: tokens[principal],
      PGDATABASE: to,
    }),
    url: (principal, to = 'shop') =>
      `postgres://${principal}:${tokens[principal]}@127.0.0.1:${gateway.port}/${to}`,
    remove: async () => {
      await gateway.remove();
      await database.drop();
    },
  };
}

/**
 * Whether a program is installed. Without it, tests are skipped with a warning on a laptop and fail in CI.
 * @throws Error in CI
 */
export function hasProgram(name: string): boolean {
  if (spawnSync(name, ['--version']).status === 0) return true;
  const message = `${name} is not installed: apt-get install postgresql-client postgresql-contrib`;
  if (process.env.CI) throw new Error(message);
  console.warn(`\n*** SKIPPED: ${message} ***\n`);
  return false;
}
