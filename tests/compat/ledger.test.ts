/**
 * The ledger that a gateway wrote under load is verified by somebody else's implementation of transparency logs: the one behind Go's
 * checksum database, from the Go module proxy.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entrySchema } from '../../src/ledger/entry-schema.ts';
import { pruneLedger } from '../../src/ledger/prune.ts';
import { readRawEntries } from '../../src/ledger/read-entries.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { folderOf, problemWith, toolchain } from './toolchains.ts';

const PROGRAM = join(folderOf('go'), 'bin/tlog');
const problem = problemWith(toolchain('go'));
const STATEMENTS = 1500;

let gate: Gate;
let directory: string;

beforeAll(async () => {
  gate = await startGate();
  directory = mkdtempSync(join(tmpdir(), 'sluice-tlog-'));
});
afterAll(async () => {
  await gate.stop();
  rmSync(directory, { recursive: true, force: true });
});

if (problem !== undefined) console.warn(`\n*** SKIPPED: ${problem} ***\n`);

test.skipIf(problem !== undefined && process.env.CI === undefined)(
  'a ledger made under load verifies with golang.org/x/mod/sumdb, and a changed one does not',
  async () => {
    expect(problem).toBeUndefined();
    const ledger = join(gate.dataDir, 'ledger');
    const noted: string[] = [];
    const clients = await Promise.all(['alice', 'bob', 'app'].map((name) => gate.client(name)));
    for (let i = 0; i < STATEMENTS; i++) {
      await clients[i % clients.length]?.query('SELECT name, email, $2::text FROM customers WHERE id = $1', [
        1 + (i % 300),
        'x'.repeat(i),
      ]);
      if (i % 200 === 0) {
        const name = join(directory, `checkpoint-${i}`);
        writeFileSync(name, readFileSync(join(ledger, 'checkpoint')));
        noted.push(name);
      }
    }
    await expect.poll(async () => (await verifyLedger(ledger)).pending, { timeout: 30_000 }).toBe(0);
    const copy = join(directory, 'copy');
    cpSync(ledger, copy, { recursive: true });
    const { checkpoint } = await verifyLedger(copy);
    expect(checkpoint?.size).toBeGreaterThan(2 * STATEMENTS);
    const vkey = readFileSync(join(copy, 'vkey'), 'utf8').trim();
    const verify = () => spawnSync(PROGRAM, [copy, vkey, ...noted], { encoding: 'utf8' });
    expect(verify()).toMatchObject({
      status: 0,
      stdout: `${checkpoint?.size} entries, ${noted.length} earlier checkpoints, 0 pruned\n`,
      stderr: '',
    });
    const validate = new Ajv2020({ strict: false }).compile(entrySchema());
    for await (const { bytes } of readRawEntries(copy)) {
      const entry = JSON.parse(bytes.toString('utf8'));
      expect(validate(entry), JSON.stringify(entry)).toBe(true);
    }
    // What retention takes out leaves tiles that others verify as before.
    const thinned = join(directory, 'thinned');
    cpSync(copy, thinned, { recursive: true });
    const rules = [{ keepMs: 3_600_000, kinds: ['statement', 'outcome'] }];
    const now = Date.now() + 86_400_000;
    const { count } = await pruneLedger({ directory: thinned, rules, now, by: 'test', version: '1' });
    expect(count).toBeGreaterThan(STATEMENTS);
    const { checkpoint: later, pruned } = await verifyLedger(thinned);
    expect(pruned).toBe(count);
    const seen = spawnSync(PROGRAM, [thinned, vkey, ...noted], { encoding: 'utf8' });
    expect(seen).toMatchObject({ status: 0, stderr: '' });
    const [, size, gone] = /^(\d+) entries, \d+ earlier checkpoints, (\d+) pruned/.exec(seen.stdout) ?? [];
    expect([Number(size), Number(gone) >= count]).toEqual([later?.size, true]);
    const bundle = join(copy, 'tile/entries', readdirSync(join(copy, 'tile/entries')).sort()[3] as string);
    const bytes = readFileSync(bundle);
    bytes[1000] = (bytes[1000] as number) ^ 1;
    writeFileSync(bundle, bytes);
    expect(verify()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^entry \d+: /) });
    expect((await verifyLedger(copy)).ok).toBe(false);
  },
  180_000,
);
