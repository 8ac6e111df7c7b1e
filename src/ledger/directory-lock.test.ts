import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDirectory } from './directory-lock.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
});

afterEach(() => rmSync(root, { recursive: true }));

it('is held by one at a time, and let go once', () => {
  const directory = join(root, 'a', 'b');
  const first = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(
    expect.objectContaining({ code: 'ledger_locked', message: expect.stringContaining(directory) }),
  );
  first.release();
  first.release();
  const second = lockDirectory(directory);
  first.release();
  expect(() => lockDirectory(directory)).toThrow(expect.objectContaining({ code: 'ledger_locked' }));
  second.release();
});

it('makes the directory for its owner only', () => {
  const directory = join(root, 'new');
  lockDirectory(directory).release();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'lock')).mode & 0o777).toBe(0o600);
});

it.each([
  ['the directory cannot be made', 'file/below'],
  ['the directory is a file', 'file'],
])('says that %s', (_name, path) => {
  writeFileSync(join(root, 'file'), '');
  expect(() => lockDirectory(join(root, path))).toThrow(
    expect.objectContaining({ code: 'ledger_unavailable' }),
  );
});

it('is refused if the lock file is no lock', () => {
  writeFileSync(join(root, 'lock'), 'not a lock but a note '.repeat(100));
  expect(() => lockDirectory(root)).toThrow(expect.objectContaining({ code: 'ledger_unavailable' }));
});
