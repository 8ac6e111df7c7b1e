/** What a crash can do while lanes are published: with every call failing in turn, by pulling the plug, with lanes that come and go. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Operation, SimulatedDisk, systemError } from '../../tests/support/simulated-disk.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { Ledger } from './ledger.ts';
import { readEntries } from './read-entries.ts';
import { Sequencer } from './sequencer.ts';
import { SequencerLoop, type SequencerStatus } from './sequencer-loop.ts';
import { parseNote } from './signed-note.ts';
import { verifyLedger } from './verify.ts';

const DIRECTORY = '/data/ledger';
const lock = (directory: string) => ({ directory, release: () => {} });

const openLane = (disk: SimulatedDisk, lane: number, more: object = {}): Promise<Ledger> =>
  Ledger.open({
    directory: DIRECTORY,
    fileSystem: disk,
    lane,
    lock,
    segmentBytes: 800,
    retryMs: 2,
    headIntervalMs: 2,
    ...more,
  });
const openSequencer = (disk: SimulatedDisk): Promise<Sequencer> =>
  Sequencer.open({ directory: DIRECTORY, fileSystem: disk, lock });

function event(name: string): LedgerEvent {
  return { kind: 'session-closed', session: name, reason: 'r'.repeat(name.length * 9), statements: 0 };
}

/** The names of what was appended, by lane; each lane's in order. */
async function namesOn(disk: SimulatedDisk): Promise<Map<number, string[]>> {
  const names = new Map<number, string[]>();
  for await (const { lane, event: found } of readEntries(DIRECTORY, { fileSystem: disk })) {
    if (found.kind !== 'session-closed') continue;
    names.set(lane, [...(names.get(lane) ?? []), found.session]);
  }
  return names;
}

const namesOrNone = (disk: SimulatedDisk) => namesOn(disk).catch(() => new Map<number, string[]>());

async function publishAll(sequencer: Sequencer): Promise<number> {
  for (;;) {
    const { more, size } = await sequencer.round();
    if (!more) return size;
  }
}

/** Checkpoints that were seen: whatever happens, the log must go on continuing each of them. */
class Notary {
  readonly #seen = new Set<string>();
  vkey: string | undefined;

  note(disk: SimulatedDisk): void {
    const checkpoint = disk.bytesOf(`${DIRECTORY}/checkpoint`)?.toString('utf8');
    if (checkpoint !== undefined && parseNote(checkpoint) !== undefined) this.#seen.add(checkpoint);
    this.vkey ??= disk.bytesOf(`${DIRECTORY}/vkey`)?.toString('utf8');
  }

  async check(disk: SimulatedDisk): Promise<void> {
    const vkey = this.vkey as string;
    for (const earlier of this.#seen) {
      expect(await verifyLedger(DIRECTORY, { fileSystem: disk, vkey, earlier })).toMatchObject({
        fault: undefined,
      });
    }
  }
}

async function abandon(ledgers: Iterable<Ledger>, disk: SimulatedDisk): Promise<void> {
  disk.fault = () => ({ error: systemError('EIO') });
  for (const ledger of ledgers) await ledger.close().catch(() => {});
}

