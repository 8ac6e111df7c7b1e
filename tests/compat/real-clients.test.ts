/**
 * Real clients do real work, direct and through the gate, and must print the same: what the database itself answered when the
 * transcript was written (`UPDATE_TRANSCRIPTS=1` writes it anew, from the direct run). Then each reads the structure of a
 * database in which it sees masks, which must look as it does direct, and rows, which must not.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SHOP_LABELS } from '../../src/cli/demo/shop-schema.ts';
import { fillShop } from '../../src/cli/demo/shop-seed.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { runProgram } from './program.ts';
import { commandOf, REAL_CLIENTS, type RealClient, transcriptFile, versionOf } from './real-clients.ts';
import { problemWith, toolchain } from './toolchains.ts';

const SMALL = { customers: 50, orders: 100, payments: 50, employees: 10, tickets: 20 };
const TIMEOUT_MS = 180_000;

/** Each client's own databases, so that none finds another's tables. */
interface Ground {
  readonly direct: TestDatabase;
  readonly behindGate: TestDatabase;
}

let gateway: GatewayProcess;
let shop: TestDatabase;
const grounds = new Map<string, Ground>();
const tokens = { alice: '', bob: '' };

beforeAll(async () => {
  shop = await createDatabase('clients');
  await fillShop(await shop.client(), SMALL);
  for (const { name } of REAL_CLIENTS) {
    grounds.set(name, { direct: await createDatabase('direct'), behindGate: await createDatabase('gated') });
  }
  gateway = await startGatewayProcess({
    principals: {
      alice: { kind: 'human', groups: ['dba'] },
      bob: { kind: 'human', groups: ['support'] },
    },
    databases: {
      shop: { ...upstream(shop), labels: SHOP_LABELS, environment: 'prod' },
      ...Object.fromEntries(
        [...grounds].map(([name, { behindGate }]) => [
          name,
          { ...upstream(behindGate), environment: 'dev' as const },
        ]),
      ),
    },
  });
  for (const principal of ['alice', 'bob'] as const) tokens[principal] = await gateway.token(principal);
}, TIMEOUT_MS);

afterAll(async () => {
  await gateway?.remove();
  for (const { direct, behindGate } of grounds.values()) {
    await direct.drop();
    await behindGate.drop();
  }
  await shop?.drop();
});

function upstream({ connection: { host, port, user, password, database } }: TestDatabase) {
  return { engine: 'postgres' as const, host, port, user, password, database };
}

const straight = ({ connection: { host, port, user, password, database } }: TestDatabase) => ({
  PGHOST: host,
  PGPORT: String(port),
  PGUSER: user,
  PGPASSWORD: password,
  PGDATABASE: database,
  PGSSLMODE: 'disable',
});

const through = (principal: 'alice' | 'bob', database: string) => ({
  PGHOST: '127.0.0.1',
  PGPORT: String(gateway.port),
  PGUSER: principal,
  PGPASSWORD: tokens[principal],
  PGDATABASE: database,
  PGSSLMODE: 'require',
});

async function runClient(
  client: RealClient,
  mode: 'work' | 'reflect',
  env: Record<string, string>,
): Promise<string> {
  const { program, args, cwd } = commandOf(client);
  const { code, stdout, stderr } = await runProgram(program, [...args, mode], env, { cwd });
  // What it printed so far shows how far it got.
  expect(code, `${client.name} ${mode}: ${stderr}\n${stdout.slice(-1000)}`).toBe(0);
  return stdout;
}

describe.each(REAL_CLIENTS.map((client) => ({ ...client, version: versionOf(client) })))(
  '$name $version',
  (client) => {
    const problem = problemWith(toolchain(client.toolchain));
    if (problem !== undefined && process.env.CI) throw new Error(problem);
    if (problem !== undefined) console.warn(`\n*** SKIPPED: ${client.name}: ${problem} ***\n`);

    test.skipIf(problem !== undefined)(
      'does its work as on the database itself',
      async () => {
        const { direct } = grounds.get(client.name)!;
        const file = transcriptFile(client);
        const straightly = await runClient(client, 'work', straight(direct));
        if (process.env.UPDATE_TRANSCRIPTS !== undefined || !existsSync(file)) {
          if (process.env.CI) throw new Error(`${file} is missing`);
          writeFileSync(file, straightly);
        }
        expect(straightly).toBe(readFileSync(file, 'utf8'));
        expect(await runClient(client, 'work', through('alice', client.name))).toBe(straightly);
      },
      TIMEOUT_MS,
    );

    test.skipIf(problem !== undefined || !client.reflects)(
      'reads the structure under masks',
      async () => {
        const straightly = await runClient(client, 'reflect', straight(shop));
        const masked = await runClient(client, 'reflect', through('bob', 'shop'));
        const isRow = (line: string): boolean => line.startsWith('email ');
        const structure = (text: string) => text.split('\n').filter((line) => !isRow(line));
        expect(structure(masked)).toEqual(structure(straightly));
        expect(structure(straightly).length).toBeGreaterThan(10);
        const rows = (text: string) => text.split('\n').filter(isRow);
        expect(rows(straightly)).toHaveLength(5);
        expect(rows(masked)).toHaveLength(5);
        for (const row of rows(straightly)) expect(row).toMatch(/^email [a-z.]+\d+@example\.(com|net|org)$/);
        for (const row of rows(masked)) expect(row).toMatch(/^email .\*\*\*@example\.(com|net|org)$/);
      },
      TIMEOUT_MS,
    );
  },
);
