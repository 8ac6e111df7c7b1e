/** A gateway that prunes its ledger while it serves. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { type Gate, startGate } from '../support/gate.ts';

const PATIENCE = { timeout: 60_000, interval: 100 };
const DAY = 86_400_000;

let gate: Gate | undefined;
afterEach(() => gate?.stop());

it('takes out what was kept long enough, and serves on', { timeout: 120_000 }, async () => {
  gate = await startGate({
    yaml: 'ledger: { retention: { every: 1s, rules: [{ keep: 90d, kinds: [token-revoked] }] } }\n',
  });
  const directory = join(gate.dataDir, 'ledger');
  // What was recorded long ago, by a lane that has ended.
  const old = await Ledger.open({ directory, lane: 9100, version: '1', now: () => Date.now() - 100 * DAY });
  for (let entry = 0; entry < 600; entry++) old.append({ kind: 'token-revoked', token: `t${entry}` });
  await old.close();
  const client = await gate.client('alice');
  const metrics = async () => (await fetch(`${gate?.httpUrl}/metrics`)).text();
  await vi.waitFor(async () => {
    await client.query('SELECT count(*) FROM orders');
    expect(Number(/sluice_ledger_pruned_entries (\d+)/.exec(await metrics())?.[1])).toBeGreaterThan(250);
  }, PATIENCE);
  expect(await metrics()).toMatch(/sluice_ledger_pruning 1/);
  expect(existsSync(join(directory, 'tile/entries/001'))).toBe(false);
  // The index is made anew, and knows no more than the log.
  await vi.waitFor(
    async () => expect((await gate?.admin('GET', '/admin/index'))?.body).toHaveProperty('rebuilt'),
    PATIENCE,
  );
  const recorded = (await gate.entries()).find(({ event }) => event.kind === 'entries-pruned');
  expect(recorded?.event).toMatchObject({ by: 'retention' });
  const report = await verifyLedger(directory);
  expect(report).toMatchObject({ ok: true });
  expect(report.pruned).toBeGreaterThan(250);
  await client.end();
});
