import { createPublicKey, generateKeyPairSync, hash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../../tests/support/simulated-disk.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { Ledger } from './ledger.ts';
import { readEntries } from './read-entries.ts';
import { firstSeqOf } from './segment-format.ts';
import { verifyLedger } from './verify.ts';

const DIRECTORY = '/data/ledger';
const LANE = `${DIRECTORY}/lanes/0`;
const lock = (directory: string) => ({ directory, release: () => {} });

let disk: SimulatedDisk;
let log: string;

async function makeLedger(sessions: readonly string[]): Promise<SimulatedDisk> {
  const made = new SimulatedDisk();
  const ledger = await Ledger.open({
    directory: DIRECTORY,
    fileSystem: made,
    lock,
    segmentBytes: 600,
    now: () => 1000,
  });
  for (const session of sessions) {
    const event: LedgerEvent = { kind: 'session-closed', session, reason: 'é', statements: 0 };
    ledger.append(event);
    ledger.writeOut();
  }
  await ledger.close();
  log = ledger.log;
  return made;
}

beforeAll(async () => {
  disk = await makeLedger(['a', 'b', 'c', 'd']);
});

function path(name: string): string {
  return name.startsWith('key') ? `${DIRECTORY}/${name}` : `${LANE}/${name}`;
}

function segments(): string[] {
  return disk
    .list(LANE)
    .filter((name) => firstSeqOf(name) !== undefined)
    .sort();
}

/** A copy of the ledger in which one file has other bytes. */
function altered(name: string, change: (bytes: Buffer) => Buffer): SimulatedDisk {
  const copy = disk.afterKill();
  copy.plant(path(name), change(Buffer.from(disk.bytesOf(path(name)) as Buffer)));
  return copy;
}

function verify(fileSystem: SimulatedDisk, options: Parameters<typeof verifyLedger>[1] = {}) {
  return verifyLedger(DIRECTORY, { fileSystem, ...options });
}

it('says what is there', async () => {
  expect(segments().length).toBeGreaterThan(1);
  const { hash: last, ...report } = await verify(disk);
  expect(report).toEqual({
    ok: true,
    entries: 5,
    bytes: segments().reduce((sum, name) => sum + (disk.bytesOf(path(name)) as Buffer).length, 0),
    segments: segments().length,
    log,
    head: { seq: 4, hash: last, log, at: 1000 },
    tornBytes: 0,
    fault: undefined,
  });
});

it('finds any byte that was changed, and names the entry', async () => {
  let seq = 0;
  for (const name of segments()) {
    const bytes = disk.bytesOf(path(name)) as Buffer;
    let line = -1;
    for (let offset = 0; offset < bytes.length; offset++) {
      const report = await verify(
        altered(name, (copy) => {
          copy[offset] = (copy[offset] as number) ^ 1;
          return copy;
        }),
      );
      expect(report.ok).toBe(false);
      const first = firstSeqOf(name) as number;
      seq = Math.max(first, first + line);
      expect(report.entries).toBe(seq);
      const lastByte = name === segments().at(-1) && offset === bytes.length - 1;
      expect(report.fault).toMatchObject({ seq, file: lastByte ? 'head.json' : name });
      if (bytes[offset] === 0x0a) line++;
    }
  }
  expect(seq).toBe(4);
});

it('finds any byte of the head that was changed', async () => {
  const length = (disk.bytesOf(path('head.json')) as Buffer).length;
  for (let offset = 0; offset < length; offset++) {
    const report = await verify(
      altered('head.json', (copy) => {
        copy[offset] = (copy[offset] as number) ^ 1;
        return copy;
      }),
    );
    expect(report).toMatchObject({ ok: false, fault: { file: 'head.json' } });
  }
});

it('finds a line that was taken out, put in, doubled or moved', async () => {
  const name = segments()[0] as string;
  const lines = (disk.bytesOf(path(name)) as Buffer).toString('utf8').split('\n');
  const rewritten = (change: (lines: string[]) => void) => {
    const copy = [...lines];
    change(copy);
    return altered(name, () => Buffer.from(copy.join('\n')));
  };
  const attacks: [number, (lines: string[]) => void][] = [
    [1, (copy) => copy.splice(2, 1)],
    [1, (copy) => copy.splice(2, 0, lines[1] as string)],
    [1, (copy) => copy.splice(2, 0, 'x')],
    [1, (copy) => copy.splice(2, 0, '')],
    [0, (copy) => copy.splice(1, 2, lines[2] as string, lines[1] as string)],
  ];
  for (const [seq, attack] of attacks) {
    expect(await verify(rewritten(attack))).toMatchObject({ ok: false, fault: { seq, file: name } });
  }
});

it('finds a ledger that was written anew from some entry on', async () => {
  const name = segments().at(-1) as string;
  const forged = altered(name, (bytes) => {
    const [header = '', line = ''] = bytes.toString('utf8').split('\n');
    const json = line
      .slice(65)
      .replace('"session":"d"', '"session":"x"')
      .replace('"session":"c"', '"session":"x"');
    const previous = header.slice(-64);
    return Buffer.from(`${header}\n${hash('sha256', `${previous} ${json}`, 'hex')} ${json}\n`);
  });
  const report = await verify(forged);
  expect(report.ok).toBe(false);
  expect(report.fault).toMatchObject({ file: 'head.json' });
});

describe('a ledger that was cut', () => {
  it.each([1, 50, 200])('by %i bytes does not reach its head', async (cut) => {
    const report = await verify(altered(segments().at(-1) as string, (bytes) => bytes.subarray(0, -cut)));
    expect(report).toMatchObject({
      ok: false,
      fault: { file: 'head.json', reason: expect.stringContaining('entry 4') },
    });
    expect(report.tornBytes).toBeGreaterThan(0);
  });

  it('by whole segments', async () => {
    const copy = disk.afterKill();
    copy.remove(path(segments().at(-1) as string));
    expect(await verify(copy)).toMatchObject({ ok: false, fault: { file: 'head.json' } });
  });

  it('at its beginning or in its middle', async () => {
    for (const name of segments().slice(0, -1)) {
      const copy = disk.afterKill();
      copy.remove(path(name));
      const following = segments()[segments().indexOf(name) + 1];
      expect(await verify(copy)).toMatchObject({
        ok: false,
        fault: { seq: firstSeqOf(name), file: following, offset: 0 },
      });
    }
  });

  it('is torn, not broken, behind its head', async () => {
    const copy = altered(segments().at(-1) as string, (bytes) => Buffer.concat([bytes, Buffer.from('abc')]));
    expect(await verify(copy)).toMatchObject({ ok: true, entries: 5, tornBytes: 3 });
  });
});

describe('the key', () => {
  const plantKey = (copy: SimulatedDisk): string => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    copy.plant(path('key.pub.pem'), Buffer.from(pem));
    return pem;
  };

  it('cannot be exchanged', async () => {
    const copy = disk.afterKill();
    plantKey(copy);
    expect(await verify(copy)).toMatchObject({ ok: false, fault: { file: 'head.json' } });
  });

  it('cannot be exchanged together with the head', async () => {
    const other = await makeLedger(['a', 'b', 'c', 'd']);
    const copy = disk.afterKill();
    for (const name of ['key.pub.pem', 'key.pem', 'head.json']) {
      copy.plant(path(name), other.bytesOf(path(name)) as Buffer);
    }
    expect(await verify(copy)).toMatchObject({ ok: false, fault: { file: 'key.pub.pem' } });
    await expect(Ledger.open({ directory: DIRECTORY, fileSystem: copy, lock })).rejects.toMatchObject({
      code: 'ledger_corrupt',
    });
    expect((await verify(other)).ok).toBe(true);
    log = (await verify(disk)).log as string;
  });

  it('may be pinned, and so may the id', async () => {
    const pem = (disk.bytesOf(path('key.pub.pem')) as Buffer).toString();
    const copy = disk.afterKill();
    const foreign = plantKey(copy);
    expect((await verify(copy, { publicKey: pem, log })).ok).toBe(true);
    expect((await verify(disk, { publicKey: foreign })).ok).toBe(false);
    expect((await verify(disk, { log: 'f'.repeat(32) })).ok).toBe(false);
    await expect(verify(disk, { publicKey: 'nonsense' })).rejects.toMatchObject({ code: 'bad_request' });
    const ed448 = createPublicKey(generateKeyPairSync('ed448').privateKey).export({
      type: 'spki',
      format: 'pem',
    });
    await expect(verify(disk, { publicKey: ed448.toString() })).rejects.toMatchObject({
      code: 'bad_request',
    });
  });

  it.each(['key.pub.pem', 'head.json'])('is a fault if %s is missing or no such thing', async (name) => {
    const copy = disk.afterKill();
    copy.remove(path(name));
    expect(await verify(copy)).toMatchObject({ ok: false, entries: 5, fault: { file: name } });
    const nonsense = altered(name, () => Buffer.from('nonsense'));
    expect((await verify(nonsense)).ok).toBe(false);
  });

  it('that is missing keeps the ledger closed', async () => {
    const copy = disk.afterKill();
    copy.remove(path('key.pem'));
    await expect(Ledger.open({ directory: DIRECTORY, fileSystem: copy, lock })).rejects.toMatchObject({
      code: 'ledger_corrupt',
    });
    const headless = disk.afterKill();
    headless.remove(path('head.json'));
    await expect(Ledger.open({ directory: DIRECTORY, fileSystem: headless, lock })).rejects.toMatchObject({
      code: 'ledger_corrupt',
    });
  });
});

