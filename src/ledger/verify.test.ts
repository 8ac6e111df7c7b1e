/** What somebody can do to a log, and that it shows. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { SimulatedDisk } from '../../tests/support/simulated-disk.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { checkpointText } from './checkpoint.ts';
import { Ledger } from './ledger.ts';
import { leafHash } from './merkle-tree.ts';
import { readEntries, readRawEntries } from './read-entries.ts';
import { formatVkey, noteKey, parseNote, signNote } from './signed-note.ts';
import { type VerifiedPart, type VerifyOptions, verifyLedger } from './verify.ts';

const DIRECTORY = '/data/ledger';
const lock = (directory: string) => ({ directory, release: () => {} });

let disk: SimulatedDisk;
let vkey: string;

function openLedger(fileSystem: SimulatedDisk, lane = 0): Promise<Ledger> {
  return Ledger.open({ directory: DIRECTORY, lane, fileSystem, lock, segmentBytes: 5000, now: () => 1000 });
}

async function makeLedger(count: number, on = new SimulatedDisk()): Promise<SimulatedDisk> {
  const ledger = await openLedger(on);
  for (let index = 0; index < count; index++) {
    const event: LedgerEvent = { kind: 'session-closed', session: `s${index}`, reason: 'é', statements: 0 };
    ledger.append(event);
    if (index % 10 === 0) ledger.writeOut();
  }
  await ledger.close();
  await publishLedger(DIRECTORY, on);
  return on;
}

beforeAll(async () => {
  disk = await makeLedger(700);
  vkey = textOf('vkey').trim();
});

const path = (name: string): string => `${DIRECTORY}/${name}`;
const bytesOf = (name: string, on = disk): Buffer => on.bytesOf(path(name)) as Buffer;
const textOf = (name: string, on = disk): string => bytesOf(name, on).toString('utf8');

/** A copy of the log in which one file has other bytes. */
function altered(name: string, change: (bytes: Buffer) => Buffer): SimulatedDisk {
  const copy = disk.afterKill();
  copy.plant(path(name), change(Buffer.from(bytesOf(name))));
  return copy;
}

function flipped(name: string, offset: number): SimulatedDisk {
  return altered(name, (bytes) => {
    bytes[offset] = (bytes[offset] as number) ^ 1;
    return bytes;
  });
}

function verify(fileSystem: SimulatedDisk, options: VerifyOptions = {}) {
  return verifyLedger(DIRECTORY, { fileSystem, ...options });
}

/** Bytes of a file that are tried: all of a small one. */
function offsetsOf(name: string): number[] {
  const { length } = bytesOf(name);
  return Array.from({ length }, (_, offset) => offset).filter(
    (offset) => length < 400 || offset % 97 === 0 || offset === length - 1,
  );
}

it('says what is there', async () => {
  const report = await verify(disk);
  expect(report).toMatchObject({ ok: true, vkey, entries: 701, pending: 0, pruned: 0, fault: undefined });
  expect(report.checkpoint).toMatchObject({ size: 701, cosigners: [] });
  expect([...disk.list(path('tile/entries'))].sort()).toEqual(['000', '001', '002.p']);
  expect([...disk.list(path('tile/0'))].sort()).toEqual(['000', '001', '002.p']);
  // What is in the log is no longer needed in the lane, but for the segment that is written to.
  expect(disk.list(path('lanes/0')).filter((name) => name.endsWith('.log'))).toHaveLength(1);
});

describe('any byte that was changed shows', () => {
  it.each(['checkpoint', 'vkey'])('in %s', async (name) => {
    for (const offset of offsetsOf(name)) {
      const report = await verify(flipped(name, offset));
      // The final newline of the key file is nobody's.
      expect(report.ok).toBe(name === 'vkey' && offset === bytesOf(name).length - 1 ? report.ok : false);
    }
  });

  it.each(['tile/0/000', 'tile/0/001', 'tile/0/002.p/189', 'tile/1/000.p/2'])('in %s', async (name) => {
    for (const offset of offsetsOf(name)) {
      const report = await verify(flipped(name, offset));
      expect(report.ok).toBe(false);
      expect(report.fault?.file).toMatch(/^tile/);
    }
  });

  it.each([
    ['tile/entries/000', 0],
    ['tile/entries/001', 256],
    ['tile/entries/002.p/189', 512],
  ])('in %s, which names the entry and where it begins', async (name, first) => {
    const bytes = bytesOf(name);
    const begins: number[] = [];
    for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) begins.push(at);
    for (const offset of offsetsOf(name)) {
      const index = begins.findLastIndex((begin) => begin <= offset);
      const report = await verify(flipped(name, offset));
      expect(report).toMatchObject({ ok: false, entries: first + index });
      expect(report.fault).toMatchObject({ seq: first + index, file: name, offset: begins[index] });
    }
  });
});

