import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigSource } from './config-source.ts';
import { nearestName } from './nearest-name.ts';
import { listPolicyFiles } from './policy-files.ts';
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from './quantity.ts';

describe('quantities', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['10s', 10_000],
    ['90m', 5_400_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['1', undefined],
    ['-1s', undefined],
    ['1.5h', undefined],
    ['1 h', undefined],
    ['1h30m', undefined],
    ['9999999999s', undefined],
  ])('reads the duration %s', (text, ms) => expect(parseDurationMs(text)).toBe(ms));

  it.each([
    [1024, 1024],
    ['1024', 1024],
    ['16MiB', 16_777_216],
    ['1GiB', 1_073_741_824],
    ['5B', 5],
    ['1MB', undefined],
    [-1, undefined],
    [1.5, undefined],
  ])('reads the size %s', (value, bytes) => expect(parseBytes(value)).toBe(bytes));

  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.nat({ max: 999_999_999 }), (n) => parseDurationMs(formatDuration(n)) === n));
    fc.assert(fc.property(fc.nat({ max: 999_999_999 }), (n) => parseBytes(formatBytes(n)) === n));
  });
});

describe('nearestName', () => {
  it.each([
    ['prot', ['port', 'host'], 'port'],
    ['startupTimeoutMs', ['startupTimeout', 'drainTimeout'], 'startupTimeout'],
    ['PORT', ['port'], 'port'],
    ['x', ['port', 'host'], undefined],
    ['zzzz', ['port', 'host'], undefined],
    ['anything', [], undefined],
  ])('finds for %s of %j: %s', (name, names, nearest) => expect(nearestName(name, names)).toBe(nearest));
});

it('no text makes the parser throw, and every problem has a place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const source = new ConfigSource('f', text);
      return source.problems.every(({ line, column }) => line >= 1 && column >= 1);
    }),
  );
});

describe('policy files', () => {
  const source = new ConfigSource('/c/sluice.yaml', 'version: 1\npolicies:\n  files: [a, b]\n');
  const directory: Record<string, string[]> = {
    '/p': ['b.cedar', 'a.cedar', '.hidden.cedar', 'notes.md', 'x-1-y.cedar'],
  };
  const list = (...files: string[]) =>
    listPolicyFiles({ source, policies: { defaults: true, files } }, (path) => {
      if (directory[path] === undefined) throw new Error('ENOENT');
      return directory[path];
    });

  it.each([
    [['/p/*.cedar'], ['/p/a.cedar', '/p/b.cedar', '/p/x-1-y.cedar']],
    [
      ['/p/b.cedar', '/p/*.cedar'],
      ['/p/b.cedar', '/p/a.cedar', '/p/x-1-y.cedar'],
    ],
    [['/p/x*1*y.cedar'], ['/p/x-1-y.cedar']],
    [['/p/.*'], ['/p/.hidden.cedar']],
    [['/elsewhere/one.cedar'], ['/elsewhere/one.cedar']],
    [[], []],
  ])('%j are %j', (patterns, files) => expect(list(...patterns)).toEqual(files));

  it('refuses a pattern that finds nothing, with its place', () => {
    expect(() => list('/p/*.cedar', '/p/*.json')).toThrow(
      '/c/sluice.yaml:3:14: /p/*.json matches no file. Create the file, correct the path, or remove the line.',
    );
    expect(() => list('/q/*.cedar')).toThrow('/c/sluice.yaml:3:11: /q/*.cedar matches no file');
  });

  it('refuses a pattern in a directory', () => {
    expect(() => list('/*/a.cedar')).toThrow('only the last part of a path may hold *');
  });
});