describe('a call that fails while publishing', () => {
  /** Two lanes with segments to prune and a full tile, published in three steps. */
  async function visit(disk: SimulatedDisk, notary: Notary): Promise<void> {
    const sequencer = await openSequencer(disk);
    try {
      for (const count of [130, 3, 1]) {
        for (const lane of [0, 5]) {
          const ledger = await openLane(disk, lane);
          for (let index = 0; index < count; index++) ledger.append(event(`${lane}`));
          await ledger.close();
        }
        await publishAll(sequencer);
        notary.note(disk);
      }
    } finally {
      sequencer.close();
    }
  }

  it('leaves a log that goes on, without a fork, a loss or an invention', async () => {
    const healthy = new SimulatedDisk();
    await visit(healthy, new Notary());
    const failed = new Set<Operation>();
    // Lanes make most of the calls and have tests of their own.
    const mine = (path: string) => !path.includes('/lanes/');
    let calls = 0;
    healthy.fault = () => undefined;
    const counting = new SimulatedDisk();
    counting.fault = (_operation, path) => {
      if (mine(path)) calls++;
      return undefined;
    };
    await visit(counting, new Notary());
    expect(calls).toBeGreaterThan(80);
    for (let broken = 0; broken < calls; broken++) {
      const code = broken % 2 === 0 ? 'EIO' : 'ENOSPC';
      const disk = new SimulatedDisk();
      const notary = new Notary();
      let at = 0;
      disk.fault = (operation, path) => {
        if (!mine(path) || at++ !== broken) return undefined;
        failed.add(operation);
        return { error: systemError(code) };
      };
      await visit(disk, notary).catch((error: unknown) => {
        expect(error).toMatchObject({ code: code === 'EIO' ? 'ledger_unavailable' : 'ledger_full' });
      });
      notary.note(disk);
      for (const after of [
        disk.afterKill(),
        disk.afterPowerCut(() => false),
        disk.afterPowerCut((n) => n % 2 === 0),
      ]) {
        // What is acknowledged is in lanes or log, whatever was under way.
        const before = await namesOrNone(after);
        const again = await openSequencer(after);
        await publishAll(again);
        again.close();
        expect(await verifyLedger(DIRECTORY, { fileSystem: after })).toMatchObject({ ok: true, pending: 0 });
        expect(await namesOrNone(after)).toEqual(before);
        if (notary.vkey !== undefined) await notary.check(after);
      }
    }
    expect([...failed].sort()).toEqual(
      [
        'close',
        'list',
        'makeDirectory',
        'open',
        'read',
        'remove',
        'removeTree',
        'rename',
        'size',
        'sync',
        'syncDirectory',
        'write',
      ].sort(),
    );
  }, 120_000);
});

it('survives any run of appends, rounds, restarts, kills, power cuts and faults', async () => {
  const lane = fc.constantFrom(0, 1, 2);
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        lane,
        count: fc.integer({ min: 1, max: 40 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), lane }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('durable' as const), lane }) },
    { weight: 5, arbitrary: fc.constant({ do: 'round' as const }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), lane }) },
    { weight: 1, arbitrary: fc.constant({ do: 'resequence' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('fault' as const),
        at: fc.nat(40),
        code: fc.constantFrom('EIO', 'ENOSPC'),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), seed: fc.nat() }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      let disk = new SimulatedDisk();
      const notary = new Notary();
      let sequencer: Sequencer | undefined = await openSequencer(disk);
      let lanes = await Promise.all([0, 1, 2].map((one) => openLane(disk, one)));
      /** Of each lane: all names ever appended, and how many of them must survive what comes. */
      const appended: string[][] = [[], [], []];
      const written = [0, 0, 0];
      const durable = [0, 0, 0];
      let name = 0;
      const crash = async (after: SimulatedDisk, kept: readonly number[]): Promise<void> => {
        notary.note(disk);
        await abandon(lanes, disk);
        sequencer?.close();
        disk = after;
        // Either may come first.
        if (name % 2 === 0) sequencer = await openSequencer(disk);
        lanes = await Promise.all([0, 1, 2].map((one) => openLane(disk, one)));
        if (name % 2 === 1) sequencer = await openSequencer(disk);
        await publishAll(sequencer as Sequencer);
        const report = await verifyLedger(DIRECTORY, { fileSystem: disk });
        expect(report).toMatchObject({ ok: true, pending: 0 });
        await notary.check(disk);
        const found = await namesOn(disk);
        for (const [index, all] of appended.entries()) {
          const names = found.get(index) ?? [];
          expect(names.length).toBeGreaterThanOrEqual(kept[index] as number);
          expect(names).toEqual(all.slice(0, names.length));
          appended[index] = names;
          written[index] = durable[index] = names.length;
        }
      };
      for (const one of steps) {
        const at = 'lane' in one ? one.lane : 0;
        const ledger = lanes[at] as Ledger;
        const all = appended[at] as string[];
        if (one.do === 'append' && ledger.healthy) {
          for (let index = 0; index < one.count; index++) {
            all.push(`${at}-${name++}`);
            ledger.append(event(all.at(-1) as string));
          }
        } else if (one.do === 'write') {
          try {
            ledger.writeOut();
            written[at] = all.length;
          } catch {
            expect(ledger.healthy).toBe(false);
          }
        } else if (one.do === 'durable') {
          const count = all.length;
          await ledger.durable(ledger.appendedSeq).then(
            () => {
              durable[at] = Math.max(durable[at] as number, count);
              written[at] = Math.max(written[at] as number, count);
            },
            () => expect(ledger.healthy).toBe(false),
          );
        } else if (one.do === 'round') {
          await sequencer
            ?.round()
            .catch((error: { code: string }) => expect(error.code).not.toBe('ledger_corrupt'));
          notary.note(disk);
        } else if (one.do === 'restart' && ledger.healthy) {
          const closed = await ledger.close().then(
            () => true,
            () => false,
          );
          if (closed) durable[at] = written[at] = all.length;
          disk.fault = () => undefined;
          lanes[at] = await openLane(disk, at);
          if (!closed) appended[at] = (await namesOn(disk)).get(at) ?? [];
        } else if (one.do === 'resequence') {
          sequencer?.close();
          disk.fault = () => undefined;
          sequencer = await openSequencer(disk);
        } else if (one.do === 'fault') {
          const target = disk.calls + one.at;
          disk.fault = (_operation, _path, call) =>
            call === target ? { error: systemError(one.code) } : undefined;
        } else if (one.do === 'kill') {
          await crash(disk.afterKill(), written);
        } else if (one.do === 'cut') {
          let state = one.seed;
          const survives = () => {
            state = (Math.imul(state, 1103515245) + 12345) >>> 0;
            return (state & 0x10000) !== 0;
          };
          await crash(disk.afterPowerCut(survives), durable);
        }
      }
      await crash(
        disk.afterPowerCut(() => false),
        durable,
      );
      await abandon(lanes, disk);
      sequencer?.close();
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 120_000);

