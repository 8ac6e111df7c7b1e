/** The gateway as a process, in front of a real PostgreSQL: ready line, signals, admin socket, check. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../tests/support/postgres.ts';
import { runInProcess, SLUICE_SCRIPT } from '../../tests/support/sluice-cli.ts';

const POLICY = 'permit (principal, action, resource);\n';
const postgres = inject('postgres');

let database: TestDatabase;
let directory: string;
let config: string;
let gateway: RunningProcess | undefined;

beforeAll(async () => {
  database = await createDatabase();
  const client = await database.client();
  await client.query('CREATE TABLE customers (id int PRIMARY KEY, email text)');
  await client.query("INSERT INTO customers VALUES (1, 'ada@example.com')");
  await client.end();
});
afterAll(() => database.drop());

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  mkdirSync(join(directory, 'policies'));
  writeFileSync(join(directory, 'policies', 'all.cedar'), POLICY);
  config = join(directory, 'sluice.yaml');
  writeFileSync(
    config,
    `version: 1
dataDir: ./data
workers: 1
listen: { postgres: { port: 0 }, http: { port: 0 } }
principals:
  alice: { kind: human, groups: [dba] }
  bob: { kind: human, groups: [support] }
databases:
  shop:
    engine: postgres
    environment: prod
    host: ${postgres.host}
    port: ${postgres.port}
    database: ${database.name}
    user: ${postgres.user}
    password: { env: SHOP_PASSWORD }
    labels: { public.customers: { email: email } }
policies: { files: [./policies/*.cedar] }
limits: { drainTimeout: 5s }
`,
  );
});
afterEach(async () => {
  await gateway?.kill();
  gateway = undefined;
  rmSync(directory, { recursive: true });
});

interface RunningProcess {
  readonly child: ChildProcess;
  readonly listeners: { readonly postgres: string; readonly http: string };
  readonly log: string[];
  readonly exit: Promise<[code: number | null, signal: string | null]>;
  kill(): Promise<void>;
}

/** Resolves with the ready line; rejects with the log if the process ends before. */
async function start(): Promise<RunningProcess> {
  const child = spawn(process.execPath, [SLUICE_SCRIPT, 'start', '--config', config], {
    env: { PATH: process.env.PATH ?? '', SHOP_PASSWORD: postgres.password },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  createInterface(child.stderr).on('line', (line) => log.push(line));
  const exit = new Promise<[number | null, string | null]>((resolve) => {
    child.on('exit', (code, signal) => resolve([code, signal]));
  });
  const ready = new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  const line = await Promise.race([
    ready,
    exit.then(([code]) => Promise.reject(new Error(`exit ${code}: ${log.join('\n')}`))),
  ]);
  const { event, listeners } = JSON.parse(line as string);
  expect(event).toBe('ready');
  const kill = async () => {
    child.kill('SIGKILL');
    await exit;
  };
  gateway = { child, listeners, log, exit, kill };
  return gateway;
}

const portOf = (address: string) => Number(address.split(':').at(-1));

async function client(running: RunningProcess, user: string): Promise<pg.Client> {
  const issued = await runInProcess(['token', 'issue', user, '--config', config]);
  return connectAs(running, user, issued.stdout.trim());
}

async function connectAs(running: RunningProcess, user: string, password: string): Promise<pg.Client> {
  const port = portOf(running.listeners.postgres);
  const made = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'shop' });
  // The gateway ends sessions in most of these tests; what matters of that is asserted there.
  made.on('error', () => {});
  await made.connect();
  return made;
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !holds() && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('start', { timeout: 120_000 }, () => {
  it('serves, and drains on SIGTERM', async () => {
    const running = await start();
    const alice = await client(running, 'alice');
    expect((await alice.query('SELECT count(*)::int AS n FROM customers')).rows).toEqual([{ n: 1 }]);
    await alice.query('BEGIN');
    running.child.kill('SIGTERM');
    await until(() => running.log.some((line) => line.includes('draining')));
    expect((await alice.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await alice.query('COMMIT');
    expect(await running.exit).toEqual([0, null]);
    const verified = await runInProcess(['ledger', 'verify', '--config', config]);
    expect(verified.exitCode).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    const running = await start();
    const alice = await client(running, 'alice');
    await alice.query('BEGIN');
    running.child.kill('SIGTERM');
    await until(() => running.log.some((line) => line.includes('draining')));
    running.child.kill('SIGINT');
    expect(await running.exit).toEqual([130, null]);
  });

  it('reloads policies on SIGHUP without dropping a session, and keeps the old ones if a file is bad', async () => {
    const running = await start();
    const alice = await client(running, 'alice');
    const file = join(directory, 'policies', 'all.cedar');

    writeFileSync(file, 'permit (principal, action, resource\n');
    running.child.kill('SIGHUP');
    await until(() => running.log.some((line) => line.includes('the old policies stay in force')));
    expect(running.log.join('\n')).toContain('policies/all.cedar:');
    expect((await alice.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);

    writeFileSync(
      file,
      `${POLICY}@id("nobody-reads") forbid (principal, action == Action::"Read", resource);\n`,
    );
    running.child.kill('SIGHUP');
    await until(() => running.log.some((line) => line.includes('policies reloaded')));
    await expect(alice.query('SELECT * FROM customers')).rejects.toMatchObject({ code: 'SL001' });
    await alice.end();
  });

  it('refuses a second gateway on the same data, and leaves the first alone', async () => {
    const running = await start();
    await expect(start()).rejects.toThrow(/exit 1: error: another process holds/);
    gateway = running;
    expect((await runInProcess(['token', 'list', '--config', config])).exitCode).toBe(0);
  });

  it('says what is wrong and exits, leaving nothing behind', async () => {
    writeFileSync(join(directory, 'policies', 'all.cedar'), 'nonsense');
    await expect(start()).rejects.toThrow('policies/all.cedar:1:');
    writeFileSync(config, 'version: 1\nlistn: {}\n');
    await expect(start()).rejects.toThrow('sluice.yaml:2:1: unknown key "listn". Did you mean "listen"?');
  });

  it('takes the place of a gateway that was killed', async () => {
    await (await start()).kill();
    const running = await start();
    const status = await fetch(`http://${running.listeners.http}/readyz`);
    expect([status.status, await status.json()]).toEqual([200, { ready: true, problems: [] }]);
  });

  it('survives connections that say nothing', async () => {
    const running = await start();
    const sockets = Array.from({ length: 20 }, () =>
      connect(portOf(running.listeners.postgres), '127.0.0.1'),
    );
    const alice = await client(running, 'alice');
    expect((await alice.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await alice.end();
    for (const socket of sockets) socket.destroy();
  });
});

describe('a running gateway', { timeout: 120_000 }, () => {
  it('is administered over its socket: a revoked token ends its session', async () => {
    const running = await start();
    const issued = JSON.parse(
      (await runInProcess(['token', 'issue', 'alice', '--json', '--config', config])).stdout,
    );
    const alice = await connectAs(running, 'alice', issued.text);
    const ended = new Promise<Error>((resolve) => alice.once('error', resolve));
    await runInProcess(['token', 'revoke', issued.id, '--config', config]);
    expect(await ended).toBeInstanceOf(Error);
    const env = { SLUICE_TOKEN: issued.text };
    const refused = await runInProcess(['approvals', 'list', '--config', config], { env });
    expect(refused.stderr).toContain('the request has no valid token');
  });

  it('decides as the files say, and as it loaded them', async () => {
    await start();
    const check = (...args: string[]) =>
      runInProcess(['check', '--as', 'alice', '--database', 'shop', '--config', config, ...args], {
        env: { SHOP_PASSWORD: postgres.password },
      });
    writeFileSync(
      join(directory, 'policies', 'all.cedar'),
      '@id("closed") forbid (principal, action, resource);\n',
    );
    expect((await check('SELECT 1 FROM customers', '--gateway')).exitCode).toBe(0);
    const denied = await check('SELECT 1 FROM customers');
    expect(denied.exitCode).toBe(4);
    expect(denied.stdout).toContain('closed (forbid)');
  });
});
