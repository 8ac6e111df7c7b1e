/** Pruned logs: what goes and what stays, that the rest still verifies, and what a crash, a hold or a thief can do meanwhile. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asked, opened, outcome } from '../../tests/support/exported-ledger.ts';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import type { AskedEvent, LedgerEvent } from '../model/ledger-entry.ts';
import { recordCommand } from './command-lane.ts';
import { nodeFileSystem } from './file-system.ts';
import { Ledger } from './ledger.ts';
import { LogFollower } from './log-follower.ts';
import { leafHash } from './merkle-tree.ts';
import { verifyProof } from './proof-file.ts';
import { proveEntry } from './prove.ts';
import { type PruneOptions, pruneLedger } from './prune.ts';
import { PrunedEntries, prunedSeqs } from './pruned-entries.ts';
import { readEntries } from './read-entries.ts';
import type { RetentionRule } from './retention.ts';
import { TileReader } from './tile-reader.ts';
import { DirectoryStore } from './tile-store.ts';
import { pinnedKey, verifyLedger } from './verify.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2027, 5, 1);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-prune-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Appends events as of so many days before `NOW`, and publishes them. */
async function add(daysAgo: number, events: readonly (LedgerEvent | AskedEvent)[], lane = 0): Promise<void> {
  const ledger = await Ledger.open({ directory, lane, version: '1', now: () => NOW - daysAgo * DAY });
  for (const event of events) ledger.append(event);
  await ledger.close();
  await publishLedger(directory);
}

/** A session with so many statements; each costs a statement and an outcome. */
function session(
  name: string,
  statements: number,
  database = 'shop',
  isClosed = true,
): (LedgerEvent | AskedEvent)[] {
  const numbers = Array.from({ length: statements }, (_, index) => index + 1);
  return [
    opened(name, { database } as never),
    ...numbers.flatMap((number) => [asked(name, number), outcome(name, number)]),
    ...(isClosed ? [{ kind: 'session-closed', session: name, reason: 'left', statements } as const] : []),
  ];
}

const prune = (rules: readonly RetentionRule[], more: Partial<PruneOptions> = {}) =>
  pruneLedger({ directory, rules, now: NOW, by: 'root', version: '1', ...more });

async function entriesOf(): Promise<string[]> {
  const found: string[] = [];
  for await (const { event } of readEntries(directory)) {
    const { session: of } = event as { session?: string };
    found.push(of === undefined ? event.kind : `${of} ${event.kind}`);
  }
  return found;
}

/** What is in the last bundle stays where it is: this fills it. */
const fill = () =>
  add(
    0,
    Array.from({ length: 256 }, () => ({ kind: 'session-closed', session: 'F', reason: 'r', statements: 0 })),
  );

const YEAR: RetentionRule = { keepMs: 365 * DAY };
const QUARTER: RetentionRule = { keepMs: 90 * DAY };

