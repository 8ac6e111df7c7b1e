/**
 * A ledger whose disk fails under a serving gateway: nothing runs unrecorded, no result leaves before its record is written, nobody else
 * waits, and all is well again without anybody's help.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LedgerFileSystem, nodeFileSystem } from '../../src/ledger/file-system.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { bind, execute, parse, query, run, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

/** A real disk that can be broken. */
class FailingDisk {
  /** What a write, or a sync, ends with. */
  write: string | undefined;
  sync: string | undefined;
  /** What syncs end with once `text` was written, and not before: entries made earlier may be synced at any moment. */
  syncAfter: { text: string; code: string } | undefined;
  /** Resolves when syncs may go on. */
  stalled: Promise<void> | undefined;
  readonly fileSystem: LedgerFileSystem = {
    ...nodeFileSystem,
    write: (...args) => {
      if (this.write !== undefined) throw Object.assign(new Error(this.write), { code: this.write });
      const [, buffer, start, length] = args;
      if (
        this.syncAfter !== undefined &&
        buffer.subarray(start, start + length).includes(this.syncAfter.text)
      )
        this.sync = this.syncAfter.code;
      return nodeFileSystem.write(...args);
    },
    sync: async (fd) => {
      await this.stalled;
      if (this.sync !== undefined) throw Object.assign(new Error(this.sync), { code: this.sync });
      await nodeFileSystem.sync(fd);
    },
  };
}

let disk: FailingDisk;
let gate: Gate;
let app: WireTarget;

beforeEach(async () => {
  disk = new FailingDisk();
  gate = await startGate({ fileSystem: disk.fileSystem });
  const password = await gate.token('app');
  app = { host: '127.0.0.1', port: gate.port, user: 'app', password, database: 'shop' };
});
afterEach(async () => {
  disk.write = undefined;
  disk.sync = undefined;
  await gate.stop();
});

/** What one statement comes to: rows, the SQLSTATE of an error, or that of one that ends the session. */
async function outcome(client: WireClient, ...frames: Buffer[]): Promise<string> {
  client.send(...frames);
  const seen: string[] = [];
  try {
    for (;;) {
      const message = await client.next();
      if (message.type === 'DataRow') seen.push(`row ${message.columns[0]}`);
      if (message.type === 'ErrorResponse')
        seen.push(`${message.fields.get('S')} ${message.fields.get('C')}`);
      if (message.type === 'ReadyForQuery') return seen.join(', ');
    }
  } catch {
    return `${seen.join(', ')}, closed`;
  }
}

const count = async (): Promise<number> =>
  (await gate.database.query('SELECT count(*)::int AS n FROM orders WHERE id > 8000')).rows[0]!.n as number;
const insert = (id: number): Buffer => query(`INSERT INTO orders VALUES (${id}, 1, 'x', 1)`);
/** Whether a new client is served again: what a restart would not be needed for. */
async function serves(): Promise<boolean> {
  const client = await WireClient.open(app).catch(() => undefined);
  if (client === undefined) return false;
  const works =
    (await outcome(client, insert(8999))) === '' && (await outcome(client, query('SELECT 1'))) === 'row 1';
  client.close();
  return works;
}
const untilHealthy = async (): Promise<void> => {
  await expect.poll(serves, { interval: 100 }).toBe(true);
  expect((await fetch(`${gate.httpUrl}/readyz`)).status).toBe(200);
};

test.each([
  ['ENOSPC', '53100'],
  ['EIO', '58030'],
])(
  'a disk that cannot be written (%s): results are withheld, statements refused, until it can',
  async (code, sqlstate) => {
    const [reader, writer, other] = [
      await WireClient.open(app),
      await WireClient.open(app),
      await WireClient.open(app),
    ];
    disk.write = code;
    // The first one finds out: its entry was taken, its result must not leave.
    expect(await outcome(reader, query('SELECT 42'))).toBe(`FATAL ${sqlstate}, closed`);
    expect(await outcome(writer, insert(8001))).toBe(`ERROR ${sqlstate}`);
    expect(await outcome(writer, run('INSERT INTO orders VALUES (8002, 1, $1, 1)', 'x'), sync)).toBe(
      `ERROR ${sqlstate}`,
    );
    expect(await outcome(other, parse('SELECT 43'), bind(), execute(), sync)).toBe(`ERROR ${sqlstate}`);
    await expect(WireClient.open(app)).rejects.toThrow(sqlstate);
    expect(await count()).toBe(0);
    expect((await fetch(`${gate.httpUrl}/readyz`)).status).toBe(503);
    disk.write = undefined;
    await untilHealthy();
    expect(await outcome(writer, query('SELECT 44'))).toBe('row 44');
    expect(await count()).toBe(1);
    expect(await verifyLedger(`${gate.dataDir}/ledger`)).toMatchObject({ ok: true });
  },
);

test('a disk that does not sync: writes do not run, and their entries say so', async () => {
  const [writer, reader] = [await WireClient.open(app), await WireClient.open(app)];
  disk.syncAfter = { text: '8003', code: 'EIO' };
  expect(await outcome(writer, insert(8003))).toBe('ERROR 58030');
  expect(await outcome(reader, query('SELECT 45'))).toMatch(/ERROR 58030|FATAL 58030/);
  expect(await count()).toBe(0);
  disk.syncAfter = undefined;
  disk.sync = undefined;
  await untilHealthy();
  const events = (await gate.entries()).map(({ event }) => event);
  const refused = events.find((event) => event.kind === 'statement' && event.text.includes('8003'));
  const its = events.find(
    (event) =>
      event.kind === 'outcome' &&
      refused?.kind === 'statement' &&
      event.session === refused.session &&
      event.statement === refused.statement,
  );
  expect(its).toMatchObject({ sqlstate: '58030' });
});

test('a slow disk holds up what writes, and nobody else', async () => {
  const [writer, reader] = [await WireClient.open(app), await WireClient.open(app)];
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.stalled = promise;
  writer.send(insert(8004));
  for (let i = 0; i < 20; i += 1) expect(await outcome(reader, query(`SELECT ${i}`))).toBe(`row ${i}`);
  // Nobody has let the disk go on yet.
  expect(await count()).toBe(0);
  resolve();
  await writer.untilReady();
  expect(await count()).toBe(1);
});