it('finds no ledger where there is none', async () => {
  await expect(verify(new SimulatedDisk())).rejects.toMatchObject({ code: 'not_found' });
  await expect(verifyLedger('/nowhere/at/all')).rejects.toMatchObject({ code: 'not_found' });
});

describe('readEntries', () => {
  const read = async (options: Parameters<typeof readEntries>[1] = {}, from = disk): Promise<number[]> => {
    const found: number[] = [];
    for await (const entry of readEntries(DIRECTORY, { fileSystem: from, ...options })) found.push(entry.seq);
    return found;
  };

  it.each<[Parameters<typeof readEntries>[1], number[]]>([
    [{}, [0, 1, 2, 3, 4]],
    [{ reverse: true }, [4, 3, 2, 1, 0]],
    [{ fromSeq: 2 }, [2, 3, 4]],
    [{ fromSeq: 2, reverse: true }, [4, 3, 2]],
    [{ toSeq: 2 }, [0, 1, 2]],
    [{ toSeq: 2, reverse: true }, [2, 1, 0]],
    [{ fromSeq: 1, toSeq: 3, limit: 2 }, [1, 2]],
    [{ fromSeq: 1, toSeq: 3, limit: 2, reverse: true }, [3, 2]],
    [{ limit: 0 }, []],
    [{ fromSeq: 9 }, []],
    [{ toSeq: -1, reverse: true }, []],
  ])('gives %j', async (options, expected) => {
    expect(await read(options)).toEqual(expected);
  });

  it('gives each entry with its hash, as it was appended', async () => {
    const entries = [];
    for await (const entry of readEntries(DIRECTORY, { fileSystem: disk, reverse: true }))
      entries.push(entry);
    expect(entries[0]).toEqual({
      lane: 0,
      seq: 4,
      at: 1000,
      event: { kind: 'session-closed', session: 'd', reason: 'é', statements: 0 },
      hash: (await verify(disk)).hash,
    });
  });

  it('leaves out an unfinished line', async () => {
    const torn = altered(segments().at(-1) as string, (bytes) =>
      Buffer.concat([bytes, Buffer.from('0123 {"a')]),
    );
    expect(await read({}, torn)).toEqual([0, 1, 2, 3, 4]);
    expect(await read({ reverse: true }, torn)).toEqual([4, 3, 2, 1, 0]);
  });

  it('says that a line is no entry', async () => {
    const broken = altered(segments()[0] as string, (bytes) =>
      Buffer.from(bytes.toString('utf8').replace('"seq":1}', '"seq":1]')),
    );
    await expect(read({}, broken)).rejects.toMatchObject({ code: 'ledger_corrupt' });
    await expect(read({ reverse: true }, broken)).rejects.toMatchObject({ code: 'ledger_corrupt' });
  });

  it('finds no ledger where there is none', async () => {
    await expect(read({}, new SimulatedDisk())).rejects.toMatchObject({ code: 'not_found' });
  });
});