describe('pruning', () => {
  it('takes what was kept long enough, and leaves a log that verifies', async () => {
    await add(400, session('OLD', 300));
    await add(10, session('NEW', 300));
    const before = await verifyLedger(directory);
    const dry = await prune([QUARTER], { dryRun: true });
    expect(dry.count).toBeGreaterThan(600);
    expect(await verifyLedger(directory)).toEqual(before);

    const plan = await prune([QUARTER]);
    expect([plan.count, plan.bytes]).toEqual([dry.count, dry.bytes]);
    // The lane wrote the form again when it was opened anew.
    expect([...plan.byKind].sort()).toEqual([
      ['form', 1],
      ['outcome', 300],
      ['session-closed', 1],
      ['session-opened', 1],
      ['statement', 300],
    ]);
    const found = await entriesOf();
    expect(found.some((one) => one.startsWith('OLD'))).toBe(false);
    expect(found.filter((one) => one.startsWith('NEW'))).toHaveLength(602);
    // The form that NEW's statements name stays, and the first entry of the lane.
    expect(found[0]).toBe('log-opened');
    for await (const { event } of readEntries(directory)) {
      if (event.kind === 'statement')
        expect(event.text).toMatch(/^SELECT email FROM customers WHERE id = \d+$/);
    }
    const report = await verifyLedger(directory);
    expect(report).toMatchObject({ ok: true, pruned: plan.count, fault: undefined });
    expect(report.entries + report.pruned).toBe(report.checkpoint?.size);
    expect(report.prunedRanges[0]?.[0]).toBe(1);
    expect(existsSync(join(directory, 'tile/entries/000'))).toBe(false);
    expect(existsSync(join(directory, 'kept/000'))).toBe(true);
    expect(existsSync(join(directory, 'kept/001'))).toBe(false);

    expect((await prune([QUARTER])).count).toBe(0);
    await add(9, session('LATER', 5));
    expect(await verifyLedger(directory)).toMatchObject({ ok: true, pruned: plan.count });
    const ranged = await verifyLedger(directory, { fromSeq: 300, toSeq: 700 });
    expect(ranged).toMatchObject({ ok: true });
    expect(ranged.entries + ranged.pruned).toBe(401);
  });

  it('goes by kind and database; the first rule that fits decides', async () => {
    await add(100, [...session('A', 200, 'shop'), ...session('B', 200, 'dev')]);
    await fill();
    const rules = [{ keepMs: 365 * DAY, databases: ['shop'], kinds: ['statement'] }, QUARTER];
    const { byKind } = await prune(rules);
    expect(byKind.get('statement')).toBe(200);
    expect(byKind.get('outcome')).toBe(400);
    // A statement that stays keeps its session's beginning.
    const found = await entriesOf();
    expect(found.filter((one) => one === 'A statement')).toHaveLength(200);
    expect(found).toContain('A session-opened');
    expect(found).not.toContain('B session-opened');
    expect(await verifyLedger(directory)).toMatchObject({ ok: true });
    // And when those may go as well, the rest of the session and the form do.
    const second = await pruneLedger({ directory, rules, now: NOW + 400 * DAY, by: 'root', version: '1' });
    expect(second.byKind.get('statement')).toBe(200);
    expect(await entriesOf()).not.toContain('A session-opened');
    expect(await verifyLedger(directory)).toMatchObject({ ok: true });
  });

  it('keeps the beginning of a session that is still open, what is never pruned, and what no rule fits', async () => {
    await add(400, [
      ...session('OPEN', 300, 'shop', false),
      { kind: 'keys-destroyed', by: 'root', keys: [], database: 'shop', months: [], subjects: [] },
      { kind: 'token-revoked', token: 't' },
      ...session('X', 200),
    ]);
    await fill();
    await prune([{ ...YEAR, kinds: ['statement', 'outcome', 'session-opened', 'keys-destroyed'] }]);
    const found = await entriesOf();
    expect(found).toContain('OPEN session-opened');
    expect(found).toContain('keys-destroyed');
    expect(found).toContain('token-revoked');
    expect(found).toContain('X session-closed');
    expect(found).toContain('X session-opened');
    expect(found).not.toContain('X statement');
  });

  it('removes parts that no entry needs, and only those', async () => {
    const text = 'y'.repeat(70_000);
    const large = (token: string): LedgerEvent => ({
      kind: 'audit-read',
      by: token,
      query: `${token}${text}`,
    });
    await add(400, [large('gone'), large('shared'), ...session('S', 200)]);
    await add(1, [large('shared'), large('fresh')]);
    const parts = () =>
      readdirSync(join(directory, 'part'), { recursive: true, withFileTypes: true }).filter((one) =>
        one.isFile(),
      );
    expect(parts()).toHaveLength(3);
    await prune([QUARTER]);
    expect(parts()).toHaveLength(2);
    const reads = [];
    for await (const { event } of readEntries(directory))
      if (event.kind === 'audit-read') reads.push(event.by);
    expect(reads).toEqual(['shared', 'fresh']);
  });

  it('takes the beginning of a session that a crash ended, once a gateway has started since', async () => {
    const started = (door: 'start' | 'signal') =>
      [{ kind: 'config-loaded', version: 'v', door, changes: [] }] as const;
    await add(400, [...session('CRASHED', 3, 'shop', false), ...session('LONG', 3, 'shop', false)]);
    await add(399, started('signal'));
    await fill();
    expect((await prune([YEAR])).byKind.get('session-opened')).toBeUndefined();
    await add(20, [
      asked('LONG', 4),
      outcome('LONG', 4),
      ...started('start'),
      ...session('OPEN', 1, 'shop', false),
    ]);
    await fill();
    const plan = await prune([YEAR]);
    expect(plan.byKind.get('session-opened')).toBe(1);
    const found = await entriesOf();
    expect(found.filter((one) => one.endsWith('session-opened'))).toEqual([
      'LONG session-opened',
      'OPEN session-opened',
    ]);
    expect(await verifyLedger(directory)).toMatchObject({ ok: true });
  });

  it('says in the log what is gone, for whoever keeps an index', async () => {
    await add(400, session('OLD', 300));
    await prune([QUARTER]);
    const follower = new LogFollower({ directory });
    const gone = new Set<number>();
    const there = new Set<number>();
    for (let piece = await follower.readRaw(9999); piece.next > 0; piece = await follower.readRaw(9999)) {
      for (const { seq, bytes } of piece.entries) {
        there.add(seq);
        const event = JSON.parse(bytes.toString());
        if (event.kind === 'entries-pruned') for (const one of prunedSeqs(event)) gone.add(one);
      }
      if (piece.entries.length === 0) break;
    }
    expect(gone.size).toBeGreaterThan(500);
    expect([...gone].filter((seq) => there.has(seq))).toEqual([]);
    expect(gone.size + there.size).toBe(follower.size());
  });
});

