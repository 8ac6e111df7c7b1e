/** docs/ledger.md holds a verifier that shares no code with this room: it must agree with it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { verifyLedger } from './verify.ts';

let directory: string;
let program: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-documented-'));
  const page = readFileSync(join(import.meta.dirname, '../../docs/ledger.md'), 'utf8');
  program = join(directory, 'check-ledger.mjs');
  writeFileSync(program, /```js\n(.*?)```/s.exec(page)?.[1] ?? 'process.exit(2)');
  const ledger = await Ledger.open({ directory, segmentBytes: 1000 });
  for (let index = 0; index < 30; index++) {
    ledger.append({
      kind: 'session-closed',
      session: `\u{1f600}"\n${index}`,
      reason: 'é',
      statements: index,
    });
    ledger.writeOut();
  }
  await ledger.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

function check(): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, directory], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

it('accepts what verify accepts, and finds the same hash', async () => {
  const report = await verifyLedger(directory);
  expect(report.ok).toBe(true);
  expect(check()).toEqual({ status: 0, said: `31 entries, the last one has the hash ${report.hash}\n` });
});

it('refuses what verify refuses', async () => {
  const names = readdirSync(join(directory, 'lanes', '0')).filter((name) => name.endsWith('.log'));
  const file = join(directory, 'lanes', '0', names.sort()[1] as string);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('"reason":"é"', '"reason":"e"'));
  const { fault } = await verifyLedger(directory);
  expect(check()).toMatchObject({
    status: 1,
    said: expect.stringContaining(`entry ${fault?.seq} is broken`),
  });
  writeFileSync(file, text);
  expect(check().status).toBe(0);
});
