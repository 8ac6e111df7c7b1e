/**
 * The core of what the gate does, in front of every version of PostgreSQL that is still maintained: the catalog is read, values are
 * masked, guardrails hold, and clients notice nothing.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { SHOP_LABELS } from '../../src/cli/demo/shop-schema.ts';
import { fillShop } from '../../src/cli/demo/shop-seed.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  type ClientEnv,
  directEnv,
  gateEnv,
  isInstalled,
  reflectUnderMasks,
  runClient,
  upstreamOf,
} from './client-run.ts';
import { hasProgram } from './gate.ts';
import { runProgram } from './program.ts';
import { clientNamed } from './real-clients.ts';
import { serverVersions } from './server-versions.ts';
import { problemWith, toolchain } from './toolchains.ts';

const SMALL = { customers: 50, orders: 100, payments: 50, employees: 10, tickets: 20 };
const TIMEOUT_MS = 240_000;

/** Every command of psql that describes something and that Debian's psql 15 words for every one of these servers. */
const DESCRIBING = [
  ...[
    '\\d',
    '\\d customers',
    '\\d+ orders',
    '\\d customer_overview',
    '\\dt+ *.*',
    '\\dv+',
    '\\di+',
    '\\ds',
    '\\df+',
  ],
  ...[
    '\\dn+',
    '\\dT+',
    '\\dp',
    '\\du+',
    '\\dg',
    '\\dx',
    '\\dy',
    '\\dO',
    '\\dL+',
    '\\dC',
    '\\dD',
    '\\db',
    '\\dd',
  ],
  ...[
    '\\ddp',
    '\\des',
    '\\det',
    '\\dF',
    '\\dFd',
    '\\dRp',
    '\\dAc',
    '\\dAf',
    '\\dX',
    '\\dP',
    '\\do',
    '\\da',
    '\\dew',
  ],
];

