/** Tiles and anchored checkpoints in S3-compatible object storage: moto's server, which checks what S3 checks of such requests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAnchor } from '../../src/ledger/anchor.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { proveEntry } from '../../src/ledger/prove.ts';
import { readEntries } from '../../src/ledger/read-entries.ts';
import { S3Bucket, type S3Config } from '../../src/ledger/s3-bucket.ts';
import { runSequencer } from '../../src/ledger/start-sequencer.ts';
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
});
