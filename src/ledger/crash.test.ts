/** What a crash can do to a ledger, on a simulated disk: at every byte, with every call failing, by pulling the plug. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyPublished } from '../../tests/support/published-ledger.ts';
import { type Operation, SimulatedDisk, systemError } from '../../tests/support/simulated-disk.ts';
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import { checkLanes } from './lane-order.ts';
import { Ledger, type LedgerOptions } from './ledger.ts';
import { readEntries } from './read-entries.ts';

const DIRECTORY = '/data/ledger';
const LANE = `${DIRECTORY}/lanes/0`;
const FIRST = `${LANE}/0000000000000000.log`;

function openOn(disk: SimulatedDisk, options: Partial<LedgerOptions> = {}): Promise<Ledger> {
  const lock = (directory: string) => ({ directory, release: () => {} });
  return Ledger.open({ directory: DIRECTORY, fileSystem: disk, lock, retryMs: 5, ...options });
}

const verified = (disk: SimulatedDisk) => verifyPublished(DIRECTORY, disk);

function event(session: string): LedgerEvent {
  return { kind: 'session-closed', session, reason: 'r'.repeat(session.length * 7), statements: 0 };
}

async function entriesOn(disk: SimulatedDisk): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const entry of readEntries(DIRECTORY, { fileSystem: disk })) entries.push(entry);
  return entries;
}

/** Nobody answers any more; what the ledger still tries fails. */
async function abandon(ledger: Ledger, disk: SimulatedDisk): Promise<void> {
  disk.fault = () => ({ error: systemError('EIO') });
  await ledger.close().catch(() => {});
}

