/**
 * What the ledger costs and how fast it is checked and handed on, in this process and on a real disk: the same statement again and again, each
 * with its outcome, as a session of an application makes them.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Exporter } from '../src/exports/exporter.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { startSequencer } from '../src/ledger/start-sequencer.ts';
import { verifyLedger } from '../src/ledger/verify.ts';
import type { StatementForm } from '../src/model/ledger-entry.ts';

export interface LedgerFigure {
  readonly name: string;
  readonly value: string;
  readonly aim: string;
}

const FORM: StatementForm = {
  ...{ text: ['SELECT id, status, total FROM orders WHERE id = $1'], command: 'SELECT', actions: ['Read'] },
  ...{ relations: ['Read public.orders(id,status,total)'], decision: 'allow', policies: ['people-read'] },
  policyVersion: '0123456789abcdef',
};
const SESSION = '01JZ5W6M0Q8Y7T3R2K1H9G4F5D';
/** Statements of a turn of the event loop: they are written by one system call. */
const TURN = 16;
const SYNC_EVERY = 4_000;

/** @param statements how many, each with its outcome */
export async function measureLedger(
  statements: number,
  progress: (line: string) => void,
): Promise<LedgerFigure[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-ledger-'));
  const directory = join(dataDir, 'ledger');
  try {
    progress('measuring the ledger');
    const sequencer = await startSequencer({ directory });
    const ledger = await Ledger.open({ directory, version: 'bench' });
    const appendUs = await appendAll(ledger, statements);
    await ledger.close();
    await sequencer.close();
    const bytes = sizeOf(join(directory, 'tile'));
    const { entries } = await verified(directory);
    const verifying = await timed(() => verified(directory));
    const gapMs = await checkpointGap(directory);
    const [plain, ocsf] = [await exportRate(dataDir, 'sluice'), await exportRate(dataDir, 'ocsf')];
    return [
      {
        name: 'on disk, an entry of a repeated statement, with its hash',
        value: `${Math.round(bytes / entries)} bytes`,
        aim: '200 bytes',
      },
      {
        name: 'append an entry, written by one system call a turn',
        value: `${appendUs.toFixed(1)} \u00b5s`,
        aim: '',
      },
      { name: 'verify: tiles, every entry, every lane', value: rate(entries, verifying), aim: '200000/s' },
      {
        name: 'longest time between checkpoints under traffic',
        value: `${Math.round(gapMs)} ms`,
        aim: '1000 ms',
      },
      { name: 'export to a file, synced, as Sluice has it', value: rate(entries, plain), aim: '' },
      { name: 'export to a file, synced, as OCSF', value: rate(entries, ocsf), aim: '' },
    ];
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Waiting for the disk, which nobody does in the event loop, is left out. @returns microseconds an entry */
async function appendAll(ledger: Ledger, statements: number): Promise<number> {
  let us = 0;
  for (let statement = 1; statement <= statements; ) {
    const startedAt = performance.now();
    for (let count = 0; count < TURN; count++) append(ledger, statement++);
    ledger.writeOut();
    us += (performance.now() - startedAt) * 1000;
    if (statement % SYNC_EVERY === 1) await ledger.durable(ledger.appendedSeq);
  }
  return us / (2 * statements);
}

function append(ledger: Ledger, statement: number): void {
  ledger.append({ kind: 'asked', session: SESSION, statement, form: FORM });
  const result = { tag: 'SELECT 1', rows: 1, bytes: 48, durationUs: 212.5 };
  ledger.append({ kind: 'outcome', session: SESSION, statement, ...result });
}

/** Some 4,000 statements a second, for four seconds. */
async function checkpointGap(directory: string): Promise<number> {
  const signed: number[] = [];
  const sequencer = await startSequencer({
    directory,
    onStatus: ({ publishedAt }) => {
      if (publishedAt !== signed.at(-1)) signed.push(publishedAt);
    },
  });
  const ledger = await Ledger.open({ directory, version: 'bench' });
  const endsAt = performance.now() + 4000;
  for (let statement = 1; performance.now() < endsAt; statement++) {
    append(ledger, statement);
    if (statement % 40 > 0) continue;
    ledger.writeOut();
    await wait(10);
  }
  await ledger.close();
  await sequencer.close();
  const gaps = signed.slice(1).map((at, index) => at - (signed[index] ?? at));
  return Math.max(...gaps.filter((gap) => gap < 1e9));
}

/** What it takes until all of it has arrived. */
async function exportRate(dataDir: string, format: 'sluice' | 'ocsf'): Promise<Cost> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const sink = { kind: 'file', path: join(dataDir, `${format}.jsonl`), maxBytes: 1e12, keep: 0 } as const;
  const exporter = await Exporter.open({
    ...{ dataDir, version: 'bench', timing: { pollMs: 20 } },
    exports: [{ name: format, format, from: 'beginning', sink }],
    onStatus: ([status]) => {
      if (status?.lag === 0) resolve();
    },
  });
  const cost = await timed(() => {
    exporter.start();
    return promise;
  });
  await exporter.close();
  return cost;
}

async function verified(directory: string) {
  const report = await verifyLedger(directory);
  if (!report.ok) throw new Error(`the ledger does not verify: ${report.fault?.reason}`);
  return report;
}

interface Cost {
  readonly ms: number;
  /** Of all threads of this process: what a busy machine does not change. */
  readonly cpuMs: number;
}

async function timed(work: () => Promise<unknown>): Promise<Cost> {
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - startedAt, cpuMs: (user + system) / 1000 };
}

const rate = (count: number, { ms, cpuMs }: Cost): string =>
  `${Math.round((count * 1000) / ms)}/s, ${((cpuMs * 1000) / count).toFixed(1)} \u00b5s CPU each`;

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