describe('what is missing or too much shows', () => {
  it.each([
    'vkey',
    'checkpoint',
    'tile/0/001',
    'tile/0/002.p/189',
    'tile/1/000.p/2',
    'tile/entries/000',
    'tile/entries/002.p/189',
  ])('a file: %s', async (name) => {
    const copy = disk.afterKill();
    copy.remove(path(name));
    expect((await verify(copy)).ok).toBe(false);
  });

  it.each(['tile/0/000', 'tile/entries/000', 'tile/entries/002.p/189'])('the end of %s', async (name) => {
    expect((await verify(altered(name, (bytes) => bytes.subarray(0, -1)))).ok).toBe(false);
  });

  it('an entry that was added to a full bundle', async () => {
    const extra = altered('tile/entries/000', (bytes) => Buffer.concat([bytes, Buffer.from([0, 1, 65])]));
    expect(await verify(extra)).toMatchObject({ ok: false, fault: { seq: 256, file: 'tile/entries/000' } });
  });

  it('a whole log that was rewritten with a key of its own', async () => {
    const other = await makeLedger(700);
    expect((await verify(other)).ok).toBe(true);
    expect(await verify(other, { vkey })).toMatchObject({ ok: false, fault: { file: 'checkpoint' } });
  });

  it('a lane with a gap, though everything is signed', async () => {
    // Whoever has the key can leave out an entry before it is published; not without a trace.
    const { LogTree } = await import('./log-tree.ts');
    const { generateKeyPairSync: generate } = await import('node:crypto');
    const { privateKey, publicKey } = generate('ed25519');
    const key = noteKey('log', 'log', publicKey);
    const files = new Map<string, Buffer>();
    const source = { name: 'memory', read: async (name: string) => files.get(name) };
    const tree = await LogTree.load(source, 0);
    for (const id of ['0.0', '0.1', '1.0', '0.3']) {
      const entry = Buffer.from(`{"at":1,"id":"${id}","kind":"log-opened"}`);
      tree.append(entry, leafHash(entry));
    }
    for (const [name, bytes] of tree.takeParts().parts) files.set(name, bytes);
    const text = checkpointText({ origin: 'log', size: 4, root: tree.root() });
    files.set('checkpoint', Buffer.from(signNote(text, key, privateKey)));
    const report = await verifyLedger('memory', { source, vkey: formatVkey(key) });
    expect(report.fault).toMatchObject({ seq: 3, reason: 'lane 0 goes on with entry 3, not 2' });
  });
});

describe('a checkpoint noted earlier', () => {
  it('must be a beginning of the log', async () => {
    const earlier = textOf('checkpoint');
    const grown = await makeLedger(50, disk.afterKill());
    expect(await verify(grown, { earlier })).toMatchObject({ ok: true, checkpoint: { size: 751 } });
    expect(await verify(disk, { earlier: textOf('checkpoint', grown) })).toMatchObject({
      ok: false,
      fault: { reason: 'the log has 701 entries, the earlier checkpoint 751' },
    });
    // Two that were noted are held against each other by holding the log against both.
    const later = textOf('checkpoint', grown);
    const latest = await makeLedger(1, grown.afterKill());
    expect((await verify(latest, { earlier: [earlier, later] })).ok).toBe(true);
    expect((await verify(disk, { earlier: [earlier, later] })).ok).toBe(false);
    const [, , root] = (parseNote(earlier)?.text ?? '').split('\n');
    expect(
      await verify(grown, { earlier: earlier.replace(root as string, Buffer.alloc(32).toString('base64')) }),
    ).toMatchObject({
      ok: false,
    });
  });

  it('that another history was signed after shows', async () => {
    // The same key, two histories: what a thief of the key, or its owner, could make.
    const fork = new SimulatedDisk();
    for (const name of ['key.pem', 'vkey']) fork.plant(path(name), bytesOf(name));
    fork.plant(
      path('sequencer.json'),
      Buffer.from(
        '{"lanes":{},"root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}\n',
      ),
    );
    const ledger = await openLedger(fork);
    for (let index = 0; index < 800; index++) ledger.append({ kind: 'token-revoked', token: `t${index}` });
    await ledger.close();
    await publishLedger(DIRECTORY, fork);
    expect((await verify(fork, { vkey })).ok).toBe(true);
    expect(await verify(fork, { vkey, earlier: textOf('checkpoint') })).toMatchObject({
      ok: false,
      fault: { reason: 'the log does not continue the earlier checkpoint' },
    });
  });
});

