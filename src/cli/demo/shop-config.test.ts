import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../config/load-config.ts';
import { demoConfigText } from './shop-config.ts';
import { SHOP_LABELS } from './shop-schema.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('the configuration of the demo is valid, without warnings, and says what the demo promises', () => {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(join(directory, 'database.password'), 'hidden\n', { mode: 0o600 });
  writeFileSync(
    file,
    demoConfigText({
      postgresPort: 7001,
      httpPort: 7002,
      upstream: { host: '127.0.0.1', port: 7003, user: 'sluice_gate', passwordFile: 'database.password' },
    }),
  );
  const config = loadConfig(file);
  expect(config.warnings).toEqual([]);
  expect(config.listen.postgres.port).toBe(7001);
  expect(config.dataDir).toBe(join(directory, 'data'));
  expect(
    [...config.principals.values()].map(({ id, kind, groups, mayActFor }) => [id, kind, groups, mayActFor]),
  ).toEqual([
    ['alice', 'Human', ['dba'], []],
    ['bob', 'Human', ['support'], []],
    ['report-bot', 'Agent', ['agents'], ['bob']],
  ]);
  const shop = config.databases.get('shop');
  expect(shop?.environment).toBe('prod');
  expect(shop?.upstream.password?.reveal()).toBe('hidden');
  expect(shop?.labels).toHaveLength(
    Object.values(SHOP_LABELS).flatMap((columns) => Object.keys(columns)).length,
  );
  expect(config.databases.get('scratch')?.environment).toBe('dev');
});
