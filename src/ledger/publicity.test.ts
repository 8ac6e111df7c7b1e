/** Witnesses and second places, against servers of their own that do what the specifications say. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseCheckpoint } from './checkpoint.ts';
import { Ledger } from './ledger.ts';
import { EMPTY_ROOT, provesConsistency } from './merkle-tree.ts';
import {
  formatVkey,
  isSignedBy,
  type NoteKey,
  noteKey,
  parseNote,
  parseVkey,
  signatureLine,
} from './signed-note.ts';
import { type RunningSequencer, runSequencer } from './start-sequencer.ts';
import { verifyLedger } from './verify.ts';

let directory: string;
let servers: Server[];
let sequencer: RunningSequencer;
let ledger: Ledger;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-publicity-'));
  servers = [];
});
afterEach(async () => {
  await ledger.close();
  await sequencer.close();
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

async function serve(
  answer: (request: IncomingMessage, body: string) => readonly [status: number, body: string],
): Promise<string> {
  const server = createServer(async (request, response) => {
    const [status, body] = answer(request, await text(request));
    response.writeHead(status).end(body);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.on('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A witness as c2sp.org/tlog-witness has it: checks signature, size and consistency before it signs. */
class TestWitness {
  readonly key: NoteKey;
  readonly privateKey: KeyObject;
  size = 0;
  root = EMPTY_ROOT;
  logKey: NoteKey | undefined;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.key = noteKey('witness.example/w1', 'witness', publicKey);
    this.privateKey = privateKey;
  }

  answer(body: string): readonly [number, string] {
    const end = body.indexOf('\n\n');
    const [old = '', ...proof] = body.slice(0, end).split('\n');
    const note = parseNote(body.slice(end + 2));
    const checkpoint = note && parseCheckpoint(note.text);
    if (note === undefined || checkpoint === undefined) return [400, ''];
    if (this.logKey === undefined || !isSignedBy(note, this.logKey)) return [403, ''];
    if (old !== `old ${this.size}`) return [409, `${this.size}\n`];
    const hashes = proof.map((line) => Buffer.from(line, 'base64'));
    if (!provesConsistency(this.size, checkpoint.size, this.root, checkpoint.root, hashes)) return [422, ''];
    this.size = checkpoint.size;
    this.root = checkpoint.root;
    const seconds = 1_800_000_000;
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(seconds));
    const signed = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${note.text}`), this.privateKey);
    return [
      200,
      signatureLine({ name: this.key.name, id: this.key.id, signature: Buffer.concat([stamp, signed]) }),
    ];
  }
}

const append = (count: number): void => {
  for (let index = 0; index < count; index++) ledger.append({ kind: 'token-revoked', token: `t${index}` });
};

it('lets witnesses cosign what continues what they saw, also after a restart of the gateway', async () => {
  const witness = new TestWitness();
  const url = await serve((request, body) =>
    request.url === '/w/add-checkpoint' ? witness.answer(body) : [404, ''],
  );
  const vkey = formatVkey(witness.key);
  const publicity = { witnesses: [{ vkey, url: `${url}/w/` }], anchors: [], anchorIntervalMs: 0 };
  const path = join(directory, 'l');
  const start = async () => {
    sequencer = await runSequencer({ directory: path, intervalMs: 20, publicity }, () => {});
    witness.logKey = parseVkey(readFileSync(join(path, 'vkey'), 'utf8'));
    ledger = await Ledger.open({ directory: path });
  };
  const cosigned = async (entries: number) => {
    append(entries);
    await ledger.durable(ledger.appendedSeq);
    await expect
      .poll(async () => (await verifyLedger(path, { witnesses: [vkey] })).checkpoint)
      .toMatchObject({ size: ledger.appendedSeq + 1, cosigners: ['witness.example/w1'] });
  };
  await start();
  await cosigned(300);
  await cosigned(5);
  await ledger.close();
  await sequencer.close();
  await start();
  await cosigned(1);
  expect(witness.size).toBe(307);
  await expect
    .poll(() => sequencer.status().publicity)
    .toEqual([{ name: 'witness witness.example/w1', size: 307 }]);
  // What the gateway publishes goes on without it, and says so.
  for (const server of servers) server.closeAllConnections();
  await new Promise((resolve) => servers[0]?.close(resolve));
  append(1);
  await expect
    .poll(() => sequencer.status())
    .toMatchObject({
      size: 308,
      publicity: [{ size: 307, failure: 'the witness witness.example/w1 does not answer' }],
    });
  expect(await verifyLedger(path, { witnesses: [vkey] })).toMatchObject({
    ok: true,
    checkpoint: { size: 308, cosigners: [] },
  });
});

it('takes one signature of a witness, however often it signs', async () => {
  const witness = new TestWitness();
  const url = await serve((_request, body) => {
    const [status, lines] = witness.answer(body);
    return [status, status === 200 ? lines.repeat(300) : lines];
  });
  const publicity = { witnesses: [{ vkey: formatVkey(witness.key), url }], anchors: [], anchorIntervalMs: 0 };
  const path = join(directory, 'l');
  sequencer = await runSequencer({ directory: path, intervalMs: 20, publicity }, () => {});
  witness.logKey = parseVkey(readFileSync(join(path, 'vkey'), 'utf8'));
  ledger = await Ledger.open({ directory: path });
  await expect.poll(() => sequencer.status().publicity).toMatchObject([{ size: 1 }]);
  expect(readFileSync(join(path, 'checkpoint.cosigned'), 'utf8').match(/^\u2014/gm)).toHaveLength(2);
});

it('does not write over the checkpoints of another history', async () => {
  const second = join(directory, 'second');
  const publicity = {
    ...{ witnesses: [], anchors: [{ kind: 'directory' as const, directory: second }], anchorIntervalMs: 0 },
  };
  const start = async (path: string) => {
    sequencer = await runSequencer({ directory: path, intervalMs: 10, publicity }, () => {});
    ledger = await Ledger.open({ directory: path });
  };
  const close = async () => {
    await ledger.close();
    await sequencer.close();
  };
  const kept = () => readdirSync(second).map((name) => [name, readFileSync(join(second, name), 'utf8')]);
  const path = join(directory, 'l');
  await start(path);
  append(10);
  await close();
  // A copy, such as a backup or a snapshot of the disk.
  cpSync(path, join(directory, 'copy'), { recursive: true });
  await start(path);
  append(5);
  await close();
  const before = kept();
  expect(before.at(-1)?.[0]).toBe('0000000000000016.checkpoint');
  // Rolled back to it: the second place knows more.
  await start(join(directory, 'copy'));
  append(1);
  await expect
    .poll(() => sequencer.status().publicity)
    .toMatchObject([
      { size: 0, failure: expect.stringContaining('it has one of 16 entries, and the log has 12') },
    ]);
  // As many as there were, but others.
  append(4);
  await expect
    .poll(() => sequencer.status().publicity)
    .toMatchObject([{ size: 0, failure: expect.stringContaining('it has another one of 16 entries') }]);
  append(1);
  await close();
  for (const [name, text] of before) expect(readFileSync(join(second, name as string), 'utf8')).toBe(text);
});

it('is not fooled by a witness that signs something else', async () => {
  const [witness, thief] = [new TestWitness(), new TestWitness()];
  const url = await serve((_request, body) => thief.answer(body));
  const publicity = { witnesses: [{ vkey: formatVkey(witness.key), url }], anchors: [], anchorIntervalMs: 0 };
  const path = join(directory, 'l');
  sequencer = await runSequencer({ directory: path, intervalMs: 20, publicity }, () => {});
  thief.logKey = parseVkey(readFileSync(join(path, 'vkey'), 'utf8'));
  ledger = await Ledger.open({ directory: path });
  await expect
    .poll(() => sequencer.status().publicity)
    .toMatchObject([{ size: 0, failure: expect.stringContaining('it signed something else') }]);
  expect(readFileSync(join(path, 'checkpoint'), 'utf8').match(/^\u2014/gm)).toHaveLength(1);
});

it('keeps checkpoints in a second directory and tells an address, each as often as it may', async () => {
  const told: string[] = [];
  let fails = 2;
  const url = await serve((request, body) => {
    if (fails-- > 0) return [500, ''];
    const signature = `sha256=${createHmac('sha256', 'shared').update(body).digest('hex')}`;
    expect(request.headers['x-sluice-signature']).toBe(signature);
    told.push(body);
    return [204, ''];
  });
  const second = join(directory, 'second');
  const path = join(directory, 'l');
  const publicity = {
    witnesses: [],
    anchors: [
      { kind: 'directory' as const, directory: second },
      { kind: 'webhook' as const, url, secret: 'shared' },
    ],
    anchorIntervalMs: 50,
  };
  sequencer = await runSequencer({ directory: path, intervalMs: 10, publicity }, () => {});
  ledger = await Ledger.open({ directory: path });
  append(10);
  await expect.poll(() => told.at(-1)?.split('\n')[1]).toBe('11');
  append(1);
  await ledger.close();
  await sequencer.close();
  expect(told.at(-1)?.split('\n')[1]).toBe('12');
  const kept = readdirSync(second).sort();
  expect(kept.at(-1)).toBe('0000000000000012.checkpoint');
  // The log is held against what lies in the second place.
  for (const name of kept) {
    const earlier = readFileSync(join(second, name), 'utf8');
    expect(await verifyLedger(path, { earlier })).toMatchObject({ ok: true });
  }
});
