/** docs/ledger.md holds a verifier that shares no code with this room: it must agree with it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { Ledger } from './ledger.ts';
import { verifyLedger } from './verify.ts';

let directory: string;
let program: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-documented-'));
  const page = readFileSync(join(import.meta.dirname, '../../docs/ledger.md'), 'utf8');
  program = join(directory, 'check-ledger.mjs');
  writeFileSync(program, /```js\n(.*?)```/s.exec(page)?.[1] ?? 'process.exit(2)');
  const ledger = await Ledger.open({ directory });
  for (let index = 0; index < 600; index++) {
    ledger.append({
      kind: 'session-closed',
      session: `\u{1f600}"\n${index}`,
      reason: 'é',
      statements: index,
    });
  }
  await ledger.close();
  await publishLedger(directory);
});

afterAll(() => rmSync(directory, { recursive: true }));

function check(): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, directory], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

it('accepts what verify accepts, and finds the same root', async () => {
  const report = await verifyLedger(directory);
  expect(report.ok).toBe(true);
  expect(check()).toEqual({
    status: 0,
    said: `601 entries of ${report.vkey?.split('+')[0]}, root ${report.checkpoint?.root}\n`,
  });
});

it.each(['tile/entries/001', 'checkpoint'])('refuses what verify refuses: another %s', async (name) => {
  const file = join(directory, name);
  const bytes = readFileSync(file);
  const changed = Buffer.from(bytes);
  changed[40] = (changed[40] as number) ^ 1;
  writeFileSync(file, changed);
  expect((await verifyLedger(directory)).ok).toBe(false);
  expect(check().status).toBe(1);
  writeFileSync(file, bytes);
  expect(check().status).toBe(0);
});
