import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyPublished } from '../../tests/support/published-ledger.ts';
import { Ledger } from './ledger.ts';
import { readEntries } from './read-entries.ts';

const LOAD = join(import.meta.dirname, '../../tests/support/ledger-load.ts');
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-kill-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

function startLoad(round: string): ChildProcess {
  return spawn(process.execPath, [LOAD, directory, round], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills a writing process some time after its first word; returns the last entries it acknowledged. */
async function killInMidLoad(round: string, afterMs: number): Promise<{ written: number; durable: number }> {
  const child = startLoad(round);
  const exited = once(child, 'exit');
  const output = text(child.stdout as NodeJS.ReadableStream);
  await once(child.stdout as NodeJS.ReadableStream, 'readable');
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await exited;
  const said = (await output).split('\n').slice(0, -1);
  const last = (kind: string) =>
    Math.max(-1, ...said.filter((line) => line.startsWith(kind)).map((line) => Number(line.slice(2))));
  return { written: last('w '), durable: last('d ') };
}

it('loses nothing that was acknowledged and invents nothing when it is killed', async () => {
  let durable = 0;
  for (const [round, afterMs] of [40, 90, 5, 150, 61].entries()) {
    const acknowledged = await killInMidLoad(`r${round}`, afterMs);
    expect(acknowledged.written).toBeGreaterThan(0);
    durable += acknowledged.durable > 0 ? 1 : 0;
    const ledger = await Ledger.open({ directory });
    expect(ledger.appendedSeq).toBeGreaterThanOrEqual(Math.max(acknowledged.written, acknowledged.durable));
    await ledger.close();
    expect(await verifyPublished(directory)).toMatchObject({ ok: true, fault: undefined, pending: 0 });
    let expected = 0;
    for await (const { seq, event } of readEntries(directory)) {
      expect(seq).toBe(expected++);
      if (event.kind === 'session-closed') expect(event.session).toMatch(new RegExp(`^r[0-4]-${seq}$`));
      else expect(event.kind).toBe(seq === 0 ? 'log-opened' : 'log-recovered');
    }
  }
  expect(durable).toBeGreaterThanOrEqual(3);
}, 60_000);

it('lets go of the directory when it is killed, and not before', async () => {
  const child = startLoad('lock');
  const exited = once(child, 'exit');
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.stdout?.resume();
  await expect(Ledger.open({ directory })).rejects.toMatchObject({ code: 'ledger_locked' });
  // Publishing and reading are free, also while another process writes.
  expect(await verifyPublished(directory)).toMatchObject({ ok: true });
  child.kill('SIGKILL');
  await exited;
  const ledger = await Ledger.open({ directory });
  await ledger.close();
});
