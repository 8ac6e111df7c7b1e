/** Exports over a real ledger, with a receiver that fails as told. Real receivers are beside the sinks and in tests/compat. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  asked,
  type ExportedLedger,
  makeExportedLedger,
  opened,
  outcome,
  VARIETY,
} from '../../tests/support/exported-ledger.ts';
import type { ExportConfig } from '../config/config.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { ExportStatus } from './export-runner.ts';
import { Exporter } from './exporter.ts';
import { type ExportItem, RejectedError, type Sink, type SinkLimits } from './sinks/sink.ts';

const PATIENCE = { timeout: 20_000, interval: 10 };

class Receiver implements Sink {
  limits: SinkLimits = { maxItems: 10, maxBytes: 1_000_000, lingerMs: 0, settleMs: 0 };
  readonly got: ExportItem[] = [];
  readonly batches: number[] = [];
  fail: ((items: readonly ExportItem[]) => Error | undefined) | undefined;
  broken: Error | undefined;
  confirmsEnd = true;

  async send(items: readonly ExportItem[]): Promise<void> {
    const failure = this.fail?.(items);
    if (failure !== undefined) throw failure;
    this.batches.push(items.length);
    this.got.push(...items);
  }

  check(): Error | undefined {
    const { broken } = this;
    this.broken = undefined;
    return broken;
  }

  async close(): Promise<boolean> {
    return this.confirmsEnd;
  }

  get kinds(): string[] {
    return this.got.map(({ entry }) => entry.event.kind);
  }

  get ids(): string[] {
    return this.got.map(({ entry }) => entry.id);
  }
}

let ledger: ExportedLedger;
let receiver: Receiver;
let exporter: Exporter | undefined;
let statuses: readonly ExportStatus[];

beforeEach(() => {
  ledger = makeExportedLedger();
  receiver = new Receiver();
  statuses = [];
});
afterEach(async () => {
  await exporter?.close();
  exporter = undefined;
  ledger.remove();
});

const CONFIG: ExportConfig = {
  ...{ name: 'siem', format: 'sluice', from: 'beginning' },
  sink: { kind: 'file', path: '/nowhere', maxBytes: 1, keep: 1 },
};

async function start(config: Partial<ExportConfig> = {}): Promise<Exporter> {
  exporter = await Exporter.open({
    ...{ dataDir: ledger.dataDir, exports: [{ ...CONFIG, ...config }], version: '1' },
    timing: { pollMs: 5, firstDelayMs: 5 },
    sinkOf: () => receiver,
    onStatus: (told) => {
      statuses = told;
    },
  });
  exporter.start();
  return exporter;
}

async function stop(): Promise<void> {
  await exporter?.close();
  exporter = undefined;
}

const until = (check: () => void) => vi.waitFor(check, PATIENCE);
const events = (count: number): LedgerEvent[] =>
  Array.from({ length: count }, (_, index) => ({ kind: 'token-revoked', token: `t${index}` }));

describe('an export', () => {
  it('gets every entry once, in order, in batches, with what its session says', async () => {
    await ledger.add(...VARIETY);
    await start();
    await until(() => expect(receiver.got).toHaveLength(VARIETY.length + 1));
    expect(receiver.kinds).toEqual([
      'log-opened',
      ...VARIETY.map(({ kind }) => (kind === 'asked' ? 'statement' : kind)),
    ]);
    expect(Math.max(...receiver.batches)).toBeLessThanOrEqual(10);
    const [, , statement, done] = receiver.got;
    expect(JSON.parse(statement?.json ?? '')).toMatchObject({
      ...{ kind: 'statement', text: 'SELECT email FROM customers WHERE id = 1', decision: 'allow' },
      context: { principal: 'report-bot', onBehalfOf: ['bob'], database: 'shop', client: '10.0.0.7:5123' },
    });
    expect(done?.statement).toMatchObject({ command: 'SELECT', decision: 'allow' });
    await ledger.add(outcome('S1', 9));
    await until(() => expect(receiver.kinds.at(-1)).toBe('outcome'));
    await until(() =>
      expect(exporter?.statuses()).toMatchObject([{ lag: 0, sent: VARIETY.length + 2, failures: 0 }]),
    );
  });

  it('goes on where it stopped, and still knows the sessions', async () => {
    await ledger.add(opened('S1'), asked('S1', 1));
    await start();
    await until(() => expect(receiver.got).toHaveLength(3));
    await stop();
    await ledger.add(outcome('S1', 1), ...events(3));
    receiver = new Receiver();
    await start();
    await until(() => expect(receiver.kinds).toEqual(['outcome', ...events(3).map(({ kind }) => kind)]));
    expect(receiver.got[0]?.context).toMatchObject({ principal: 'report-bot', database: 'shop' });
  });

  it('gets only what is asked for: kinds, decisions with their outcomes, databases and what concerns none', async () => {
    await ledger.add(
      ...VARIETY,
      opened('S2', { database: 'other' } as never),
      asked('S2', 1),
      outcome('S2', 1),
      ...events(1),
    );
    await start({
      ...{
        kinds: ['statement', 'outcome', 'token-revoked'],
        decisions: ['allow', 'deny'],
        databases: ['shop'],
      },
    });
    await until(() => expect(receiver.kinds.filter((kind) => kind === 'token-revoked')).toHaveLength(2));
    expect(receiver.kinds).toEqual(['statement', 'outcome', 'statement', 'token-revoked', 'token-revoked']);
    await until(() => expect(exporter?.statuses()).toMatchObject([{ lag: 0 }]));
  });

  it('may begin with what is to come, and knows who is there already', async () => {
    await ledger.add(opened('S1'), ...events(5));
    await start({ from: 'now' });
    await ledger.add(asked('S1', 1));
    await until(() => expect(receiver.kinds).toEqual(['statement']));
    expect(receiver.got[0]?.context?.principal).toBe('report-bot');
  });

  it('forgets the place of one that is not configured any more', async () => {
    await ledger.add(...events(3));
    await start();
    await until(() => expect(receiver.got).toHaveLength(4));
    await stop();
    await (await start({ name: 'other' })).close();
    receiver = new Receiver();
    await start();
    await until(() => expect(receiver.got).toHaveLength(4));
  });

  it('cuts what is too long for any receiver, and says so', async () => {
    const long = { kind: 'audit-read', by: 'root', query: 'x'.repeat(2_000_000) } as const;
    const wide = {
      kind: 'policy-loaded',
      version: 'v',
      files: Array.from({ length: 9000 }, () => 'y'.repeat(900)),
    } as const;
    await ledger.add(long, wide);
    await start();
    await until(() => expect(receiver.got).toHaveLength(3));
    for (const { json } of receiver.got.slice(1)) {
      expect(json.length).toBeLessThan(260 * 1024);
      expect(JSON.parse(json)).toMatchObject({ truncated: true });
    }
  });
});

describe('a receiver that fails', () => {
  it('is tried again until it takes what it was sent, and nothing is left out', async () => {
    let fails = 3;
    receiver.fail = () => (fails-- > 0 ? new Error('ECONNREFUSED') : undefined);
    await ledger.add(...events(25));
    await start();
    await until(() => expect(receiver.got).toHaveLength(26));
    expect(new Set(receiver.ids).size).toBe(26);
    await until(() => expect(statuses).toMatchObject([{ failures: 3, lag: 0 }]));
    expect(statuses[0]?.failure).toBeUndefined();
  });

  it('is seen while it fails, and found where it was after a restart', async () => {
    receiver.fail = () => new Error('no answer in time');
    await ledger.add(...events(5));
    await start();
    await until(() => expect(statuses).toMatchObject([{ failure: 'no answer in time', lag: 6, next: 0 }]));
    await stop();
    receiver = new Receiver();
    await start();
    await until(() => expect(receiver.got).toHaveLength(6));
  });

  it('loses only the entry that it refuses for good', async () => {
    receiver.fail = (items) =>
      items.some(({ json }) => json.includes('"t13"')) ? new RejectedError('422') : undefined;
    await ledger.add(...events(30));
    await start();
    await until(() => expect(receiver.got).toHaveLength(30));
    expect(receiver.ids.sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)))).not.toContain('0.14');
    await until(() => expect(statuses).toMatchObject([{ rejected: 1, lag: 0 }]));
  });

  it('gets again what was not settled when its connection broke', async () => {
    receiver.limits = { ...receiver.limits, settleMs: 600_000 };
    receiver.confirmsEnd = false;
    await ledger.add(...events(5));
    await start();
    await until(() => expect(receiver.got).toHaveLength(6));
    receiver.broken = new Error('ECONNRESET');
    await until(() => expect(receiver.got).toHaveLength(12));
    expect(receiver.ids.slice(6)).toEqual(receiver.ids.slice(0, 6));
    expect(exporter?.statuses()).toMatchObject([{ next: 0 }]);
    await stop();
    receiver = new Receiver();
    await start();
    await until(() => expect(receiver.got).toHaveLength(6));
  });

  it('that ends in good order has all it was sent', async () => {
    receiver.limits = { ...receiver.limits, settleMs: 600_000 };
    await ledger.add(...events(5));
    await start();
    await until(() => expect(receiver.got).toHaveLength(6));
    await stop();
    receiver = new Receiver();
    await start();
    await ledger.add(...events(1));
    await until(() => expect(receiver.got).toHaveLength(1));
  });

  it('gathers entries for as long as it is told', async () => {
    receiver.limits = { ...receiver.limits, maxItems: 1000, lingerMs: 400 };
    await ledger.add(...events(2));
    await start();
    await ledger.add(...events(3));
    await until(() => expect(receiver.got).toHaveLength(6));
    expect(receiver.batches.length).toBeLessThanOrEqual(2);
  });
});

it('keeps its state to itself', async () => {
  await start();
  expect(existsSync(join(ledger.dataDir, 'exports.db'))).toBe(true);
});
