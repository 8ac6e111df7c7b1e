import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { verifyPublished } from '../../tests/support/published-ledger.ts';
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import { Ledger, type LedgerOptions } from './ledger.ts';
import { readEntries } from './read-entries.ts';

let directory: string;
const open: Ledger[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-ledger-'));
});

afterEach(async () => {
  for (const ledger of open.splice(0)) await ledger.close().catch(() => {});
  rmSync(directory, { recursive: true });
});

async function openLedger(options: Partial<LedgerOptions> = {}): Promise<Ledger> {
  const ledger = await Ledger.open({ directory, version: '1.2.3', ...options });
  open.push(ledger);
  return ledger;
}

function closed(session: string): LedgerEvent {
  return { kind: 'session-closed', session, reason: 'done', statements: 0 };
}

async function entries(options: Parameters<typeof readEntries>[1] = {}): Promise<LedgerEntry[]> {
  const all: LedgerEntry[] = [];
  for await (const entry of readEntries(directory, options)) all.push(entry);
  return all;
}

it('begins with its own id and keeps what is appended, in order, over restarts', async () => {
  const first = await openLedger({ now: () => 1000 });
  expect(first.append(closed('a'))).toBe(1);
  expect(first.append(closed('b'))).toBe(2);
  await first.close();
  const second = await openLedger({ now: () => 2000 });
  expect(second.append(closed('c'))).toBe(3);
  await second.close();
  expect(await entries()).toMatchObject([
    { seq: 0, at: 1000, event: { kind: 'log-opened', schema: 1, version: '1.2.3' } },
    { seq: 1, at: 1000, event: closed('a') },
    { seq: 2, at: 1000, event: closed('b') },
    { seq: 3, at: 2000, event: closed('c') },
  ]);
  expect(await verifyPublished(directory)).toMatchObject({ ok: true, entries: 4, pending: 0 });
});

it('never lets the time go back', async () => {
  let time = 5000;
  const first = await openLedger({ now: () => time });
  time = 4000;
  first.append(closed('a'));
  await first.close();
  const second = await openLedger({ now: () => 10 });
  second.append(closed('b'));
  await second.close();
  expect((await entries()).map((entry) => entry.at)).toEqual([5000, 5000, 5000]);
});

it('has an entry in the file once writeOut returned, and writes nothing twice', async () => {
  const ledger = await openLedger({ maxSyncDelayMs: 60_000 });
  const seq = ledger.append(closed('a'));
  expect(ledger.writtenSeq).toBe(seq - 1);
  ledger.writeOut();
  expect(ledger.writtenSeq).toBe(seq);
  expect(ledger.durableSeq).toBe(seq - 1);
  const file = join(directory, 'lanes', '0', '0000000000000000.log');
  const size = statSync(file).size;
  ledger.writeOut();
  expect(statSync(file).size).toBe(size);
  expect(readFileSync(file, 'utf8')).toContain('"session":"a"');
});

it('makes an entry durable soon although nobody waits', async () => {
  const ledger = await openLedger();
  const seq = ledger.append(closed('a'));
  const deadline = performance.now() + 1000;
  while (ledger.durableSeq < seq && performance.now() < deadline)
    await new Promise((next) => setTimeout(next, 1));
  expect(ledger.durableSeq).toBe(seq);
});

it('lets everyone who waits share syncs', async () => {
  let syncs = 0;
  const { nodeFileSystem } = await import('./file-system.ts');
  const fileSystem = {
    ...nodeFileSystem,
    sync: (fd: number) => {
      syncs++;
      return nodeFileSystem.sync(fd);
    },
  };
  const ledger = await openLedger({ fileSystem });
  syncs = 0;
  await Promise.all(
    Array.from({ length: 500 }, async (_, index) => {
      const seq = ledger.append(closed(String(index)));
      await ledger.durable(seq);
      expect(ledger.durableSeq).toBeGreaterThanOrEqual(seq);
    }),
  );
  expect(syncs).toBe(1);
});

it('rejects waiting for what was never appended', async () => {
  const ledger = await openLedger();
  await expect(ledger.durable(ledger.appendedSeq + 1)).rejects.toThrow(RangeError);
  await expect(ledger.durable(Number.NaN)).rejects.toThrow(RangeError);
});

