import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { afterAll, expect, test } from 'vitest';
import { loadConfig, SYSTEM_DEPS } from '../config/load-config.ts';
import { packConfig, unpackConfig } from './packed-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-packed-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('a configuration arrives as it was sent, its secrets wrapped', () => {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(
    file,
    `version: 1
principals:
  alice: { kind: human, groups: [dba], maxConnections: 3 }
databases:
  shop: { engine: postgres, environment: prod, host: db, user: u, password: { env: PW }, warmConnections: 5 }
`,
  );
  const config = loadConfig(file, { ...SYSTEM_DEPS, env: { PW: 'hunter2' } });
  // As the pipe does it.
  const arrived = unpackConfig(deserialize(serialize(packConfig(config, 2))));
  const { source: _, warnings: __, ...sent } = config;
  const shop = arrived.databases.get('shop')!;
  expect(shop.upstream.password?.reveal()).toBe('hunter2');
  expect(inspect(arrived, { depth: 9 })).not.toContain('hunter2');
  expect(shop.upstream.warmConnections).toBe(3);
  const { upstream } = sent.databases.get('shop')!;
  expect(shop.upstream).toEqual({ ...upstream, warmConnections: 3 });
  expect({ ...arrived, databases: undefined }).toEqual({ ...sent, databases: undefined });
  expect(arrived.principals).toEqual(config.principals);
});

test('what would arrive as something else is not sent', () => {
  const config = loadConfig(
    (() => {
      const file = join(directory, 'plain.yaml');
      writeFileSync(file, 'version: 1\n');
      return file;
    })(),
  );
  for (const odd of [() => 1, new Date(), /x/]) {
    expect(() => packConfig({ ...config, dataDir: odd as never }, 1)).toThrow(TypeError);
  }
});