describe('a pruned entry', () => {
  it('is still proven by its hash, with our code and without', async () => {
    await add(400, session('OLD', 200));
    await fill();
    const source = new DirectoryStore(nodeFileSystem, directory);
    const copy = (await new TileReader(source, 256).bundle(0))?.[5]?.toString('utf8') ?? '';
    await prune([QUARTER]);
    const proof = await proveEntry(source, { seq: 5 });
    const vkey = readFileSync(join(directory, 'vkey'), 'utf8').trim();
    const proven = verifyProof(proof, pinnedKey(vkey));
    expect(proven).toMatchObject({ index: 5, entry: undefined });
    expect(proven.leaf).toBe(leafHash(Buffer.from(copy)).toString('hex'));
    const forged = proof.replace(
      /^extra .*$/m,
      `extra ${Buffer.from(`{"leaf":"${'0'.repeat(64)}"}`).toString('base64')}`,
    );
    expect(() => verifyProof(forged, pinnedKey(vkey))).toThrow('the entry is not number 5');
    const file = join(directory, 'proof');
    writeFileSync(file, proof);
    const script = join(import.meta.dirname, '../../examples/verify-proof.mjs');
    const run = spawnSync(process.execPath, [script, vkey, file], { encoding: 'utf8' });
    expect([run.status, run.stdout]).toEqual([
      0,
      expect.stringMatching(/^PROVEN: entry 5 .*\npruned, hash /),
    ]);
    writeFileSync(file, forged);
    expect(spawnSync(process.execPath, [script, vkey, file]).status).toBe(1);
  });
});

describe('a legal hold', () => {
  const place = (more: object) =>
    recordCommand(directory, '1', [
      { kind: 'hold-placed', hold: 'h1', by: 'root', reason: 'case 7', ...more },
    ]);

  it.each<[string, object, string[]]>([
    ['of a database', { databases: ['shop'] }, ['A']],
    ['of a session', { sessions: ['B'] }, ['B']],
    ['of somebody acted for', { principals: ['bob'] }, ['A', 'B']],
    ['of a time', { from: NOW - 401 * DAY, to: NOW - 399 * DAY }, ['A', 'B']],
    ['of somebody else', { principals: ['nobody'] }, []],
  ])('%s keeps what it is about until it is released', async (_what, scope, kept) => {
    await add(400, [...session('A', 200, 'shop'), ...session('B', 200, 'dev')]);
    await fill();
    await place(scope);
    await prune([QUARTER]);
    const held = (await entriesOf()).filter((one) => one.endsWith(' statement'));
    expect([...new Set(held.map((one) => one.slice(0, 1)))]).toEqual(kept);
    await recordCommand(directory, '1', [
      { kind: 'hold-released', hold: 'h1', by: 'root', reason: 'closed' },
    ]);
    await prune([QUARTER]);
    expect((await entriesOf()).filter((one) => one.endsWith(' statement'))).toEqual([]);
    expect(await verifyLedger(directory)).toMatchObject({ ok: true });
  });
});

