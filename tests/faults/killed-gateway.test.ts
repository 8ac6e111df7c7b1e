/**
 * SIGKILL of a gateway or of one of its workers in mid-load, again and again: every statement that a client saw answered is in the ledger, the ledger verifies,
 * and nothing is in the database that is not in the ledger.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayStatus } from '../../src/api/admin-api.ts';
import { askGateway } from '../../src/cli/api-client.ts';
import { readEntries } from '../../src/ledger/read-entries.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const ROUNDS = 6;
const CLIENTS = 4;
const CLI = new URL('../../src/cli/sluice.ts', import.meta.url).pathname;

let database: TestDatabase;
let directory: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  database = await createDatabase('killed');
  await database.query('CREATE TABLE log (marker text PRIMARY KEY)');
  directory = mkdtempSync(join(tmpdir(), 'sluice-kill-'));
  const { host, port, user, database: name } = database.connection;
  writeFileSync(
    join(directory, 'sluice.yaml'),
    `version: 1
dataDir: ./data
workers: 2
listen:
  postgres: { host: 127.0.0.1, port: 0, tls: { mode: disable } }
  http: { host: 127.0.0.1, port: 0 }
principals:
  app: { kind: service }
databases:
  shop: { engine: postgres, environment: prod, host: ${host}, port: ${port}, database: ${name}, user: ${user}, password: { env: DATABASE_PASSWORD }, tls: { mode: disable } }
`,
  );
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

const run = (...args: string[]): ChildProcess => {
  const child = spawn(process.execPath, [CLI, ...args, '--config', join(directory, 'sluice.yaml')], {
    env: { ...process.env, DATABASE_PASSWORD: database.connection.password, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.on('exit', () => running.delete(child));
  return child;
};

async function start(): Promise<{ child: ChildProcess; port: number }> {
  const child = run('start');
  let problem = '';
  child.stderr?.on('data', (text) => {
    problem += text;
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line);
    if (event.event === 'ready') return { child, port: Number(event.listeners.postgres.split(':').at(-1)) };
  }
  throw new Error(`the gateway did not start: ${problem}`);
}

async function issueToken(): Promise<string> {
  const child = run('token', 'issue', 'app', '--ttl', '1h', '--json');
  let text = '';
  for await (const part of child.stdout!) text += part;
  return JSON.parse(text).token ?? JSON.parse(text).text;
}

/** Writes and reads marked statements until the connection breaks; returns the markers whose answer arrived. */
async function load(port: number, password: string, name: string, onAnswer: () => void): Promise<string[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'app', database: 'shop', password });
  const answered: string[] = [];
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (let i = 0; ; i += 1) {
      const marker = `${name}-${i}`;
      if (i % 2 === 0) await client.query('INSERT INTO log VALUES ($1)', [marker]);
      else await client.query(`SELECT '${marker}'`);
      answered.push(marker);
      onAnswer();
    }
  } catch {
    return answered;
  }
}

/** Counts answers for whoever waits for so many more. */
class Countdown {
  #left = 0;
  #reached: () => void = () => {};

  after(answers: number): Promise<void> {
    this.#left = answers;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  count(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#reached();
  }
}

/** The process ids of a gateway's workers, as the gateway itself says. */
async function workersOf(child: ChildProcess): Promise<number[]> {
  const socketPath = join(directory, 'data', 'admin.sock');
  const status = (await askGateway({ socketPath }, 'GET', '/admin/status')) as GatewayStatus;
  expect(status.pid).toBe(child.pid);
  return status.workers.map(({ pid }) => pid!);
}

test(`${ROUNDS} times: no statement that a client saw answered is lost`, async () => {
  const token = await issueToken();
  const answered: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, port } = await start();
    const answers = new Countdown();
    const loads = Array.from({ length: CLIENTS }, (_, i) =>
      load(port, token, `r${round}c${i}`, () => answers.count()),
    );
    const ended = loads.map((one) => one.then(() => true));
    // In mid-load: after a number of answers that differs from round to round.
    await answers.after(5 + Math.floor(Math.random() * 150));
    if (round % 2 === 1) {
      const [worker] = await workersOf(child);
      process.kill(worker!, 'SIGKILL');
      const sessions = CLIENTS / 2;
      await Promise.race(ended);
      // The other worker's sessions go on as if nothing had happened.
      await answers.after(50);
      const left = await Promise.all(ended.map((one) => Promise.race([one, false])));
      expect(left.filter(Boolean)).toHaveLength(sessions);
    }
    child.kill('SIGKILL');
    for (const markers of await Promise.all(loads)) answered.push(...markers);
  }
  // One more start recovers what the last kill tore.
  const { child } = await start();
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;

  const recorded = new Set<string>();
  const marker = /r\d+c\d+-\d+/;
  for await (const { event } of readEntries(join(directory, 'data', 'ledger'))) {
    if (event.kind !== 'statement') continue;
    recorded.add(marker.exec(event.text)?.[0] ?? event.parameters?.[0] ?? '');
  }
  expect(answered.length).toBeGreaterThan(ROUNDS * CLIENTS);
  expect(answered.filter((one) => !recorded.has(one))).toEqual([]);
  const { rows } = await database.query<{ marker: string }>('SELECT marker FROM log');
  expect(rows.filter((row) => !recorded.has(row.marker))).toEqual([]);
  const report = await verifyLedger(join(directory, 'data', 'ledger'));
  expect(report).toMatchObject({ ok: true });
}, 600_000);
