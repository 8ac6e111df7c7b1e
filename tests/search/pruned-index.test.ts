/** An index never knows more than its log: not even if whoever was to make it anew after pruning did not live to. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { pruneLedger } from '../../src/ledger/prune.ts';
import { IndexLoop, type IndexStatus } from '../../src/search/index-loop.ts';
import { embeddedPlace } from '../../src/search/sqlite-place.ts';
import { publishLedger } from '../support/published-ledger.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2027, 5, 1);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-pruned-index-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function add(daysAgo: number, count: number): Promise<void> {
  const ledger = await Ledger.open({ directory: join(directory, 'ledger'), now: () => NOW - daysAgo * DAY });
  for (let index = 0; index < count; index++) ledger.append({ kind: 'token-revoked', token: `t${index}` });
  await ledger.close();
  await publishLedger(join(directory, 'ledger'));
}

/** Runs until all is in. */
async function indexed(): Promise<IndexStatus> {
  const { promise, resolve } = Promise.withResolvers<IndexStatus>();
  const loop = new IndexLoop({
    directory: join(directory, 'ledger'),
    place: embeddedPlace(join(directory, 'index.db')),
    pollMs: 5,
    onStatus: (status) => {
      if (status.entries > 0 && status.indexed === status.entries) resolve(status);
    },
  });
  const running = loop.run();
  const status = await promise;
  loop.stop();
  await running;
  return status;
}

const prune = () =>
  pruneLedger({
    ...{ directory: join(directory, 'ledger'), by: 'root', version: '1', now: NOW },
    rules: [{ keepMs: 90 * DAY, kinds: ['token-revoked'] }],
  });

it('is made anew by the next start, once', async () => {
  await add(100, 600);
  await add(1, 300);
  const before = await indexed();
  expect((await prune()).count).toBeGreaterThan(500);
  const after = await indexed();
  expect(after.rebuilt).toBe('entries were pruned');
  expect(after.items).toBeLessThan(before.items - 500);
  expect(await indexed()).toEqual({ ...after, rebuilt: undefined });
});

it('stays as it is where nothing went', async () => {
  await add(1, 600);
  const before = await indexed();
  expect((await prune()).count).toBe(0);
  expect(await indexed()).toEqual(before);
});
