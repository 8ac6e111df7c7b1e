import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configChanges, configVersion, flattenConfig, showConfig } from './config-changes.ts';
import { loadConfig, SYSTEM_DEPS } from './load-config.ts';

const BASE = `version: 1
principals: { bob: { kind: human } }
databases:
  shop: { engine: postgres, environment: prod, host: db, user: sluice, password: { env: DB_PASSWORD },
          labels: { public.customers: { email: email } } }
ledger: { origin: example.com/log }
`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function flat(text: string, password = 'hunter2') {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, text);
  return flattenConfig(
    loadConfig(file, { ...SYSTEM_DEPS, env: { DB_PASSWORD: password } }, { secrets: 'read' }),
  );
}

describe('what changed in a configuration', () => {
  it('is everything, of the first one, and never shows a secret', () => {
    const changes = configChanges({}, flat(BASE));
    expect(changes).toContainEqual({ path: 'databases.shop.environment', after: 'prod' });
    expect(changes).toContainEqual({ path: 'databases.shop.upstream.password', after: '‹secret›' });
    expect(changes).toContainEqual({ path: 'workers', after: expect.any(Number) });
    expect(JSON.stringify([changes, showConfig(flat(BASE))])).not.toMatch(/hunter2|\[secret\]/);
  });

  it('is named value by value: what came, what went, what is another', () => {
    const before = showConfig(flat(BASE));
    const after = flat(
      BASE.replace('kind: human', 'kind: agent')
        .replace(', password: { env: DB_PASSWORD }', '')
        .replace('email: email', 'email: email, phone: phone'),
    );
    expect(configChanges(before, after)).toEqual(
      expect.arrayContaining([
        { path: 'databases.shop.upstream.password', before: '‹secret›' },
        { path: 'principals.bob.kind', before: 'Human', after: 'Agent' },
      ]),
    );
    expect(configVersion(showConfig(after))).not.toBe(configVersion(before));
  });

  it('is nothing where nothing changed', () => {
    expect(configChanges(showConfig(flat(BASE)), flat(BASE))).toEqual([]);
    expect(configChanges(flat(BASE), flat(BASE))).toEqual([]);
    expect(configVersion(showConfig(flat(BASE)))).toBe(configVersion(showConfig(flat(BASE))));
  });

  it('tells another secret only by comparing the secrets themselves', () => {
    expect(configChanges(flat(BASE), flat(BASE, 'other'))).toEqual([
      { path: 'databases.shop.upstream.password', before: '‹secret›', after: '‹secret, changed›' },
    ]);
    expect(configChanges(showConfig(flat(BASE)), flat(BASE, 'other'))).toEqual([]);
  });

  it('hides what an address carries, and shortens long texts', () => {
    const values = new Map([
      ['a', 'https://user:pass@example.com/x?key=1'],
      ['b', 'x'.repeat(600)],
      ['c', 'https://example.com/x'],
    ]);
    expect(configChanges({}, values)).toEqual([
      { path: 'a', after: 'https://‹secret›@example.com/x?‹secret›' },
      { path: 'b', after: expect.stringMatching(/^‹600 bytes, SHA-256 [0-9a-f]{64}›$/) },
      { path: 'c', after: 'https://example.com/x' },
    ]);
  });
});