async function settled(ledger: Ledger): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!ledger.healthy || ledger.durableSeq < ledger.appendedSeq) {
    if (performance.now() > deadline) throw new Error(`never healed: ${ledger.failure?.message}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a write that was cut off', () => {
  it('leaves exactly the entries that are complete, at every byte', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { headIntervalMs: 60_000, maxSyncDelayMs: 60_000 });
    const before = (disk.bytesOf(FIRST) as Buffer).length;
    const ends: number[] = [];
    for (const session of ['a', 'b\u00e9\u{1f600}', 'c']) {
      ledger.append(event(session));
      ledger.writeOut();
      ends.push((disk.bytesOf(FIRST) as Buffer).length);
    }
    const whole = Buffer.from(disk.bytesOf(FIRST) as Buffer);
    for (let length = before; length <= whole.length; length++) {
      const crashed = disk.afterKill();
      crashed.plant(FIRST, Buffer.from(whole.subarray(0, length)));
      const complete = ends.filter((end) => end <= length).length;
      const torn = length - (complete === 0 ? before : (ends[complete - 1] as number));
      const recovered = await openOn(crashed);
      expect(recovered.appendedSeq).toBe(complete + (torn > 0 ? 1 : 0));
      recovered.append(event('after'));
      await recovered.close();
      const kinds = (await entriesOn(crashed)).map((entry) => entry.event);
      const sessions = ['a', 'b\u00e9\u{1f600}', 'c'].slice(0, complete).map(event);
      const cut = torn > 0 ? [{ kind: 'log-recovered', tornBytes: torn }] : [];
      expect(kinds.slice(1)).toEqual([...sessions, ...cut, event('after')]);
      expect(checkLanes(crashed, DIRECTORY)).toEqual({ pending: kinds.length, fault: undefined });
    }
    await abandon(ledger, disk);
  });

  it('is not mistaken for a ledger that was cut behind its head', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk);
    ledger.append(event('a'));
    await ledger.close();
    const whole = Buffer.from(disk.bytesOf(FIRST) as Buffer);
    for (let length = 0; length < whole.length; length++) {
      const cut = disk.afterKill();
      cut.plant(FIRST, Buffer.from(whole.subarray(0, length)));
      await expect(openOn(cut)).rejects.toMatchObject({ code: 'ledger_corrupt' });
      expect(cut.bytesOf(FIRST)).toEqual(whole.subarray(0, length));
    }
  });

  it('may leave pages that were never written, even before some that were', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { headIntervalMs: 60_000, maxSyncDelayMs: 60_000 });
    for (let index = 0; index < 40; index++) ledger.append(event(`s${index}`));
    ledger.writeOut();
    // The first page of the write is lost, all others arrived.
    const crashed = disk.afterPowerCut((index) => index !== 1);
    const recovered = await openOn(crashed);
    expect(recovered.appendedSeq).toBeGreaterThan(0);
    await recovered.close();
    const entries = await entriesOn(crashed);
    expect(entries.at(-1)?.event.kind).toBe('log-recovered');
    expect(await verified(crashed)).toMatchObject({ ok: true });
    await abandon(ledger, disk);
  });
});

describe('a call that fails', () => {
  /** Opens, appends, waits, rotates, closes: every kind of call happens. Returns what was acknowledged. */
  async function visit(disk: SimulatedDisk, acknowledged: number[]): Promise<void> {
    const ledger = await openOn(disk, { segmentBytes: 700, maxSyncDelayMs: 1, headIntervalMs: 2 });
    try {
      for (let index = 0; index < 8; index++) {
        const seq = ledger.append(event(`v${index}`));
        await ledger.durable(seq);
        acknowledged.push(seq);
        if (index % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 4));
      }
    } finally {
      await ledger.close();
    }
  }

  /** A ledger to begin with: two segments, the last one torn, so that recovery has to read, cut and copy. */
  async function prepared(): Promise<SimulatedDisk> {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { segmentBytes: 700 });
    for (const session of ['p0', 'p1', 'p2', 'p3', 'p4']) {
      ledger.append(event(session));
      ledger.writeOut();
    }
    await ledger.close();
    const last = `${LANE}/${disk
      .list(LANE)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1)}`;
    disk.plant(last, Buffer.concat([disk.bytesOf(last) as Buffer, Buffer.from('0123')]));
    return disk;
  }

  const beginnings: [string, () => Promise<SimulatedDisk>][] = [
    ['a new ledger', async () => new SimulatedDisk()],
    ['a torn ledger', prepared],
  ];

  it.each(beginnings)(
    'loses nothing that was acknowledged and leaves a ledger that opens (%s)',
    async (_name, begin) => {
      const beginning = await begin();
      const healthy = beginning.afterKill();
      await visit(healthy, []);
      const failed = new Set<Operation>();
      for (let broken = 0; broken < healthy.calls; broken++) {
        const code = broken % 2 === 0 ? 'EIO' : 'ENOSPC';
        const disk = beginning.afterKill();
        disk.fault = (operation, _path, call) => {
          if (call !== broken) return undefined;
          failed.add(operation);
          return { error: systemError(code) };
        };
        const acknowledged: number[] = [];
        await visit(disk, acknowledged).catch((error: unknown) => {
          expect(error).toMatchObject({
            code: code === 'EIO' ? 'ledger_unavailable' : 'ledger_full',
            detail: code,
          });
        });
        for (const after of [
          disk.afterKill(),
          disk.afterPowerCut(() => false),
          disk.afterPowerCut((n) => n % 2 === 0),
        ]) {
          const again = await openOn(after);
          expect(again.appendedSeq).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
          await again.close();
          expect(await verified(after)).toMatchObject({ ok: true });
        }
      }
      const always = [
        'close',
        'list',
        'makeDirectory',
        'open',
        'remove',
        'rename',
        'sync',
        'syncDirectory',
        'write',
      ];
      const onRecovery = beginning.calls > 0 ? ['read', 'size', 'truncate'] : [];
      expect([...failed].sort()).toEqual([...always, ...onRecovery].sort());
    },
  );

  it('is made good by itself, and then everything is durable', async () => {
    for (let broken = 0; ; broken++) {
      const disk = new SimulatedDisk();
      const ledger = await openOn(disk, { segmentBytes: 700, maxSyncDelayMs: 1, headIntervalMs: 2 });
      const start = disk.calls;
      disk.fault = (_operation, _path, call) =>
        call === start + broken ? { error: systemError('EIO') } : undefined;
      for (let index = 0; index < 8; index++) {
        await appendSometime(ledger, event(`v${index}`));
        if (index % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 4));
      }
      await settled(ledger);
      const happened = disk.calls > start + broken;
      const after = disk.afterPowerCut(() => false);
      const reopened = await openOn(after);
      expect(reopened.appendedSeq).toBe(ledger.appendedSeq);
      await reopened.close();
      await abandon(ledger, disk);
      if (!happened) break;
    }
  });

  async function appendSometime(ledger: Ledger, entry: LedgerEvent): Promise<void> {
    for (;;) {
      if (ledger.healthy) return void ledger.append(entry);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
});

describe('a sync that fails', () => {
  it('is not believed later: what the kernel forgot is written again', async () => {
    const disk = new SimulatedDisk();
    const health: (string | undefined)[] = [];
    const ledger = await openOn(disk, {
      maxSyncDelayMs: 1,
      onHealth: (failure) => health.push(failure?.code),
    });
    let failures = 2;
    disk.fault = (operation) =>
      operation === 'sync' && failures-- > 0 ? { error: systemError('EIO') } : undefined;
    const seq = ledger.append(event('a'));
    await expect(ledger.durable(seq)).rejects.toMatchObject({ code: 'ledger_unavailable', detail: 'EIO' });
    expect(ledger.durableSeq).toBeLessThan(seq);
    expect(() => ledger.append({ kind: 'token-revoked', token: 't' })).toThrow(ledger.failure);
    expect(ledger.append(event('b'))).toBe(seq + 1);
    await settled(ledger);
    expect(health).toEqual(['ledger_unavailable', undefined]);
    const after = disk.afterPowerCut(() => false);
    expect((await entriesOn(after)).map((entry) => entry.event)).toEqual([
      expect.objectContaining({ kind: 'log-opened' }),
      event('a'),
      event('b'),
    ]);
    await ledger.close();
  });

  it('is made good once, even if the ledger is closed meanwhile', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { retryMs: 1 });
    let failures = 1;
    disk.fault = (operation) =>
      operation === 'sync' && failures-- > 0 ? { error: systemError('EIO') } : undefined;
    await expect(ledger.durable(ledger.append(event('a')))).rejects.toMatchObject({
      code: 'ledger_unavailable',
    });
    const before = disk.calls;
    await expect.poll(() => disk.calls, { interval: 0 }).toBeGreaterThan(before);
    await ledger.close();
    const after = disk.afterPowerCut(() => false);
    expect(await verified(after)).toMatchObject({
      ok: true,
      entries: 2,
    });
  });

  it('is not believed by the next process either', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk);
    disk.fault = (operation) => (operation === 'sync' ? { error: systemError('EIO') } : undefined);
    await expect(ledger.durable(ledger.append(event('a')))).rejects.toMatchObject({
      code: 'ledger_unavailable',
    });
    await ledger.close().catch(() => {});
    disk.fault = () => undefined;
    const next = await openOn(disk);
    expect(next.durableSeq).toBe(1);
    const after = disk.afterPowerCut(() => false);
    expect((await entriesOn(after)).map((entry) => entry.event.kind)).toEqual([
      'log-opened',
      'session-closed',
    ]);
    await next.close();
  });

  it('refuses for good if what was synced before is gone', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk);
    await ledger.durable(ledger.append(event('a')));
    disk.fault = (operation) => (operation === 'sync' ? { error: systemError('EIO') } : undefined);
    await expect(ledger.durable(ledger.append(event('b')))).rejects.toMatchObject({
      code: 'ledger_unavailable',
    });
    disk.fault = () => undefined;
    (disk.bytesOf(FIRST) as Buffer)[300] = 0;
    await expect.poll(() => ledger.failure?.code).toBe('ledger_corrupt');
    await abandon(ledger, disk);
  });
});

it('leaves the disk alone once it is closed, even if that failed', async () => {
  const disk = new SimulatedDisk();
  const ledger = await openOn(disk, { segmentBytes: 1, headIntervalMs: 0, maxSyncDelayMs: 60_000 });
  await ledger.durable(ledger.append(event('a')));
  ledger.append(event('b'));
  disk.fault = (operation, path) =>
    operation === 'sync' && path.endsWith('.log') ? { error: systemError('EIO') } : undefined;
  await expect(ledger.close()).rejects.toMatchObject({ code: 'ledger_unavailable' });
  const { calls } = disk;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(disk.calls).toBe(calls);
});

describe('a full disk', () => {
  it('refuses statements, keeps outcomes, and recovers when there is room', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { maxSyncDelayMs: 60_000, headIntervalMs: 60_000 });
    const size = (disk.bytesOf(FIRST) as Buffer).length;
    disk.freeBytes = 100;
    ledger.append(event('a'));
    expect(() => ledger.writeOut()).toThrow(expect.objectContaining({ code: 'ledger_full' }));
    expect(ledger.failure).toMatchObject({ code: 'ledger_full', sqlstate: '53100' });
    // Nothing torn is left standing, and the bytes are free again.
    expect((disk.bytesOf(FIRST) as Buffer).length).toBe(size);
    expect(() => ledger.append({ kind: 'token-revoked', token: 't' })).toThrow(
      expect.objectContaining({ code: 'ledger_full' }),
    );
    await expect(ledger.durable(1)).rejects.toMatchObject({ code: 'ledger_full' });
    ledger.append(event('b'));
    disk.freeBytes = Number.POSITIVE_INFINITY;
    ledger.writeOut();
    expect(ledger.healthy).toBe(true);
    expect(ledger.writtenSeq).toBe(2);
    await ledger.close();
    expect(await verified(disk)).toMatchObject({ ok: true, entries: 3 });
  });

  it('heals without anyone asking', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk);
    disk.freeBytes = 10;
    await expect(ledger.durable(ledger.append(event('a')))).rejects.toMatchObject({ code: 'ledger_full' });
    disk.freeBytes = Number.POSITIVE_INFINITY;
    await settled(ledger);
    await ledger.durable(1);
    await ledger.close();
  });

  it('is not unbounded: even outcomes are refused once their memory is used up', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { maxBacklogBytes: 4000 });
    disk.freeBytes = 0;
    let taken = 0;
    expect(() => {
      for (; taken < 1000; taken++) {
        ledger.append(event('session'));
        try {
          ledger.writeOut();
        } catch {
          // Full, as arranged.
        }
      }
    }).toThrow(expect.objectContaining({ code: 'ledger_full' }));
    expect(taken).toBeGreaterThan(10);
    disk.freeBytes = Number.POSITIVE_INFINITY;
    await ledger.close();
    expect(await verified(disk)).toMatchObject({
      ok: true,
      entries: taken + 1,
    });
  });

  it('refuses statements while the disk does not keep up', async () => {
    const disk = new SimulatedDisk();
    const ledger = await openOn(disk, { maxBacklogBytes: 4000, maxSyncDelayMs: 60_000 });
    expect(() => {
      for (let index = 0; index < 1000; index++) ledger.append({ kind: 'token-revoked', token: 't' });
    }).toThrow(expect.objectContaining({ code: 'ledger_unavailable' }));
    await ledger.durable(ledger.appendedSeq);
    ledger.append({ kind: 'token-revoked', token: 't' });
    await ledger.close();
  });
});

it('finishes a write that the system did only in part', async () => {
  const disk = new SimulatedDisk();
  const ledger = await openOn(disk);
  let short = 3;
  disk.fault = (operation) => (operation === 'write' && short-- > 0 ? { shortBy: 50 } : undefined);
  ledger.append(event('a long enough name'));
  ledger.writeOut();
  expect(ledger.healthy).toBe(true);
  await ledger.close();
  expect(await verified(disk)).toMatchObject({ ok: true, entries: 2 });
});

it('keeps every promise over any run of appends, faults, kills and power cuts', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('append' as const), size: fc.integer({ min: 1, max: 120 }) }),
    },
    { weight: 3, arbitrary: fc.constant({ do: 'write' as const }) },
    { weight: 3, arbitrary: fc.constant({ do: 'durable' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 6 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('fault' as const),
        at: fc.nat(6),
        code: fc.constantFrom('EIO', 'ENOSPC'),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), seed: fc.nat() }) },
  );
  const options = { segmentBytes: 1500, maxSyncDelayMs: 1, headIntervalMs: 3 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      let disk = new SimulatedDisk();
      let ledger = await openOn(disk, options);
      /** What must be there after a kill, what after a power cut, and what may be there. */
      let appended = new Map<number, LedgerEvent>();
      let written = 0;
      let durable = 0;
      const crash = async (after: SimulatedDisk, kept: number): Promise<void> => {
        await abandon(ledger, disk);
        disk = after;
        ledger = await openOn(disk, options);
        const entries = await entriesOn(disk);
        expect(ledger.appendedSeq).toBeGreaterThanOrEqual(kept);
        for (const entry of entries.slice(1)) {
          if (entry.event.kind === 'log-recovered' && entry.seq > kept) continue;
          expect(entry.event).toEqual(appended.get(entry.seq));
        }
        expect(await verified(disk)).toMatchObject({
          ok: true,
          entries: entries.length,
        });
        appended = new Map(entries.map((entry) => [entry.seq, entry.event]));
        written = durable = ledger.appendedSeq;
      };
      let name = 0;
      for (const one of steps) {
        if (one.do === 'append' && ledger.healthy) {
          const entry = event(`${name++}`.padEnd(one.size, '.'));
          appended.set(ledger.append(entry), entry);
        } else if (one.do === 'write') {
          try {
            ledger.writeOut();
            written = ledger.appendedSeq;
          } catch {
            expect(ledger.healthy).toBe(false);
          }
        } else if (one.do === 'durable') {
          const seq = ledger.appendedSeq;
          await ledger.durable(seq).then(
            () => {
              durable = Math.max(durable, seq);
              written = Math.max(written, seq);
            },
            () => expect(ledger.healthy).toBe(false),
          );
        } else if (one.do === 'wait') {
          await new Promise((resolve) => setTimeout(resolve, one.ms));
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
      await abandon(ledger, disk);
    }),
    { numRuns: 80, endOnFailure: true },
  );
}, 120_000);
