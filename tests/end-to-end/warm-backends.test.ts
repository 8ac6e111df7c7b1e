/** Backends that are made in advance: each serves one session, and nobody can tell but by the clock. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { encodeBackendMessage } from '../../src/wire/postgres/index.ts';
import { type FaultRelay, startFaultRelay } from '../support/fault-relay.ts';
import { type Gate, startGate } from '../support/gate.ts';

const WARM = 3;
const PARSE = 0x50;
const PARSE_COMPLETE = 0x31;
let gate: Gate;
let relay: FaultRelay;
beforeEach(async () => {
  relay = await startFaultRelay(inject('postgres'));
  gate = await startGate({
    environment: 'dev',
    upstream: { host: '127.0.0.1', port: relay.port },
    yaml: `    warmConnections: ${WARM}\n`,
  });
});
afterEach(async () => {
  await gate.stop();
  await relay.close();
});

/** Backends of this database that wait: they were asked how they read and nothing else. The catalog is read with another. */
async function waiting(where = ''): Promise<number[]> {
  const { rows } = await gate.database.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
     AND application_name <> 'sluice' AND backend_type = 'client backend' AND query LIKE '%pg_my_temp_schema%' ${where}`,
  );
  return rows.map(({ pid }) => pid);
}

const pidOf = async (client: pg.Client): Promise<number> =>
  (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;

/** The answer with something else in place of the JSON array of schemas, which comes in hexadecimal digits. */
function withoutSchemas(answer: Buffer): Buffer {
  return Buffer.from(answer.toString('latin1').replace('5b22', '7b22'), 'latin1');
}

/** Two sessions, after which a third is expected. */
async function makeExpected(options: pg.ClientConfig = {}): Promise<void> {
  for (let i = 0; i < 2; i += 1) await (await gate.client('app', options)).end();
  await expect.poll(() => waiting()).toHaveLength(WARM);
}

test('a session gets one that waited, which ends with it', async () => {
  await makeExpected();
  const before = await waiting();
  const client = await gate.client('app');
  const pid = await pidOf(client);
  expect(before).toContain(pid);
  await expect.poll(() => waiting()).toHaveLength(WARM);
  await client.end();
  await expect.poll(async () => (await waiting()).includes(pid)).toBe(false);
});

test('nothing of one session meets another', async () => {
  const pids = new Set<number>();
  for (let i = 0; i < 15; i += 1) {
    const client = await gate.client('app');
    const { rows } = await client.query(`
      SELECT pg_backend_pid() AS pid, current_setting('work_mem') AS work_mem, current_setting('shop.kept', true) AS kept,
        (SELECT count(*)::int FROM pg_prepared_statements) AS prepared,
        (SELECT count(*)::int FROM pg_class WHERE relpersistence = 't' AND relname = 'left_behind' AND pg_table_is_visible(oid)) AS tables`);
    expect(rows).toMatchObject([{ work_mem: '4MB', kept: null, prepared: 0, tables: 0 }]);
    pids.add(rows[0].pid);
    await client.query(
      `SET work_mem = '8MB'; SET shop.kept = 'x'; CREATE TEMP TABLE left_behind (x int); PREPARE p AS SELECT 1`,
    );
    await client.end();
  }
  expect(pids.size).toBe(15);
});

test('each has the parameters of its session, and there are never more than may be', async () => {
  for (let round = 0; round < 4; round += 1) {
    for (const application_name of ['one', 'two', 'three', 'four', 'five']) {
      const client = await gate.client('app', { application_name });
      expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name }]);
      await client.end();
      expect((await waiting()).length).toBeLessThanOrEqual(WARM + 1);
    }
  }
});

describe('one that is of no use any more is not given away', () => {
  test('because the server has ended it', async () => {
    await makeExpected();
    const before = await waiting();
    await gate.database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [before]);
    // The gate has heard it: what is left is the connection that the catalog is read with.
    await expect.poll(() => relay.open).toBeLessThanOrEqual(1);
    const client = await gate.client('app');
    expect(before).not.toContain(await pidOf(client));
  });

  test('because it has said something that its session would not have heard', async () => {
    await makeExpected();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const before = await waiting();
    const status = encodeBackendMessage({ type: 'ParameterStatus', name: 'in_hot_standby', value: 'on' });
    relay.intercept((direction, chunk) =>
      direction === 'down' && chunk[0] === PARSE_COMPLETE ? Buffer.concat([status, chunk]) : chunk,
    );
    const client = await gate.client('app');
    expect(before).not.toContain(await pidOf(client));
  });

  test.each([
    ['has begun to say something', (answer: Buffer) => Buffer.concat([answer, Buffer.from('N\0')])],
    ['answers with nonsense', withoutSchemas],
  ])('because it %s', async (_, changed) => {
    await makeExpected();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const before = await waiting();
    let changes = 0;
    relay.intercept((direction, chunk) => {
      if (direction !== 'down' || chunk[0] !== PARSE_COMPLETE || changes > 0) return chunk;
      changes += 1;
      return changed(chunk);
    });
    const client = await gate.client('app');
    expect(before).not.toContain(await pidOf(client));
    expect(changes).toBe(1);
  });

  test('because the network has swallowed it', async () => {
    await makeExpected();
    // Fresh ones are believed for a second.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const before = await waiting();
    let swallowed = 0;
    relay.intercept((direction, chunk) => {
      // The first question of the gate's is the one whether it is still there.
      if (direction !== 'up' || chunk[0] !== PARSE || swallowed > 0) return chunk;
      swallowed += 1;
      return undefined;
    });
    const client = await gate.client('app');
    expect(before).not.toContain(await pidOf(client));
    expect(swallowed).toBe(1);
  });
});

test('what names mean may have changed since its backend was asked', async () => {
  await makeExpected();
  const before = await waiting();
  const { user } = gate.database.connection;
  await gate.database.query(
    `CREATE SCHEMA "${user}"; CREATE TABLE "${user}".late (x int); INSERT INTO "${user}".late VALUES (7)`,
  );
  const client = await gate.client('app');
  expect(before).toContain(await pidOf(client));
  expect((await client.query('SELECT x FROM late')).rows).toEqual([{ x: 7 }]);
});

test('a gateway that closes leaves none', async () => {
  await makeExpected();
  await gate.gateway.close();
  await expect.poll(() => waiting()).toEqual([]);
});
