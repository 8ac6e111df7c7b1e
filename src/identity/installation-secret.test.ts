import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadInstallationSecret, prepareDataDir } from './installation-secret.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'sluice-secret-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

it('is made once, closed to others, and kept', () => {
  const first = loadInstallationSecret(parent, randomBytes);
  expect(first).toHaveLength(32);
  expect(loadInstallationSecret(parent, randomBytes)).toEqual(first);
  expect(readdirSync(parent)).toEqual(['installation.key']);
  expect(statSync(join(parent, 'installation.key')).mode & 0o777).toBe(0o600);
});

it('is never replaced when it is damaged', () => {
  writeFileSync(join(parent, 'installation.key'), 'short');
  expect(() => loadInstallationSecret(parent, randomBytes)).toThrow('must hold 32 bytes, but holds 5');
});

it('lives in a directory that is closed to others', () => {
  const dataDir = join(parent, 'a', 'b');
  prepareDataDir(dataDir);
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
});