describe.each(serverVersions())('PostgreSQL $version', ({ native }) => {
  const problem = native === undefined ? undefined : problemWith(toolchain('servers'));
  if (problem !== undefined && process.env.CI) throw new Error(problem);
  if (problem !== undefined) console.warn(`\n*** SKIPPED: ${problem} ***\n`);
  const available = problem === undefined;

  let server: EmbeddedPostgres | undefined;
  let shop: TestDatabase;
  let direct: TestDatabase;
  let gated: TestDatabase;
  let gateway: GatewayProcess;
  let tokens: { readonly alice: string; readonly bob: string };

  beforeAll(async () => {
    if (!available) return;
    server = native === undefined ? undefined : await startEmbeddedPostgres({ native });
    const on = server ?? inject('postgres');
    shop = await createDatabase('shop', on);
    direct = await createDatabase('direct', on);
    gated = await createDatabase('gated', on);
    await fillShop(await shop.client(), SMALL);
    gateway = await startGatewayProcess({
      principals: {
        alice: { kind: 'human', groups: ['dba'] },
        bob: { kind: 'human', groups: ['support'] },
      },
      databases: {
        shop: { ...upstreamOf(shop), labels: SHOP_LABELS, environment: 'prod' },
        scratch: { ...upstreamOf(gated), environment: 'dev' },
      },
    });
    tokens = { alice: await gateway.token('alice'), bob: await gateway.token('bob') };
  }, TIMEOUT_MS);

  afterAll(async () => {
    await gateway?.remove();
    for (const database of [shop, direct, gated]) await database?.drop();
    await server?.stop();
  }, TIMEOUT_MS);

  const through = (principal: 'alice' | 'bob', database: 'shop' | 'scratch'): ClientEnv =>
    gateEnv(gateway, principal, tokens[principal], database);

  /** As Bob, who is told at once what has to be approved. */
  async function withBob<T>(act: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: gateway.port,
      user: 'bob',
      password: tokens.bob,
      database: 'shop',
      options: '-c sluice.on_hold=fail',
    });
    await client.connect();
    try {
      return await act(client);
    } finally {
      await client.end();
    }
  }

  test.skipIf(!available || !hasProgram('psql'))(
    'psql describes everything under masks',
    async () => {
      const input = DESCRIBING.map((command) => `\\echo ${command}\n${command}\n`).join('');
      const psql = (env: ClientEnv) => runProgram('psql', ['-X'], env, { input });
      const straight = await psql(directEnv(shop));
      expect(straight.stdout.length).toBeGreaterThan(20_000);
      expect(await psql(through('bob', 'shop'))).toEqual(straight);
    },
    TIMEOUT_MS,
  );

  test.skipIf(!available || !hasProgram('pgbench'))(
    'pgbench runs in every mode',
    async () => {
      const pgbench = (...args: string[]) => runProgram('pgbench', args, through('bob', 'scratch'));
      expect(await pgbench('-i', '-s', '1', '-q')).toMatchObject({ code: 0 });
      for (const mode of ['simple', 'extended', 'prepared']) {
        const { code, stdout } = await pgbench('-M', mode, '-c', '2', '-t', '50', '-n');
        expect(stdout).toContain('number of transactions actually processed: 100/100');
        expect(code).toBe(0);
      }
    },
    TIMEOUT_MS,
  );

  const nodePostgres = clientNamed('node-postgres');
  test.skipIf(!available || !isInstalled(nodePostgres))(
    'node-postgres does its work as on the database itself',
    async () => {
      const straight = await runClient(nodePostgres, 'work', directEnv(direct));
      expect(straight.split('\n## ').length).toBeGreaterThan(8);
      expect(await runClient(nodePostgres, 'work', through('alice', 'scratch'))).toBe(straight);
    },
    TIMEOUT_MS,
  );

  describe.each(['Django', 'pgjdbc'])('%s', (name) => {
    const client = clientNamed(name);
    test.skipIf(!available || !isInstalled(client))(
      'reads the structure under masks',
      () => reflectUnderMasks(client, directEnv(shop), through('bob', 'shop')),
      TIMEOUT_MS,
    );
  });

  test.skipIf(!available)('a SELECT yields masked values', () =>
    withBob(async (bob) => {
      const { rows } = await bob.query('SELECT email, birth_date FROM customers WHERE id = $1', [1]);
      const real = await shop.query('SELECT email FROM customers WHERE id = 1');
      expect(rows[0].email).toMatch(/^.\*\*\*@example\./);
      expect(real.rows[0]?.email).not.toBe(rows[0].email);
      const through = await bob.query('SELECT email FROM customer_overview WHERE id = 1');
      expect(through.rows).toEqual([{ email: rows[0].email }]);
      await shop.query('ANALYZE customers');
      const kept = `SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'customers' AND attname = 'email'`;
      expect((await shop.query(kept)).rows[0]?.histogram_bounds).toContain('@example.');
      expect((await bob.query(kept)).rows).toEqual([{ most_common_vals: null, histogram_bounds: null }]);
    }),
  );

  test.skipIf(!available)('guardrails refuse and hold', () =>
    withBob(async (bob) => {
      await expect(bob.query('GRANT ALL ON customers TO PUBLIC')).rejects.toMatchObject({ code: 'SL001' });
      await expect(bob.query('DELETE FROM orders')).rejects.toMatchObject({ code: 'SL002' });
      await expect(bob.query('DROP TABLE orders')).rejects.toMatchObject({ code: 'SL002' });
      expect((await shop.query('SELECT count(*)::int AS n FROM orders')).rows).toEqual([{ n: SMALL.orders }]);
    }),
  );

  test.skipIf(!available)('a bounded write runs at once', () =>
    withBob(async (bob) => {
      const { rowCount } = await bob.query('UPDATE orders SET status = $1 WHERE id = $2', ['checked', 3]);
      expect(rowCount).toBe(1);
      const { rows } = await shop.query(`SELECT id FROM orders WHERE status = 'checked'`);
      expect(rows).toEqual([{ id: 3 }]);
    }),
  );
});
