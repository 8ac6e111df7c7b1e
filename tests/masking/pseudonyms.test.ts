/** Pseudonyms through the gate: joins and groups still work, and the key shows nowhere. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
let bob: pg.Client;
let alice: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    schema: `CREATE TABLE people (id int PRIMARY KEY, mail text, ssn int, code uuid);
      CREATE TABLE visits (id int, mail varchar(40), ssn bigint);
      INSERT INTO people SELECT i, 'p' || i || '@secret.example', 1000 + i, gen_random_uuid() FROM generate_series(1, 9) i;
      INSERT INTO visits SELECT i, 'p' || (1 + i % 9) || '@secret.example', 1000 + 1 + i % 9 FROM generate_series(1, 90) i;`,
    labels: {
      'public.people': { mail: 'mail_address', ssn: 'ssn', code: 'code' },
      'public.visits': { mail: 'mail_address', ssn: 'ssn' },
    },
    masks: { mail_address: 'hash', ssn: 'hash(2026)', code: 'hash' },
  });
  bob = await gate.client('bob');
  alice = await gate.client('alice');
});
afterAll(() => gate?.stop());

describe('pseudonyms', () => {
  it('stand for values one to one, by which tables can be joined and grouped', async () => {
    const JOIN =
      'SELECT count(*)::int AS n, count(DISTINCT p.mail)::int AS people FROM people p JOIN visits v ON v.mail = p.mail';
    expect((await bob.query(JOIN)).rows).toEqual((await alice.query(JOIN)).rows);
    const { rows } = await bob.query('SELECT mail, ssn, code FROM people ORDER BY id LIMIT 1');
    expect(rows[0].mail).toMatch(/^[0-9a-f]{32}$/);
    expect(rows[0].code).toMatch(/^[0-9a-f-]{36}$/);
    expect(rows[0].ssn).not.toBe(1001);
    const again = await gate.client('bob');
    expect((await again.query('SELECT mail, ssn, code FROM people ORDER BY id LIMIT 1')).rows).toEqual(rows);
    expect(
      (await bob.query(`SELECT count(*)::int AS n FROM people WHERE mail = 'p1@secret.example'`)).rows,
    ).toEqual([{ n: 0 }]);
  });

  it.each([
    'SHOW sluice.mask_inner',
    `SELECT current_setting('sluice.mask_outer')`,
    `SELECT current_setting('SLUICE.mask_inner', true)`,
    `SET sluice.mask_inner = '00'`,
    'RESET sluice.mask_inner',
    `SELECT set_config('sluice.mask_inner', '00', false)`,
    `BEGIN; SET LOCAL sluice.mask_outer TO DEFAULT`,
  ])('keep their key from everyone: %s', async (text) => {
    for (const client of [bob, alice])
      await expect(client.query(text)).rejects.toThrow('belongs to the gate');
    await bob.query('ROLLBACK');
    await alice.query('ROLLBACK');
  });

  it('keep their key out of plans and catalogs', async () => {
    const plan = await bob.query('EXPLAIN (VERBOSE, COSTS OFF) SELECT mail FROM people');
    const settings = await alice.query('SELECT name, setting, boot_val, reset_val FROM pg_settings');
    const activity = await alice.query('SELECT query FROM pg_stat_activity');
    await bob.query('PREPARE p AS SELECT mail FROM people');
    const prepared = await alice.query('SELECT statement FROM pg_prepared_statements');
    const seen = JSON.stringify([plan.rows, settings.rows, activity.rows, prepared.rows]);
    expect(seen).not.toMatch(/[0-9a-f]{64}/);
    expect(JSON.stringify(plan.rows)).toContain('sluice.mask_inner');
  });

  it('cannot be given a key by a client', async () => {
    await expect(gate.client('bob', { options: '-c sluice.mask_inner=00' })).rejects.toThrow(
      'belongs to the gate',
    );
    await bob.query('DISCARD ALL');
    const { rows } = await bob.query('SELECT mail FROM people ORDER BY id LIMIT 1');
    expect(rows[0].mail).toMatch(/^[0-9a-f]{32}$/);
  });
});
