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
import { directEnv, gateEnv, isInstalled, reflectUnderMasks, runClient, upstreamOf } from './client-run.ts';
import { REAL_CLIENTS, transcriptFile, versionOf } from './real-clients.ts';

const SMALL = { customers: 50, orders: 100, payments: 50, employees: 10, tickets: 20 };
const TIMEOUT_MS = 300_000;

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
  const own = [...grounds].map(([name, { behindGate }]) => [
    name,
    { ...upstreamOf(behindGate), environment: 'dev' as const },
  ]);
  gateway = await startGatewayProcess({
    principals: {
      alice: { kind: 'human', groups: ['dba'] },
      bob: { kind: 'human', groups: ['support'] },
    },
    databases: {
      shop: { ...upstreamOf(shop), labels: SHOP_LABELS, environment: 'prod' },
      ...Object.fromEntries(own),
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
}, TIMEOUT_MS);

describe.each(REAL_CLIENTS.map((client) => ({ ...client, version: versionOf(client) })))(
  '$name $version',
  (client) => {
    const installed = isInstalled(client);

    test.skipIf(!installed)(
      'does its work as on the database itself',
      async () => {
        const file = transcriptFile(client);
        const straight = await runClient(client, 'work', directEnv(grounds.get(client.name)!.direct));
        if (process.env.UPDATE_TRANSCRIPTS !== undefined) writeFileSync(file, straight);
        expect(existsSync(file), `write ${file} with UPDATE_TRANSCRIPTS=1`).toBe(true);
        expect(straight).toBe(readFileSync(file, 'utf8'));
        const through = gateEnv(gateway, 'alice', tokens.alice, client.name);
        expect(await runClient(client, 'work', through)).toBe(straight);
      },
      TIMEOUT_MS,
    );

    test.skipIf(!installed)(
      'reads the structure under masks',
      () => reflectUnderMasks(client, directEnv(shop), gateEnv(gateway, 'bob', tokens.bob, 'shop')),
      TIMEOUT_MS,
    );
  },
);
