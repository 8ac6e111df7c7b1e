import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
let alice: pg.Client;

beforeAll(async () => {
  gate = await startGate();
  alice = await gate.client('alice');
});
afterAll(() => gate.stop());

const UPDATE = `UPDATE orders SET status = 'refunded' WHERE id = 7`;
const statusOf = async (id: number) =>
  (await alice.query('SELECT status FROM orders WHERE id = $1', [id])).rows[0].status;

/** Starts a statement that will be held; resolves with its request's id as soon as the client is told. */
async function held(client: pg.Client, sql: string, values?: unknown[]) {
  let told: (id: string) => void = () => {};
  const id = new Promise<string>((resolve) => {
    told = resolve;
  });
  client.on('notice', (notice) => told(/apr_\w+/.exec(notice.message ?? '')?.[0] ?? ''));
  const result = client.query(sql, values);
  result.catch(() => undefined);
  return { id: await id, result };
}

const answer = (who: string, id: string, verdict: 'approve' | 'deny', reason?: string) =>
  gate.api(who, 'POST', `/v1/approvals/${id}/${verdict}`, reason === undefined ? {} : { reason });

describe('a waiting client', () => {
  test('goes on when somebody with the right approves', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id, result } = await held(bot, UPDATE);
    expect(await statusOf(7)).toBe('paid');
    expect((await answer('alice', id, 'approve')).status).toBe(200);
    expect((await result).rowCount).toBe(1);
    expect(await statusOf(7)).toBe('refunded');
    const events = (await gate.entries()).map((entry) => entry.event);
    const steps = events.flatMap((event) =>
      event.kind === 'approval' && event.request === id ? [event.step] : [],
    );
    expect(steps).toEqual(['requested', 'vote', 'approved', 'used']);
    expect(
      events.find(
        (event) => event.kind === 'statement' && event.approval === id && event.decision === 'allow',
      ),
    ).toBeDefined();
  });

  test('is told of a denial and why', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id, result } = await held(bot, UPDATE);
    await answer('alice', id, 'deny', 'not today');
    await expect(result).rejects.toMatchObject({
      code: 'SL003',
      message: expect.stringContaining('not today'),
    });
    expect((await bot.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('may cancel', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id, result } = await held(bot, UPDATE);
    const { processID, secretKey } = bot as unknown as { processID: number; secretKey: number };
    await cancel(processID, secretKey);
    await expect(result).rejects.toMatchObject({ code: '57014' });
    expect((await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state).toBe('cancelled');
  });

  test('that goes away withdraws its request', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id } = await held(bot, UPDATE);
    (bot as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await expect
      .poll(async () => (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state)
      .toBe('cancelled');
  });

  test('is bound to its parameters with the extended protocol', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id, result } = await held(bot, 'UPDATE orders SET status = $1 WHERE id = $2', ['late', 8]);
    await answer('alice', id, 'approve');
    await result;
    expect(await statusOf(8)).toBe('late');
  });

  test('is refused if the table changed meanwhile', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id, result } = await held(bot, `UPDATE orders SET status = 'x' WHERE id = 9`);
    await gate.database.query('ALTER TABLE orders ADD COLUMN note text');
    await answer('alice', id, 'approve');
    await expect(result).rejects.toMatchObject({ code: 'SL005' });
    expect(await statusOf(9)).toBe('paid');
    expect((await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state).toBe('drifted');
  });
});

describe('a client that does not wait', () => {
  const failing = () => gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });

  test('retries the identical statement once it is approved, and only once', async () => {
    const bot = await failing();
    const sql = `UPDATE orders SET status = 'once' WHERE id = 11`;
    const error = await bot.query(sql).catch((thrown) => thrown as pg.DatabaseError);
    expect(error).toMatchObject({ code: 'SL002' });
    const { request } = JSON.parse((error as pg.DatabaseError).detail ?? '{}');
    await answer('alice', request, 'approve');
    expect((await bot.query(sql)).rowCount).toBe(1);
    await expect(bot.query(sql)).rejects.toMatchObject({ code: 'SL002' });
  });

  test.each([
    ['another value', `UPDATE orders SET status = 'a' WHERE id = 13`],
    ['another column', `UPDATE orders SET cents = 0 WHERE id = 12`],
  ])('cannot use it for %s', async (_what, other) => {
    const bot = await failing();
    const sql = `UPDATE orders SET status = 'a' WHERE id = 12`;
    const error = (await bot.query(sql).catch((thrown) => thrown)) as pg.DatabaseError;
    await answer('alice', JSON.parse(error.detail ?? '{}').request, 'approve');
    await expect(bot.query(other)).rejects.toMatchObject({ code: 'SL002' });
    expect((await bot.query(sql)).rowCount).toBe(1);
  });

  test('cannot use it with other parameters', async () => {
    const bot = await failing();
    const sql = 'UPDATE orders SET status = $1 WHERE id = $2';
    const error = (await bot.query(sql, ['b', 14]).catch((thrown) => thrown)) as pg.DatabaseError;
    await answer('alice', JSON.parse(error.detail ?? '{}').request, 'approve');
    await expect(bot.query(sql, ['b', 15])).rejects.toMatchObject({ code: 'SL002' });
    expect((await bot.query(sql, ['b', 14])).rowCount).toBe(1);
  });
});

describe('who may answer', () => {
  test('not a stranger, not the requester, not the person behind the agent', async () => {
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const { id, result } = await held(bot, `UPDATE orders SET status = 'y' WHERE id = 21`);
    expect((await answer('bob', id, 'approve')).status).toBe(403);
    expect((await answer('report-bot', id, 'approve')).status).not.toBe(200);
    expect((await answer('anna', id, 'approve')).status).toBe(200);
    await result;
  });

  test('a dba cannot approve what a dba asked for', async () => {
    const client = await gate.client('alice');
    const { id, result } = await held(client, `UPDATE orders SET cents = cents + 1`);
    expect((await answer('alice', id, 'approve')).status).toBe(403);
    expect((await answer('anna', id, 'approve')).status).toBe(200);
    expect((await result).rowCount).toBe(1000);
  });
});

async function cancel(processId: number, secretKey: number): Promise<void> {
  const { connect } = await import('node:net');
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80877102, 4);
  message.writeInt32BE(processId, 8);
  message.writeInt32BE(secretKey, 12);
  await new Promise<void>((resolve) => {
    const socket = connect(gate.port, '127.0.0.1', () => socket.end(message));
    socket.on('close', () => resolve()).resume();
  });
}
