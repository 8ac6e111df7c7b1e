import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadInstallationSecret } from './installation-secret.ts';
import { requirePrivateDirectory } from './private-file.ts';

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

describe('its directory', () => {
  it('is made closed to others, and taken as it is afterwards', () => {
    const dataDir = join(parent, 'a', 'b');
    requirePrivateDirectory(dataDir);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(() => requirePrivateDirectory(dataDir)).not.toThrow();
  });

  it.each([0o755, 0o711, 0o770, 0o1777])('is refused, and left alone, with mode %o', (mode) => {
    const open = join(parent, 'open');
    mkdirSync(open);
    chmodSync(open, mode);
    expect(() => requirePrivateDirectory(open)).toThrow(`other users may enter ${open}`);
    expect(statSync(open).mode & 0o7777).toBe(mode);
  });

  it.skipIf(process.geteuid?.() !== 0)('is refused if it is of another user', () => {
    const foreign = join(parent, 'foreign');
    mkdirSync(foreign, { mode: 0o700 });
    chownSync(foreign, 12345, 12345);
    expect(() => requirePrivateDirectory(foreign)).toThrow(
      'belongs to user 12345, but Sluice runs as user 0',
    );
  });
});
