import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
let bots: pg.Client[];
let bot: pg.Client;

beforeAll(async () => {
  gate = await startGate({ workers: 2 });
  const connect = () => gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  bots = await Promise.all(Array.from({ length: 4 }, connect));
  bot = bots[0]!;
});
afterAll(() => gate.stop());

const refusal = (sql: string, values?: unknown[], client = bot) =>
  client.query(sql, values).then(
    () => expect.unreachable('it ran'),
    (error: pg.DatabaseError) => error,
  );
const requestOf = async (sql: string, values?: unknown[]): Promise<string> =>
  JSON.parse((await refusal(sql, values)).detail ?? '').request;
const grant = (id: string, terms: object) =>
  gate.api('alice', 'POST', `/v1/approvals/${id}/grant`, { times: 5, forMs: 600_000, ...terms });

describe('a grant of a shape', () => {
  test('covers other values within its bounds, and a new request is made for all else', async () => {
    const sql = (status: string, id: number) => `UPDATE orders SET status = '${status}' WHERE id = ${id}`;
    const id = await requestOf(sql('open', 1));
    const given = await grant(id, { literals: { 1: 'open|late', 2: '1..10' } });
    expect(given).toMatchObject({ status: 200, body: { state: 'approved' } });
    expect((await bot.query(sql('open', 1))).rowCount).toBe(1);
    expect((await bot.query(sql('late', 10))).rowCount).toBe(1);
    for (const other of [sql('gone', 1), sql('open', 11), `${sql('open', 1)} OR id = 2`])
      expect((await refusal(other)).code).toBe('SL002');
    const entries = await gate.entries();
    const uses = entries.flatMap(({ event }) =>
      event.kind === 'grant' && event.grant === given.body.grant ? [[event.step, event.use]] : [],
    );
    expect(uses).toEqual([
      ['given', undefined],
      ['used', 2],
    ]);
    expect(
      entries.some(({ event }) => event.kind === 'statement' && event.approval === given.body.grant),
    ).toBe(true);
  });

  test('is counted exactly over workers and sessions', async () => {
    const sql = 'UPDATE orders SET cents = $1 WHERE id = $2';
    const id = await requestOf(sql, [1, 20]);
    await grant(id, { times: 9, parameters: { 1: '*', 2: '20..29' } });
    expect((await bot.query(sql, [1, 20])).rowCount).toBe(1);
    const four = async (client: pg.Client) => {
      const outcomes: string[] = [];
      for (const n of [1, 2, 3, 4])
        outcomes.push(
          await client.query(sql, [n, 20 + n]).then(
            () => 'ran',
            ({ code }) => code,
          ),
        );
      return outcomes;
    };
    const outcomes = (await Promise.all(bots.map(four))).flat();
    expect(outcomes.sort()).toEqual([...Array(8).fill('SL002'), ...Array(8).fill('ran')]);
  });

  test('a literal that changes what the statement is, is no value', async () => {
    // Always true with equal numbers: the facts depend on them.
    const id = await requestOf('DELETE FROM orders WHERE 5 = 6 AND id = 900');
    const request = (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body;
    expect(request.shape).toMatchObject({ literals: ['900'] });
    await grant(id, { literals: { 1: '*' } });
    expect((await refusal('DELETE FROM orders WHERE 5 = 5 AND id = 900')).code).toBe('SL002');
  });

  test('ends when the table changes, and when it is taken back', async () => {
    const sql = (id: number) => `UPDATE employees SET name = 'x' WHERE id = ${id}`;
    const first = await grant(await requestOf(sql(1)), { literals: { 2: '1..50' } });
    expect((await bot.query(sql(2))).rowCount).toBe(1);
    await gate.database.query('ALTER TABLE employees ADD COLUMN note text');
    // The catalog is read anew for a name that nobody knows.
    await refusal('SELECT * FROM never_heard_of_it');
    expect((await refusal(sql(3))).code).toBe('SL002');
    const again = await grant(await requestOf(sql(1)), { literals: { 2: '1..50' } });
    expect((await bot.query(sql(4))).rowCount).toBe(1);
    const revoked = await gate.api('anna', 'POST', `/v1/grants/${again.body.grant}/revoke`, { reason: 'no' });
    expect(revoked).toMatchObject({ status: 200, body: { state: 'revoked' } });
    expect((await refusal(sql(5))).code).toBe('SL002');
    expect((await gate.api('bob', 'GET', '/v1/grants')).body.grants).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: first.body.grant })]),
    );
    expect((await gate.api('app', 'GET', '/v1/grants')).body.grants).toEqual([]);
  });

  test('rolls back what touches more rows than it allows, in either protocol, the first use too', async () => {
    const sql = (status: string, most: number) =>
      `UPDATE orders SET status = '${status}' WHERE id BETWEEN 301 AND ${most}`;
    const open = { literals: { 1: '*', 3: '1..1000' } };
    await grant(await requestOf(sql('wide', 320)), { ...open, times: 9, maxRows: 10 });
    expect((await refusal(sql('wide', 320))).code).toBe('SL032');
    expect((await bot.query(sql('narrow', 310))).rowCount).toBe(10);
    expect((await refusal(sql('x', 311))).code).toBe('SL032');
    const id = await requestOf('UPDATE orders SET status = $1 WHERE id BETWEEN 301 AND $2', ['a', 303]);
    await grant(id, { parameters: { 1: '*', 2: '1..1000' }, maxRows: 10 });
    const bound = (status: string, most: number): [string, unknown[]] => [
      'UPDATE orders SET status = $1 WHERE id BETWEEN 301 AND $2',
      [status, most],
    ];
    expect((await bot.query(...bound('b', 303))).rowCount).toBe(3);
    expect((await refusal(...bound('c', 330))).code).toBe('SL032');
    expect((await bot.query(...bound('d', 305))).rowCount).toBe(5);
    const { rows } = await gate.database.query(
      `SELECT status, count(*)::int AS n FROM orders WHERE id BETWEEN 301 AND 330 GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { status: 'd', n: 5 },
      { status: 'narrow', n: 5 },
      { status: 'paid', n: 20 },
    ]);
  });

  test('needs bounds for what there is', async () => {
    const id = await requestOf('UPDATE orders SET cents = 0 WHERE id = 77');
    expect((await grant(id, { literals: { 3: '1' } })).status).toBe(400);
    expect((await grant(id, { parameters: { 1: '1' } })).status).toBe(400);
    expect((await grant(id, { literals: { 2: '9..3' } })).status).toBe(400);
    expect((await grant(id, { literals: { 2: '78..80' } })).status).toBe(400);
    const two = await requestOf(
      'UPDATE orders SET cents = 0 WHERE id = 77; UPDATE orders SET cents = 1 WHERE id = 78',
    );
    expect((await grant(two, {})).status).toBe(409);
  });
});
