/** Tiles and anchored checkpoints in S3-compatible object storage: moto's server, which checks what S3 checks of such requests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SluiceError } from '../../src/errors/sluice-error.ts';
import { createAnchor } from '../../src/ledger/anchor.ts';
import { notesInBucket } from '../../src/ledger/kept-checkpoints.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { proveEntry } from '../../src/ledger/prove.ts';
import { pruneLedger } from '../../src/ledger/prune.ts';
import { readEntries } from '../../src/ledger/read-entries.ts';
import { S3Bucket, type S3Config } from '../../src/ledger/s3-bucket.ts';
import { runSequencer } from '../../src/ledger/start-sequencer.ts';
import { partPath } from '../../src/ledger/tile.ts';
import type { TileStore } from '../../src/ledger/tile-store.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { folderOf, problemWith, toolchain } from './toolchains.ts';

const problem = problemWith(toolchain('storage'));
if (problem !== undefined && process.env.CI) throw new Error(problem);
if (problem !== undefined) console.warn(`\n*** SKIPPED: ${problem} ***\n`);

const KEYS = { accessKeyId: 'test', secretAccessKey: 'secret', region: 'us-east-1' };
let server: ChildProcess;
let endpoint: string;
let directory: string;
let client: AwsClient;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.on('listening', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  if (problem !== undefined) return;
  const port = await freePort();
  endpoint = `http://127.0.0.1:${port}`;
  client = new AwsClient({ ...KEYS, service: 's3' });
  server = spawn(join(folderOf('storage'), 'venv/bin/moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  for (let tries = 0; (await fetch(endpoint).catch(() => undefined)) === undefined; tries++) {
    if (tries === 600) throw new Error('moto does not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}, 90_000);
afterAll(() => {
  server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

async function makeBucket(name: string, headers: Record<string, string> = {}): Promise<S3Config> {
  expect((await client.fetch(`${endpoint}/${name}`, { method: 'PUT', headers })).status).toBe(200);
  return { ...KEYS, endpoint, bucket: name, prefix: 'log/' };
}

test.skipIf(problem !== undefined)(
  'a log lives in object storage, over restarts, and verifies there',
  async () => {
    const tiles = await makeBucket('tiles');
    const path = join(directory, 'tiles');
    for (let run = 0; run < 3; run++) {
      const sequencer = await runSequencer({ directory: path, tiles, intervalMs: 20 }, () => {});
      const ledger = await Ledger.open({ directory: path });
      for (let index = 0; index < 300; index++)
        ledger.append({ kind: 'token-revoked', token: `${run}-${index}` });
      await ledger.close();
      await sequencer.close();
    }
    const bucket = new S3Bucket(tiles);
    const source = { source: bucket };
    expect(await verifyLedger(path, source)).toMatchObject({
      ok: true,
      entries: 901,
      checkpoint: { size: 901 },
    });
    const tokens = [];
    for await (const { event } of readEntries(path, { ...source, reverse: true, limit: 1 }))
      tokens.push(event);
    expect(tokens).toEqual([{ kind: 'token-revoked', token: '2-299' }]);
    expect(await proveEntry(bucket, { seq: 700 })).toMatch(/^c2sp\.org\/tlog-proof@v1\n/);
    // A log stays where it began.
    await expect(runSequencer({ directory: path }, () => {})).rejects.toMatchObject({
      code: 'config_invalid',
    });
    const stranger = new S3Bucket({ ...tiles, bucket: 'nowhere' });
    await expect(stranger.put('x', Buffer.from('x'))).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(await stranger.read('x')).toBeUndefined();
  },
  120_000,
);

test.skipIf(problem !== undefined)(
  'a log in object storage is pruned there, also after a run that did not come to its end',
  async () => {
    const tiles = await makeBucket('pruned');
    const path = join(directory, 'pruned');
    const bucket = new S3Bucket(tiles);
    const sequencer = await runSequencer({ directory: path, tiles, intervalMs: 20 }, () => {});
    const DAY = 86_400_000;
    const now = Date.now();
    const add = async (at: number, reason: string, count: number): Promise<void> => {
      const ledger = await Ledger.open({ directory: path, now: () => at });
      for (let index = 0; index < count; index++)
        ledger.append({ kind: 'session-closed', session: `${index}`, reason, statements: 0 });
      await ledger.close();
      await sequencer.flush();
    };
    const LARGE = 'l'.repeat(70_000);
    await add(now - 400 * DAY, 'old', 600);
    await add(now - 400 * DAY, LARGE, 1);
    await add(now - DAY, 'new', 300);
    const rules = [{ keepMs: 90 * DAY, kinds: ['session-closed'] }];
    const options = { directory: path, store: bucket, rules, now, by: 'test', version: '1' };
    const dry = await pruneLedger({ ...options, dryRun: true });
    expect([dry.count, dry.parts.size]).toEqual([601, 1]);
    const [part] = dry.parts as Set<string>;
    expect(await bucket.read(partPath(part as string))).toBeDefined();

    // The storage fails in the middle: the next run finishes what this one began.
    let left = 2;
    const failing: TileStore = {
      ...{ name: bucket.name, read: (name) => bucket.read(name), remove: (name) => bucket.remove(name) },
      ...{ write: (parts) => bucket.write(parts), replace: (name, bytes) => bucket.replace(name, bytes) },
      destroy: async (name) => {
        if (left-- === 0) throw new SluiceError('ledger_unavailable', 'the storage is gone');
        await bucket.destroy(name);
      },
    };
    await expect(pruneLedger({ ...options, store: failing })).rejects.toMatchObject({
      code: 'ledger_unavailable',
    });
    expect(await verifyLedger(path, { source: bucket })).toMatchObject({ ok: true });
    await pruneLedger(options);
    await sequencer.flush();
    const report = await verifyLedger(path, { source: bucket });
    expect(report).toMatchObject({ ok: true, pruned: 601, fault: undefined });
    expect(report.entries + report.pruned).toBe(report.checkpoint?.size);
    expect(await bucket.read(partPath(part as string))).toBeUndefined();
    expect(await bucket.read('tile/entries/000')).toBeUndefined();
    expect(await bucket.read('kept/000')).toBeDefined();
    expect(await bucket.read('kept/001')).toBeUndefined();
    const reasons = new Set<string>();
    for await (const { event } of readEntries(path, { source: bucket }))
      if (event.kind === 'session-closed') reasons.add(event.reason);
    expect([...reasons]).toEqual(['new']);
    expect(await proveEntry(bucket, { seq: 10 })).toMatch(/^c2sp\.org\/tlog-proof@v1\n/);
    // What was taken out without a record is missed.
    await bucket.destroy('kept/002');
    expect((await verifyLedger(path, { source: bucket })).fault).toMatchObject({ file: 'kept/002' });
    await sequencer.close();
  },
  180_000,
);

test.skipIf(problem !== undefined)('an anchored checkpoint is locked', async () => {
  const bucket = await makeBucket('anchors', { 'x-amz-bucket-object-lock-enabled': 'true' });
  const anchor = createAnchor({ kind: 's3', bucket, retainDays: 30 }, () => Date.UTC(2098, 0, 1));
  await anchor.keep('a checkpoint', 17);
  const url = `${endpoint}/anchors/log/checkpoints/0000000000000017.checkpoint`;
  const kept = await client.fetch(url);
  expect(await kept.text()).toBe('a checkpoint');
  expect(kept.headers.get('x-amz-object-lock-mode')).toBe('COMPLIANCE');
  expect(kept.headers.get('x-amz-object-lock-retain-until-date')).toContain('2098-01-31');
  const version = kept.headers.get('x-amz-version-id');
  expect((await client.fetch(`${url}?versionId=${version}`, { method: 'DELETE' })).status).toBe(403);
  // Whoever may write there may put something over it, or mark it as deleted: it is found all the same.
  await client.fetch(url, { method: 'PUT', body: 'another one' });
  await client.fetch(url, { method: 'DELETE' });
  expect((await client.fetch(url)).status).toBe(404);
  await anchor.keep('a later one', 18);
  const notes = await notesInBucket(new S3Bucket(bucket), { from: 0, to: Number.MAX_SAFE_INTEGER });
  expect(notes.map(({ named, text }) => [named, text]).sort()).toEqual([
    [17, 'a checkpoint'],
    [17, 'another one'],
    [18, 'a later one'],
  ]);
  // One that keeps no versions has one of each.
  const plain = await makeBucket('plain');
  await createAnchor({ kind: 's3', bucket: plain, retainDays: 0 }).keep('a checkpoint', 5);
  const found = await notesInBucket(new S3Bucket(plain), { from: 0, to: Number.MAX_SAFE_INTEGER });
  expect(found.map(({ named, text }) => [named, text])).toEqual([[5, 'a checkpoint']]);
  for (const { keptAt } of notes) expect(Math.abs(Date.now() - keptAt)).toBeLessThan(300_000);
});