describe('the order', () => {
  it('is that of time between lanes, and that of the lane within one', async () => {
    const disk = new SimulatedDisk();
    let time = 0;
    const now = () => ++time;
    const lanes = await Promise.all([0, 1].map((lane) => openLane(disk, lane, { now })));
    for (const [index, lane] of [0, 1, 1, 0, 1, 0, 0].entries()) lanes[lane]?.append(event(`${index}`));
    for (const ledger of lanes) await ledger.close();
    const sequencer = await openSequencer(disk);
    await publishAll(sequencer);
    sequencer.close();
    const order = [];
    for await (const entry of readEntries(DIRECTORY, { fileSystem: disk })) {
      if (entry.event.kind === 'session-closed') order.push(entry.event.session);
    }
    expect(order).toEqual(['0', '1', '2', '3', '4', '5', '6']);
  });

  it('is refused if a lane changed what is in the log', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openLane(disk, 0, { segmentBytes: 100_000 });
    ledger.append(event('a'));
    await ledger.close();
    const sequencer = await openSequencer(disk);
    await publishAll(sequencer);
    sequencer.close();
    const other = new SimulatedDisk();
    const forged = await openLane(other, 0, { segmentBytes: 100_000 });
    forged.append(event('b'));
    forged.append(event('c'));
    await forged.close();
    for (const path of other.paths()) disk.plant(path, other.bytesOf(path) as Buffer);
    const again = await openSequencer(disk);
    await expect(again.round()).rejects.toMatchObject({
      code: 'ledger_corrupt',
      message: expect.stringContaining('different entries'),
    });
    await expect(openLane(disk, 0)).rejects.toMatchObject({ code: 'ledger_corrupt' });
    again.close();
  });
});