describe('what is missing without a record', () => {
  it.each([
    ['a bundle', () => rmSync(join(directory, 'tile/entries/000')), 0],
    ['a bundle of what was kept', () => rmSync(join(directory, 'kept/000')), 0],
    ['the hint', () => rmSync(join(directory, 'pruned.json')), 1],
    [
      'a hint that names other entries',
      () => writeFileSync(join(directory, 'pruned.json'), '{"records":[0,5]}'),
      1,
    ],
  ])('is a fault: %s', async (what, remove, seq) => {
    await add(400, session('OLD', 200));
    await add(1, session('NEW', 200));
    if (what !== 'a bundle') await prune([QUARTER]);
    remove();
    expect(await verifyLedger(directory)).toMatchObject({ ok: false, fault: { seq } });
    // Pruning again looks through the whole log, and finds the records.
    if (!what.includes('hint')) return;
    await prune([QUARTER]);
    expect(await verifyLedger(directory)).toMatchObject({ ok: true });
  });

  it('is a fault: an entry taken out of what was kept, or changed in it', async () => {
    await add(400, session('OLD', 100));
    await add(1, session('NEW', 200));
    await prune([QUARTER]);
    const path = join(directory, 'kept/000');
    const bytes = readFileSync(path, 'latin1');
    writeFileSync(path, bytes.replace('"NEW","statement":1', '"OLD","statement":1'), 'latin1');
    expect(await verifyLedger(directory)).toMatchObject({
      ok: false,
      fault: { file: 'kept/000', reason: 'the entry is not the one that was signed' },
    });
  });
});

describe('a run that does not come to its end', () => {
  it('loses nothing, and is finished by the next one', async () => {
    const large: LedgerEvent = { kind: 'audit-read', by: 'x', query: 'y'.repeat(70_000) };
    await add(400, [large, ...session('OLD', 400)]);
    await fill();
    // Every change of a file fails in turn; what comes after it never happens.
    for (let failAt = 1; ; failAt++) {
      const store = new FailingStore(failAt);
      const ended = await prune([QUARTER], { store }).then(
        () => 'done',
        (cause: Error) => cause.message,
      );
      const report = await verifyLedger(directory);
      expect(report.fault).toBeUndefined();
      if (ended === 'done') break;
      // The next run puts back what the entries that stay need.
      await prune([{ keepMs: 9999 * DAY }]);
      for await (const _ of readEntries(directory));
      expect(failAt).toBeLessThan(100);
    }
    expect((await entriesOf()).some((one) => one.startsWith('OLD'))).toBe(false);
    expect(await verifyLedger(directory)).toMatchObject({ ok: true });
  });

  it('excludes another one meanwhile', async () => {
    await add(400, session('OLD', 300));
    const [first, second] = await Promise.allSettled([prune([QUARTER]), prune([QUARTER])]);
    expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
  });
});

class FailingStore extends DirectoryStore {
  #left: number;

  constructor(failAt: number) {
    super(nodeFileSystem, directory);
    this.#left = failAt;
  }

  #count(): void {
    if (--this.#left <= 0) throw Object.assign(new Error('EIO'), { code: 'EIO' });
  }

  override async write(parts: ReadonlyMap<string, Buffer>): Promise<void> {
    this.#count();
    return super.write(parts);
  }

  override async replace(path: string, bytes: Buffer): Promise<void> {
    this.#count();
    return super.replace(path, bytes);
  }

  override async destroy(path: string): Promise<void> {
    this.#count();
    return super.destroy(path);
  }
}

it('the record of what is gone fits into entries, and is read back as it was', () => {
  const marked = new PrunedEntries();
  const seqs = Array.from({ length: 400_000 }, (_, seq) => seq).filter(
    (seq) => seq < 100_000 || seq % 3 === 0,
  );
  for (const seq of seqs) marked.mark(seq);
  const records = marked.records();
  for (const record of records) expect(JSON.stringify(record).length).toBeLessThan(60_000);
  const read = new PrunedEntries();
  for (const record of records) read.add({ kind: 'entries-pruned', by: 'r', run: 'r', ...record });
  expect(records.reduce((sum, { entries }) => sum + entries, 0)).toBe(seqs.length);
  for (let seq = 0; seq < 400_000; seq += 1) {
    if (read.has(seq) !== marked.has(seq)) throw new Error(`entry ${seq} is read back as another one`);
  }
  expect(read.missing(marked).records()).toEqual([]);
});
