/** A reader that goes on where it stood: on a growing log, after a restart, over pruned bundles, and after a failure. */
import { expect, it } from 'vitest';
import { SimulatedDisk, systemError } from '../../tests/support/simulated-disk.ts';
import type { AskedEvent, LedgerEntry, LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import { Ledger } from './ledger.ts';
import { LogFollower } from './log-follower.ts';
import { Sequencer } from './sequencer.ts';

const DIRECTORY = '/data/ledger';
const lock = (directory: string) => ({ directory, release: () => {} });

const FORM: StatementForm = {
  text: ['SELECT * FROM t WHERE id = ', ''],
  ...{ command: 'SELECT', actions: ['Read'], relations: ['Read public.t(id)'] },
  ...{ decision: 'allow', policies: ['p'], policyVersion: 'v' },
};
const asked = (statement: number): AskedEvent => ({
  ...{ kind: 'asked', session: 's', statement, form: FORM, literals: [String(statement)] },
});
const closed = (name: string): LedgerEvent => ({
  ...{ kind: 'session-closed', session: name, reason: '', statements: 0 },
});

async function withLog(work: (log: Log) => Promise<void>): Promise<void> {
  const disk = new SimulatedDisk();
  const sequencer = await Sequencer.open({ directory: DIRECTORY, fileSystem: disk, lock });
  const ledger = await Ledger.open({ directory: DIRECTORY, fileSystem: disk, lock });
  const publish = async (events: readonly (LedgerEvent | AskedEvent)[]) => {
    for (const event of events) ledger.append(event);
    await ledger.durable(ledger.appendedSeq);
    while ((await sequencer.round()).more);
  };
  try {
    await work({ disk, publish, append: (event) => ledger.append(event) });
  } finally {
    await ledger.close();
    sequencer.close();
  }
}

interface Log {
  readonly disk: SimulatedDisk;
  publish(events: readonly (LedgerEvent | AskedEvent)[]): Promise<void>;
  append(event: LedgerEvent): void;
}

const follow = (disk: SimulatedDisk, from = 0) =>
  new LogFollower({ directory: DIRECTORY, fileSystem: disk, from });

function statementsOf(entries: readonly LedgerEntry[]): string[] {
  return entries.flatMap(({ event }) => (event.kind === 'statement' ? [event.text] : []));
}

const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `SELECT * FROM t WHERE id = ${from + index}`);
const statements = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => asked(from + index));

it('gives every entry once, in order, as the log grows', () =>
  withLog(async ({ disk, publish, append }) => {
    const follower = follow(disk);
    await publish(statements(1, 300));
    const first = await follower.read(10_000);
    append(closed('not sequenced yet'));
    expect(await follower.read(10_000)).toEqual({ entries: [], next: first.next, pruned: 0 });
    await publish(statements(301, 700));
    const second = await follower.read(10_000);
    expect(statementsOf([...first.entries, ...second.entries])).toEqual(texts(1, 700));
    expect(follower.position).toBe(follower.size());
  }));

it('reads in pieces', () =>
  withLog(async ({ disk, publish }) => {
    await publish(statements(1, 1000));
    const follower = follow(disk);
    const found: LedgerEntry[] = [];
    for (let piece = await follower.read(1); piece.entries.length > 0; piece = await follower.read(1)) {
      expect(piece.entries.length).toBeLessThanOrEqual(256);
      found.push(...piece.entries);
    }
    expect(statementsOf(found)).toEqual(texts(1, 1000));
  }));

it('goes on in the middle of a bundle, and finds forms that stand before', () =>
  withLog(async ({ disk, publish }) => {
    await publish(statements(1, 600));
    const { next } = await follow(disk).read(256);
    expect(statementsOf((await follow(disk, next + 7).read(10_000)).entries)).toEqual(texts(next + 6, 600));
    expect(statementsOf((await follow(disk, 600).read(10_000)).entries)).toEqual(texts(599, 600));
  }));

it('finds forms within the last bundle', () =>
  withLog(async ({ disk, publish }) => {
    await publish(statements(1, 9));
    expect(statementsOf((await follow(disk, 8).read(10)).entries)).toEqual(texts(7, 9));
  }));

it('passes over what was pruned, and says how much', () =>
  withLog(async ({ disk, publish }) => {
    await publish(statements(1, 600));
    disk.remove(`${DIRECTORY}/tile/entries/000`);
    const { entries, pruned } = await follow(disk, 6).read(10_000);
    expect([entries[0]?.seq, pruned]).toEqual([256, 250]);
  }));

it('stays where it was if a read fails', () =>
  withLog(async ({ disk, publish }) => {
    await publish(statements(1, 600));
    const follower = follow(disk);
    disk.fault = (operation, path) =>
      operation === 'read' && path.includes('entries/001') ? { error: systemError('EIO') } : undefined;
    await expect(follower.read(10_000)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    disk.fault = () => undefined;
    expect(statementsOf((await follower.read(10_000)).entries)).toEqual(texts(1, 600));
  }));
