import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Ledger } from './ledger.ts';
import type { SequencerStatus } from './sequencer-loop.ts';
import { startSequencer } from './start-sequencer.ts';
import { verifyLedger } from './verify.ts';

const PATIENCE = { timeout: 20_000, interval: 20 };

let directory: string;
let threads: Worker[];
const noteThread = (worker: Worker): void => void threads.push(worker);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-supervisor-'));
  threads = [];
  process.on('worker', noteThread);
});
afterEach(() => {
  process.off('worker', noteThread);
  rmSync(directory, { recursive: true });
});

it('replaces a thread that dies, publishes what came meanwhile, and says so', {
  timeout: 60_000,
}, async () => {
  const told: SequencerStatus[] = [];
  const sequencer = await startSequencer({ directory, intervalMs: 20, onStatus: (one) => told.push(one) });
  const ledger = await Ledger.open({ directory, version: '1' });
  await vi.waitFor(() => expect(sequencer.status().size).toBe(1), PATIENCE);
  for (let death = 1; death <= 2; death++) {
    await threads.at(-1)?.terminate();
    // What asks a thread that is not there gets an answer, and statements go on.
    await sequencer.flush();
    await ledger.durable(ledger.append({ kind: 'token-revoked', token: `after ${death}` }));
    await vi.waitFor(
      () => expect(sequencer.status()).toMatchObject({ size: 1 + death, restarts: death }),
      PATIENCE,
    );
    expect(sequencer.status().failure).toBeUndefined();
  }
  expect(threads).toHaveLength(3);
  expect(told.filter(({ failure }) => failure !== undefined)).toHaveLength(2);
  await ledger.close();
  await sequencer.close();
  expect(await verifyLedger(directory)).toMatchObject({ ok: true, entries: 3, pending: 0 });
});

it('tries again while a successor cannot start, and can be closed meanwhile', {
  timeout: 60_000,
}, async () => {
  const sequencer = await startSequencer({ directory, intervalMs: 20 });
  // A successor may be quicker: then it has to go, too, and the next one waits for longer.
  const usurper = await vi.waitFor(() => {
    for (const thread of threads) void thread.terminate();
    return startSequencer({ directory, intervalMs: 20 });
  }, PATIENCE);
  await vi.waitFor(
    () => expect(sequencer.status()).toMatchObject({ failure: { code: 'ledger_locked' } }),
    PATIENCE,
  );
  await usurper.close();
  await vi.waitFor(() => expect(sequencer.status().failure).toBeUndefined(), PATIENCE);
  await threads.at(-1)?.terminate();
  await sequencer.close();
  const next = await startSequencer({ directory });
  await next.close();
});