it('begins a new segment at the size asked for, and verifies across them', async () => {
  const ledger = await openLedger({ segmentBytes: 1000 });
  for (let index = 0; index < 40; index++) {
    ledger.append(closed(`s${index}`));
    if (index % 3 === 0) ledger.writeOut();
    if (index % 7 === 0) await ledger.durable(ledger.appendedSeq);
  }
  await ledger.close();
  const names = readdirSync(join(directory, 'lanes', '0')).filter((name) => name.endsWith('.log'));
  expect(names.length).toBeGreaterThan(3);
  expect(await verifyPublished(directory)).toMatchObject({ ok: true, entries: 41 });
  const again = await openLedger({ segmentBytes: 1000 });
  expect(again.append(closed('again'))).toBe(41);
  await again.close();
  expect(await verifyPublished(directory)).toMatchObject({ ok: true, entries: 42 });
});

it('has lanes that do not wait for each other', async () => {
  let time = 0;
  const lanes = [await openLedger({ now: () => ++time })];
  for (const lane of [1, 12]) lanes.push(await openLedger({ lane, now: () => ++time }));
  for (const round of [1, 2, 3]) {
    for (const ledger of lanes) expect(ledger.append(closed(`${ledger.lane}-${round}`))).toBe(round);
  }
  for (const ledger of lanes) await ledger.close();
  const expected = [1, 2, 3].flatMap((round) => [0, 1, 12].map((lane) => `${lane}-${round}`));
  const sessions = (found: readonly LedgerEntry[]) =>
    found.flatMap(({ event }) => (event.kind === 'session-closed' ? event.session : []));
  expect(sessions(await entries())).toEqual(expected);
  expect(sessions(await entries({ reverse: true }))).toEqual(expected.toReversed());
  expect((await entries({ fromSeq: 9 })).map(({ id, seq }) => [id, seq])).toEqual([
    ['0.3', 9],
    ['1.3', 10],
    ['12.3', 11],
  ]);
  expect(await verifyPublished(directory)).toMatchObject({ ok: true, entries: 12 });
});

it.each(['head.json', '0000000000000000.log'])(
  'leaves a ledger of the older format alone (%s)',
  async (name) => {
    writeFileSync(join(directory, name), 'old');
    await expect(Ledger.open({ directory })).rejects.toMatchObject({
      code: 'ledger_corrupt',
      message: expect.stringContaining('older format'),
    });
    expect(readFileSync(join(directory, name), 'utf8')).toBe('old');
    expect(readdirSync(directory)).not.toContain('key.pem');
  },
);

it('lets one process hold a lane', async () => {
  const ledger = await openLedger();
  await expect(openLedger()).rejects.toMatchObject({
    code: 'ledger_locked',
    message: expect.stringContaining(directory),
  });
  await ledger.close();
  await openLedger();
});

it('refuses entries after it was closed, and closes once', async () => {
  const ledger = await openLedger();
  const seq = ledger.append(closed('a'));
  const durable = ledger.durable(seq);
  await Promise.all([ledger.close(), ledger.close()]);
  await durable;
  expect(() => ledger.append(closed('b'))).toThrow(expect.objectContaining({ code: 'ledger_unavailable' }));
});

it('refuses an entry that is too large for a reader', async () => {
  const ledger = await openLedger();
  expect(() => ledger.append(closed('x'.repeat(17 * 1024 * 1024)))).toThrow(
    expect.objectContaining({ code: 'statement_too_large' }),
  );
  expect(ledger.append(closed('y'.repeat(3 * 1024 * 1024)))).toBe(1);
  await ledger.close();
  expect(await verifyPublished(directory)).toMatchObject({ ok: true, entries: 2 });
  expect((await entries({ reverse: true, limit: 1 }))[0]?.event).toEqual(closed('y'.repeat(3 * 1024 * 1024)));
});

it('keeps its files to itself', async () => {
  const ledger = await openLedger();
  ledger.append(closed('a'));
  await ledger.close();
  const modes = Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => [
      name,
      (statSync(join(directory, name)).mode & 0o777).toString(8),
    ]),
  );
  expect(modes).toEqual({
    lanes: '700',
    'lanes/0': '700',
    'lanes/0/0000000000000000.log': '600',
    'lanes/0/head.json': '600',
    'lanes/0/lock': '600',
  });
});
