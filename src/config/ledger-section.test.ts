import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from './config.ts';
import { loadConfig, SYSTEM_DEPS } from './load-config.ts';

const VKEY = 'witness.example/w1+0123abcd+BGSHJxDPcpEr7VRlMQdYpFJVSbHE+CpxcGiQFbGRpMs9';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function load(yaml: string, secrets: 'read' | 'skip' = 'read'): Config {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, `version: 1\n${yaml}`);
  return loadConfig(file, { ...SYSTEM_DEPS, env: { SECRET: 'hush' } }, { secrets });
}

const STORAGE =
  'endpoint: https://s3.example.com, bucket: audit-log, accessKeyId: id, secretAccessKey: { env: SECRET }';

describe('ledger', () => {
  it('needs nothing', () => {
    expect(load('').ledger).toEqual({
      ownsWrappingKey: false,
      retention: { rules: [], everyMs: 86_400_000 },
      witnesses: [],
      anchors: {},
      anchorIntervalMs: 60_000,
    });
  });

  it('takes a name, keys, witnesses, second places and object storage', () => {
    const { ledger } = load(`ledger:
  origin: ledger.example.com/prod
  wrappingKey: { env: SECRET }
  witnesses: [{ vkey: ${VKEY}, url: https://witness.example.com }]
  anchors:
    directory: ./second
    webhook: { url: https://hook.example.com/x, secret: { env: SECRET } }
    storage: { ${STORAGE}, prefix: sluice/, retainDays: 7 }
  anchorInterval: 5s
  tiles: { ${STORAGE} }
`);
    expect(ledger).toMatchObject({
      origin: 'ledger.example.com/prod',
      ownsWrappingKey: true,
      witnesses: [{ vkey: VKEY, url: 'https://witness.example.com' }],
      anchors: {
        directory: join(directory, 'second'),
        webhook: { url: 'https://hook.example.com/x' },
        storage: { bucket: 'audit-log', region: 'us-east-1', prefix: 'sluice/', retainDays: 7 },
      },
      anchorIntervalMs: 5000,
      tiles: { endpoint: 'https://s3.example.com', prefix: '' },
    });
    expect(ledger.wrappingKey?.reveal()).toBe('hush');
    expect(ledger.tiles?.secretAccessKey?.reveal()).toBe('hush');
    expect(JSON.stringify(ledger)).not.toContain('hush');
  });

  it('leaves secrets unread where they are not wanted', () => {
    const { ledger } = load(`ledger: { wrappingKey: { env: SECRET }, tiles: { ${STORAGE} } }`, 'skip');
    expect(ledger.ownsWrappingKey).toBe(true);
    expect(ledger).not.toHaveProperty('wrappingKey');
    expect(ledger.tiles).not.toHaveProperty('secretAccessKey');
  });

  it.each([
    'ledger: { origin: two words }',
    `ledger: { witnesses: [{ vkey: nonsense, url: https://w.example.com }] }`,
    `ledger: { witnesses: [{ vkey: ${VKEY}, url: nowhere }] }`,
    'ledger: { anchors: { webhook: { url: ftp://x } } }',
    'ledger: { anchorInterval: 10ms }',
    'ledger: { tiles: { endpoint: https://s3.example.com } }',
    'databases: { d: { engine: postgres, environment: prod, host: h, user: u, subjects: { a: [public.t], b: [public.t] } } }',
  ])('refuses %s', (yaml) => {
    expect(() => load(yaml)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
