/** A network that stands still, or is slow: who waits on it waits alone, and not for ever. */
import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type FaultRelay, startFaultRelay } from '../support/fault-relay.ts';
import { query, run, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

/** The SQLSTATE a connection attempt ends with, or `in`. */
const attempt = (config: pg.ClientConfig): Promise<string> => {
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  return client.connect().then(
    () => client.end().then(() => 'in'),
    (error) => error.code ?? error.message,
  );
};

describe('between the gate and a database', () => {
  let relay: FaultRelay;
  let gate: Gate;
  beforeEach(async () => {
    relay = await startFaultRelay(inject('postgres'));
    const { port } = inject('postgres');
    // `stuck` is the same database by way of the relay; `shop` is not on it.
    gate = await startGate({
      environment: 'dev',
      yaml: `  stuck: { engine: postgres, environment: dev, host: 127.0.0.1, port: ${relay.port}, database: postgres, user: ${inject('postgres').user}, password: { env: DATABASE_PASSWORD }, tls: { mode: disable } }
  there: { engine: postgres, environment: dev, host: 127.0.0.1, port: ${port}, database: postgres, user: ${inject('postgres').user}, password: { env: DATABASE_PASSWORD }, tls: { mode: disable } }
limits: { upstreamConnectTimeout: 2s, startupTimeout: 5s }
`,
    });
  });
  afterEach(async () => {
    relay.thaw();
    await gate.stop();
    await relay.close();
  });

  const connection = async (database: string): Promise<pg.ClientConfig> => ({
    ...(await gate.connection('app')),
    database,
  });
  const openTo = async (database: string): Promise<WireClient> => {
    const { user, password, port } = (await connection(database)) as WireTarget;
    return WireClient.open({ host: '127.0.0.1', port, user, password, database });
  };

  /** Milliseconds of so many statements, each over a session that is open, and then of one new session; sorted. */
  async function latencies(count: number): Promise<number[]> {
    const client = await gate.client('app');
    const times: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const startedAt = performance.now();
      await client.query('SELECT 1');
      times.push(performance.now() - startedAt);
    }
    await client.end();
    expect(await attempt(await connection('shop'))).toBe('in');
    return times.sort((a, b) => a - b);
  }
  const medianOf = (times: readonly number[]): number => times[Math.floor(times.length / 2)]!;

  test('nobody waits for others who are stuck, deaf, mute or liars', async () => {
    const before = medianOf(await latencies(200));
    const stuck = await Promise.all(Array.from({ length: 5 }, () => openTo('stuck')));
    const deaf = await Promise.all(Array.from({ length: 3 }, () => openTo('shop')));
    const liars = await Promise.all(Array.from({ length: 3 }, () => openTo('shop')));
    relay.freeze();
    // Those that are stuck with a statement, and those that still want to come.
    for (const client of stuck) client.send(query('SELECT 1'), run('SELECT 2'), sync);
    const coming = Array.from({ length: 20 }, async () => attempt(await connection('stuck')));
    for (const client of deaf) {
      client.socket.pause();
      client.send(query(`SELECT repeat('x', 10000) FROM generate_series(1, 100000)`));
    }
    const mute: Socket[] = Array.from({ length: 100 }, () => connect(gate.port, '127.0.0.1'));
    for (const socket of mute) socket.on('error', () => undefined);
    // A length of a gigabyte, of which little ever comes.
    for (const socket of mute.slice(50)) socket.write(Buffer.from([0x40, 0, 0, 0]));
    for (const client of liars) client.send(Buffer.from([0x51, 0x03, 0xff, 0xff, 0xff, 0x20, 0x20]));
    const during = medianOf(await latencies(200));
    // In processor time of one machine and process, the hostile and the honest share it: ten times is for that.
    expect(during).toBeLessThan(before * 10 + 20);
    for (const outcome of await Promise.all(coming)) expect(outcome).toMatch(/^(08001|08006)$/);
    for (const client of [...stuck, ...deaf, ...liars]) client.close();
    for (const socket of mute) socket.destroy();
  }, 60_000);

  test('a session that is stuck can be cancelled by leaving, and shutting down waits for nobody for long', async () => {
    const [leaving, staying] = [await openTo('stuck'), await openTo('stuck')];
    relay.freeze();
    leaving.send(query('SELECT pg_sleep(60)'));
    staying.send(query('SELECT pg_sleep(60)'));
    leaving.close();
    const startedAt = performance.now();
    await gate.gateway.close();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    const last = (await staying.until('ErrorResponse')).at(-1);
    expect(last?.type === 'ErrorResponse' && last.fields.get('C')).toMatch(/^(57P01|08006|08007)$/);
    staying.close();
  }, 60_000);

  test('what was on its way arrives when the network moves again', async () => {
    const client = await openTo('stuck');
    relay.freeze('down');
    client.send(query('SELECT 1'), run('SELECT 2'), sync, query('SELECT 3'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    relay.thaw();
    const rows = (await client.untilReady(3)).filter((message) => message.type === 'DataRow');
    expect(rows.map(({ columns }) => String(columns[0]))).toEqual(['1', '2', '3']);
    client.close();
  });

  test('a slow one changes nothing but the time', async () => {
    relay.delay(15);
    const client = await openTo('stuck');
    client.send(...Array.from({ length: 20 }, (_, i) => run(`SELECT ${i}`)), sync);
    const rows = (await client.untilReady()).filter((message) => message.type === 'DataRow');
    expect(rows.map(({ columns }) => Number(columns[0]))).toEqual(Array.from({ length: 20 }, (_, i) => i));
    client.close();
    relay.delay(0);
  });
});

describe('between a client and the gate', () => {
  let relay: FaultRelay;
  let gate: Gate;
  beforeAll(async () => {
    gate = await startGate({ environment: 'dev' });
    relay = await startFaultRelay({ host: '127.0.0.1', port: gate.port });
  });
  afterAll(async () => {
    relay.thaw();
    await gate.stop();
    await relay.close();
  });

  test('a client that is cut off in mid-result costs no memory, and its session ends when it is told to', async () => {
    const password = await gate.token('app');
    const client = await WireClient.open({
      host: '127.0.0.1',
      port: relay.port,
      user: 'app',
      database: 'shop',
      password,
    });
    client.send(query(`SELECT repeat('cut off', 1000), generate_series(1, 1000000)`));
    await client.until('DataRow');
    relay.freeze();
    const busy = async (): Promise<number> => {
      const { rows } = await gate.database.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT repeat(''cut off%'`,
      );
      return rows[0]!.n as number;
    };
    const written = process.memoryUsage().arrayBuffers;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(process.memoryUsage().arrayBuffers - written).toBeLessThan(64 * 1_048_576);
    expect(await busy()).toBe(1);
    await gate.admin('POST', `/admin/tokens/${password.split('_')[1]}/revoke`);
    await expect.poll(busy).toBe(0);
    client.close();
  }, 60_000);
});
