/** The lock file has to serve every platform and every registry, not only the machine it was written on. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Lockfile, missingPlatformPackages } from '../../scripts/complete-lockfile.ts';

const lock = JSON.parse(
  readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
) as Lockfile;

describe('package-lock.json', () => {
  test('the check finds what is missing, also where it is nested', () => {
    const asker = { optionalDependencies: { 'tool-linux-x64': '1.0.0', 'tool-win32-x64': '1.0.0' } };
    const packages = {
      'node_modules/tool': asker,
      'node_modules/tool/node_modules/tool-linux-x64': {},
      'node_modules/other/node_modules/deep': { optionalDependencies: { 'tool-linux-x64': '1.0.0' } },
      'node_modules/other/node_modules/tool-linux-x64': {},
    };
    expect(missingPlatformPackages({ packages }).map(({ name }) => name)).toEqual(['tool-win32-x64']);
  });

  test('has the binaries of every platform: `npm ci` of npm 11 demands it', () => {
    expect(missingPlatformPackages(lock).map(({ name }) => name)).toEqual([]);
  });

  test('names no registry: any mirror may serve it', () => {
    const resolved = Object.values(lock.packages).filter(
      (entry) => 'resolved' in entry && !('link' in entry),
    );
    expect(resolved).toEqual([]);
  });
});