describe('opening', () => {
  async function published(): Promise<SimulatedDisk> {
    const disk = new SimulatedDisk();
    const ledger = await openLane(disk, 0);
    for (let index = 0; index < 300; index++) ledger.append(event('x'));
    await ledger.close();
    const sequencer = await openSequencer(disk);
    await publishAll(sequencer);
    sequencer.close();
    return disk;
  }
  const flip = (disk: SimulatedDisk, name: string, at: number) => {
    const bytes = Buffer.from(disk.bytesOf(`${DIRECTORY}/${name}`) as Buffer);
    bytes[at] = (bytes[at] as number) ^ 1;
    disk.plant(`${DIRECTORY}/${name}`, bytes);
  };

  it.each([
    ['sequencer.json', 20],
    ['checkpoint', 30],
    ['tile/1/000.p/1', 3],
    ['vkey', 3],
    ['key.pem', 40],
  ])('is refused if %s was changed, and nothing is touched', async (name, at) => {
    const disk = await published();
    flip(disk, name, at);
    const before = new Map(disk.paths().map((path) => [path, disk.bytesOf(path)]));
    await expect(openSequencer(disk).then((one) => one.round())).rejects.toMatchObject({
      code: expect.stringMatching(/ledger_corrupt/),
    });
    expect(new Map(disk.paths().map((path) => [path, disk.bytesOf(path)]))).toEqual(before);
  });

  it.each(['sequencer.json', 'key.pem', 'tile/0/001.p/45'])('is refused if %s is missing', async (name) => {
    const disk = await published();
    disk.remove(`${DIRECTORY}/${name}`);
    await expect(openSequencer(disk)).rejects.toMatchObject({ code: 'ledger_corrupt' });
  });

  it('goes on where a lane lost what the log had, however often it dies there', async () => {
    const disk = new SimulatedDisk();
    const still = { headIntervalMs: 60_000, maxSyncDelayMs: 60_000 };
    const ledger = await openLane(disk, 0, still);
    ledger.append(event('a'));
    ledger.writeOut();
    const sequencer = await openSequencer(disk);
    await publishAll(sequencer);
    sequencer.close();
    const cut = disk.afterPowerCut(() => false);
    await abandon([ledger], disk);
    const again = await openLane(cut, 0, still);
    await again.durable(again.append(event('b')));
    const killed = cut.afterKill();
    await abandon([again], cut);
    expect(killed.list(`${DIRECTORY}/lanes/0`)).toEqual(['head.json', '0000000000000002.log']);
    const third = await openLane(killed, 0);
    await third.close();
    expect(await namesOn(killed)).toEqual(new Map([[0, ['a', 'b']]]));
  });

  it('gives the log the name it is told, and keeps it', async () => {
    const disk = new SimulatedDisk();
    const options = { directory: DIRECTORY, fileSystem: disk, lock };
    await expect(Sequencer.open({ ...options, origin: 'two words' })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    const first = await Sequencer.open({ ...options, origin: 'ledger.example/prod' });
    await first.round();
    first.close();
    expect(disk.bytesOf(`${DIRECTORY}/checkpoint`)?.toString()).toMatch(/^ledger\.example\/prod\n0\n/);
    (await openSequencer(disk)).close();
    await expect(Sequencer.open({ ...options, origin: 'another' })).rejects.toMatchObject({
      code: 'ledger_corrupt',
    });
  });
});

describe('running', () => {
  it('publishes within the interval, says when it cannot, and goes on by itself', async () => {
    const disk = new SimulatedDisk();
    const told: SequencerStatus[] = [];
    const loop = new SequencerLoop({
      sequencer: await openSequencer(disk),
      intervalMs: 5,
      now: () => 77,
      onStatus: (status) => told.push(status),
    });
    loop.start();
    const ledger = await openLane(disk, 0);
    await expect.poll(() => told.at(-1)).toEqual({ size: 1, publishedAt: 77 });
    disk.fault = (_operation, path) =>
      path.includes('/lanes/') ? undefined : { error: systemError('ENOSPC') };
    await ledger.durable(ledger.append(event('a')));
    await expect.poll(() => told.at(-1)).toMatchObject({ size: 1, failure: { code: 'ledger_full' } });
    disk.fault = () => undefined;
    await expect.poll(() => told.at(-1)).toEqual({ size: 2, publishedAt: 77 });
    ledger.append(event('b'));
    await ledger.close();
    await loop.close();
    expect(await verifyLedger(DIRECTORY, { fileSystem: disk })).toMatchObject({
      ok: true,
      entries: 3,
      pending: 0,
    });
  });
});