it('verifies a range, and what an earlier run left', async () => {
  expect(await verify(disk, { fromSeq: 300, toSeq: 310 })).toMatchObject({ ok: true, entries: 11 });
  expect(await verify(disk, { fromSeq: 700 })).toMatchObject({ ok: true, entries: 1 });
  expect(await verify(flipped('tile/entries/000', 50), { fromSeq: 300 })).toMatchObject({
    ok: true,
    entries: 401,
  });
  let part: VerifiedPart | undefined;
  await verify(disk, {
    onProgress: async (progress) => {
      part ??= await progress.part();
    },
  });
  expect(part).toMatchObject({ size: 256 });
  const resume = part as VerifiedPart;
  expect(await verify(disk, { resume })).toMatchObject({ ok: true, entries: 445 });
  expect(await verify(disk, { resume: { ...resume, root: '00'.repeat(32) } })).toMatchObject({ ok: false });
});

it('verifies what is served over HTTP, with nothing but the key', async () => {
  const server = createServer((request, response) => {
    const bytes = disk.bytesOf(path((request.url ?? '').slice('/log/'.length)));
    response.writeHead(bytes === undefined || request.url === '/log/vkey' ? 404 : 200).end(bytes);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/log/`;
  try {
    expect(await verifyLedger(address, { vkey })).toMatchObject({ ok: true, entries: 701 });
    expect(await verifyLedger(address)).toMatchObject({ ok: false, fault: { file: 'vkey' } });
  } finally {
    server.close();
  }
  await expect(verifyLedger(address, { vkey })).rejects.toMatchObject({ code: 'ledger_unavailable' });
});

it('counts what is not published yet, and finds what is wrong with it', async () => {
  const copy = disk.afterKill();
  const ledger = await openLedger(copy, 4);
  ledger.append({ kind: 'token-revoked', token: 't' });
  await ledger.close();
  expect(await verify(copy)).toMatchObject({ ok: true, entries: 701, pending: 2 });
  const [segment] = copy.list(path('lanes/4')).filter((name) => name.endsWith('.log'));
  copy.plant(
    path(`lanes/4/${segment}`),
    Buffer.from(textOf(`lanes/4/${segment}`, copy).replace('"token":"t"', '"token":"u"')),
  );
  expect((await verify(copy)).pending).toBe(1);
});

describe('a part that was too large for its entry', () => {
  const NEEDLE = 'DROP TABLE payments';
  let large: SimulatedDisk;
  let name: string;

  beforeAll(async () => {
    large = new SimulatedDisk();
    const ledger = await openLedger(large);
    const reason = `${NEEDLE} ${'x'.repeat(100_000)}`;
    for (let index = 0; index < 3; index++)
      ledger.append({ kind: 'session-closed', session: `s${index}`, reason, statements: index });
    await ledger.close();
    await publishLedger(DIRECTORY, large);
    const [folder] = large.list(path('part'));
    name = `part/${folder}/${large.list(path(`part/${folder}`))[0]}`;
  });

  const changed = (change: (bytes: Buffer) => Buffer | undefined): SimulatedDisk => {
    const copy = large.afterKill();
    const bytes = change(Buffer.from(bytesOf(name, large)));
    if (bytes === undefined) copy.remove(path(name));
    else copy.plant(path(name), bytes);
    return copy;
  };

  it('is part of what verifies', async () => {
    expect(await verify(large)).toMatchObject({ ok: true, entries: 4 });
  });

  it('that is another one shows, and nobody is shown it', async () => {
    const text = () => bytesOf(name, large).toString().replace(NEEDLE, 'SELECT * FROM plan');
    const copy = changed(() => Buffer.from(text()));
    const report = await verify(copy);
    expect(report.fault).toEqual({
      seq: expect.any(Number),
      file: name,
      offset: 0,
      reason: 'the part is not the one that was signed',
    });
    // Only the entries that were asked for are looked at.
    expect((await verify(copy, { fromSeq: 0, toSeq: 0 })).ok).toBe(true);
    const read = async () => {
      for await (const _ of readEntries(DIRECTORY, { fileSystem: copy }));
    };
    await expect(read()).rejects.toMatchObject({
      code: 'ledger_corrupt',
      message: `${name} is not the part that was signed`,
    });
  });

  it('that is missing shows, unless it was set aside for a moment', async () => {
    const bytes = bytesOf(name, large);
    const copy = changed(() => undefined);
    expect((await verify(copy)).fault).toMatchObject({
      file: name,
      reason: 'the part of the entry is missing',
    });
    copy.plant(path(`pruning/${name}`), bytes);
    expect((await verify(copy)).ok).toBe(true);
    copy.plant(path(`pruning/${name}`), Buffer.from('{}'));
    expect((await verify(copy)).fault).toMatchObject({ file: name });
  });
});

it('reads no more than a log has, whatever is there instead', async () => {
  const padded = await verify(altered('tile/0/000', (bytes) => Buffer.concat([bytes, Buffer.alloc(32)])));
  expect(padded.fault).toMatchObject({
    file: 'tile',
    reason: expect.stringContaining('tile/0/000 is too long'),
  });
  const directory = mkdtempSync(join(tmpdir(), 'sluice-huge-'));
  try {
    for (const name of ['vkey', 'checkpoint']) writeFileSync(join(directory, name), textOf(name));
    truncateSync(join(directory, 'checkpoint'), 2 ** 40);
    await expect(verifyLedger(directory)).rejects.toMatchObject({
      code: 'ledger_corrupt',
      message: expect.stringContaining('checkpoint is too large'),
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('finds no ledger where there is none', async () => {
  await expect(verify(new SimulatedDisk())).rejects.toMatchObject({ code: 'not_found' });
  await expect(verifyLedger('/nowhere/at/all')).rejects.toMatchObject({ code: 'not_found' });
  await expect(verify(disk, { vkey: 'nonsense' })).rejects.toMatchObject({ code: 'bad_request' });
  const ed448 = generateKeyPairSync('ed448').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await expect(verify(disk, { vkey: ed448 })).rejects.toMatchObject({ code: 'bad_request' });
});

describe('readEntries', () => {
  const read = async (options: Parameters<typeof readEntries>[1] = {}, from = disk): Promise<number[]> => {
    const found: number[] = [];
    for await (const entry of readEntries(DIRECTORY, { fileSystem: from, ...options })) found.push(entry.seq);
    return found;
  };

  it.each<[Parameters<typeof readEntries>[1], number[]]>([
    [{ limit: 3 }, [0, 1, 2]],
    [{ reverse: true, limit: 3 }, [700, 699, 698]],
    [{ fromSeq: 254, toSeq: 257 }, [254, 255, 256, 257]],
    [{ fromSeq: 254, toSeq: 257, reverse: true }, [257, 256, 255, 254]],
    [{ fromSeq: 698 }, [698, 699, 700]],
    [{ toSeq: 1, reverse: true }, [1, 0]],
    [{ limit: 0 }, []],
    [{ fromSeq: 900 }, []],
    [{ toSeq: -1, reverse: true }, []],
  ])('gives %j', async (options, expected) => {
    expect(await read(options)).toEqual(expected);
  });

  it('gives what is not published yet at the end', async () => {
    const copy = disk.afterKill();
    const ledger = await openLedger(copy);
    for (const token of ['a', 'b']) ledger.append({ kind: 'token-revoked', token });
    ledger.writeOut();
    expect(await read({ fromSeq: 700 }, copy)).toEqual([700, 701, 702]);
    expect(await read({ limit: 2, reverse: true }, copy)).toEqual([702, 701]);
    const raw = [];
    for await (const { sequenced, bytes } of readRawEntries(DIRECTORY, { fileSystem: copy, fromSeq: 700 }))
      raw.push([sequenced, JSON.parse(bytes.toString()).id]);
    expect(raw).toEqual([
      [true, '0.700'],
      [false, '0.701'],
      [false, '0.702'],
    ]);
    copy.fault = () => ({ error: Object.assign(new Error('EIO'), { code: 'EIO' }) });
    await ledger.close().catch(() => {});
  });

  it('finds a form that stands before the first entry wanted', async () => {
    const made = new SimulatedDisk();
    const ledger = await openLedger(made);
    const form = {
      text: ['SELECT ', ''],
      command: 'SELECT',
      actions: [],
      relations: [],
      decision: 'allow',
      policies: [],
      policyVersion: '',
    } as const;
    for (let statement = 1; statement <= 600; statement++) {
      ledger.append({ kind: 'asked', session: 's', statement, form, literals: [String(statement)] });
    }
    await ledger.close();
    await publishLedger(DIRECTORY, made);
    for (const reverse of [false, true]) {
      const found = [];
      for await (const { event } of readEntries(DIRECTORY, {
        fileSystem: made,
        fromSeq: 590,
        limit: 2,
        reverse,
      }))
        found.push(event);
      expect(found).toMatchObject(
        reverse
          ? [{ text: 'SELECT 600' }, { text: 'SELECT 599' }]
          : [{ text: 'SELECT 589' }, { text: 'SELECT 590' }],
      );
    }
  });

  it('finds no ledger where there is none', async () => {
    await expect(read({}, new SimulatedDisk())).rejects.toMatchObject({ code: 'not_found' });
  });
});
